package sqlstore_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// No statement walks over a table that grows, on any engine.
func TestStatementsUseIndexesOnServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.DSN(t, "max_conns=2")
			s := storetest.Open(t, sqlstore.Config{DSN: dsn})
			db := e.DB(t, dsn)
			db.SetMaxOpenConns(1)
			fill(t, e, db)
			for name, stmt := range sqlstore.Statements(t) {
				if name == "hasSchema" || sqlstore.Walks[name] != "" {
					continue
				}
				stmt = s.Rebind(stmt)
				for _, walk := range walked(t, e, db, stmt) {
					if sqlstore.Small[real(stmt, walk)] == "" {
						t.Errorf("%s walks over %s:\n%s", name, walk, stmt)
					}
				}
			}
			// The check itself must find a walk.
			if len(walked(t, e, db, "SELECT id FROM grants WHERE expires_at < 1")) == 0 {
				t.Error("a walk over grants is not seen")
			}
			if e == storetest.MariaDB && len(walked(t, e, db, sqlstore.Statements(t)["purgeGrants"])) == 0 {
				t.Error("the portable form would do, too, and needs no joins")
			}
		})
	}
}

var aliases = regexp.MustCompile(`(?:FROM|JOIN) (\w+) (\w+)`)

// real returns the table behind an alias.
func real(stmt, name string) string {
	for _, m := range aliases.FindAllStringSubmatch(stmt, -1) {
		if m[2] == name {
			return m[1]
		}
	}
	return name
}

// fill gives every table enough rows for an index to be worth it.
func fill(t *testing.T, e *storetest.Engine, db *sql.DB) {
	t.Helper()
	postgres := e == storetest.PostgreSQL
	schema, bytes, from := "DATABASE()", "LEFT(UNHEX(MD5(CONCAT(seq, '%s'))), %d)", "seq_1000_to_3999"
	if postgres {
		schema, bytes, from = "current_schema()", "decode(left(md5(seq || '%s'), 2 * %d), 'hex')", "generate_series(1000, 3999) seq"
	}
	rows, err := db.Query(`SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
		WHERE table_schema = ` + schema + ` AND table_name NOT IN ('goose_db_version', 'versions', 'schema_lease') ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string][][3]string{}
	for rows.Next() {
		var table, column, kind, nullable string
		if err := rows.Scan(&table, &column, &kind, &nullable); err != nil {
			t.Fatal(err)
		}
		value, found := "seq", "1" // found is what the statements look for
		switch {
		case kind == "smallint":
			value = "seq % 16"
		case kind != "bigint":
			length := 16
			if column == "rotation_id" {
				length = 8
			}
			value, found = fmt.Sprintf(bytes, column, length), "'1'"
		}
		if nullable == "YES" && kind == "bigint" {
			found = "NULL"
		}
		columns[table] = append(columns[table], [3]string{column, value, found})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table, list := range columns {
		var names, values, found []string
		for _, c := range list {
			names, values, found = append(names, c[0]), append(values, c[1]), append(found, c[2])
		}
		for _, fill := range []string{
			fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", table, strings.Join(names, ", "), strings.Join(values, ", "), from),
			fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(found, ", ")),
		} {
			if _, err := db.Exec(fill); err != nil {
				t.Fatalf("%s: %v", fill, err)
			}
		}
		analyze := "ANALYZE TABLE " + table
		if postgres {
			analyze = "ANALYZE " + table
		}
		if _, err := db.Exec(analyze); err != nil {
			t.Fatal(err)
		}
	}
}

// walked returns the tables that the plan of a statement reads without an
// index, or all of an index.
func walked(t *testing.T, e *storetest.Engine, db *sql.DB, stmt string) []string {
	t.Helper()
	if e == storetest.PostgreSQL {
		return walkedByPostgres(t, db, stmt)
	}
	rows, err := db.Query("EXPLAIN " + filled(stmt))
	if err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for rows.Next() {
		cells, dest := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			dest[i] = &cells[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		cell := func(name string) string { return cells[slices.Index(names, name)].String }
		table := cell("table")
		derived := strings.HasPrefix(table, "<") || table == ""
		if how := cell("type"); cell("select_type") != "INSERT" && !derived && (how == "ALL" || how == "index") {
			found = append(found, table)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// walkedByPostgres asks for the plan that fits all values, and not for that of
// some.
func walkedByPostgres(t *testing.T, db *sql.DB, stmt string) []string {
	t.Helper()
	n := strings.Count(stmt, "$")
	execute := "asked"
	if n > 0 {
		execute += "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
	}
	for _, control := range []string{
		"SET plan_cache_mode = force_generic_plan",
		"SET enable_seqscan = off", // the rows are few
		"PREPARE asked AS " + stmt,
	} {
		if _, err := db.Exec(control); err != nil {
			t.Fatalf("%s: %v", control, err)
		}
	}
	var text []byte
	if err := db.QueryRow("EXPLAIN (FORMAT JSON) EXECUTE " + execute).Scan(&text); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
	if _, err := db.Exec("DEALLOCATE asked"); err != nil {
		t.Fatal(err)
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal(text, &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan.walks()
}

var (
	numbers = regexp.MustCompile(`(LIMIT|OFFSET) \?`)
	given   = regexp.MustCompile(`\? = 0`)
)

// filled looks for the one row that fill made to be found.
func filled(stmt string) string {
	stmt = numbers.ReplaceAllString(stmt, "$1 10")
	stmt = given.ReplaceAllString(stmt, "1 = 0")
	return strings.ReplaceAll(stmt, "?", "'1'")
}

// node is a step of a plan of PostgreSQL.
type node struct {
	Type      string `json:"Node Type"`
	Table     string `json:"Relation Name"`
	Index     string `json:"Index Name"`
	Condition string `json:"Index Cond"`
	Plans     []node
}

func (n node) walks() (found []string) {
	switch {
	case n.Type == "Seq Scan", strings.Contains(n.Type, "Index") && n.Condition == "":
		if found = append(found, n.Table); n.Table == "" {
			found[0] = n.Index
		}
	}
	for _, p := range n.Plans {
		found = append(found, p.walks()...)
	}
	return found
}
