package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
)

// connector opens connections that remember the queries they prepared.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &preparing{conn.(sqliteConn), map[string]driver.StmtQueryContext{}}, nil
}

func (c connector) Driver() driver.Driver { return c.driver }

// sqliteConn is what database/sql looks for in a connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// preparing is a connection that prepares each query once: there are only so
// many.
type preparing struct {
	sqliteConn
	prepared map[string]driver.StmtQueryContext
}

func (c *preparing) QueryContext(ctx context.Context, stmt string, args []driver.NamedValue) (driver.Rows, error) {
	p, ok := c.prepared[stmt]
	if !ok {
		s, err := c.PrepareContext(ctx, stmt)
		if err != nil {
			return nil, err
		}
		p = s.(driver.StmtQueryContext)
		c.prepared[stmt] = p
	}
	return p.QueryContext(ctx, args)
}

// Close finalizes the statements first, without which the driver does not
// close the database.
func (c *preparing) Close() error {
	var errs []error
	for _, p := range c.prepared {
		errs = append(errs, p.(driver.Stmt).Close())
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
