package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
		if m.Ops != p.Ops && (m.Engine != "–" || m.Ops%p.Ops != 0) || m.Errors+m.Shed != 0 || m.Requests != requests { // the bare handler is measured many times
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

// The curves of make scale, each as small as it can be.
func TestSmokeOfScale(t *testing.T) {
	t.Parallel()
	p := plan{Program: build(t), Progress: t.Logf}
	if err := p.choose("", "SQLite,PostgreSQL"); err != nil {
		t.Fatal(err)
	}
	p.smoke()
	c, err := p.scale(t.Context(), sizes{Connections: []int{1, 3}, Clients: 500, Grants: 2000, Nodes: 2, Memory: 1, Chunk: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, at := range c.Points {
		seen[at.Curve+" "+at.At]++
		if at.Ops < p.Ops || at.Errors+at.Shed != 0 {
			t.Errorf("%s at %s: %d operations, %d errors: %s", at.Curve, at.At, at.Ops, at.Errors+at.Shed, at.Error)
		}
	}
	want := map[string]int{"connections 1": 3, "connections 3": 3, "time under load 1m0s": 1}
	if c.Engine == "PostgreSQL" {
		for at, n := range map[string]int{"clients 10": 2, "clients 500": 2, "live Grants 1,000": 3, "live Grants 2,000": 3, "nodes 1": 1, "nodes 2": 1} {
			want[at] = n
		}
	}
	if !maps.Equal(seen, want) {
		t.Errorf("points %v, want %v", seen, want)
	}
}

// leastSQL is what an operation costs at least.
func leastSQL(m measured) float64 {
	return map[string]float64{"introspect": 1, "userinfo": 1, "client_list": 1, "refresh": 2, "code_flow": 5}[m.Scenario]
}

// built is the server as it stands in this tree; TestMain removes it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hydra-bench-test-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "hydra")
	cmd := exec.Command("go", "build", "-o", program, "./cmd/hydra")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return program, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

// buildAsked is whether a test has asked for it.
var buildAsked atomic.Bool

func build(t *testing.T) string {
	t.Helper()
	buildAsked.Store(true)
	program, err := built()
	if err != nil {
		t.Fatal(err)
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
