package key

import (
	"context"
	"sync"
	"time"

	"hydra/internal/oauth"
)

// queryTimeout bounds a query that several requests wait for: it must not end
// with the request that happened to start it, nor last for ever.
const queryTimeout = 10 * time.Second

// Watch tells whether cached rows are still good: it asks the store for its
// version counters, at most once per Staleness, and once for all that ask at
// the same time. Nothing cached outlives Staleness when the database is down:
// Current then fails.
type Watch struct {
	Store     oauth.Versions
	Staleness time.Duration    // 0: each Current asks the store
	Now       func() time.Time // nil: time.Now

	mu      sync.Mutex
	epoch   uint64 // raised by Forget; answers of an older epoch are not kept
	asked   time.Time
	known   bool
	set     oauth.VersionSet
	running *inquiry
}

// inquiry is one query for the versions, shared by all that wait for it.
type inquiry struct {
	done chan struct{}
	set  oauth.VersionSet
	err  error
}

// Current returns the versions as they were at most Staleness ago. Any error
// is the store's or the context's.
func (w *Watch) Current(ctx context.Context) (oauth.VersionSet, error) {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	if set, ok := sc.get(w); ok {
		return set, nil
	}
	set, epoch, err := w.current(ctx)
	if err == nil {
		sc.put(w, set, epoch)
	}
	return set, err
}

func (w *Watch) current(ctx context.Context) (oauth.VersionSet, uint64, error) {
	w.mu.Lock()
	epoch, now := w.epoch, w.now()
	if w.Staleness <= 0 {
		// A shared answer might have been read before this request's caller
		// changed something.
		w.mu.Unlock()
		set, err := w.Store.Versions(ctx)
		return set, epoch, err
	}
	if age := now.Sub(w.asked); w.known && age >= 0 && age < w.Staleness {
		defer w.mu.Unlock()
		return w.set, epoch, nil
	}
	q := w.running
	if q == nil {
		q = &inquiry{done: make(chan struct{})}
		w.running = q
		go w.ask(context.WithoutCancel(ctx), q, epoch, now)
	}
	w.mu.Unlock()

	select {
	case <-q.done:
		return q.set, epoch, q.err
	case <-ctx.Done():
		return oauth.VersionSet{}, epoch, ctx.Err()
	}
}

func (w *Watch) ask(ctx context.Context, q *inquiry, epoch uint64, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	q.set, q.err = w.Store.Versions(ctx)
	w.mu.Lock()
	if w.epoch == epoch {
		w.running = nil
		if q.err == nil {
			w.set, w.asked, w.known = q.set, now, true
		}
	}
	w.mu.Unlock()
	close(q.done)
}

// Forget makes the next Current ask the store, also within a Scope. It is
// called after an own write, which thus is seen at once on this node.
func (w *Watch) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epoch++
	w.known, w.running = false, nil
}

func (w *Watch) now() time.Time {
	read := w.Now
	if read == nil {
		read = time.Now
	}
	return read()
}

// Scope returns a context within which the first answer of Current is reused.
// A request wraps its context in it, so that it sees one state of the caches
// and costs one query even at staleness 0.
func (w *Watch) Scope(ctx context.Context) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scope{})
}

type scopeKey struct{}

type scope struct {
	mu    sync.Mutex
	of    *Watch
	epoch uint64
	set   oauth.VersionSet
}

func (s *scope) get(w *Watch) (oauth.VersionSet, bool) {
	if s == nil {
		return oauth.VersionSet{}, false
	}
	w.mu.Lock()
	epoch := w.epoch
	w.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set, s.of == w && s.epoch == epoch
}

func (s *scope) put(w *Watch, set oauth.VersionSet, epoch uint64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of, s.set, s.epoch = w, set, epoch
}
