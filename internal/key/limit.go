package key

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"

	"hydra/internal/oauth"
)

// limiter lets a number of operations run at once and a bounded number wait:
// above it, to refuse at once is kinder than to answer after everybody has
// given up. The zero limiter is one for work that a processor does.
type limiter struct {
	slots int // 0: as many as there are processors
	queue int // 0: 256 for each slot

	once    sync.Once
	running chan struct{}
	waiting chan struct{}
}

const queuePerSlot = 256

var errBusy = errors.New("key: too many operations are waiting")

// busy is the answer to whoever finds no room.
func busy() error {
	err := oauth.TemporarilyUnavailable.Because(errBusy)
	err.RetryAfter = 1
	return err
}

// do runs f when there is room. oauth.TemporarilyUnavailable when too many
// wait already, or the context's error.
func (l *limiter) do(ctx context.Context, f func() error) error {
	l.once.Do(func() {
		n := cmp.Or(l.slots, runtime.GOMAXPROCS(0))
		l.running = make(chan struct{}, n)
		l.waiting = make(chan struct{}, cmp.Or(l.queue, n*queuePerSlot))
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
		return busy()
	}
	defer func() { <-l.waiting }()
	select {
	case l.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
