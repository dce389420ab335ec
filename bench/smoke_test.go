package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Everything that make bench does, so short that only counts and shapes mean
// anything: a real server on each database of this machine, every scenario.
func TestSmoke(t *testing.T) {
	t.Parallel()
	p := plan{Program: build(t), Progress: t.Logf}
	if err := p.choose("", "SQLite,PostgreSQL"); err != nil {
		t.Fatal(err)
	}
	p.smoke()
	f, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 + len(rows)*len(p.Engines); len(f.Rows) != want {
		t.Fatalf("%d rows, want %d", len(f.Rows), want)
	}
	for _, m := range f.Rows {
		requests := m.Ops
		if m.Scenario == "code_flow" {
			requests *= 8
		}
		if m.Ops != p.Ops && m.Ops != 2*p.Ops || m.Errors+m.Shed != 0 || m.Requests != requests { // the bare handler is measured twice
			t.Errorf("%s on %s: %d operations, %d requests, %d errors, %d turned away: %s", m.Title, m.Engine, m.Ops, m.Requests, m.Errors, m.Shed, m.Error)
		}
		// Background jobs add some; the budgets themselves are held by the tests of the server.
		if counted := m.Reads + m.Writes; counted < leastSQL(m) || math.IsNaN(counted) {
			t.Errorf("%s on %s: %.2f statements per operation, want %s", m.Title, m.Engine, counted, m.SQL)
		}
	}
	if len(f.Overload) != 2*len(p.Engines) || len(f.Floods) != len(floodKinds)*len(p.Engines) {
		t.Fatalf("%d overloads, %d floods", len(f.Overload), len(f.Floods))
	}
	for _, o := range f.Overload {
		if o.Errors != 0 || o.Health.Asked == 0 || o.Health.Alive != o.Health.Asked || o.ShedShare < 0 || o.ShedShare > 1 {
			t.Errorf("%+v", o)
		}
	}
	for _, fl := range f.Floods {
		if fl.FloodBad != 0 || fl.GoodWrong != 0 || fl.Requests == 0 || fl.FloodShed < 0 || fl.FloodShed > 1 {
			t.Errorf("%+v", fl)
		}
	}
}

// leastSQL is what an operation costs at least.
func leastSQL(m measured) float64 {
	return map[string]float64{"introspect": 1, "userinfo": 1, "client_list": 1, "refresh": 2, "code_flow": 5}[m.Scenario]
}

// build builds the server as it stands in this tree.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hydra")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/hydra")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// PostgreSQL leaves neither a process nor a directory.
func TestPostgresEnds(t *testing.T) {
	t.Parallel()
	p, err := startPostgres(t.Context())
	if _, missing := findPostgres(); missing != nil {
		if err == nil || !strings.Contains(err.Error(), "no PostgreSQL") {
			t.Fatalf("start = %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.create(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.sql(t.Context(), "one", "SELECT 40 + 2"); err != nil || got != "42" {
		t.Errorf("sql = %q, %v", got, err)
	}
	if _, err := p.sql(t.Context(), "one", "SELECT nonsense"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("sql = %v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := p.sql(t.Context(), "one", "SELECT 1"); err == nil {
		t.Error("it still answers")
	}
}
