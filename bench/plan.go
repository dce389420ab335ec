package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hydra/bench/load"
)

// row is a line of the table: a scenario, and what is asked of it.
type row struct {
	Scenario, Title string
	Alg             string // RS256 everywhere but where the signature is the cost
	Post            bool   // compare with the bare handler's POST
	// Target is the CPU time per 1,000 operations that docs/performance.md
	// wants on its machine; 0: none.
	Target float64
	// SQL is the budget of statements per operation.
	SQL string
}

// rows are the scenarios in the order of the table. Those with ES256 come
// last: they run on a server of their own.
var rows = []row{
	{Scenario: "discovery", Title: "discovery", Alg: "RS256", Target: .035, SQL: "0"},
	{Scenario: "jwks", Title: "key set", Alg: "RS256", Target: .035, SQL: "0"},
	{Scenario: "client_credentials", Title: "client credentials", Alg: "RS256", Post: true, Target: .10, SQL: "0"},
	{Scenario: "introspect", Title: "introspect, active", Alg: "RS256", Post: true, Target: .12, SQL: "1"},
	{Scenario: "introspect_inactive", Title: "introspect, forged", Alg: "RS256", Post: true, Target: .06, SQL: "0"},
	{Scenario: "userinfo", Title: "userinfo", Alg: "RS256", Target: .12, SQL: "1"},
	{Scenario: "client_get", Title: "client, get", Alg: "RS256", Target: .09, SQL: "≤ 1"},
	{Scenario: "client_list", Title: "clients, list of 100", Alg: "RS256", Target: .6, SQL: "1"},
	{Scenario: "refresh", Title: "refresh with ID token", Alg: "RS256", Post: true, Target: 1.6, SQL: "2"},
	{Scenario: "code_flow", Title: "whole code flow", Alg: "RS256", Post: true, Target: 2.4, SQL: "≤ 7"},
	{Scenario: "refresh", Title: "refresh with ID token", Alg: "ES256", Post: true, Target: .35, SQL: "2"},
	{Scenario: "code_flow", Title: "whole code flow", Alg: "ES256", Post: true, Target: 1.1, SQL: "≤ 7"},
}

// plan is what the flags ask for.
type plan struct {
	Program     string
	Workers     int
	Time        time.Duration
	Ops         int
	Only        map[string]bool // scenarios; nil: all
	Postgres    string          // DSN; empty: SQLite only
	PostgresPID int
	Progress    func(format string, args ...any)
}

// measured is a row with its result.
type measured struct {
	Engine string `json:"engine"`
	Title  string `json:"title"`
	Alg    string `json:"id_token_alg,omitempty"`
	SQL    string `json:"sql_budget,omitempty"`
	// Target is in CPU seconds per 1,000 operations.
	Target float64 `json:"target_cpu_s_per_1000,omitempty"`
	// Ratio is the CPU time of one request, as a multiple of what the bare
	// handler of the same run spent on one.
	Ratio float64 `json:"times_bare_per_request,omitempty"`
	// Wanted is Target in the same terms. It travels between machines, and
	// from an idle one to a busy one, where CPU times do not.
	Wanted float64 `json:"target_times_bare,omitempty"`
	load.Result
	post bool
}

// run measures the bare handler, every engine, and the bare handler again; the
// mean of the two is what ratios refer to, as the machine may drift meanwhile.
func (p plan) run(ctx context.Context) ([]measured, error) {
	before, err := p.bare(ctx)
	if err != nil {
		return nil, err
	}
	engines := []struct{ name, dsn string }{{"SQLite", ""}}
	if p.Postgres != "" {
		engines = append(engines, struct{ name, dsn string }{"PostgreSQL", p.Postgres})
	}
	var out []measured
	for _, e := range engines {
		for _, alg := range []string{"RS256", "ES256"} {
			if alg == "ES256" && e.dsn != "" {
				continue // the database would keep the key, and the next run's RS256 would be ES256
			}
			more, err := p.server(ctx, e.name, e.dsn, alg)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", e.name, alg, err)
			}
			out = append(out, more...)
		}
	}
	after, err := p.bare(ctx)
	if err != nil {
		return nil, err
	}
	base := [2]measured{mean(before[0], after[0]), mean(before[1], after[1])}
	for i := range out {
		out[i].compare(base)
	}
	return append(base[:], out...), nil
}

// What the bare handler cost on the machine that the targets were set on, in
// CPU seconds per 1,000: GET, POST.
var referenceBare = [2]float64{.019, .030}

// compare fills in the ratios to the bare handler.
func (m *measured) compare(bare [2]measured) {
	kind := 0
	if m.post {
		kind = 1
	}
	if m.Ops == 0 || bare[kind].CPU == 0 {
		return
	}
	requests := float64(m.Requests) / float64(m.Ops)
	m.Ratio = m.CPU / requests / bare[kind].CPU
	m.Wanted = m.Target / requests / referenceBare[kind]
}

// mean is of the figures that matter; the rest is that of the first.
func mean(a, b measured) measured {
	for _, f := range []struct {
		to   *float64
		with float64
	}{{&a.CPU, b.CPU}, {&a.OpsPerSec, b.OpsPerSec}, {&a.P50, b.P50}, {&a.P90, b.P90}, {&a.P99, b.P99}, {&a.SelfCPU, b.SelfCPU}, {&a.StealPct, b.StealPct}} {
		*f.to = (*f.to + f.with) / 2
	}
	a.Max, a.PeakMiB = max(a.Max, b.Max), max(a.PeakMiB, b.PeakMiB)
	a.Ops, a.Requests, a.Errors, a.Seconds = a.Ops+b.Ops, a.Requests+b.Requests, a.Errors+b.Errors, a.Seconds+b.Seconds
	return a
}

func (p plan) bare(ctx context.Context) (out [2]measured, err error) {
	c, err := startBare(ctx)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	for i, s := range []string{"bare_get", "bare_post"} {
		r, err := p.measure(ctx, c, "bare", row{Scenario: s})
		if err != nil {
			return out, err
		}
		out[i] = measured{Engine: "–", Title: []string{"bare handler, GET", "bare handler, POST"}[i], SQL: "0", Ratio: 1, Result: *r}
	}
	return out, nil
}

// server measures the rows of one algorithm on one server.
func (p plan) server(ctx context.Context, engine, dsn, alg string) (out []measured, err error) {
	var todo []row
	for _, r := range rows {
		if r.Alg == alg && (p.Only == nil || p.Only[r.Scenario]) {
			todo = append(todo, r)
		}
	}
	if len(todo) == 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "hydra-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := hydra{Program: p.Program, Dir: dir, DSN: dsn, Alg: alg}.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := c.stop(); stopped != nil {
			err = errors.Join(err, stopped, lastLines(filepath.Join(dir, "log")))
		}
	}()
	for _, r := range todo {
		res, err := p.measure(ctx, c, "hydra-rc", r)
		if err != nil {
			return nil, err
		}
		out = append(out, measured{Engine: engine, Title: r.Title, Alg: r.Alg, SQL: r.SQL, Target: r.Target, Result: *res, post: r.Post})
	}
	return out, nil
}

func (p plan) measure(ctx context.Context, c *child, target string, r row) (*load.Result, error) {
	o := load.Options{
		Target: target, Public: c.Public, Admin: c.Admin, Scenario: r.Scenario, SigningAlg: r.Alg,
		Workers: p.Workers, Time: p.Time, Warmup: p.Time / 5, Ops: p.Ops, Pool: 64, PID: c.PID,
	}
	if target != "bare" {
		o.DatabasePID = p.PostgresPID
	}
	p.Progress("%s %s …", r.Scenario, r.Alg)
	res, err := load.Run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Scenario, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if res.Ops == 0 {
		return nil, fmt.Errorf("%s: nothing was measured: %s", r.Scenario, res.Error)
	}
	p.Progress(" %.0f/s, %d errors\n", res.OpsPerSec, res.Errors)
	return res, nil
}
