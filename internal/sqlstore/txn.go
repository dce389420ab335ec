package sqlstore

import (
	"context"
	"errors"
	"sync/atomic"

	"hydra/internal/oauth"
)

// connection runs statements one after the other on one connection.
type connection interface {
	exec(ctx context.Context, stmt string, args []any) (int64, error)
	query(ctx context.Context, stmt string, args []any, each func(record) error) error
}

// control begins, ends and divides transactions.
func control(ctx context.Context, c connection, stmt string) error {
	_, err := c.exec(ctx, stmt, nil)
	return err
}

// txn is a transaction as one unit of work sees it.
type txn struct {
	conn    connection
	dialect *dialect
	unknown bool  // an earlier try of the same unit may have been committed
	harm    error // the first failure after which the transaction cannot go on
	spoiled error // a failure after which it can go on at the last savepoint only
	over    atomic.Bool
	seed    oauth.ID // of the ids that Store.op returns
	ops     uint64
}

var errOver = errors.New("sqlstore: the transaction is over")

// check turns a failure that is more than the statement's own into harm.
func (t *txn) check(err error) error {
	switch {
	case err == nil || t.harm != nil:
	case !t.dialect.mild(err):
		t.harm = err
	case t.dialect.spoils:
		t.spoiled = err
	}
	return err
}

// usable tells why the transaction takes no more statements. After harm the
// engine may have rolled back by itself: a further statement would be
// committed alone.
func (t *txn) usable() error {
	switch {
	case t.over.Load():
		return errOver
	case t.harm != nil:
		return t.harm
	}
	return t.spoiled
}

func (t *txn) exec(ctx context.Context, stmt string, args []any) (int64, error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	// Once begun, a unit is answered by its commit and not by its caller's
	// patience.
	n, err := t.conn.exec(context.WithoutCancel(ctx), stmt, args)
	return n, t.check(err)
}

// change is exec, in a savepoint of its own if it is guarded.
func (t *txn) change(ctx context.Context, guard bool, stmt string, args []any) (n int64, err error) {
	if !guard {
		return t.exec(ctx, stmt, args)
	}
	harm := t.within(ctx, "statement", func() error {
		n, err = t.exec(ctx, stmt, args)
		return err
	})
	if harm != nil {
		return 0, harm
	}
	return n, err
}

func (t *txn) query(ctx context.Context, stmt string, args []any, each func(record) error) error {
	if err := t.usable(); err != nil {
		return err
	}
	return t.check(t.conn.query(context.WithoutCancel(ctx), stmt, args, each))
}

// within runs f in a savepoint, which an error from f takes back. It returns
// what harmed the transaction, and nil when f merely failed.
func (t *txn) within(ctx context.Context, savepoint string, f func() error) error {
	if err := t.usable(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := control(ctx, t.conn, "SAVEPOINT "+savepoint); err != nil {
		return t.check(err)
	}
	failed := f() != nil
	if t.harm != nil {
		return t.harm
	}
	if failed || t.spoiled != nil {
		if err := control(ctx, t.conn, "ROLLBACK TO SAVEPOINT "+savepoint); err != nil {
			return t.check(err)
		}
		// What f made of a failure that it hid is gone with it.
		hidden := t.spoiled
		if t.spoiled = nil; !failed {
			t.harm = hidden
			return hidden
		}
	}
	return t.check(control(ctx, t.conn, "RELEASE SAVEPOINT "+savepoint))
}
