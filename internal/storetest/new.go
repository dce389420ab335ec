package storetest

import (
	"os"
	"path/filepath"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
)

// New returns a store on a fresh, migrated SQLite database of its own, which
// is closed when the test ends. It takes about a millisecond: the database is
// a copy of one that was migrated once.
func New(t testing.TB) oauth.Store {
	t.Helper()
	return Open(t, sqlstore.Config{DSN: "sqlite://" + File(t)})
}

// NewCounted is New with a counter of its statements.
func NewCounted(t testing.TB) (oauth.Store, *Counter) {
	t.Helper()
	c := new(Counter)
	return Open(t, sqlstore.Config{DSN: "sqlite://" + File(t), Observe: c.Observe}), c
}

// Open opens the store that the configuration names, without flushing the
// disk, and closes it when the test ends.
func Open(t testing.TB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	cfg.NoSync = true
	s, err := sqlstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("sqlstore.Open() = %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// File returns the path of a fresh, migrated SQLite database in the test's
// temporary directory.
func File(t testing.TB) string {
	t.Helper()
	content, err := template()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	path := filepath.Join(t.TempDir(), "store.sqlite")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
