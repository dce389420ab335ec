package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// session is the writer's connection to SQLite.
type session struct {
	conn   *sql.Conn
	engine *embedded
	opened *opened
}

func (s *session) exec(ctx context.Context, stmt string, args []any) (int64, error) {
	r, err := s.conn.ExecContext(ctx, s.engine.dialect.rebind(stmt), args...)
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
	if broken || s.engine.loc.path != "" {
		// The documented way to take a connection out of the pool.
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	s.conn.Close()
}
