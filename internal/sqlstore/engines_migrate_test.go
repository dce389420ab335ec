package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

func TestSchemaOnServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.Fresh(t, "max_conns=3")
			open := func() *sqlstore.Store { return storetest.Open(t, sqlstore.Config{DSN: dsn}) }
			s := open()
			if err := s.Ping(t.Context()); !errors.Is(err, sqlstore.ErrSchema) {
				t.Errorf("Ping() before the migration = %v", err)
			}
			if names, err := s.Pending(t.Context()); err != nil || len(names) == 0 {
				t.Errorf("Pending() before the migration = %v, %v", names, err)
			}

			// Nodes that start at once all migrate, one after the other.
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := open().Migrate(t.Context()); err != nil {
						t.Errorf("Migrate() = %v", err)
					}
				})
			}
			wg.Wait()
			if names, err := s.Pending(t.Context()); err != nil || len(names) != 0 {
				t.Errorf("Pending() after the migration = %v, %v", names, err)
			}
			works(t, s, "migrated", add(t, s))

			// Half a migration is finished by the next one.
			db := e.DB(t, dsn)
			mustExec(t, db, "DELETE FROM goose_db_version WHERE version_id > 1")
			if err := open().Migrate(t.Context()); err != nil {
				t.Errorf("Migrate() of what is half done = %v", err)
			}

			// A newer program's database.
			mustExec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
			works(t, s, "while a newer release migrates", "1")
			newcomer := open()
			if err := newcomer.Ping(t.Context()); !errors.Is(err, sqlstore.ErrSchema) || !strings.Contains(err.Error(), "newer") {
				t.Errorf("Ping() of a newer database = %v", err)
			}
			if err := newcomer.Migrate(t.Context()); !errors.Is(err, sqlstore.ErrSchema) {
				t.Errorf("Migrate() of a newer database = %v", err)
			}
		})
	}
}

func add(t *testing.T, s oauth.Store) string {
	t.Helper()
	if err := s.AddSetting(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	return "1"
}

// A node that migrates keeps the others waiting; one that died does so no
// longer than its lease.
func TestMigrationLease(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.DSN(t, "max_conns=3")
			db := e.DB(t, dsn)
			at := func(now time.Time) *sqlstore.Store {
				return storetest.Open(t, sqlstore.Config{DSN: dsn, Now: func() time.Time { return now }})
			}
			if err := at(noon).Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("UPDATE schema_lease SET owner_id = 1, expires_at = " + micros(noon.Add(time.Minute))); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := at(noon).Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Migrate() while another node does = %v", err)
			}
			if err := at(noon.Add(time.Minute)).Migrate(t.Context()); err != nil {
				t.Errorf("Migrate() after the other node's lease = %v", err)
			}
			mustExec(t, db, "UPDATE schema_lease SET expires_at = 0")
		})
	}
}

// The engines have the same tables, columns and indexes, under the same
// numbers.
func TestSchemasAreTheSame(t *testing.T) {
	t.Parallel()
	path := storetest.File(t)
	storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
	lite := raw(t, path)
	want := map[string]string{
		"columns": list(t, lite, `SELECT m.name || '.' || p.name || CASE WHEN p."notnull" THEN ' NOT NULL' ELSE '' END
			FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE '%goose%' AND m.name NOT LIKE 'sqlite%'`),
		"indexes": list(t, lite, `SELECT m.name || '.' || (i.seqno + 1) || ' ' || i.name FROM sqlite_master m JOIN pragma_index_info(m.name) i
			WHERE m.type = 'index' AND m.name NOT LIKE 'sqlite%'`),
		"versions": list(t, lite, `SELECT version_id || '' FROM goose_db_version`),
	}
	for e, ask := range map[*storetest.Engine]map[string]string{
		storetest.PostgreSQL: {
			"columns": `SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
				FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT IN ('goose_db_version', 'schema_lease')`,
			"indexes": `SELECT i.relname || '.' || k.n || ' ' || a.attname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
				CROSS JOIN unnest(x.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
				WHERE i.relnamespace = current_schema()::regnamespace AND i.relname NOT LIKE '%\_pkey'`,
			"versions": `SELECT version_id::text FROM goose_db_version`,
		},
		storetest.MariaDB: {
			"columns": `SELECT CONCAT(table_name, '.', column_name, CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END)
				FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name NOT IN ('goose_db_version', 'schema_lease')`,
			"indexes": `SELECT CONCAT(index_name, '.', seq_in_index, ' ', column_name) FROM information_schema.statistics
				WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' AND table_name NOT IN ('goose_db_version', 'schema_lease')`,
			"versions": `SELECT CONCAT(version_id) FROM goose_db_version`,
		},
	} {
		db := e.DB(t, e.DSN(t, ""))
		for what, query := range ask {
			if want[what] == "" {
				t.Fatalf("SQLite has no %s", what)
			}
			if diff := cmp.Diff(strings.Split(want[what], "\n"), strings.Split(list(t, db, query), "\n")); diff != "" {
				t.Errorf("%s has other %s (-SQLite +%s):\n%s", e.Name, what, e.Name, diff)
			}
		}
	}
}
