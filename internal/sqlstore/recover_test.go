package sqlstore_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// raw opens the file beside the store, as another process would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, stmt string) {
	t.Helper()
	if _, err := db.Exec(stmt); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// fails checks that nothing works and that no failure looks like an answer.
func fails(t *testing.T, s oauth.Store, when string) {
	t.Helper()
	_, readErr := s.Setting(t.Context(), "a")
	for name, err := range map[string]error{
		"Ping()": s.Ping(t.Context()), "Setting()": readErr, "AddReplay()": s.AddReplay(t.Context(), oauth.ID{200}, noon),
		"Tx()": s.Tx(t.Context(), func(s oauth.Store) error { return s.AddReplay(t.Context(), oauth.ID{201}, noon) }),
	} {
		if err == nil || errors.Is(err, oauth.ErrNotFound) || errors.Is(err, oauth.ErrExists) {
			t.Errorf("%s: %s = %v", when, name, err)
		}
	}
}

// works checks that the store answers and has kept its setting.
func works(t *testing.T, s oauth.Store, when, want string) {
	t.Helper()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("%s: Ping() = %v", when, err)
	}
	if v, err := s.Setting(t.Context(), "a"); err != nil || string(v) != want {
		t.Errorf("%s: Setting() = %q, %v, want %q", when, v, err, want)
	}
	if got, err := s.TakeLease(t.Context(), when, oauth.ID{1}, noon, oauth.Never); err != nil || !got {
		t.Errorf("%s: TakeLease() = %v, %v", when, got, err)
	}
}

// A file that disappears is an error until it is back; nothing is restarted.
func TestFileDisappears(t *testing.T) {
	t.Parallel()
	path := storetest.File(t)
	s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
	if err := s.AddSetting(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	works(t, s, "at first", "1")

	aside := filepath.Join(t.TempDir(), "aside")
	move := func(from, to string) {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Rename(from+suffix, to+suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
				t.Fatal(err)
			}
		}
	}
	move(path, aside)
	fails(t, s, "moved away")
	if _, err := os.Stat(path); err == nil {
		t.Error("an empty database was made in its place")
	}
	move(aside, path)
	works(t, s, "moved back", "1")

	// Another file takes its place, as a restore does.
	other := storetest.File(t)
	o := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + other})
	if err := o.AddSetting(t.Context(), "a", []byte("2")); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	move(path, aside+"2")
	fails(t, s, "removed")
	move(other, path)
	works(t, s, "restored", "2")

	// What takes its place is not a database, then an empty one.
	move(path, aside+"3")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, s, "garbage")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, sqlstore.ErrSchema) {
		t.Errorf("Ping() of an empty file = %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	move(aside+"3", path)
	works(t, s, "in the end", "2")
}

// Another process's lock is waited for, then an error; afterwards all is well.
func TestFileLocked(t *testing.T) {
	t.Parallel()
	path := storetest.File(t)
	s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path + "?busy_timeout=1ms"})
	if err := s.AddSetting(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	other := raw(t, path)
	mustExec(t, other, "BEGIN IMMEDIATE")
	if err := s.AddReplay(t.Context(), oauth.ID{1}, noon); err == nil || errors.Is(err, oauth.ErrExists) {
		t.Errorf("AddReplay() on a locked file = %v", err)
	}
	if v, err := s.Setting(t.Context(), "a"); err != nil || string(v) != "1" {
		t.Errorf("readers wait for a writer: %q, %v", v, err)
	}
	mustExec(t, other, "ROLLBACK")
	works(t, s, "unlocked", "1")
}

// A full disk refuses writes, keeps what there is, and recovers.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	path := storetest.File(t)
	faults := &storetest.Faults{OnOpen: "PRAGMA max_page_count=80"}
	s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path, Wrap: faults.Wrap})
	if err := s.AddSetting(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 1<<20)
	for range 2 {
		if err := s.AddSetting(t.Context(), "big", big); err == nil {
			t.Fatal("a megabyte fitted")
		}
		err := s.Tx(t.Context(), func(s oauth.Store) error {
			_ = s.AddSetting(t.Context(), "big", big) // even when the failure is ignored
			return s.AddSetting(t.Context(), "beside", nil)
		})
		if err == nil {
			t.Fatal("a transaction in which a statement found the disk full was committed")
		}
	}
	works(t, s, "full", "1")
	if _, err := s.Setting(t.Context(), "beside"); !errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("Setting() = %v, want half a transaction not to be there", err)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new.sqlite")
	open := func() *sqlstore.Store { return storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path}) }
	s := open()
	if err := s.Ping(t.Context()); err == nil {
		t.Error("Ping() without a file is no error")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("opening made the file")
	}
	if names, err := s.Pending(t.Context()); err != nil || len(names) == 0 {
		t.Errorf("Pending() without a file = %v, %v", names, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, sqlstore.ErrSchema) {
		t.Errorf("Ping() before the migration = %v", err)
	}
	if names, err := s.Pending(t.Context()); err != nil || len(names) == 0 {
		t.Errorf("Pending() before the migration = %v, %v", names, err)
	}

	// Two nodes that start at once both migrate.
	var wg sync.WaitGroup
	for _, s := range []*sqlstore.Store{s, open()} {
		wg.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Errorf("Migrate() = %v", err)
			}
		})
	}
	wg.Wait()
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate() again = %v", err)
	}
	if names, err := s.Pending(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("Pending() after the migration = %v, %v", names, err)
	}
	if err := s.AddSetting(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}

	// A newer program's database.
	mustExec(t, raw(t, path), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	works(t, s, "while a newer release migrates", "1")
	newcomer := open()
	if err := newcomer.Ping(t.Context()); !errors.Is(err, sqlstore.ErrSchema) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("Ping() of a newer database = %v", err)
	}
	if err := newcomer.Migrate(t.Context()); !errors.Is(err, sqlstore.ErrSchema) {
		t.Errorf("Migrate() of a newer database = %v", err)
	}
}

func TestReopenKeepsAll(t *testing.T) {
	t.Parallel()
	path := storetest.File(t)
	s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
	for _, w := range writes(t.Context(), s) {
		if w.name == "DeleteClient" {
			continue
		}
		if err := errors.Join(w.prepare(), w.run()); err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
	}
	snapshot := func(s *sqlstore.Store) []any {
		client, secrets, err1 := s.Client(t.Context(), "app")
		var grants []any
		for n := byte(10); n < 20; n++ {
			g, err := s.Grant(t.Context(), oauth.ID{n})
			grants = append(grants, g, err)
		}
		keys, err2 := s.KeySet(t.Context(), "s")
		seal, err3 := s.SealKeys(t.Context())
		versions, err4 := s.Versions(t.Context())
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		return []any{client, secrets, grants, keys, seal, versions}
	}
	before := snapshot(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("Close() left a log beside the file")
	}
	after := snapshot(storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path}))
	if diff := cmp.Diff(before, after, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("reopened (-before +after):\n%s", diff)
	}
}
