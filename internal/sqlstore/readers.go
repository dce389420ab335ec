package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
)

// connector opens connections that remember the statements they prepared.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &preparing{conn.(sqliteConn), map[string]preparedStmt{}}, nil
}

func (c connector) Driver() driver.Driver { return c.driver }

// sqliteConn is what database/sql looks for in a connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type preparedStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// preparing is a connection that prepares each statement once: there are only
// so many.
type preparing struct {
	sqliteConn
	prepared map[string]preparedStmt
}

func (c *preparing) prepare(ctx context.Context, stmt string) (preparedStmt, error) {
	if p, ok := c.prepared[stmt]; ok {
		return p, nil
	}
	s, err := c.PrepareContext(ctx, stmt)
	if err != nil {
		return nil, err
	}
	c.prepared[stmt] = s.(preparedStmt)
	return c.prepared[stmt], nil
}

func (c *preparing) ExecContext(ctx context.Context, stmt string, args []driver.NamedValue) (driver.Result, error) {
	p, err := c.prepare(ctx, stmt)
	if err != nil {
		return nil, err
	}
	return p.ExecContext(ctx, args)
}

func (c *preparing) QueryContext(ctx context.Context, stmt string, args []driver.NamedValue) (driver.Rows, error) {
	p, err := c.prepare(ctx, stmt)
	if err != nil {
		return nil, err
	}
	return p.QueryContext(ctx, args)
}

// Close finalizes the statements first: the driver does not survive it when a
// connection is closed under them.
func (c *preparing) Close() error {
	var errs []error
	for _, p := range c.prepared {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// readers is a pool of read-only connections.
type readers struct {
	db     *sql.DB
	rebind func(string) string
}

func newReaders(db *sql.DB, rebind func(string) string) *readers {
	n := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return &readers{db: db, rebind: rebind}
}

func (r *readers) query(ctx context.Context, stmt string, args []any, each func(record) error) error {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// To notice that the caller has gone the driver starts a goroutine, which
	// costs more than to finish a read: all are bounded.
	return ask(context.WithoutCancel(ctx), conn, r.rebind(stmt), args, each)
}

func (r *readers) close() error { return r.db.Close() }
