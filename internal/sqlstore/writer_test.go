package sqlstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

func id(n int) (id oauth.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// held runs f while a transaction holds the writer, and lets go when f is back.
func held(t *testing.T, s *sqlstore.Store, f func()) {
	t.Helper()
	if err := s.Tx(t.Context(), func(oauth.Store) error { f(); return nil }); err != nil {
		t.Fatalf("Tx() = %v", err)
	}
}

// await waits until n units wait for the writer.
func await(s *sqlstore.Store, n int) {
	for s.Waiting() < n {
		runtime.Gosched()
	}
}

// What waits is committed at once, and one failure among it harms nobody.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	s, faults := faulty(t, "")
	const n = 60
	var (
		wg      sync.WaitGroup
		failed  atomic.Int32
		ignored = errors.New("not wanted")
	)
	faults.Clear()
	held(t, s, func() {
		faults.Inject("INSERT INTO settings", storetest.Full, 1)
		for i := range n {
			wg.Go(func() {
				var err error
				switch {
				case i%3 == 0:
					err = s.AddReplay(t.Context(), id(i), noon)
				case i%3 == 1: // rolled back to its savepoint
					err = s.Tx(t.Context(), func(tx oauth.Store) error {
						if err := tx.AddReplay(t.Context(), id(i), noon); err != nil {
							return err
						}
						return ignored
					})
				default: // meets the full disk, or a taken name
					err = s.AddSetting(t.Context(), "a", nil)
				}
				switch {
				case err == nil && i%3 != 1:
				case i%3 == 1 && errors.Is(err, ignored), i%3 == 2 && errors.Is(err, oauth.ErrExists):
				case i%3 == 2:
					failed.Add(1)
				default:
					t.Errorf("unit %d = %v", i, err)
				}
			})
		}
		await(s, n)
	})
	wg.Wait()
	if failed.Load() != 1 {
		t.Errorf("%d units met the full disk, want 1", failed.Load())
	}
	// The holder's, then one for all; the attempt with the full disk had none.
	if commits := faults.Ran("COMMIT"); commits != 2 {
		t.Errorf("%d commits for %d writes, want 2", commits, n+1)
	}
	for i := range n {
		want := map[int]error{0: oauth.ErrExists, 1: nil}
		if i%3 != 2 {
			if err := s.AddReplay(t.Context(), id(i), noon); !errors.Is(err, want[i%3]) {
				t.Errorf("unit %d left %v, want %v", i, err, want[i%3])
			}
		}
	}
}

// An answer stands on a commit: a loser's, too, whose winner was lost.
func TestLostBatchIsDoneAgain(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.Conflict, storetest.Cut, storetest.Lost} {
		s, faults := faulty(t, "")
		var (
			wg   sync.WaitGroup
			wins atomic.Int32
		)
		held(t, s, func() {
			for range 16 {
				wg.Go(func() {
					switch err := s.AddReplay(t.Context(), id(1), noon); {
					case err == nil:
						wins.Add(1)
					case !errors.Is(err, oauth.ErrExists):
						t.Errorf("AddReplay() = %v", err)
					}
				})
			}
			await(s, 16)
			faults.InjectAfter(1, "COMMIT", fault, 2) // the first is the holder's
		})
		wg.Wait()
		if hits := faults.Clear(); hits != 2 || wins.Load() != 1 {
			t.Errorf("fault %d: %d hits, %d winners, want 2 and 1", fault, hits, wins.Load())
		}
	}
}

// A caller that has gone before its unit began is not served.
func TestGoneCallersAreSkipped(t *testing.T) {
	t.Parallel()
	s, _ := faulty(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	held(t, s, func() {
		answer := make(chan error, 2)
		go func() { answer <- s.AddReplay(ctx, id(1), noon) }()
		go func() {
			answer <- s.Tx(ctx, func(tx oauth.Store) error { return tx.AddReplay(ctx, id(2), noon) })
		}()
		await(s, 2)
		cancel()
		for range 2 { // answered while the writer is still busy
			if err := <-answer; !errors.Is(err, context.Canceled) {
				t.Errorf("a write of a gone caller = %v", err)
			}
		}
	})
	for i := 1; i <= 2; i++ {
		if err := s.AddReplay(t.Context(), id(i), noon); err != nil {
			t.Errorf("AddReplay(%d) = %v: the gone caller's write was done", i, err)
		}
	}
}

// Close answers everybody, and what it answers with nil is kept.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	dsn := "sqlite://" + storetest.File(t)
	s := storetest.Open(t, sqlstore.Config{DSN: dsn})
	const n = 50
	var (
		wg     sync.WaitGroup
		done   [n]error
		closed = make(chan error, 1)
	)
	held(t, s, func() {
		for i := range n {
			wg.Go(func() { done[i] = s.AddReplay(t.Context(), id(i), noon) })
		}
		await(s, n)
		go func() { closed <- s.Close() }()
	})
	wg.Wait()
	if err := <-closed; err != nil {
		t.Errorf("Close() = %v", err)
	}
	again := storetest.Open(t, sqlstore.Config{DSN: dsn})
	for i, err := range done {
		if err != nil {
			t.Errorf("a write that waited before Close() = %v", err)
		} else if err := again.AddReplay(t.Context(), id(i), noon); !errors.Is(err, oauth.ErrExists) {
			t.Errorf("an acknowledged write is lost: %v", err)
		}
	}
}
