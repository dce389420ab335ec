package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hydra/internal/sqlstore"
)

// Standby is a PostgreSQL server with another one that follows it, without
// which nothing is acknowledged.
type Standby struct {
	primary, standby *Engine
}

// StartStandby starts both for the test.
func StartStandby(t testing.TB) *Standby {
	t.Helper()
	s := &Standby{primary: PostgreSQL.own(t), standby: PostgreSQL.own(t)}
	s.primary.start(t)
	s.standby.setUp = func(bin, dir string) []string { return copyOf(bin, dir, s.primary) }
	s.standby.start(t)
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	return s
}

// copyOf is the command that copies a server's data to follow it.
func copyOf(bin, dir string, of *Engine) []string {
	return []string{
		filepath.Join(filepath.Dir(bin), "pg_basebackup"), "-D", dir + "/data", "-h", "127.0.0.1", "-p", strconv.Itoa(of.port), "-U", "hydra",
		"-R", "-c", "fast", "-X", "stream", "--no-sync",
	}
}

// wait lets commits wait for the standby, and returns when they do.
func (s *Standby) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := s.primary.execute(ctx, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return s.primary.until(ctx, "postgres", "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'", "1")
}

// until asks until the last column of the first row is the text.
func (e *Engine) until(ctx context.Context, database, query, want string) error {
	db, err := sql.Open(e.driver, fmt.Sprintf(e.admin, e.port, database))
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		got, err := last(ctx, db, query)
		if err == nil && got == want {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-e.process.ended:
			return fmt.Errorf("%s ended: %s", e.Name, e.process.output())
		case <-ctx.Done():
			return fmt.Errorf("%s: %s answers %q, want %q: %w\n%s", e.Name, query, got, want, err, e.process.output())
		}
	}
}

// last is the last column of the first row.
func last(ctx context.Context, db *sql.DB, query string) (string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", rows.Err()
	}
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	err = rows.Scan(into...)
	return values[len(values)-1].String, err
}

// DSN returns the DSN of a migrated database without rows, with both hosts.
func (s *Standby) DSN(t testing.TB, options string) string {
	t.Helper()
	one := fmt.Sprintf("127.0.0.1:%d", s.primary.port)
	dsn := strings.Replace(s.primary.Fresh(t, options+"&target_session_attrs=read-write"), one, fmt.Sprintf("%s,127.0.0.1:%d", one, s.standby.port), 1)
	migrate(t, dsn)
	return dsn
}

func migrate(t testing.TB, dsn string) {
	t.Helper()
	s := Open(t, sqlstore.Config{DSN: dsn})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate() = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// DB opens the database of a DSN on whichever server takes writes.
func (s *Standby) DB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	path, _, _ := strings.Cut(dsn, "?")
	db, err := sql.Open(s.primary.driver, path+"?sslmode=disable&target_session_attrs=read-write")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Promote ends the primary without a chance to tidy up and makes the standby
// the primary. It returns when that one takes writes.
func (s *Standby) Promote() error {
	s.primary.Crash()
	s.primary, s.standby = s.standby, s.primary
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := s.primary.execute(ctx, "postgres", "SELECT pg_promote(false)"); err != nil {
		return err
	}
	return s.primary.until(ctx, "postgres", "SHOW transaction_read_only", "off")
}

// Follow makes the server that has crashed follow the one that was promoted,
// and commits wait for it again.
func (s *Standby) Follow() error {
	if err := os.RemoveAll(s.standby.dir + "/data"); err != nil {
		return err
	}
	of := s.primary
	s.standby.setUp = func(bin, dir string) []string { return copyOf(bin, dir, of) }
	if err := s.standby.prepare(); err != nil {
		return err
	}
	if err := s.standby.Recover(); err != nil {
		return err
	}
	return s.wait()
}
