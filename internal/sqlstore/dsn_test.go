package sqlstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// migrated returns a store of the package's own, for tests that look inside.
func migrated(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{DSN: "sqlite://" + filepath.Join(t.TempDir(), "x.sqlite"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Plans and the like are asked on the handle that the writer also uses.
	s.engine.handle().SetMaxOpenConns(4)
	return s
}

func TestParseDSN(t *testing.T) {
	t.Parallel()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		dsn, path string
		busy      time.Duration
	}{
		{"sqlite:///var/lib/hydra.sqlite", "/var/lib/hydra.sqlite", time.Second},
		{"sqlite:///a/b.sqlite?busy_timeout=20ms", "/a/b.sqlite", 20 * time.Millisecond},
		{"sqlite:///a/b.sqlite?_fk=true&mode=rwc&max_conns=4", "/a/b.sqlite", time.Second},
		{"sqlite://data/b.sqlite", filepath.Join(wd, "data/b.sqlite"), time.Second},
		{"sqlite:///a%20b/%3Fc%25", "/a b/?c%", time.Second},
		{"memory", "", time.Second},
	} {
		loc, err := parseDSN(test.dsn)
		if err != nil || loc.path != test.path || loc.busyTimeout != test.busy {
			t.Errorf("parseDSN(%q) = %+v, %v", test.dsn, loc, err)
		}
	}
	for _, dsn := range []string{"", "memory?x=1", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///a/", "/a/b", "mysql://u:secret@h/d",
		"sqlite:///a%zz", "sqlite:///a?secret=1", "sqlite:///a?busy_timeout=soon", "sqlite:///a?busy_timeout=-1s", "sqlite:///a?busy_timeout=2h",
		"sqlite:///a?x=%zz", "sqlite:///a?mode=memory", "sqlite:///a?mode=ro", "sqlite:///a\x00b"} {
		_, err := parseDSN(dsn)
		if err == nil {
			t.Errorf("parseDSN(%q) is no error", dsn)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the DSN: %v", err)
		}
	}
	a, _ := parseDSN("memory")
	b, _ := parseDSN("memory")
	if a.name == b.name {
		t.Error("two databases in memory are one")
	}
}

func FuzzParseDSN(f *testing.F) {
	for _, seed := range []string{"memory", "sqlite:///a?busy_timeout=1s", "sqlite://a%20b?_fk=true", "sqlite://\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		loc, err := parseDSN(dsn)
		if err == nil && (loc.path == "") != (dsn == "memory") {
			t.Errorf("parseDSN(%q) = %+v", dsn, loc)
		}
		if err == nil && loc.path != "" && !filepath.IsAbs(loc.path) {
			t.Errorf("parseDSN(%q) leaves a relative path", dsn)
		}
	})
}

// A path may hold what has a meaning in a URL.
func TestOddPaths(t *testing.T) {
	t.Parallel()
	for name, escaped := range map[string]string{"a?b": "a%3Fb", "a%41": "a%2541", "a b&c=d#e": "a%20b&c=d%23e", "ü🙂": "ü🙂"} {
		dir := t.TempDir()
		s, err := Open(t.Context(), Config{DSN: "sqlite://" + dir + "/" + escaped, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%q: Close() = %v", name, err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 1 || files[0].Name() != name {
			t.Errorf("%q is stored in %v, %v", name, files, err)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("the database has mode %v", info.Mode().Perm())
		}
	}
}
