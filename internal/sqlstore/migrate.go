package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
)

// ErrSchema says that the database answers, but does not have the tables that
// this program expects.
var ErrSchema = errors.New("unexpected database schema")

const readSchema = `SELECT version_id FROM goose_db_version`

// Migrate makes the database file if there is none and brings its tables up to
// date. Each migration is a transaction of its own where the engine has that
// for tables, forward only, and safe to run while nodes of the previous release
// serve.
func (s *Store) Migrate(ctx context.Context) error {
	if s.tx != nil {
		return errors.New("sqlstore: Migrate inside a transaction")
	}
	err := s.engine.migrate(ctx, func(ctx context.Context, db *sql.DB) error {
		p, err := s.provider(db)
		if err != nil {
			return err
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("sqlstore: migrate: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Ping(ctx)
}

func (s *Store) provider(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, s.dialect.folder)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	p, err := goose.NewProvider(s.dialect.goose, db, folder,
		goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithDisableGlobalRegistry(true),
		goose.WithAllowOutofOrder(true)) // between releases numbers are taken by several at once
	if err != nil {
		return nil, fmt.Errorf("sqlstore: migrations: %w", err)
	}
	return p, nil
}

// Pending returns the names of the migrations that Migrate would run.
func (s *Store) Pending(ctx context.Context) ([]string, error) {
	schema, err := s.Schema(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range schema.Migrations {
		if !m.Applied {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// applied returns the versions of the migrations that the database has, none
// when it has no tables.
func (s *Store) applied(ctx context.Context) (map[int64]bool, error) {
	number := func(r record, n *int64) error { return r.Scan(n) }
	tables, err := one(ctx, s, number, s.dialect.hasSchema)
	if err != nil || *tables == 0 {
		return nil, err
	}
	versions, err := all(ctx, s, number, readSchema)
	if err != nil {
		return nil, err
	}
	set := make(map[int64]bool, len(versions))
	for _, v := range versions {
		set[v] = true
	}
	return set, nil
}

// Ping tells whether the database answers and its schema is the expected one;
// else the error is ErrSchema. The schema is looked at once for each file that
// is opened, so that a later release may migrate while this one still serves.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.versions(ctx)
	if s.seen() {
		return err
	}
	if found, harm := s.engine.found(); err != nil && (harm != nil || !found) {
		return err // there is no file
	}
	schema, err := s.Schema(ctx)
	switch {
	case err != nil:
		return err
	case schema.Newer():
		return fmt.Errorf("sqlstore: %w: it is at version %d, made by a newer program; this one knows %d", ErrSchema, schema.Version, schema.Needs)
	case schema.Pending() > 0:
		return fmt.Errorf("sqlstore: %w: it is at version %d and this program needs %d; run the migrations", ErrSchema, schema.Version, schema.Needs)
	}
	if checked := s.engine.checked(); checked != nil {
		checked.Store(true)
	}
	return nil
}

func (s *Store) seen() bool {
	checked := s.engine.checked()
	return checked != nil && checked.Load()
}
