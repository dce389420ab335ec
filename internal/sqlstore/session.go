package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"hydra/internal/oauth"
)

// session is a connection with prepared statements.
type session struct {
	conn   *sql.Conn
	core   *core
	opened *opened
	stmts  map[string]*sql.Stmt
}

func newSession(conn *sql.Conn, c *core, o *opened) *session {
	return &session{conn: conn, core: c, opened: o, stmts: map[string]*sql.Stmt{}}
}

func (s *session) prepare(ctx context.Context, stmt string) (*sql.Stmt, error) {
	if p, ok := s.stmts[stmt]; ok {
		return p, nil
	}
	p, err := s.conn.PrepareContext(ctx, s.core.dialect.rebind(stmt))
	if err == nil {
		s.stmts[stmt] = p
	}
	return p, err
}

func (s *session) exec(ctx context.Context, stmt string, args []any) (int64, error) {
	p, err := s.prepare(ctx, stmt)
	if err != nil {
		return 0, err
	}
	r, err := p.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *session) query(ctx context.Context, stmt string, args []any, row func(*sql.Rows) error) error {
	p, err := s.prepare(ctx, stmt)
	if err != nil {
		return err
	}
	rows, err := p.QueryContext(ctx, args...)
	return each(rows, err, row)
}

// control begins, ends and divides transactions.
func (s *session) control(ctx context.Context, stmt string) error {
	_, err := s.exec(ctx, stmt, nil)
	return err
}

// close gives the connection back, or closes it for good when it is broken.
func (s *session) close(broken bool) {
	for _, p := range s.stmts {
		p.Close()
	}
	if broken || s.core.loc.path != "" {
		// The documented way to take a connection out of the pool.
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	s.conn.Close()
}

// txn is a transaction as one unit sees it.
type txn struct {
	session *session
	unknown bool  // an earlier try of the same unit may have been committed
	harm    error // the first failure after which the transaction cannot go on
	over    atomic.Bool
	seed    oauth.ID // of the ids that Store.op returns
	ops     uint64
}

var errOver = errors.New("sqlstore: the transaction is over")

// check turns a failure that is more than the statement's own into harm.
func (t *txn) check(err error) error {
	if err != nil && t.harm == nil && !t.session.core.dialect.mild(err) {
		t.harm = err
	}
	return err
}

// usable tells why the transaction takes no more statements. After harm the
// engine may have rolled back by itself: a further statement would be
// committed alone.
func (t *txn) usable() error {
	if t.over.Load() {
		return errOver
	}
	return t.harm
}

func (t *txn) exec(ctx context.Context, stmt string, args []any) (int64, error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	// Once begun, a unit is answered by its commit and not by its caller's
	// patience.
	n, err := t.session.exec(context.WithoutCancel(ctx), stmt, args)
	return n, t.check(err)
}

func (t *txn) query(ctx context.Context, stmt string, args []any, row func(*sql.Rows) error) error {
	if err := t.usable(); err != nil {
		return err
	}
	return t.check(t.session.query(context.WithoutCancel(ctx), stmt, args, row))
}

// within runs f in a savepoint, which an error from f takes back. It returns
// what harmed the transaction, and nil when f merely failed.
func (t *txn) within(ctx context.Context, savepoint string, f func() error) error {
	if err := t.usable(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := t.session.control(ctx, "SAVEPOINT "+savepoint); err != nil {
		return t.check(err)
	}
	failed := f() != nil
	if t.harm != nil {
		return t.harm
	}
	if failed {
		if err := t.session.control(ctx, "ROLLBACK TO SAVEPOINT "+savepoint); err != nil {
			return t.check(err)
		}
	}
	return t.check(t.session.control(ctx, "RELEASE SAVEPOINT "+savepoint))
}
