package sqlstore

import (
	"regexp"
	"strings"
	"testing"
)

// expands are the statements of a migration that leave the release before it
// undisturbed: it neither misses what it knows nor trips over what it does not
// know. What takes something away belongs in a later release.
var expands = regexp.MustCompile(`^(CREATE TABLE IF NOT EXISTS \w+ \(|CREATE (UNIQUE )?INDEX (CONCURRENTLY )?IF NOT EXISTS |` +
	`ALTER TABLE \w+ ADD COLUMN |CREATE (UNIQUE )?INDEX \w+ ON |INSERT INTO |ALTER TABLE \w+ ADD (UNIQUE )?(KEY|INDEX) |` +
	`SET @make_index = |PREPARE make_index |EXECUTE make_index;|DEALLOCATE PREPARE make_index;)`)

// chosen is the statement that MySQL, which has no CREATE INDEX IF NOT EXISTS,
// chooses at the time.
var chosen = regexp.MustCompile(`^SET @make_index = IF\(EXISTS \([^']+'\w+' AND index_name = '(\w+)'\),\s*'DO 0', 'CREATE INDEX (\w+) ON \w+ \([\w, ]+\)'\);$`)

// Each statement of each migration says what it locks and whether it rewrites
// the table, and none takes anything away.
func TestMigrationsSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	memory, err := Open(t.Context(), Config{DSN: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	for _, d := range dialects {
		store := &Store{core: &core{dialect: d, engine: nowhere{memory.engine}}}
		schema, err := store.Schema(t.Context())
		if err != nil {
			t.Errorf("%s: %v", d.name, err)
			continue
		}
		if len(schema.Migrations) < 3 || schema.Version != 0 || schema.Newer() || schema.Pending() != len(schema.Migrations) {
			t.Errorf("%s: %d migrations, version %d, %d pending", d.name, len(schema.Migrations), schema.Version, schema.Pending())
		}
		for _, m := range schema.Migrations {
			if len(m.Steps) == 0 {
				t.Errorf("%s: %s has no statement", d.name, m.Name)
			}
			for _, step := range m.Steps {
				if !expands.MatchString(step.Statement) {
					t.Errorf("%s: %s: not safe while the release before serves: %s", d.name, m.Name, step.Statement)
				}
				if names := chosen.FindStringSubmatch(step.Statement); strings.HasPrefix(step.Statement, "SET") && (names == nil || names[1] != names[2]) {
					t.Errorf("%s: %s: not a choice between an index and nothing: %s", d.name, m.Name, step.Statement)
				}
				if column := strings.Contains(step.Statement, "ADD COLUMN"); column && strings.Contains(step.Statement, "NOT NULL") && !strings.Contains(step.Statement, "DEFAULT") {
					t.Errorf("%s: %s: the release before does not fill this column: %s", d.name, m.Name, step.Statement)
				}
			}
		}
	}
}

// nowhere is the engine of a database that does not exist yet.
type nowhere struct{ engine }

func (nowhere) found() (bool, error) { return false, nil }

func TestReadSteps(t *testing.T) {
	t.Parallel()
	steps, err := readSteps("-- +goose Up\n-- a remark\nCREATE TABLE IF NOT EXISTS a (\n  id INT\n);\nCREATE INDEX IF NOT EXISTS a_by_id ON a (id);\nINSERT INTO a (id) VALUES (1);\n" +
		"-- locks: b for a moment; rewrites: yes\nALTER TABLE b ADD COLUMN c BIGINT;\n")
	if err != nil || len(steps) != 4 {
		t.Fatalf("readSteps() = %+v, %v", steps, err)
	}
	if steps[1].Locks != locksNothing || steps[1].Rewrites || steps[2].Locks != locksNothing || steps[3].Locks != "b for a moment" || !steps[3].Rewrites {
		t.Errorf("readSteps() = %+v", steps)
	}
	for name, text := range map[string]string{
		"nothing is said about an old table":         "ALTER TABLE b ADD COLUMN c BIGINT;",
		"nothing is said about rows of an old table": "INSERT INTO b (c) VALUES (1);",
		"nothing is said about an old index":         "CREATE INDEX IF NOT EXISTS b_by_c ON b (c);",
		"what is said is about one statement":        "-- locks: b; rewrites: no\nALTER TABLE b ADD COLUMN c BIGINT;\nALTER TABLE b ADD COLUMN d BIGINT;",
		"whether it rewrites is part of it":          "-- locks: b\nALTER TABLE b ADD COLUMN c BIGINT;",
		"a statement ends with the end of its line":  "CREATE TABLE IF NOT EXISTS a (id INT)",
	} {
		if steps, err := readSteps(text); err == nil {
			t.Errorf("%s: readSteps() = %+v", name, steps)
		}
	}
}

// A migration whose number is lower than that of one which is there already is
// not forgotten.
func TestMigrationsOutOfOrder(t *testing.T) {
	t.Parallel()
	s := migrated(t)
	for _, stmt := range []string{"DROP TABLE devices", "DELETE FROM goose_db_version WHERE version_id = 3"} {
		if _, err := s.engine.handle().Exec(stmt); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.Pending(t.Context()); err != nil || len(names) != 1 || names[0] != "00003_devices.sql" {
		t.Errorf("Pending() = %q, %v", names, err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate() = %v", err)
	}
	if names, err := s.Pending(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("Pending() = %q, %v", names, err)
	}
	if _, err := s.engine.handle().Exec("SELECT id FROM devices"); err != nil {
		t.Error(err)
	}
}
