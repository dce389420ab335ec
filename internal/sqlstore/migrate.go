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

const readSchema = `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`

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
		goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithDisableGlobalRegistry(true))
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

// schema returns the version of the database's schema, 0 when it has none.
func (s *Store) schema(ctx context.Context) (int64, error) {
	number := func(r *sql.Rows, n *int64) error { return r.Scan(n) }
	tables, err := one(ctx, s, number, s.dialect.hasSchema)
	if err != nil || *tables == 0 {
		return 0, err
	}
	version, err := one(ctx, s, number, readSchema)
	if err != nil {
		return 0, err
	}
	return *version, nil
}

// Ping tells whether the database answers and its schema is the expected one;
// else the error is ErrSchema. The schema is looked at once for each file that
// is opened, so that a later release may migrate while this one still serves.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.versions(ctx); s.seen() {
		return err
	}
	p, err := s.provider(s.engine.handle())
	if err != nil {
		return err
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version
	have, err := s.schema(ctx)
	switch {
	case err != nil:
		return err
	case have < want:
		return fmt.Errorf("sqlstore: %w: it is at version %d and this program needs %d; run the migrations", ErrSchema, have, want)
	case have > want:
		return fmt.Errorf("sqlstore: %w: it is at version %d, made by a newer program; this one knows %d", ErrSchema, have, want)
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
