package sqlstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"hydra/internal/oauth"
)

const (
	tries       = 10
	firstPause  = 2 * time.Millisecond
	longestWait = 200 * time.Millisecond
)

// commitError is a commit whose outcome is unknown: the work may be done.
type commitError struct{ cause error }

func (e *commitError) Error() string { return "commit with an unknown outcome: " + e.cause.Error() }
func (e *commitError) Unwrap() error { return e.cause }

// retry runs f until it succeeds, fails for good, or the tries or the context
// are used up. f is told whether an earlier try may have been committed.
func (s *Store) retry(ctx context.Context, f func(unknown bool) error) error {
	unknown := false
	for try := 0; ; try++ {
		err := f(unknown)
		if err == nil || !s.dialect.transient(err) || try == tries-1 {
			return err
		}
		if _, ok := errors.AsType[*commitError](err); ok {
			unknown = true
		}
		// Full jitter: contenders that met once do not meet again.
		pause := time.NewTimer(rand.N(min(firstPause<<try, longestWait)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

// newOp returns an id for one attempt to change a row. It need not be secret,
// only different from all others, in this process and in every other one.
func newOp() oauth.ID {
	var op oauth.ID
	for i := range 2 {
		n := rand.Uint64()
		for j := range 8 {
			op[8*i+j] = byte(n >> (8 * j))
		}
	}
	return op
}
