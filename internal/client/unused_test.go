package client

import (
	"errors"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// Clients that nobody used in time go; those that were used stay, also when
// the note of that was lost.
func TestPurgeUnusedClients(t *testing.T) {
	t.Parallel()
	store := storetest.New(t)
	now := new(clock)
	now.set(noon)
	s := &Service{Store: store, Registrations: store, Now: now.now}
	add := func(id string, until time.Time) *oauth.Client {
		t.Helper()
		c := &oauth.Client{ID: id}
		create(t, s, c, "")
		stored, _, err := store.Client(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		stored.ExpiresAt = until
		if err := errors.Join(store.UpdateClient(t.Context(), stored, nil),
			store.AddRegistration(t.Context(), oauth.Registration{ClientUID: c.UID, ClientID: id, UnusedUntil: noon.Add(time.Hour)})); err != nil {
			t.Fatal(err)
		}
		c.ExpiresAt = until
		return c
	}
	add("unused", noon.Add(time.Hour))
	add("kept by hand", oauth.Never)
	s.Used(t.Context(), add("used", noon.Add(time.Hour)))
	add("deleted", noon.Add(time.Hour))
	if err := s.Delete(t.Context(), "deleted"); err != nil {
		t.Fatal(err)
	}
	create(t, s, &oauth.Client{ID: "deleted"}, "") // another client with that id
	if n, err := s.Purge(t.Context()); n != 0 || err != nil {
		t.Fatalf("before their time: %d, %v", n, err)
	}
	now.set(noon.Add(time.Hour))
	if _, err := s.Client(t.Context(), "unused"); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("an unused client after its time: %v", err)
	}
	if n, err := s.Purge(t.Context()); n != 1 || err != nil {
		t.Errorf("Purge() = %d, %v; want 1", n, err)
	}
	for id, want := range map[string]error{"unused": oauth.ErrNotFound, "kept by hand": nil, "used": nil, "deleted": nil} {
		if _, _, err := store.Client(t.Context(), id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	if n, err := store.CountRegistrations(t.Context()); n != 2 || err != nil {
		t.Errorf("%d registrations are left, %v; want 2", n, err)
	}
}
