package sqlstore_test

import (
	"strings"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
)

// A list has the client that the last one had exactly as long as its row is
// the same.
func TestListsShareClientsUntilTheyChange(t *testing.T) {
	t.Parallel()
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.AddClient(t.Context(), &oauth.Client{UID: oauth.ID{1}, ID: "app", Name: "old", ExpiresAt: oauth.Never}, nil); err != nil {
		t.Fatal(err)
	}
	list := func() *oauth.Client {
		t.Helper()
		page, err := s.ListClients(t.Context(), oauth.ClientQuery{Limit: 10})
		if err != nil || len(page) != 1 {
			t.Fatalf("ListClients() = %d clients, %v", len(page), err)
		}
		return page[0]
	}
	before := list()
	if again := list(); again != before {
		t.Error("a second list decoded the same row again")
	}
	for _, name := range []string{"new", strings.Repeat("long ", 10_000)} {
		c, _, err := s.Client(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		c.Name = name
		if err := s.UpdateClient(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		if got := list(); got.Name != name || got == before || before.Name != "old" {
			t.Errorf("after the change the list has %.10q, and the one before has %.10q", got.Name, before.Name)
		}
	}
	epoch := list().Epoch
	if err := s.RaiseEpoch(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if got := list().Epoch; got != epoch+1 {
		t.Errorf("the epoch in the list is %d, want %d", got, epoch+1)
	}
}
