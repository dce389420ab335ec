package sqlstore

import (
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// walks are the statements that may walk over a whole table or index.
var walks = map[string]string{
	"listClients":  "paging by offset walks its index up to the offset, which is how two generations of the admin API page",
	"countClients": "counting walks over what is counted; it is asked only where a list is longer than its page",
	"countTrusted": "likewise, and people make each of these rows",

	"countRegistrations": "counting walks over what is counted, which the count itself bounds (10,000 by default); it is asked when somebody registers without a token",
}

// small are tables that do not grow with use.
var small = map[string]string{
	"versions":         "three rows",
	"seal_keys":        "a few keys for each kind; the ring reads all of them",
	"goose_db_version": "one row for each migration",
	"sqlite_master":    "one row for each table and index",
	"imported_secrets": "one row for each system secret of a server that was imported",
}

// sources returns the package's files without its tests.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// constants returns every constant of the package's sources that is text.
func constants(t *testing.T) map[string]string {
	t.Helper()
	raw := map[string]ast.Expr{}
	for _, f := range sources(t) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						raw[name.Name] = v.Values[i]
					}
				}
			}
		}
	}
	var text func(ast.Expr) (string, bool)
	text = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			s, err := strconv.Unquote(e.Value)
			return s, err == nil && e.Kind == token.STRING
		case *ast.Ident:
			v, ok := raw[e.Name]
			if !ok {
				return "", false
			}
			return text(v)
		case *ast.BinaryExpr:
			a, okA := text(e.X)
			b, okB := text(e.Y)
			return a + b, okA && okB
		}
		return "", false
	}
	all := map[string]string{}
	for name, e := range raw {
		if s, ok := text(e); ok {
			all[name] = s
		}
	}
	return all
}

var (
	statement = regexp.MustCompile(`^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s`)
	scan      = regexp.MustCompile(`^SCAN (\w+)`)
	alias     = regexp.MustCompile(`(?:FROM|JOIN) (\w+) (\w+)`)
)

// statements returns the constants that are whole statements.
func statements(t *testing.T) map[string]string {
	all := constants(t)
	for name, s := range all {
		if !statement.MatchString(s) {
			delete(all, name)
		}
	}
	all["hasSchema"] = sqliteDialect.hasSchema
	for name := range all {
		if name == "mysqlVariables" || strings.HasSuffix(name, "Joined") || strings.HasSuffix(name, "SchemaLease") {
			delete(all, name) // not for SQLite
		}
	}
	if len(all) < 45 {
		t.Fatalf("only %d statements were found", len(all))
	}
	return all
}

// Every statement finds its rows by an index, so that no table is too large.
func TestStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	s := migrated(t)
	used := map[string]bool{}
	for name, stmt := range statements(t) {
		rows, err := s.engine.handle().Query("EXPLAIN QUERY PLAN "+stmt, make([]any, strings.Count(stmt, "?"))...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tables := map[string]string{}
		for _, m := range alias.FindAllStringSubmatch(stmt, -1) {
			tables[m[2]] = m[1]
		}
		for _, step := range plan(t, rows) {
			m := scan.FindStringSubmatch(step)
			if m == nil || m[1] == "CONSTANT" || derived(stmt, m[1]) {
				continue
			}
			table := m[1]
			if real, ok := tables[table]; ok {
				table = real
			}
			if small[table] != "" {
				continue
			}
			if walks[name] != "" {
				used[name] = true
				continue
			}
			t.Errorf("%s walks over %s: %s", name, table, step)
		}
	}
	for name := range walks {
		if !used[name] {
			t.Errorf("%s does not walk over anything and needs no exception", name)
		}
	}
}

// derived reports whether the name is that of a subquery, whose own steps are
// judged by themselves.
func derived(stmt, name string) bool {
	return regexp.MustCompile(`\)\s+` + name + `\b`).MatchString(stmt)
}

func plan(t *testing.T, rows *sql.Rows) []string {
	t.Helper()
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// The check itself must find a walk.
func TestPlanShowsWalks(t *testing.T) {
	t.Parallel()
	rows, err := migrated(t).engine.handle().Query("EXPLAIN QUERY PLAN SELECT id FROM grants WHERE expires_at < 1")
	if err != nil {
		t.Fatal(err)
	}
	steps := plan(t, rows)
	if len(steps) == 0 || scan.FindStringSubmatch(steps[0]) == nil {
		t.Errorf("a walk over grants is planned as %q", steps)
	}
}

// SQL stands in constants, where the checks above see it.
func TestStatementsAreConstants(t *testing.T) {
	t.Parallel()
	sqlText := regexp.MustCompile(`(?i)^\s*(select|insert into|update|delete from)\s+[\w(*?]`)
	for _, f := range sources(t) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && sqlText.MatchString(s) {
						t.Errorf("%s holds SQL outside of a constant: %q", fn.Name.Name, s)
					}
				}
				return true
			})
		}
	}
}
