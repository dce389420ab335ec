package sqlstore

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// question is a SELECT, and what becomes of its rows.
type question struct {
	stmt  string
	args  []any
	begin func() // called whenever the statement is about to be sent
	each  func(record) error
	// brief says that it reads a few rows by their keys: it may share a round
	// trip with others, who wait until it is answered.
	brief bool
}

// engine carries statements to a database and back. There are two: embedded
// for SQLite, which has one writer, and served for databases that are reached
// over the network and have many.
type engine interface {
	// exec runs one statement that changes rows; it is durable when exec
	// returns nil. begin is called whenever the statement is about to be sent.
	// A failure that leaves open whether it was done is a *commitError.
	exec(ctx context.Context, begin func(), stmt string, args []any) (int64, error)
	// query runs a SELECT and hands its rows over.
	query(ctx context.Context, q question) error
	// transact runs f in one transaction; an error from f rolls back. f is the
	// store's own and may run in another goroutine. lost tells that an earlier
	// try of the same work may have been committed.
	transact(ctx context.Context, lost bool, f func(*txn) error) error
	// lend is transact for a foreign function, which runs in the caller's
	// goroutine.
	lend(ctx context.Context, lost bool, f func(*txn) error) error

	// found tells whether there is a database that can be asked.
	found() (bool, error)
	// handle returns a handle to the database.
	handle() *sql.DB
	// migrate lends a handle to change the schema with, to one caller at a time.
	migrate(ctx context.Context, f func(context.Context, *sql.DB) error) error
	// checked remembers that the schema of the database that is open now is the
	// expected one. It is nil while there is none.
	checked() *atomic.Bool
	close() error
}
