package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNoBackup says that the store's engine has a program of its own for
// backups.
var ErrNoBackup = errors.New("sqlstore: the database server has a program of its own for backups")

// Backup writes a whole and consistent copy of a SQLite database to a file
// that does not exist yet, while others read and write. It has everything that
// was acknowledged before the call. The copy was read back when Backup returns
// nil, and survives a power loss. ErrNoBackup for other engines.
func (s *Store) Backup(ctx context.Context, path string) error {
	e, ok := s.engine.(*embedded)
	if !ok || e.loc.path == "" {
		return ErrNoBackup
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("sqlstore: backup: %s exists already", path), err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".hydra-backup-") // mode 0700
	if err != nil {
		return fmt.Errorf("sqlstore: backup: %w", err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "copy")
	for _, step := range []func() error{
		func() error { return os.WriteFile(copied, nil, 0o600) }, // SQLite keeps the mode
		func() error { return e.copyInto(ctx, copied) },
		func() error { return readBack(ctx, copied) },
		func() error { return syncFile(copied) },
		// A link does not replace what somebody else has put there meanwhile.
		func() error { return os.Link(copied, path) },
		func() error { return syncFile(filepath.Dir(path)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("sqlstore: backup: %w", err)
		}
	}
	return nil
}

// copyInto copies what one moment's reader sees, without the pages that are
// free.
func (e *embedded) copyInto(ctx context.Context, path string) error {
	if ok, err := e.found(); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%s: %w", e.loc.path, fs.ErrNotExist))
	}
	db := e.pool(false)
	defer db.Close()
	_, err := db.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}

// readBack looks at every page of a copy.
func readBack(ctx context.Context, path string) error {
	db := sql.OpenDB(connector{driver: sqliteDriver, dsn: location{path: path}.open(true)})
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("the copy is damaged: %s", verdict)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
