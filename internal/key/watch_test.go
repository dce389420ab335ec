package key

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hydra/internal/oauth"
)

func mustCurrent(t *testing.T, w *Watch, ctx context.Context) oauth.VersionSet {
	t.Helper()
	v, err := w.Current(ctx)
	if err != nil {
		t.Fatalf("Current() = %v", err)
	}
	return v
}

func TestWatchAsksOncePerStaleness(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	w := &Watch{Store: m, Staleness: time.Second, Now: c.Now}
	for range 5 {
		mustCurrent(t, w, t.Context())
	}
	m.set(func() { m.versions.Clients = 7 })
	c.add(time.Second - 1)
	if v := mustCurrent(t, w, t.Context()); v.Clients != 0 || m.asked != 1 {
		t.Errorf("within the bound: version %d after %d queries, want 0 after 1", v.Clients, m.asked)
	}
	c.add(1)
	if v := mustCurrent(t, w, t.Context()); v.Clients != 7 || m.asked != 2 {
		t.Errorf("after the bound: version %d after %d queries, want 7 after 2", v.Clients, m.asked)
	}
	c.add(-time.Hour)
	if mustCurrent(t, w, t.Context()); m.asked != 3 {
		t.Errorf("a clock that went back keeps the answer for an hour")
	}
}

// Entries do not outlive the bound when the database is down.
func TestWatchFailsWithTheDatabase(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	w := &Watch{Store: m, Staleness: time.Second, Now: c.Now}
	mustCurrent(t, w, t.Context())
	m.set(func() { m.down = errDown })
	mustCurrent(t, w, t.Context())
	c.add(time.Second)
	if _, err := w.Current(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Current() = %v, want the store's error", err)
	}
	m.set(func() { m.down = nil })
	mustCurrent(t, w, t.Context())
}

func TestWatchWithoutStaleness(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	w := &Watch{Store: m, Now: c.Now}
	mustCurrent(t, w, t.Context())
	mustCurrent(t, w, t.Context())
	if m.asked != 2 {
		t.Errorf("%d queries for 2 requests, want 2", m.asked)
	}
	request := w.Scope(t.Context())
	mustCurrent(t, w, request)
	m.set(func() { m.versions.Keys = 3 })
	if v := mustCurrent(t, w, request); v.Keys != 0 || m.asked != 3 {
		t.Errorf("within one request: version %d after %d queries, want 0 after 3", v.Keys, m.asked)
	}
	w.Forget() // after an own write
	if v := mustCurrent(t, w, request); v.Keys != 3 || m.asked != 4 {
		t.Errorf("after an own write: version %d after %d queries, want 3 after 4", v.Keys, m.asked)
	}
	if mustCurrent(t, w, request); m.asked != 4 {
		t.Error("the answer after an own write is not reused")
	}
	m.set(func() { m.down = errDown })
	if _, err := w.Current(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Current() = %v, want the store's error", err)
	}
}

func TestScopeBelongsToOneWatch(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	one, two := &Watch{Store: m, Now: c.Now}, &Watch{Store: m, Now: c.Now}
	ctx := one.Scope(t.Context())
	mustCurrent(t, one, ctx)
	m.set(func() { m.versions.Keys = 3 })
	if v := mustCurrent(t, two, ctx); v.Keys != 3 {
		t.Error("a Watch took the answer of another")
	}
}

// versionsFunc lets a test hold an answer back.
type versionsFunc func(context.Context) (oauth.VersionSet, error)

func (f versionsFunc) Versions(ctx context.Context) (oauth.VersionSet, error) { return f(ctx) }

func TestWatchIsSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		release := make(chan struct{})
		w := &Watch{Staleness: time.Second, Store: versionsFunc(func(ctx context.Context) (oauth.VersionSet, error) {
			calls.Add(1)
			<-release
			return oauth.VersionSet{Keys: 1}, ctx.Err()
		})}
		hurried, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { _, err := w.Current(hurried); gone <- err }()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if v, err := w.Current(t.Context()); err != nil || v.Keys != 1 {
					t.Errorf("Current() = %v, %v", v, err)
				}
			})
		}
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("Current() of a caller that left = %v, want context.Canceled", err)
		}
		close(release)
		wg.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d queries, want 1", calls.Load())
		}
	})
}

// A load that an invalidation overtakes is discarded.
func TestForgetOvertakesAQuery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan int64)
		w := &Watch{Staleness: time.Hour, Store: versionsFunc(func(context.Context) (oauth.VersionSet, error) {
			return oauth.VersionSet{Keys: <-answers}, nil
		})}
		var wg sync.WaitGroup
		ask := func(want int64) {
			wg.Go(func() {
				if v, err := w.Current(t.Context()); err != nil || v.Keys != want {
					t.Errorf("Current() = %v, %v, want %d", v, err, want)
				}
			})
		}
		ask(1)
		synctest.Wait()
		w.Forget() // a write came between the query and its answer
		answers <- 1
		wg.Wait()
		ask(2)
		synctest.Wait()
		answers <- 2
		wg.Wait()
		ask(2)
		wg.Wait()
	})
}
