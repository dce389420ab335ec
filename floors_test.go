package floors_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "hydra/"

// floor says where a package stands and what it may import. An import goes
// down, never up or sideways; docs/adr/0003-floors.md says why.
type floor struct {
	level int
	// core packages speak the RFCs and return values and errors: no HTTP, no
	// SQL, no files, no logger.
	core bool
	// imports are packages of this module, by their path below it.
	imports []string
	// modules are the modules of others, or single packages of them.
	modules []string
	// std are packages of the standard library that the rules below would
	// refuse, with the reason beside them.
	std []string
	// alone are such packages for one file alone, by its name.
	alone map[string][]string
}

var (
	upToKey    = []string{"internal/oauth", "internal/secret", "internal/key"}
	upToClient = append(slices.Clone(upToKey), "internal/client")
	upToToken  = append(slices.Clone(upToClient), "internal/token")
	upToFlow   = append(slices.Clone(upToToken), "internal/flow")
	handlers   = append(slices.Clone(upToFlow), "internal/web")
)

// floors is the house. A package that is not here does not belong to it yet.
var floors = map[string]floor{
	"internal/oauth":  {level: 0, core: true, std: []string{"log/slog"}}, // LogValue redacts secrets
	"internal/secret": {level: 0, core: true, modules: []string{"golang.org/x/crypto"}, std: []string{"crypto/rand"}},
	"internal/pack":   {level: 0, core: true},
	"internal/key":    {level: 1, core: true, imports: []string{"internal/oauth", "internal/secret"}, modules: []string{"github.com/go-jose/go-jose/v4"}, std: []string{"crypto/rand"}, alone: map[string][]string{"fetch.go": {"net/http"}, "post.go": {"net/http"}}}, // whom clients name, and whom the operator names
	"internal/client": {level: 2, core: true, imports: upToKey, modules: []string{"golang.org/x/time/rate"}},
	"internal/token":  {level: 3, core: true, imports: append(slices.Clone(upToClient), "internal/pack")},
	"internal/flow":   {level: 4, core: true, imports: append(slices.Clone(upToToken), "internal/pack"), modules: []string{"golang.org/x/time/rate"}},

	"internal/web":       {level: 1, imports: []string{"internal/oauth"}, modules: []string{"golang.org/x/time/rate", "github.com/prometheus/client_golang/prometheus"}, std: []string{"crypto/rand"}}, // ids of requests
	"internal/config":    {level: 1, imports: []string{"internal/oauth"}, modules: []string{"github.com/goccy/go-yaml"}},
	"internal/sqlstore":  {level: 1, imports: []string{"internal/oauth"}, modules: []string{"github.com/pressly/goose/v3", "modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/go-sql-driver/mysql"}, std: []string{"database/sql", "math/rand/v2"}}, // jitter, and ids of attempts
	"internal/storetest": {level: 2, imports: []string{"internal/oauth", "internal/sqlstore"}, modules: []string{"github.com/google/go-cmp/cmp"}, std: []string{"testing", "database/sql"}},                                                                   // a test suite, with a driver that fails on demand and real servers

	"internal/oryimport":         {level: 3, imports: []string{"internal/oauth", "internal/secret", "internal/sqlstore"}},
	"internal/oryimport/orytest": {level: 3, imports: []string{"internal/storetest"}, std: []string{"testing", "database/sql"}}, // databases for tests

	// What the commands need that are clients of a running server.
	"internal/openapi":  {level: 1, modules: []string{"github.com/goccy/go-yaml"}, std: []string{"embed"}}, // the parts of the description
	"internal/show":     {level: 1, modules: []string{"github.com/goccy/go-yaml"}},
	"internal/loadtest": {level: 1, std: []string{"crypto/rand"}}, // what a browser draws for PKCE, and ids of clients
	"internal/remote":   {level: 2, imports: []string{"internal/oauth", "internal/secret", "internal/key"}},

	"internal/public": {level: 5, imports: handlers},
	"internal/admin":  {level: 5, imports: append(slices.Clone(handlers), "internal/openapi")},
	// The pages talk to the two ports over HTTP like anybody else; of the core
	// they only borrow what makes a client secret.
	"internal/ui": {level: 5, imports: []string{"internal/oauth", "internal/secret", "internal/web"}},

	"internal/server": {
		level:   6,
		imports: append(slices.Clone(handlers), "internal/config", "internal/sqlstore", "internal/oryimport", "internal/public", "internal/admin", "internal/ui", "internal/openapi"),
		modules: []string{"github.com/prometheus/client_golang/prometheus"},
		std:     []string{"math/rand/v2"}, // jitter
	},
	"cmd/hydra": {level: 7, imports: []string{"internal/server", "internal/config", "internal/oauth", "internal/loadtest", "internal/remote", "internal/show"}, modules: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}},
}

// forbiddenToCore lists what the floors 0 to 4 do without; a name stands for
// what lies below it, too.
var forbiddenToCore = []string{
	"net/http", "net/smtp", "net/rpc", "database/sql", "log", "os", "html", "text/template", "flag", "expvar", "syscall", "io/ioutil", "embed",
}

// forbidden lists what only the packages that name it in their floor may
// import: everybody's randomness comes from secret and key, SQL is spoken in
// one place, and a test suite is no part of the program.
var forbidden = []string{"crypto/rand", "math/rand", "database/sql", "testing", "unsafe", "plugin", "net/http/pprof", "net/http/httptest"}

// formNames are names that tell how a package is built instead of what it is.
var formNames = []string{"util", "utils", "common", "helper", "helpers", "x", "pkg", "model", "models", "type", "types", "interface", "interfaces", "base", "misc", "lib", "core", "shared"}

// source is one parsed Go file.
type source struct {
	path string // slashes, from the root of the repository
	dir  string
	test bool
	file *ast.File
	fset *token.FileSet
	text []byte
}

func (s source) at(p token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(p).Line)
}

// sources parses every Go file below internal and cmd.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	for _, root := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if d.IsDir() || filepath.Ext(name) != ".go" {
				return nil
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			slashed := filepath.ToSlash(name)
			out = append(out, source{slashed, path.Dir(slashed), strings.HasSuffix(name, "_test.go"), file, fset, text})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatal("no Go file was found; the walk begins in the wrong place")
	}
	return out
}

func TestFloors(t *testing.T) {
	t.Parallel()
	seen, used := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		here, ok := floors[s.dir]
		if !ok {
			if !seen[s.dir] {
				t.Errorf("%s: the package stands on no floor; give it one in floors_test.go", s.dir)
			}
			seen[s.dir] = true
			continue
		}
		seen[s.dir] = true
		for _, spec := range s.file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			check := here.refuses
			if s.test {
				check = here.refusesInTest
			}
			if slices.Contains(here.alone[path.Base(s.path)], name) {
				used[s.path+" "+name] = true
				continue
			}
			if why := check(name); why != "" {
				t.Errorf("%s: %s must not import %s: %s", s.at(spec.Pos()), s.dir, name, why)
			}
		}
	}
	for dir, f := range floors {
		if !seen[dir] {
			t.Errorf("%s has a floor and no file", dir)
		}
		for file, names := range f.alone {
			for _, name := range names {
				if !used[dir+"/"+file+" "+name] {
					t.Errorf("%s/%s may import %s alone, and does not", dir, file, name)
				}
			}
		}
	}
}

// The table itself keeps the rule that it enforces.
func TestFloorsGoDown(t *testing.T) {
	t.Parallel()
	for dir, f := range floors {
		for _, name := range f.imports {
			below, ok := floors[name]
			if !ok {
				t.Errorf("%s may import %s, which is no floor", dir, name)
			} else if below.level >= f.level {
				t.Errorf("%s on floor %d may import %s on floor %d", dir, f.level, name, below.level)
			}
			if f.core && !below.core {
				t.Errorf("%s belongs to the core and may import %s, which does not", dir, name)
			}
		}
	}
	for _, only := range []struct{ module, owner string }{
		{"github.com/go-jose/go-jose/v4", "internal/key"},
		{"golang.org/x/crypto", "internal/secret"},
		{"modernc.org/sqlite", "internal/sqlstore"},
		{"github.com/jackc/pgx/v5", "internal/sqlstore"},
		{"github.com/go-sql-driver/mysql", "internal/sqlstore"},
		{"github.com/spf13/cobra", "cmd/hydra"},
	} {
		for dir, f := range floors {
			if slices.Contains(f.modules, only.module) != (dir == only.owner) {
				t.Errorf("%s belongs to %s alone, see %s", only.module, only.owner, dir)
			}
		}
	}
}

// refuses tells why the package must not import the other one, or "".
func (f floor) refuses(name string) string {
	if own, ok := strings.CutPrefix(name, module); ok {
		if !slices.Contains(f.imports, own) {
			return "it lies above, beside, or further down than it may reach"
		}
		return ""
	}
	if isForeign(name) {
		if !anyWithin(f.modules, name) {
			return "the module is not among those of this package"
		}
		return ""
	}
	switch {
	case slices.Contains(f.std, name):
		return ""
	case anyWithin(forbidden, name) && !anyWithin(f.std, name):
		return "only a few packages may, see the table forbidden"
	case f.core && anyWithin(forbiddenToCore, name):
		return "the core does without it, see the table forbiddenToCore"
	}
	return ""
}

// refusesInTest is refuses for test files. They may use the ready store, the
// test modules and the whole standard library, and nothing from above.
func (f floor) refusesInTest(name string) string {
	if own, ok := strings.CutPrefix(name, module); ok {
		if below, ok := floors[own]; !ok || (below.level > f.level && own != "internal/storetest" && own != "internal/sqlstore") {
			return "it lies above; a test that needs both belongs to the upper floor"
		}
	}
	if strings.Contains(name, "testify") || strings.Contains(name, "gomock") {
		return "tests are written with the standard library and go-cmp"
	}
	return ""
}

// isForeign tells a module of somebody else from the standard library, whose
// first element has no dot.
func isForeign(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

// anyWithin reports whether the name is one of the list or lies below one.
func anyWithin(list []string, name string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return name == l || strings.HasPrefix(name, l+"/") })
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dir, name string
		ok        bool
	}{
		{"internal/oauth", "strings", true},
		{"internal/oauth", "log/slog", true},
		{"internal/oauth", "log", false},
		{"internal/oauth", "net/url", true},
		{"internal/oauth", "net/http", false},
		{"internal/oauth", "database/sql", false},
		{"internal/oauth", "database/sql/driver", false},
		{"internal/oauth", "os", false},
		{"internal/oauth", "os/exec", false},
		{"internal/oauth", "crypto/rand", false},
		{"internal/oauth", "golang.org/x/crypto/bcrypt", false},
		{"internal/oauth", "hydra/internal/secret", false},
		{"internal/secret", "golang.org/x/crypto/bcrypt", true},
		{"internal/secret", "crypto/rand", true},
		{"internal/key", "net/http", false}, // but for two files
		{"internal/token", "hydra/internal/key", true},
		{"internal/token", "hydra/internal/flow", false},
		{"internal/token", "github.com/go-jose/go-jose/v4", false},
		{"internal/token", "log/slog", false},
		{"internal/flow", "net/http", false},
		{"internal/public", "net/http", true},
		{"internal/public", "hydra/internal/admin", false},
		{"internal/public", "hydra/internal/sqlstore", false},
		{"internal/public", "database/sql", false},
		{"internal/sqlstore", "database/sql/driver", true},
		{"internal/sqlstore", "hydra/internal/token", false},
		{"internal/server", "hydra/internal/storetest", false},
		{"internal/server", "testing", false},
		{"cmd/hydra", "hydra/internal/token", false},
		{"cmd/hydra", "os", true},
	} {
		if why := floors[test.dir].refuses(test.name); (why == "") != test.ok {
			t.Errorf("%s imports %s: %q, want allowed = %t", test.dir, test.name, why, test.ok)
		}
	}
}

func TestNamesTellWhatAPackageIs(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, s := range sources(t) {
		name := s.file.Name.Name
		if slices.Contains(formNames, strings.TrimSuffix(name, "_test")) || slices.Contains(formNames, path.Base(s.dir)) {
			t.Errorf("%s: package %s is named after its form", s.path, name)
		}
		if want := path.Base(s.dir); !s.test && name != want && name != "main" {
			t.Errorf("%s: package %s in directory %s", s.path, name, want)
		}
		documented[s.dir] = documented[s.dir] || (!s.test && s.file.Doc != nil)
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !documented[dir] {
			t.Errorf("%s: the package has no comment that says what it is", dir)
		}
	}
}

// A file is one thought. Above 500 lines it is several; above 400 it is named,
// so that somebody thinks about it.
func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		lines := bytes.Count(s.text, []byte("\n"))
		switch {
		case s.test:
		case lines > 500:
			t.Errorf("%s has %d lines; a file has at most 500", s.path, lines)
		case lines > 400:
			t.Logf("%s has %d lines; about 400 is the aim", s.path, lines)
		}
	}
}

// names that no file outside the given directories mentions, and why.
var forbiddenNames = []struct {
	pkg, name, why string
	except         []string
}{
	{"time", "Since", "time comes in from outside, once per request", []string{"internal/server", "cmd/hydra", "internal/loadtest"}},
	{"time", "Until", "time comes in from outside, once per request", []string{"internal/server", "cmd/hydra"}},
	{"context", "TODO", "take the caller's context", nil},
	{"fmt", "Print", "only a command writes to its standard output", []string{"cmd/hydra"}},
	{"fmt", "Printf", "only a command writes to its standard output", []string{"cmd/hydra"}},
	{"fmt", "Println", "only a command writes to its standard output", []string{"cmd/hydra"}},
	{"http", "DefaultClient", "it has no timeout and follows redirects", nil},
	{"http", "Get", "it uses the default client", nil},
	{"http", "Post", "it uses the default client", nil},
	{"http", "PostForm", "it uses the default client", nil},
	{"http", "DefaultServeMux", "everybody can register there", nil},
	{"http", "ListenAndServe", "it has no timeouts", nil},
	{"prometheus", "DefaultRegisterer", "the server has its own registry", nil},
	{"slog", "Default", "the logger is handed down", []string{"internal/server", "cmd/hydra"}},
	{"os", "Exit", "only main ends the program", []string{"cmd/hydra"}},
}

// readsClock lists who may read the clock; storetest is a test, and loadtest
// is a clock.
var readsClock = []string{"internal/server", "cmd/hydra", "internal/storetest", "internal/loadtest"}

// The clock is read where the program is put together. Elsewhere a field Now
// is called; time.Now may stand as its default, but is not called.
func TestForbiddenNames(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if isName(n.Fun, "time", "Now") && !slices.Contains(readsClock, s.dir) {
					t.Errorf("%s: time.Now is called; call the field Now", s.at(n.Pos()))
				}
			case *ast.SelectorExpr:
				for _, f := range forbiddenNames {
					if isName(n, f.pkg, f.name) && !slices.Contains(f.except, s.dir) {
						t.Errorf("%s: %s.%s: %s", s.at(n.Pos()), f.pkg, f.name, f.why)
					}
				}
			}
			return true
		})
	}
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|HACK)\b`)

// A test that is skipped, or sleeps, or waits to be written, tells nothing.
func TestTestsAreHonest(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if mark := unfinished.FindString(c.Text); mark != "" {
					t.Errorf("%s: %s; finish it or write an issue", s.at(c.Pos()), mark)
				}
			}
		}
		if !s.test {
			continue
		}
		level := floors[s.dir].level
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if isName(sel, "t", "Skip") || isName(sel, "t", "Skipf") || isName(sel, "t", "SkipNow") {
				t.Errorf("%s: a test is skipped", s.at(sel.Pos()))
			}
			// Above, tests wait for processes; in a synctest bubble nobody waits.
			if isName(sel, "time", "Sleep") && level < 6 && !imports(s.file, "testing/synctest") {
				t.Errorf("%s: a test sleeps; move its clock", s.at(sel.Pos()))
			}
			return true
		})
	}
}

func imports(f *ast.File, name string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(name) })
}

func isName(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}
