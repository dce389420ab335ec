package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// served is the engine of a database that is reached over the network. Single
// statements run by themselves, without BEGIN and COMMIT, in one round trip.
type served struct {
	dialect *dialect
	db      *sql.DB
	convoys *convoys // nil: each look-up has a round trip of its own
	idle    int      // connections that may wait for work
	now     func() time.Time
	seen    atomic.Bool
}

// patience bounds the wait for one statement's answer. A server that has gone
// without a word must not hold a request for ever; what became of the
// statement is then unknown.
const patience = 15 * time.Second

// serve returns the engine on a driver's connector.
func serve(d *dialect, conn driver.Connector, p pool, cfg Config) *served {
	e := &served{dialect: d, idle: p.idle, now: cfg.Now}
	switch {
	case cfg.Wrap != nil:
		conn = cfg.Wrap(conn) // which speaks for one statement at a time
	case d.together != nil:
		e.convoys = newConvoys()
	}
	e.db = sql.OpenDB(conn)
	e.db.SetMaxOpenConns(p.open)
	e.db.SetMaxIdleConns(p.idle)
	e.db.SetConnMaxLifetime(p.lifetime)
	e.db.SetConnMaxIdleTime(p.idleTime)
	return e
}

// link is a connection that belongs to one piece of work.
type link struct {
	engine *served
	conn   *sql.Conn
	lost   bool // it must not be used again
	cut    bool // the server or the network did that, and so to others, too
}

// take waits for a connection as long as the caller does.
func (e *served) take(ctx context.Context) (*link, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &link{engine: e, conn: conn}, nil
}

func (l *link) exec(ctx context.Context, stmt string, args []any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := l.conn.ExecContext(ctx, l.engine.dialect.rebind(stmt), args...)
	if err != nil {
		return 0, l.judge(ctx, err)
	}
	return r.RowsAffected()
}

func (l *link) query(ctx context.Context, stmt string, args []any, each func(record) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return l.ask(ctx, stmt, args, each)
}

// ask is query for who bounds the wait himself.
func (l *link) ask(ctx context.Context, stmt string, args []any, each func(record) error) error {
	return l.judge(ctx, ask(ctx, l.conn, l.engine.dialect.rebind(stmt), args, each))
}

// silence is a statement that was not answered in time.
type silence struct{ cause error }

func (s *silence) Error() string { return fmt.Sprintf("no answer within %v: %v", patience, s.cause) }
func (s *silence) Unwrap() error { return s.cause }

// judge notes what a failure says about the connection.
func (l *link) judge(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		// Some drivers close the connection then, some leave the answer in it.
		l.lost = true
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			l.cut = true
			return &silence{err}
		}
	case l.engine.dialect.cut(err):
		l.lost, l.cut = true, true
	}
	return err
}

// release gives the connection back, or closes it. What cut one of them has
// most likely cut all that wait for work.
func (l *link) release() {
	if l.lost {
		// The documented way to take a connection out of the pool.
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	if l.cut {
		l.engine.db.SetMaxIdleConns(-1)
		l.engine.db.SetMaxIdleConns(l.engine.idle)
	}
	_ = l.conn.Close()
}

func (e *served) exec(ctx context.Context, begin func(), stmt string, args []any) (int64, error) {
	l, err := e.take(ctx)
	if err != nil {
		return 0, err
	}
	defer l.release()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	begin()
	// A statement that was sent is answered by the database and not by its
	// caller's patience.
	n, err := l.exec(context.WithoutCancel(ctx), stmt, args)
	if err != nil && l.lost {
		return 1, &commitError{err} // for all that is known it changed something
	}
	return n, err
}

func (e *served) query(ctx context.Context, q question) error {
	if q.brief && e.convoys != nil {
		return e.convoys.ask(ctx, q, e.together)
	}
	l, err := e.take(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	q.begin()
	return l.query(ctx, q.stmt, q.args, q.each)
}

// together has look-ups answered in one round trip. When one of them fails,
// none is answered, and each is asked for again by itself.
func (e *served) together(ctx context.Context, load []*passenger) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l, err := e.take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = &silence{err}
		}
		for _, p := range load {
			p.err = err
		}
		return
	}
	defer l.release()
	if len(load) > 1 {
		err = l.judge(ctx, e.dialect.together(ctx, l.conn, load))
		if err == nil {
			return
		}
	}
	for _, p := range load {
		if !l.lost {
			p.begin()
			err = l.ask(ctx, p.stmt, p.args, p.each)
		}
		p.err = err
	}
}

func (e *served) transact(ctx context.Context, lost bool, f func(*txn) error) error {
	l, err := e.take(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := control(ctx, l, e.dialect.begin); err != nil {
		return &failure{err}
	}
	open := true
	defer func() {
		if open { // also when f panics
			e.undo(ctx, l)
		}
	}()
	t := &txn{conn: l, dialect: e.dialect, unknown: lost}
	defer t.over.Store(true)
	err = f(t)
	switch {
	case t.harm != nil:
		return &failure{t.harm}
	case err != nil:
		return err
	case t.spoiled != nil: // f went on after a statement that ended everything
		return &failure{t.spoiled}
	}
	open = false
	err = control(ctx, l, "COMMIT")
	switch {
	case err == nil:
		return nil
	case e.dialect.conflict(err):
		e.undo(ctx, l)
		return &failure{err}
	}
	l.lost = true
	return &failure{&commitError{err}}
}

// undo leaves no transaction open. The engine may have rolled back by itself,
// and then this does nothing; a connection that does not answer goes.
func (e *served) undo(ctx context.Context, l *link) {
	if l.lost {
		return
	}
	if err := control(ctx, l, "ROLLBACK"); err != nil {
		l.lost = true
	}
}

func (e *served) lend(ctx context.Context, lost bool, f func(*txn) error) error {
	return e.transact(ctx, lost, f)
}

func (e *served) found() (bool, error)  { return true, nil }
func (e *served) handle() *sql.DB       { return e.db }
func (e *served) checked() *atomic.Bool { return &e.seen }
func (e *served) close() error          { return e.db.Close() }
