package key

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"hydra/internal/oauth"
)

// limiter lets as many private-key operations run as there are processors,
// and a bounded number wait: above it, to refuse at once is kinder than to
// answer after everybody has given up. The zero limiter is ready.
type limiter struct {
	once    sync.Once
	running chan struct{}
	waiting chan struct{}
}

const queuePerSlot = 256

var errBusy = errors.New("key: too many private-key operations are waiting")

// do runs f when there is room. oauth.TemporarilyUnavailable when too many
// wait already, or the context's error.
func (l *limiter) do(ctx context.Context, f func() error) error {
	l.once.Do(func() {
		n := runtime.GOMAXPROCS(0)
		l.running = make(chan struct{}, n)
		l.waiting = make(chan struct{}, n*queuePerSlot)
	})
	select {
	case l.running <- struct{}{}:
	default:
		if err := l.wait(ctx); err != nil {
			return err
		}
	}
	defer func() { <-l.running }()
	return f()
}

func (l *limiter) wait(ctx context.Context) error {
	select {
	case l.waiting <- struct{}{}:
	default:
		err := oauth.TemporarilyUnavailable.Because(errBusy)
		err.RetryAfter = 1
		return err
	}
	defer func() { <-l.waiting }()
	select {
	case l.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
