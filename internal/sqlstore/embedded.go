package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// embedded is the engine of a SQLite file or of a database in memory: all
// writes go through one connection (see writer), reads have a pool.
type embedded struct {
	dialect *dialect
	loc     location
	wrap    func(driver.Connector) driver.Connector
	writer  *writer
	writeDB *sql.DB
	keep    *sql.Conn // holds a database in memory alive

	mu     sync.Mutex // guards changes of current
	closed bool
	state  atomic.Pointer[opened]
}

// opened is a database file as it was found, with the pool that reads it.
type opened struct {
	file    os.FileInfo // nil in memory
	readers *readers    // nil in memory
	checked atomic.Bool // its schema is the expected one
}

func openEmbedded(ctx context.Context, d *dialect, cfg Config) (engine, error) {
	loc, err := parseDSN(cfg.DSN)
	if err != nil {
		return nil, err
	}
	loc.noSync = cfg.NoSync
	e := &embedded{dialect: d, loc: loc, wrap: cfg.Wrap}
	e.writeDB = e.pool(false)
	if loc.path == "" {
		e.state.Store(&opened{})
		e.writeDB.SetMaxOpenConns(3) // the writer's, the keeper's and one that migrates
		if e.keep, err = e.writeDB.Conn(ctx); err != nil {
			return nil, fmt.Errorf("sqlstore: %w", err)
		}
	} else {
		e.writeDB.SetMaxOpenConns(1)
	}
	e.writer = newWriter(e)
	return e, nil
}

// pool returns a database handle; it connects when it is used.
func (e *embedded) pool(reader bool) *sql.DB {
	var conn driver.Connector = connector{driver: sqliteDriver, dsn: e.loc.open(reader)}
	if e.wrap != nil {
		conn = e.wrap(conn)
	}
	return sql.OpenDB(conn)
}

func (e *embedded) close() error {
	e.writer.close()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	var errs []error
	// Readers go first: the last connection moves the log into the file, and
	// only one that may write can.
	if o := e.state.Load(); o != nil && o.readers != nil {
		errs = append(errs, o.readers.close())
	}
	e.writer.drop(nil)
	if e.keep != nil {
		errs = append(errs, e.keep.Close())
	}
	return errors.Join(append(errs, e.writeDB.Close())...)
}

// currentFile returns the database that is there now. A file that was removed
// is an error although open connections would still work: what they write is
// lost. A file that took its place is opened afresh.
func (e *embedded) currentFile() (*opened, error) {
	o := e.state.Load()
	if e.loc.path == "" {
		return o, nil
	}
	info, err := os.Stat(e.loc.path)
	if err != nil {
		return nil, fmt.Errorf("database file: %w", err)
	}
	if o != nil && os.SameFile(o.file, info) {
		return o, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errClosed
	}
	if now := e.state.Load(); now != o {
		return now, nil // somebody was faster
	}
	next := &opened{file: info, readers: newReaders(e.pool(true), e.dialect.rebind)}
	e.state.Store(next)
	if o != nil {
		_ = o.readers.close() // of a file that is no longer ours
	}
	return next, nil
}

// suspect gives up all connections to a file that failed to be read.
func (e *embedded) suspect(o *opened) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loc.path == "" || e.closed || e.state.Load() != o {
		return
	}
	e.state.Store(&opened{file: o.file, readers: newReaders(e.pool(true), e.dialect.rebind)})
	_ = o.readers.close()
}

func (e *embedded) exec(ctx context.Context, begin func(), stmt string, args []any) (n int64, err error) {
	err = e.writer.do(ctx, &unit{single: true, run: func(t *txn) (err error) {
		begin()
		n, err = t.exec(ctx, stmt, args)
		return err
	}})
	return n, err
}

func (e *embedded) query(ctx context.Context, q question) error {
	if e.loc.path == "" {
		return e.writer.do(ctx, &unit{single: true, run: func(t *txn) error {
			q.begin()
			return t.query(ctx, q.stmt, q.args, q.each)
		}})
	}
	o, err := e.currentFile()
	if err != nil {
		return err
	}
	q.begin()
	err = o.readers.query(ctx, q.stmt, q.args, q.each)
	if err != nil && damaged(err) {
		e.suspect(o)
	}
	return err
}

func (e *embedded) transact(ctx context.Context, lost bool, f func(*txn) error) error {
	return e.writer.do(ctx, &unit{lost: lost, run: f})
}

// errLeft stands for a function that never returned: it panicked.
var errLeft = errors.New("sqlstore: the function of the transaction did not return")

// lend lets f use the writer's connection. f must not use the store outside
// the transaction, which would wait for the writer.
func (e *embedded) lend(ctx context.Context, lost bool, f func(*txn) error) error {
	turn, result, left := make(chan *txn), make(chan error), make(chan struct{})
	defer close(left)
	u := &unit{lost: lost, run: func(t *txn) error {
		select {
		case turn <- t:
		case <-left:
			return errLeft
		}
		select {
		case err := <-result:
			return err
		case <-left:
			return errLeft
		}
	}}
	if err := e.writer.submit(ctx, u); err != nil {
		return err
	}
	return e.writer.wait(ctx, u, turn, func(t *txn) { result <- f(t) })
}

func (e *embedded) found() (bool, error) {
	if e.loc.path == "" {
		return true, nil
	}
	_, err := os.Stat(e.loc.path)
	return !errors.Is(err, fs.ErrNotExist), nil
}

func (e *embedded) handle() *sql.DB { return e.writeDB }

// migrate makes the database file if there is none. SQLite's lock on the file
// keeps two that migrate apart.
func (e *embedded) migrate(ctx context.Context, f func(context.Context, *sql.DB) error) error {
	if e.loc.path == "" {
		return f(ctx, e.writeDB)
	}
	if err := e.makeFile(); err != nil {
		return fmt.Errorf("sqlstore: %w", err)
	}
	db := e.pool(false)
	defer db.Close()
	// busy_timeout covers all but the moment in which a new file gets its
	// write-ahead log: whoever comes then is told at once that it is locked.
	limit := time.NewTimer(e.loc.busyTimeout)
	defer limit.Stop()
	for {
		err := f(ctx, db)
		if err == nil || !sqliteDialect.conflict(err) {
			return err
		}
		pause := time.NewTimer(rand.N(firstPause << 3))
		select {
		case <-pause.C:
		case <-limit.C:
			pause.Stop()
			return err
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

// makeFile makes an empty database file that only its owner may read: it will
// hold keys and personal data.
func (e *embedded) makeFile() error {
	f, err := os.OpenFile(e.loc.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// The file's name must survive a power loss as its rows will.
	dir, err := os.Open(filepath.Dir(e.loc.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (e *embedded) checked() *atomic.Bool {
	if o := e.state.Load(); o != nil {
		return &o.checked
	}
	return nil
}
