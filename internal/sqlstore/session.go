package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// session is a connection to SQLite with prepared statements.
type session struct {
	conn   *sql.Conn
	engine *embedded
	opened *opened
	stmts  map[string]*sql.Stmt
}

func newSession(conn *sql.Conn, e *embedded, o *opened) *session {
	return &session{conn: conn, engine: e, opened: o, stmts: map[string]*sql.Stmt{}}
}

func (s *session) prepare(ctx context.Context, stmt string) (*sql.Stmt, error) {
	if p, ok := s.stmts[stmt]; ok {
		return p, nil
	}
	p, err := s.conn.PrepareContext(ctx, s.engine.dialect.rebind(stmt))
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

func (s *session) query(ctx context.Context, stmt string, args []any, each func(record) error) error {
	return ask(ctx, s.conn, s.engine.dialect.rebind(stmt), args, each)
}

// close gives the connection back, or closes it for good when it is broken.
func (s *session) close(broken bool) {
	for _, p := range s.stmts {
		p.Close()
	}
	if broken || s.engine.loc.path != "" {
		// The documented way to take a connection out of the pool.
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	s.conn.Close()
}
