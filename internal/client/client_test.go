package client

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a time that a test sets.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) now() time.Time  { return *c.at.Load() }
func (c *clock) set(t time.Time) { c.at.Store(&t) }

// newService returns a service on a store of its own, at noon.
func newService(t *testing.T) (*Service, *clock) {
	t.Helper()
	store := storetest.New(t)
	now := new(clock)
	now.set(noon)
	return &Service{
		Store:   store,
		Replays: store,
		Watch:   &key.Watch{Store: store, Staleness: time.Second, Now: now.now},
		Now:     now.now,
	}, now
}

var errBroken = errors.New("the database is gone")

type brokenReplays struct{}

func (brokenReplays) AddReplay(context.Context, oauth.ID, time.Time) error { return errBroken }

func recordEvents(into *[]oauth.Event) oauth.Observer {
	return func(_ context.Context, e oauth.Event) { *into = append(*into, e) }
}

func create(t *testing.T, s *Service, c *oauth.Client, given oauth.Secret) oauth.Secret {
	t.Helper()
	plain, err := s.Create(t.Context(), c, given)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// hashesOf returns what is stored for the secrets of a client.
func hashesOf(t *testing.T, s *Service, id string) (hashes []string) {
	t.Helper()
	_, secrets, err := s.Store.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range secrets {
		hashes = append(hashes, row.Hash)
	}
	return hashes
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	now.set(noon.Add(750 * time.Millisecond))
	var c oauth.Client
	plain := create(t, s, &c, "")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(c.ID) {
		t.Errorf("id = %q, want a UUID of version 4", c.ID)
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9\-_.~]{26}$`).MatchString(string(plain)) {
		t.Error("the generated secret does not have 26 unreserved characters")
	}
	if !c.CreatedAt.Equal(noon) || !c.UpdatedAt.Equal(noon) || c.UID.IsZero() {
		t.Errorf("created at %v, updated at %v, uid %v", c.CreatedAt, c.UpdatedAt, c.UID)
	}
	read, err := s.Read(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&c, read, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Version" }, cmp.Ignore())); diff != "" {
		t.Errorf("what Create left in its argument is not what is stored:\n%s", diff)
	}
	if hashes := hashesOf(t, s, c.ID); len(hashes) != 1 || strings.Contains(hashes[0], string(plain)) {
		t.Errorf("%d hashes are stored, or a secret in clear", len(hashes))
	}
}

func TestCreateKeepsIDs(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	for _, id := range []string{"a", "A", "a/b", "a%2Fb", "ä", "a\u0308", "😀", " a ", ".", ".."} {
		create(t, s, &oauth.Client{ID: id, Name: id}, "")
	}
	for _, id := range []string{"a", "A", "a/b", "a%2Fb", "ä", "a\u0308", "😀", " a ", ".", ".."} {
		if c, err := s.Client(t.Context(), id); err != nil || c.ID != id || c.Name != id {
			t.Errorf("Client(%q) = %v, %v", id, c, err)
		}
	}
	_, err := s.Create(t.Context(), &oauth.Client{ID: "a"}, "")
	if oauth.KindOf(err) != oauth.Conflict {
		t.Errorf("the same id again: %v, want conflict", err)
	}
}

func TestPublicClientHasNoSecret(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	if plain := create(t, s, &oauth.Client{ID: "p", AuthMethod: oauth.AuthNone}, "given secret"); plain != "" {
		t.Error("Create returned a secret for a public client")
	}
	if hashes := hashesOf(t, s, "p"); len(hashes) != 0 {
		t.Errorf("hashes = %q, want none", hashes)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	first := oauth.Client{ID: "c", Name: "one", Owner: "me", Contacts: []string{"x"}}
	create(t, s, &first, "first secret")
	before := hashesOf(t, s, "c")
	now.set(noon.Add(time.Hour))

	// Members that are absent become empty; secret, identity and created_at stay.
	second := oauth.Client{ID: "other", Name: "two", CreatedAt: noon.AddDate(-1, 0, 0)}
	plain, err := s.Update(t.Context(), "c", &second, "")
	if err != nil || plain != "" {
		t.Fatalf("Update() returned a secret: %t, %v", plain != "", err)
	}
	c, err := s.Read(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "two" || c.Owner != "" || c.Contacts != nil || c.UID != first.UID ||
		!c.CreatedAt.Equal(noon) || !c.UpdatedAt.Equal(noon.Add(time.Hour)) || !second.CreatedAt.Equal(noon) {
		t.Errorf("after the update: %+v", c)
	}
	if diff := cmp.Diff(before, hashesOf(t, s, "c")); diff != "" {
		t.Errorf("the secret changed:\n%s", diff)
	}

	plain, err = s.Update(t.Context(), "c", &oauth.Client{}, "second secret")
	if err != nil || plain != "second secret" {
		t.Fatalf("Update() echoes the secret: %t, %v", plain == "second secret", err)
	}
	after := hashesOf(t, s, "c")
	if len(after) != 1 || after[0] == before[0] {
		t.Error("a new secret leaves the old hash")
	}
	if c, err := s.Read(t.Context(), "c"); err != nil || c.Epoch != first.Epoch {
		t.Errorf("a new secret ends access tokens: %v, %v", c, err)
	}
}

func TestUpdateToPublicAndBack(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "first secret")
	plain, err := s.Update(t.Context(), "c", &oauth.Client{AuthMethod: oauth.AuthNone}, "echoed")
	if err != nil || plain != "echoed" {
		t.Errorf("update of a public client echoes the secret: %t, %v", plain == "echoed", err)
	}
	if hashes := hashesOf(t, s, "c"); len(hashes) != 0 {
		t.Errorf("a public client keeps %d secrets", len(hashes))
	}
	plain, err = s.Update(t.Context(), "c", &oauth.Client{}, "")
	if err != nil || plain == "" {
		t.Fatalf("a client that needs a secret again got one: %t, %v", plain != "", err)
	}
	if _, err := s.Authenticate(t.Context(), basic("c", plain)); err != nil {
		t.Errorf("with that secret: %v", err)
	}
}

func TestUnknownClient(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	if _, err := s.Client(t.Context(), "x"); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("Client() = %v", err)
	}
	if _, err := s.Client(t.Context(), strings.Repeat("x", 1<<20)); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("Client() of a long id = %v", err)
	}
	if _, err := s.Read(t.Context(), "x"); oauth.KindOf(err) != oauth.NotFound || !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("Read() = %v", err)
	}
	if _, err := s.Update(t.Context(), "x", &oauth.Client{}, ""); oauth.KindOf(err) != oauth.NotFound {
		t.Errorf("Update() = %v", err)
	}
	if _, err := s.Update(t.Context(), "x", &oauth.Client{UserinfoSignedAlg: "x"}, ""); oauth.KindOf(err) != oauth.NotFound {
		t.Errorf("Update() of nothing with a broken rule = %v", err)
	}
	if err := s.Delete(t.Context(), "x"); err != nil {
		t.Errorf("Delete() = %v, want nil", err)
	}
}

// Delete and create again: another client.
func TestDelete(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	first, second := oauth.Client{ID: "c"}, oauth.Client{ID: "c"}
	old := create(t, s, &first, "")
	if err := s.Delete(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client(t.Context(), "c"); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("Client() = %v after its end", err)
	}
	create(t, s, &second, "")
	if first.UID == second.UID {
		t.Error("the new client has the uid of the old one")
	}
	if _, err := s.Authenticate(t.Context(), basic("c", old)); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("the old secret opens the new client: %v", err)
	}
}

// Sixteen administrators at once: each update is whole, none is lost silently.
func TestRacingUpdates(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "")
	var wg sync.WaitGroup
	for i := range 16 {
		name := strings.Repeat("x", i+1)
		wg.Go(func() {
			_, err := s.Update(t.Context(), "c", &oauth.Client{Name: name, Owner: name}, "")
			if err != nil && oauth.KindOf(err) != oauth.Conflict {
				t.Errorf("Update() = %v", err)
			}
		})
	}
	wg.Wait()
	c, err := s.Read(t.Context(), "c")
	if err != nil || c.Name == "" || c.Name != c.Owner {
		t.Errorf("after the race: %+v, %v", c, err)
	}
}

// countingStore counts reads and can be told what to do during one.
type countingStore struct {
	oauth.Clients
	reads  atomic.Int64
	during func()
	fail   error
}

func (c *countingStore) ReadClient(ctx context.Context, id string) (*oauth.Client, error) {
	if c.fail != nil {
		return nil, c.fail
	}
	return c.Clients.ReadClient(ctx, id)
}

func (c *countingStore) Client(ctx context.Context, id string) (*oauth.Client, []oauth.ClientSecret, error) {
	c.reads.Add(1)
	if c.fail != nil {
		return nil, nil, c.fail
	}
	client, secrets, err := c.Clients.Client(ctx, id)
	if c.during != nil {
		c.during()
	}
	return client, secrets, err
}

func TestCache(t *testing.T) {
	t.Parallel()
	s, now := newService(t)
	store := &countingStore{Clients: s.Store}
	s.Store = store
	other := &Service{Store: store.Clients, Now: now.now} // another node
	create(t, s, &oauth.Client{ID: "c", Name: "one"}, "")

	name := func() string {
		c, err := s.Client(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		return c.Name
	}
	name()
	reads := store.reads.Load()
	name()
	if store.reads.Load() != reads {
		t.Error("a known client is read again")
	}
	// An own write is seen at once, another node's after the staleness.
	if _, err := s.Update(t.Context(), "c", &oauth.Client{Name: "two"}, ""); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "two" {
		t.Errorf("after an own update: %q", got)
	}
	if _, err := other.Update(t.Context(), "c", &oauth.Client{Name: "three"}, ""); err != nil {
		t.Fatal(err)
	}
	now.set(now.now().Add(2 * time.Second))
	if got := name(); got != "three" {
		t.Errorf("after another node's update: %q", got)
	}
	if c, err := s.Read(t.Context(), "c"); err != nil || c.Name != "three" {
		t.Errorf("Read() = %v, %v", c, err)
	}
	// Unknown ids are asked for each time.
	reads = store.reads.Load()
	for range 2 {
		if _, err := s.Client(t.Context(), "nobody"); !errors.Is(err, oauth.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if got := store.reads.Load() - reads; got != 2 {
		t.Errorf("%d reads of an unknown client, want 2", got)
	}
}

// A load that an update overtakes is not kept.
func TestCacheDiscardsOvertakenLoad(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	create(t, s, &oauth.Client{ID: "c", Name: "old"}, "")
	plain := s.Store
	s.Store = &countingStore{Clients: plain, during: func() {
		s.Store = plain
		if _, err := s.Update(t.Context(), "c", &oauth.Client{Name: "new"}, ""); err != nil {
			t.Error(err)
		}
	}}
	if _, err := s.Client(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Client(t.Context(), "c"); err != nil || c.Name != "new" {
		t.Errorf("Client() = %v, %v, want the new name", c, err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	l := newLRU[int, int](3)
	for i := range 10 {
		l.put(i, i)
		l.get(0) // used all the time
	}
	if len(l.items) != 3 || l.order.Len() != 3 {
		t.Fatalf("%d items in %d places, want 3", len(l.items), l.order.Len())
	}
	for _, k := range []int{0, 8, 9} {
		if v, ok := l.get(k); !ok || v != k {
			t.Errorf("get(%d) = %d, %t", k, v, ok)
		}
	}
}

// A failing database is reported as such.
func TestStoreFailure(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	create(t, s, &oauth.Client{ID: "c"}, "")
	s.Store = &countingStore{Clients: s.Store, fail: errBroken}
	if _, err := s.Client(t.Context(), "c"); !errors.Is(err, errBroken) {
		t.Errorf("Client() = %v", err)
	}
	if _, err := s.Read(t.Context(), "c"); !errors.Is(err, errBroken) || oauth.KindOf(err) != oauth.ServerError {
		t.Errorf("Read() = %v", err)
	}
	if _, err := s.Authenticate(t.Context(), basic("c", "secret")); !errors.Is(err, errBroken) || oauth.KindOf(err) != oauth.ServerError {
		t.Errorf("Authenticate() = %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	for _, id := range []string{"b", "a", "B", "ä"} {
		create(t, s, &oauth.Client{ID: id}, "")
	}
	for _, test := range []struct {
		offset, limit int
		want          string
	}{{0, 100, "B a b ä"}, {0, 1, "B"}, {1, 2, "a b"}, {100, 100, ""}} {
		clients, err := s.List(t.Context(), oauth.ClientQuery{Offset: test.offset, Limit: test.limit})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range clients {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("List(%d, %d) = %q, want %q", test.offset, test.limit, got, test.want)
		}
	}
}
