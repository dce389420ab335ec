package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"hydra/internal/oauth"
)

// Config tells where the database is.
type Config struct {
	// DSN is sqlite:///absolute/path?options, sqlite://relative/path, or
	// memory for a database that lives as long as the store. The option
	// busy_timeout (a duration, 1s) bounds one wait for another process's lock.
	DSN string

	// Observe, if set, is told of each statement before it runs: kind is "read",
	// "write", "begin" or "commit". The last two belong to transactions of
	// several statements; what the writer adds to bundle commits is not told.
	// It must be safe for concurrent use.
	Observe func(ctx context.Context, kind, statement string)

	// Wrap, if set, puts a driver around the engine's, so that tests can make
	// the database fail.
	Wrap func(driver.Connector) driver.Connector

	// NoSync leaves the flushing of the disk to the operating system. Data
	// survive the end of the process but not that of the machine: for tests.
	NoSync bool
}

// Store is an oauth.Store. Inside Tx it is a view of one transaction.
type Store struct {
	*core
	tx *txn // nil outside a transaction
}

var _ oauth.Store = (*Store)(nil)

// core is what a store and its transactions share.
type core struct {
	dialect dialect
	loc     location
	observe func(ctx context.Context, kind, statement string)
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

// Open prepares a store. A file that is missing or whose schema is older is no
// error here: Migrate makes it, and Ping and all else say so.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	loc, err := parseDSN(cfg.DSN)
	if err != nil {
		return nil, err
	}
	loc.noSync = cfg.NoSync
	c := &core{dialect: sqliteDialect, loc: loc, observe: cfg.Observe, wrap: cfg.Wrap}
	if c.observe == nil {
		c.observe = func(context.Context, string, string) {}
	}
	c.writeDB = c.pool(false)
	if loc.path == "" {
		c.state.Store(&opened{})
		c.writeDB.SetMaxOpenConns(3) // the writer's, the keeper's and one that migrates
		if c.keep, err = c.writeDB.Conn(ctx); err != nil {
			return nil, fmt.Errorf("sqlstore: %w", err)
		}
	} else {
		c.writeDB.SetMaxOpenConns(1)
	}
	c.writer = newWriter(c)
	return &Store{core: c}, nil
}

// pool returns a database handle; it connects when it is used.
func (c *core) pool(reader bool) *sql.DB {
	var conn driver.Connector = connector{driver: c.dialect.driver, dsn: c.loc.open(reader)}
	if c.wrap != nil {
		conn = c.wrap(conn)
	}
	return sql.OpenDB(conn)
}

// Close lets waiting writes finish and closes the database. Calls that come
// later fail. Inside Tx it is an error.
func (s *Store) Close() error {
	if s.tx != nil {
		return errors.New("sqlstore: Close inside a transaction")
	}
	s.writer.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	// Readers go first: the last connection moves the log into the file, and
	// only one that may write can.
	if o := s.state.Load(); o != nil && o.readers != nil {
		errs = append(errs, o.readers.close())
	}
	s.writer.drop(nil)
	if s.keep != nil {
		errs = append(errs, s.keep.Close())
	}
	return errors.Join(append(errs, s.writeDB.Close())...)
}

// currentFile returns the database that is there now. A file that was removed
// is an error although open connections would still work: what they write is
// lost. A file that took its place is opened afresh.
func (c *core) currentFile() (*opened, error) {
	o := c.state.Load()
	if c.loc.path == "" {
		return o, nil
	}
	info, err := os.Stat(c.loc.path)
	if err != nil {
		return nil, fmt.Errorf("database file: %w", err)
	}
	if o != nil && os.SameFile(o.file, info) {
		return o, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if now := c.state.Load(); now != o {
		return now, nil // somebody was faster
	}
	next := &opened{file: info, readers: newReaders(c.pool(true), c.dialect.rebind)}
	c.state.Store(next)
	if o != nil {
		_ = o.readers.close() // of a file that is no longer ours
	}
	return next, nil
}

// suspect gives up all connections to a file that failed to be read.
func (c *core) suspect(o *opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loc.path == "" || c.closed || c.state.Load() != o {
		return
	}
	c.state.Store(&opened{file: o.file, readers: newReaders(c.pool(true), c.dialect.rebind)})
	_ = o.readers.close()
}
