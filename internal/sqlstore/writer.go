package sqlstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

const (
	queueLength = 1024
	batchLength = 128
)

var errClosed = errors.New("sqlstore: the store is closed")

// unit is a piece of work that is done whole or not at all.
type unit struct {
	// run may be called more than once, each time on a fresh transaction.
	run    func(*txn) error
	single bool // one statement, which is atomic by itself
	lost   bool // an earlier try may have been committed

	state   atomic.Int32
	verdict error // of run, valid once the batch is committed
	err     error // the answer
	done    chan struct{}
}

const (
	waiting = iota
	taken   // by the writer, which will answer
	left    // by its caller, who has gone
)

func (u *unit) take() bool  { return u.state.CompareAndSwap(waiting, taken) }
func (u *unit) leave() bool { return u.state.CompareAndSwap(waiting, left) }

func (u *unit) answer(err error) {
	u.err = err
	close(u.done)
}

// writer owns the one connection that writes. It takes whatever is waiting,
// does it in one transaction and answers when that is committed: under load
// one flush of the disk serves many callers, and nobody waits for company.
//
// Units do not harm each other. One that fails by itself is rolled back to its
// savepoint; when the database fails under one, the whole transaction is
// rolled back, that unit gets the error, and the others are done again.
type writer struct {
	engine  *embedded
	queue   chan *unit
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	session *session
}

func newWriter(e *embedded) *writer {
	w := &writer{engine: e, queue: make(chan *unit, queueLength), closing: make(chan struct{}), stopped: make(chan struct{})}
	go w.loop()
	return w
}

// do hands the unit in and waits for its answer. A unit whose caller has gone
// before it began is skipped; one that began is answered by its commit.
func (w *writer) do(ctx context.Context, u *unit) error {
	if err := w.submit(ctx, u); err != nil {
		return err
	}
	return w.wait(ctx, u, nil, nil)
}

func (w *writer) submit(ctx context.Context, u *unit) error {
	u.done = make(chan struct{})
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-w.closing:
		return errClosed
	default:
	}
	select {
	case w.queue <- u:
		return nil
	case <-w.closing:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns the unit's answer. Meanwhile it serves turns: what has to run in
// the caller's goroutine.
func (w *writer) wait(ctx context.Context, u *unit, turns <-chan *txn, serve func(*txn)) error {
	gone, stopped := ctx.Done(), (<-chan struct{})(w.stopped)
	for {
		select {
		case <-u.done:
			return u.err
		case t := <-turns:
			serve(t)
		case <-gone:
			if u.leave() {
				return ctx.Err()
			}
			gone = nil
		case <-stopped:
			if u.leave() {
				return errClosed
			}
			stopped = nil
		}
	}
}

// close lets the writer finish what is waiting. Its connection stays open.
func (w *writer) close() {
	w.once.Do(func() { close(w.closing) })
	<-w.stopped
}

func (w *writer) loop() {
	defer close(w.stopped)
	for {
		select {
		case u := <-w.queue:
			w.batch(u)
			continue
		case <-w.closing:
		}
		select {
		case u := <-w.queue:
			w.batch(u)
		default:
			return
		}
	}
}

func (w *writer) batch(first *unit) {
	var units []*unit
	for u := first; u != nil; {
		if u.take() {
			units = append(units, u)
		}
		u = nil
		if len(units) < batchLength {
			select {
			case u = <-w.queue:
			default:
			}
		}
	}
	for len(units) > 0 {
		guilty, err := w.attempt(units)
		if guilty < 0 {
			for _, u := range units {
				if err != nil {
					u.answer(&failure{err})
				} else {
					u.answer(u.verdict)
				}
			}
			return
		}
		units[guilty].answer(&failure{err})
		units = append(units[:guilty], units[guilty+1:]...)
	}
}

// attempt does the units in one transaction. If one of them met a failing
// database, it returns its index, else -1; nothing is committed with an error.
func (w *writer) attempt(units []*unit) (guilty int, err error) {
	ctx := context.Background()
	s, err := w.open(ctx)
	if err != nil {
		return -1, err
	}
	if err := control(ctx, s, w.engine.dialect.begin); err != nil {
		w.undo(ctx, err)
		return -1, err
	}
	for i, u := range units {
		if err := u.perform(ctx, &txn{conn: s, dialect: w.engine.dialect, unknown: u.lost}); err != nil {
			w.undo(ctx, err)
			return i, err
		}
	}
	err = control(ctx, s, "COMMIT")
	switch {
	case err == nil:
		return -1, nil
	case w.engine.dialect.conflict(err):
		w.undo(ctx, err)
		return -1, err
	}
	w.undo(ctx, err)
	return -1, &commitError{err}
}

// perform runs the unit. Its own error becomes its verdict; the returned one
// says that the transaction is of no use any more.
func (u *unit) perform(ctx context.Context, t *txn) error {
	defer t.over.Store(true)
	if u.single {
		u.verdict = u.run(t)
		return t.harm
	}
	return t.within(ctx, "unit", func() error {
		u.verdict = u.run(t)
		return u.verdict
	})
}

// undo leaves no transaction open. After anything but a conflict the
// connection is given up, whatever its state may be.
func (w *writer) undo(ctx context.Context, cause error) {
	if !w.engine.dialect.conflict(cause) {
		w.drop(cause)
		return
	}
	// The engine may have rolled back by itself, then this fails: a new
	// connection is the safe way to know where one stands.
	if err := control(ctx, w.session, "ROLLBACK"); err != nil {
		w.drop(err)
	}
}

// open returns the connection to the file that is there now.
func (w *writer) open(ctx context.Context) (*session, error) {
	opened, err := w.engine.currentFile()
	if err != nil {
		return nil, err
	}
	if w.session != nil && w.session.opened == opened {
		return w.session, nil
	}
	w.drop(nil)
	conn, err := w.engine.writeDB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w.session = &session{conn: conn, engine: w.engine, opened: opened}
	return w.session, nil
}

func (w *writer) drop(cause error) {
	if w.session == nil {
		return
	}
	w.session.close(cause != nil)
	w.session = nil
}
