package sqlstore

import (
	"context"
	"encoding/binary"
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

// unavailable is work that was not done, however often it was tried: the
// server is away or just starts, or others were first each time.
type unavailable struct{ cause error }

func (e *unavailable) Error() string   { return e.cause.Error() }
func (e *unavailable) Unwrap() []error { return []error{oauth.ErrUnavailable, e.cause} }

// retry runs f until it succeeds, fails for good, or the tries or the context
// are used up. f is told whether an earlier try may have been committed.
func (s *Store) retry(ctx context.Context, f func(unknown bool) error) error {
	unknown := false
	for try := 0; ; try++ {
		err := f(unknown)
		if err == nil || !s.dialect.transient(err) {
			return err
		}
		if _, ok := errors.AsType[*commitError](err); ok {
			unknown = true
		}
		if try == tries-1 {
			if unknown {
				return err
			}
			return &unavailable{err}
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

// op returns an id for a change that its caller gave none. When the function of
// a transaction is run again, its changes get the same ids again.
func (s *Store) op() oauth.ID {
	if s.tx == nil {
		return newOp()
	}
	s.tx.ops++
	op := s.tx.seed
	binary.BigEndian.PutUint64(op[8:], binary.BigEndian.Uint64(op[8:])+s.tx.ops)
	return op
}

// newOp returns an id for one attempt to change a row. It need not be secret,
// only different from all others, in this process and in every other one.
func newOp() oauth.ID {
	var op oauth.ID
	binary.BigEndian.PutUint64(op[:], rand.Uint64())
	binary.BigEndian.PutUint64(op[8:], rand.Uint64())
	return op
}
