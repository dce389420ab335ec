package sqlstore

import (
	"context"
	"errors"

	"hydra/internal/oauth"
)

// Kinds of statements that Config.Observe is told.
const (
	kindRead   = "read"
	kindWrite  = "write"
	kindBegin  = "begin"
	kindCommit = "commit"
)

// outcome is what became of a statement that changes rows.
type outcome struct {
	rows    int64
	unknown bool  // an earlier try may have been committed: look for one's own op
	before  int64 // rows of the earlier try; 1 when their number was lost, too
}

// count is the number of rows for statements that find nothing more to do when
// an earlier try of theirs was committed. It is never 0 when something may have
// been changed.
func (o outcome) count() int {
	if o.rows == 0 && o.unknown {
		return int(o.before)
	}
	return int(o.rows)
}

// exec runs one statement: in the transaction if there is one, else by itself,
// durable when it returns nil and repeated when the database asks for it. A
// taken key is oauth.ErrExists.
func (s *Store) exec(ctx context.Context, stmt string, args ...any) (outcome, error) {
	begin := func() { s.observe(ctx, kindWrite, stmt) }
	if s.tx != nil {
		begin()
		guard := s.dialect.spoils && (!s.part || s.tx.unknown)
		n, err := s.tx.change(ctx, guard, stmt, args)
		return outcome{rows: n, unknown: s.tx.unknown}, s.explain(err)
	}
	var out outcome
	err := s.retry(ctx, func(unknown bool) (err error) {
		if out.unknown = unknown; out.rows > 0 {
			out.before, out.rows = out.rows, 0
		}
		out.rows, err = s.engine.exec(ctx, begin, stmt, args)
		return err
	})
	if err != nil {
		out.rows, out.before = 0, 0
	}
	return out, s.explain(err)
}

// change is exec for a statement of which only success matters.
func (s *Store) change(ctx context.Context, stmt string, args ...any) error {
	_, err := s.exec(ctx, stmt, args...)
	return err
}

// failure is an error of the database itself.
type failure struct{ cause error }

func (f *failure) Error() string { return "sqlstore: " + f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// explain names what a caller can act on. Everything else is a failure of the
// database.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	if s.dialect.duplicate(err) {
		return oauth.ErrExists
	}
	if _, ok := errors.AsType[*failure](err); ok {
		return err
	}
	return &failure{err}
}

// query runs a SELECT: in the transaction if there is one, else by itself.
// It may start over, so begin is called before the first row of each try.
func (s *Store) query(ctx context.Context, q question) error {
	stmt, begin := q.stmt, q.begin
	q.begin = func() {
		s.observe(ctx, kindRead, stmt)
		begin()
	}
	if s.tx != nil {
		q.begin()
		return s.explain(s.tx.query(ctx, q.stmt, q.args, q.each))
	}
	return s.explain(s.retry(ctx, func(bool) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.engine.query(ctx, q)
	}))
}

// all returns every row of a SELECT.
func all[T any](ctx context.Context, s *Store, scan func(record, *T) error, stmt string, args ...any) ([]T, error) {
	return gather(ctx, s, scan, question{stmt: stmt, args: args})
}

// gather returns the rows that answer the question.
func gather[T any](ctx context.Context, s *Store, scan func(record, *T) error, q question) ([]T, error) {
	var list []T
	q.begin = func() { list = nil }
	q.each = func(r record) error {
		list = append(list, *new(T))
		return scan(r, &list[len(list)-1])
	}
	if err := s.query(ctx, q); err != nil {
		return nil, err
	}
	return list, nil
}

// one returns the row of a SELECT that looks for it by a key, else ErrNotFound.
func one[T any](ctx context.Context, s *Store, scan func(record, *T) error, stmt string, args ...any) (*T, error) {
	list, err := gather(ctx, s, scan, question{stmt: stmt, args: args, brief: true})
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, oauth.ErrNotFound
	}
	return &list[0], nil
}

// atomic runs several statements as one, in a transaction of their own or in
// the one there is. f gives up when a statement fails, unless the transaction
// is a repetition.
func (s *Store) atomic(ctx context.Context, f func(*Store) error) error {
	if s.tx != nil {
		return s.nested(ctx, func() error { return f(&Store{core: s.core, tx: s.tx, part: true}) })
	}
	return s.retry(ctx, func(unknown bool) error {
		begun := false
		err := s.engine.transact(ctx, unknown, func(t *txn) error {
			begun = true
			s.observe(ctx, kindBegin, "BEGIN")
			return f(&Store{core: s.core, tx: t, part: true})
		})
		s.ended(ctx, begun, err)
		return err
	})
}

// nested takes back what f did when it fails, and leaves the rest of the
// transaction standing.
func (s *Store) nested(ctx context.Context, f func() error) error {
	var err error
	harm := s.tx.within(ctx, "part", func() error {
		err = f()
		return err
	})
	if harm != nil {
		return s.explain(harm)
	}
	return err
}

// ended tells the observer how a transaction ended.
func (s *Store) ended(ctx context.Context, begun bool, err error) {
	switch {
	case !begun: // nothing was sent to the database
	case err == nil:
		s.observe(ctx, kindCommit, "COMMIT")
	default:
		s.observe(ctx, kindCommit, "ROLLBACK")
	}
}

// Tx runs f in one transaction, in the caller's goroutine. It may run more
// than once, and must not use the store outside the transaction: on SQLite that
// would wait for the writer, which the transaction holds. An error from f rolls
// back. Inside another transaction it takes back no more than its own part.
func (s *Store) Tx(ctx context.Context, f func(oauth.Store) error) error {
	if s.tx != nil {
		return s.nested(ctx, func() error { return f(&Store{core: s.core, tx: s.tx}) })
	}
	seed := newOp()
	return s.retry(ctx, func(unknown bool) error {
		begun := false
		err := s.engine.lend(ctx, unknown, func(t *txn) error {
			begun, t.seed = true, seed
			s.observe(ctx, kindBegin, "BEGIN")
			return f(&Store{core: s.core, tx: t})
		})
		s.ended(ctx, begun, err)
		return err
	})
}
