package sqlstore

import (
	"context"
	"database/sql"
)

// Waiting returns how many units of work wait for the writer, so that a test
// knows that they arrived without waiting for a clock.
func (s *Store) Waiting() int { return len(s.engine.(*embedded).writer.queue) }

// Statements returns the portable statements by their names, and walks and
// small tell which may walk over what, for tests on other engines.
var (
	Statements = statements
	Walks      = walks
	Small      = small
)

// Rebind puts a portable statement into the form of the store's engine.
func (s *Store) Rebind(stmt string) string { return s.dialect.rebind(stmt) }

// One asks the store's own connections for one value.
func (s *Store) One(query string) (value string, err error) {
	err = s.engine.handle().QueryRow(query).Scan(&value)
	return value, err
}

// MigrateTo brings the tables to the schema of an earlier release.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	return s.engine.migrate(ctx, func(ctx context.Context, db *sql.DB) error {
		p, err := s.provider(db)
		if err != nil {
			return err
		}
		_, err = p.UpTo(ctx, version)
		return err
	})
}

// Handle lends the store's connections.
func (s *Store) Handle(f func(*sql.DB) error) error { return f(s.engine.handle()) }

// LongestConvoy is how many look-ups share a round trip at most.
const LongestConvoy = longestConvoy

// Together asks a server for one number by each statement, in one round trip.
func (s *Store) Together(ctx context.Context, stmts ...string) ([]int64, []error) {
	numbers, errs := make([]int64, len(stmts)), make([]error, len(stmts))
	load := make([]*passenger, len(stmts))
	for i, stmt := range stmts {
		load[i] = &passenger{err: errLeaderless, question: question{stmt: stmt, begin: func() { numbers[i] = 0 },
			each: func(r record) error { return r.Scan(&numbers[i]) }}}
	}
	s.engine.(*served).together(ctx, load)
	for i, p := range load {
		errs[i] = p.err
	}
	return numbers, errs
}

// Convoys lets a test send look-ups itself.
type Convoys struct{ c *convoys }

// NewConvoys returns convoys with so many lanes.
func NewConvoys(lanes int) Convoys { return Convoys{&convoys{free: lanes}} }

// Ask asks for a statement; send is told all that go together, and may answer
// them.
func (c Convoys) Ask(ctx context.Context, stmt string, send func(stmts []string, answer func(error))) error {
	return c.c.ask(ctx, question{stmt: stmt}, func(_ context.Context, load []*passenger) {
		var stmts []string
		for _, p := range load {
			stmts = append(stmts, p.stmt)
		}
		send(stmts, func(err error) {
			for _, p := range load {
				p.err = err
			}
		})
	})
}
