package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"hydra/internal/oauth"
)

// Config tells where the database is.
type Config struct {
	// DSN names the database: sqlite:///absolute/path?options,
	// sqlite://relative/path, memory for a database that lives as long as the
	// store, postgres://…, cockroach://… or mysql://…. The documentation of
	// docs/operations/databases.md has the options.
	DSN string

	// Observe, if set, is told of each statement before it runs: kind is "read",
	// "write", "begin" or "commit". The last two belong to transactions of
	// several statements; what an engine adds on its own, such as savepoints
	// and what bundles commits, is not told. It must be safe for concurrent use.
	Observe func(ctx context.Context, kind, statement string)

	// Wrap, if set, puts a driver around the engine's, so that tests can make
	// the database fail.
	Wrap func(driver.Connector) driver.Connector

	// NoSync leaves the flushing of the disk to the operating system. Data
	// survive the end of the process but not that of the machine: for tests.
	// It is for SQLite alone; servers have settings of their own.
	NoSync bool

	// Now is the clock of the lease that guards migrations; nil: time.Now.
	Now func() time.Time
}

// Store is an oauth.Store. Inside Tx it is a view of one transaction.
type Store struct {
	*core
	tx *txn // nil outside a transaction
	// part says that the transaction's function is the store's own and gives
	// up when a statement fails.
	part bool
}

var _ oauth.Store = (*Store)(nil)

// core is what a store and its transactions share.
type core struct {
	dialect *dialect
	engine  engine
	observe func(ctx context.Context, kind, statement string)
	decoded decodedClients
}

// Open prepares a store. A file that is missing, a server that does not answer
// and a schema that is older are no errors here: Migrate makes the tables, and
// Ping and all else say what is wrong.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &core{observe: cfg.Observe}
	if c.observe == nil {
		c.observe = func(context.Context, string, string) {}
	}
	var err error
	if c.dialect, err = dialectOf(cfg.DSN); err != nil {
		return nil, err
	}
	if c.engine, err = c.dialect.open(ctx, c.dialect, cfg); err != nil {
		return nil, err
	}
	return &Store{core: c}, nil
}

// Close lets waiting writes finish and closes the database. Calls that come
// later fail. Inside Tx it is an error.
func (s *Store) Close() error {
	if s.tx != nil {
		return errors.New("sqlstore: Close inside a transaction")
	}
	return s.engine.close()
}
