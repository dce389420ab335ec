package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"runtime"
	"sync"
)

// connector opens connections of one kind.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// readers is a pool of read-only connections with prepared statements.
type readers struct {
	db     *sql.DB
	rebind func(string) string

	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

func newReaders(db *sql.DB, rebind func(string) string) *readers {
	n := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return &readers{db: db, rebind: rebind, stmts: map[string]*sql.Stmt{}}
}

func (r *readers) query(ctx context.Context, stmt string, args []any, row func(*sql.Rows) error) error {
	r.mu.RLock()
	p, ok := r.stmts[stmt]
	r.mu.RUnlock()
	if !ok {
		// Not under the lock: a busy database would keep every reader waiting.
		fresh, err := r.db.PrepareContext(ctx, r.rebind(stmt))
		if err != nil {
			return err
		}
		r.mu.Lock()
		if p, ok = r.stmts[stmt]; ok {
			defer fresh.Close()
		} else {
			p, r.stmts[stmt] = fresh, fresh
		}
		r.mu.Unlock()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// To notice that the caller has gone the driver and database/sql start a
	// goroutine each, which costs more than to finish a read: all are bounded.
	rows, err := p.QueryContext(context.WithoutCancel(ctx), args...)
	return each(rows, err, row)
}

// each hands every row to the function and closes the rows.
func each(rows *sql.Rows, err error, row func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

func (r *readers) close() error { return r.db.Close() }
