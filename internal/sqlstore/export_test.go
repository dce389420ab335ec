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
