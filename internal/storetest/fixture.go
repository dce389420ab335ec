package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"hydra/internal/oauth"
)

// noon is the time of all checks. The microseconds show that they are kept.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// contenders is how many callers race for one thing.
const contenders = 16

// fixture is a store with what most checks start from.
type fixture struct{ oauth.Store }

var ids atomic.Uint64

// newID returns an id that looks random and differs from all others.
func newID() oauth.ID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, ids.Add(1)))
	return oauth.ID(sum[:16])
}

// bucketID is newID in the given bucket.
func bucketID(bucket int) oauth.ID {
	id := newID()
	id[0] = id[0]&^(oauth.Buckets-1) | byte(bucket)
	return id
}

func (f *fixture) addClient(t *testing.T, id string) *oauth.Client {
	t.Helper()
	c := &oauth.Client{UID: newID(), ID: id, Version: 1, CreatedAt: noon, UpdatedAt: noon, ExpiresAt: oauth.Never}
	must(t, f.AddClient(t.Context(), c, nil))
	return c
}

// openGrant is a Grant as the consent app's accept writes it.
func openGrant(client oauth.ID) *oauth.Grant {
	return &oauth.Grant{
		ID: newID(), ClientUID: client, Kind: oauth.ConsentGrant, SubjectKey: newID(), SessionID: newID(), OpID: newID(),
		RequestedAt: noon.Add(-time.Minute), HandledAt: noon, FlowExpiresAt: noon.Add(time.Hour),
		CodeExpiresAt: noon.Add(10 * time.Minute), ExpiresAt: noon.Add(2 * time.Hour), PurgeAt: noon.Add(3 * time.Hour),
		Data: []byte("sealed"),
	}
}

// addGrant stores an open Grant of the client, changed by edit.
func (f *fixture) addGrant(t *testing.T, client oauth.ID, edit func(*oauth.Grant)) *oauth.Grant {
	t.Helper()
	g := openGrant(client)
	if edit != nil {
		edit(g)
	}
	must(t, f.AddGrant(t.Context(), g, oauth.Standing{Now: noon}))
	return g
}

// spend exchanges the Grant's code for a first refresh token.
func (f *fixture) spend(t *testing.T, g *oauth.Grant) [8]byte {
	t.Helper()
	rotation := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	must(t, f.SpendCode(t.Context(), g.ID, oauth.CodeSpend{Op: newID(), Now: noon, RotationID: rotation,
		RefreshExpiresAt: noon.Add(time.Hour), ExpiresAt: noon.Add(2 * time.Hour), PurgeAt: noon.Add(3 * time.Hour)}))
	return rotation
}

func (f *fixture) grant(t *testing.T, id oauth.ID) *oauth.GrantRow {
	t.Helper()
	g, err := f.Grant(t.Context(), id)
	must(t, err)
	return g
}

func (f *fixture) addSession(t *testing.T, subject oauth.ID) *oauth.Session {
	t.Helper()
	s := &oauth.Session{ID: newID(), SubjectKey: subject, AuthenticatedAt: noon, CreatedAt: noon,
		ExpiresAt: noon.Add(time.Hour), PurgeAt: noon.Add(2 * time.Hour), Data: []byte("sealed")}
	must(t, f.PutSession(t.Context(), s, newID()))
	return s
}

func (f *fixture) end(t *testing.T, session oauth.ID, at time.Time) {
	t.Helper()
	_, err := f.EndSession(t.Context(), session, at)
	must(t, err)
}

// race lets contenders run f at once and returns how many got nil. Every other
// answer must be the loser's.
func race(t *testing.T, loser error, f func(ctx context.Context, n int) error) int {
	t.Helper()
	var (
		wins  atomic.Int32
		wg    sync.WaitGroup
		start = make(chan struct{})
	)
	for n := range contenders {
		wg.Go(func() {
			<-start
			err := f(t.Context(), n)
			switch {
			case err == nil:
				wins.Add(1)
			case !errors.Is(err, loser):
				t.Errorf("contender %d got %v, want %v", n, err, loser)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(wins.Load())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

func wantSame[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func newRotation() [8]byte {
	id := newID()
	return [8]byte(id[:8])
}
