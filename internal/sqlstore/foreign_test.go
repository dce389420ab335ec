//go:build distributed

package sqlstore_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// The contract on databases that the tests cannot start: make test-distributed.
// Each variable holds the DSN of an empty database of ours.
func TestContractOnForeignServers(t *testing.T) {
	found := 0
	for _, name := range []string{"TEST_DSN_COCKROACH", "TEST_DSN_YUGABYTE", "TEST_DSN_TIDB"} {
		dsn := os.Getenv(name)
		if dsn == "" {
			continue
		}
		found++
		t.Run(name, func(t *testing.T) {
			empty := emptier(t, dsn)
			storetest.Run(t, func(t testing.TB) oauth.Store {
				empty(t)
				return storetest.Open(t, sqlstore.Config{DSN: dsn})
			})
		})
	}
	if found == 0 {
		t.Fatal("set TEST_DSN_COCKROACH, TEST_DSN_YUGABYTE or TEST_DSN_TIDB")
	}
}

// emptier migrates the database and returns what empties its tables.
func emptier(t *testing.T, dsn string) func(testing.TB) {
	s := storetest.Open(t, sqlstore.Config{DSN: dsn})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	if strings.HasPrefix(dsn, "mysql://") {
		ask = `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()`
	}
	var tables []string
	if err := s.Handle(func(db *sql.DB) error {
		rows, err := db.QueryContext(t.Context(), ask)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			if name != "goose_db_version" && name != "versions" && name != "schema_lease" {
				tables = append(tables, name)
			}
		}
		return rows.Err()
	}); err != nil || len(tables) < 10 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	return func(t testing.TB) {
		for _, name := range tables {
			if err := s.Handle(func(db *sql.DB) error {
				_, err := db.ExecContext(t.Context(), "DELETE FROM "+name)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
