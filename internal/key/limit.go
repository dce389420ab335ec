package key

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"hydra/internal/oauth"
)

// Limiter lets a number of operations run at once and a bounded number wait:
// above it, to refuse at once is kinder than to answer after everybody has
// given up. The zero Limiter is one for work that a processor does: as many
// slots as there are processors, and 256 operations that wait for each.
type Limiter struct {
	Slots int
	Queue int

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
func (l *Limiter) do(ctx context.Context, f func() error) error {
	l.once.Do(func() {
		slots, queue := l.Slots, l.Queue
		if slots == 0 {
			slots = runtime.GOMAXPROCS(0)
			queue = slots * queuePerSlot
		}
		l.running = make(chan struct{}, slots)
		l.waiting = make(chan struct{}, queue)
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

func (l *Limiter) wait(ctx context.Context) error {
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
