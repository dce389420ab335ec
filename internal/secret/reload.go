package secret

import (
	"context"
	"sync"
	"time"
)

const (
	reloadEvery = time.Second
	// reloadTimeout bounds one reload: it serves all that wait for it, so it
	// does not end with the request that happened to start it.
	reloadTimeout = 10 * time.Second
)

// reload runs a function at most once in reloadEvery, and once for all that
// ask at the same time. Unknown key ids come from anybody: they must not turn
// into one query each.
type reload struct {
	mu      sync.Mutex
	running chan struct{} // closed when the reload that is under way has ended
	last    time.Time
	err     error // of the last one
}

// do returns nil when the ring is as new as it can be, else why it could not
// be reloaded. The failure of the last second is given to all of that second.
func (r *reload) do(ctx context.Context, now func() time.Time, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	r.mu.Lock()
	if r.running == nil {
		age := now().Sub(r.last)
		if !r.last.IsZero() && age >= 0 && age < reloadEvery {
			defer r.mu.Unlock()
			return r.err
		}
		done := make(chan struct{})
		r.running = done
		go r.run(context.WithoutCancel(ctx), now, f, done)
	}
	done := r.running
	r.mu.Unlock()

	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *reload) run(ctx context.Context, now func() time.Time, f func(context.Context) error, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	err := f(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.err, r.running = now(), err, nil
	close(done)
}
