package storetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"hydra/internal/sqlstore"
)

// template is the content of a migrated database without rows.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "storetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.sqlite")
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, sqlstore.Config{DSN: "sqlite://" + path, NoSync: true})
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		s.Close()
		return nil, err
	}
	// The last connection moves the log into the file.
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
