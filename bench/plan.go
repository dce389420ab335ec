package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hydra/bench/proc"
	"hydra/internal/loadtest"
)

// row is a line of the table: a scenario, and what is asked of it.
type row struct {
	Scenario, Title string
	Alg             string // RS256 everywhere but where the signature is the cost
	Post            bool   // compare with the bare handler's POST
	// Target is the CPU time per 1,000 operations that docs/performance.md
	// wants on its machine; 0: none.
	Target float64
	// OnSQLite is the target where the database's work is in the server's
	// process, if it is another one.
	OnSQLite float64
	// SQL is the budget of statements per operation.
	SQL string
}

func (r row) target(engine string) float64 {
	if engine == "SQLite" && r.OnSQLite > 0 {
		return r.OnSQLite
	}
	return r.Target
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
	{Scenario: "code_flow", Title: "whole code flow", Alg: "RS256", Post: true, Target: 2.4, OnSQLite: 2.88, SQL: "≤ 7"},
	{Scenario: "refresh", Title: "refresh with ID token", Alg: "ES256", Post: true, Target: .35, SQL: "2"},
	{Scenario: "code_flow", Title: "whole code flow", Alg: "ES256", Post: true, Target: 1.1, OnSQLite: 1.32, SQL: "≤ 7"},
}

// plan is what the flags ask for.
type plan struct {
	Program  string
	Workers  int
	Time     time.Duration
	Warmup   time.Duration // before it, not counted
	Rounds   int           // measurements of each scenario, of which the middle one counts
	Ops      int
	Timeout  time.Duration   // of one request; 0: that of loadtest
	Crowd    int             // connections that overload a server
	Requests int             // bound of each part of overload and floods; 0: none
	Only     map[string]bool // scenarios, overload and floods; nil: all
	Engines  []string        // SQLite, PostgreSQL
	Profile  string          // directory for a CPU profile of each server; empty: none
	yard     *yardstick
	Progress func(format string, args ...any)
}

// wants reports whether a scenario, or a group of them, is to be run.
func (p plan) wants(name string) bool { return p.Only == nil || p.Only[name] }

// findings are what a run found.
type findings struct {
	Rows     []measured `json:"rows"`
	Overload []overload `json:"overload,omitempty"`
	Floods   []flood    `json:"floods,omitempty"`
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
	// handler spent on one directly before and after.
	Ratio float64 `json:"times_bare_per_request,omitempty"`
	// Wanted is Target in the same terms. It travels between machines, and
	// from an idle one to a busy one, where CPU times do not.
	Wanted float64 `json:"target_times_bare,omitempty"`
	loadtest.Result
	post bool
}

// run measures every engine, and beside each row the bare handler.
func (p plan) run(ctx context.Context) (f findings, err error) {
	bare, err := startBare(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	p.yard = &yardstick{plan: p, child: bare}
	for _, engine := range p.Engines {
		if err := p.engine(ctx, engine, &f); err != nil {
			return f, fmt.Errorf("%s: %w", engine, err)
		}
	}
	f.Rows = append(p.yard.rows(), f.Rows...)
	return f, nil
}

// engine measures on one kind of database: first a server as it comes, then
// one whose ID tokens are signed with ES256, each with a database of its own.
func (p plan) engine(ctx context.Context, engine string, f *findings) (err error) {
	var db *postgres
	if engine == "PostgreSQL" {
		p.Progress("starting PostgreSQL …\n")
		if db, err = startPostgres(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.stop()) }()
	}
	for _, alg := range []string{"RS256", "ES256"} {
		if err := p.server(ctx, engine, db, alg, f); err != nil {
			return fmt.Errorf("%s: %w", alg, err)
		}
	}
	return nil
}

// What the bare handler cost on the machine that the targets were set on, in
// CPU seconds per 1,000: GET, POST.
var referenceBare = [2]float64{.019, .030}

// compare fills in the ratios to the bare handler, which spent so many CPU
// seconds on 1,000 requests.
func (m *measured) compare(bare float64) {
	if m.Ops == 0 || bare == 0 {
		return
	}
	requests := float64(m.Requests) / float64(m.Ops)
	m.Ratio = m.CPU / requests / bare
	m.Wanted = m.Target / requests / referenceBare[kindOf(m.post)]
}

// kindOf is the index of the bare handler's GET or POST.
func kindOf(post bool) int {
	if post {
		return 1
	}
	return 0
}

// yardstick measures the bare handler again and again: the machine drifts by a
// third within minutes, so a row is compared with what was measured directly
// before and after it.
type yardstick struct {
	plan    plan
	child   *child
	samples [2][]loadtest.Result // of GET, of POST
}

// measure returns CPU seconds per 1,000 requests.
func (y *yardstick) measure(ctx context.Context, post bool) (float64, error) {
	p := y.plan
	p.Time, p.Warmup = p.Time/4, p.Warmup/4
	kind := kindOf(post)
	scenario := []string{"bare_get", "bare_post"}[kind]
	r, err := p.load(ctx, p.options(ctx, &under{child: y.child, Engine: "bare"}, "bare", scenario))
	if err != nil {
		return 0, err
	}
	y.samples[kind] = append(y.samples[kind], *r)
	return r.CPU, nil
}

// rows are the means of all samples.
func (y *yardstick) rows() []measured {
	var out []measured
	for kind, title := range []string{"bare handler, GET", "bare handler, POST"} {
		if samples := y.samples[kind]; len(samples) > 0 {
			out = append(out, measured{Engine: "–", Title: title, SQL: "0", Ratio: 1, Result: mean(samples)})
		}
	}
	return out
}

// mean is of the figures that matter; the rest is that of the first.
func mean(samples []loadtest.Result) loadtest.Result {
	out := samples[0]
	for _, s := range samples[1:] {
		out.CPU, out.OpsPerSec, out.SelfCPU, out.StealPct = out.CPU+s.CPU, out.OpsPerSec+s.OpsPerSec, out.SelfCPU+s.SelfCPU, out.StealPct+s.StealPct
		out.P50, out.P90, out.P99 = out.P50+s.P50, out.P90+s.P90, out.P99+s.P99
		out.Max, out.PeakMiB = max(out.Max, s.Max), max(out.PeakMiB, s.PeakMiB)
		out.Ops, out.Requests, out.Errors, out.Shed, out.Seconds = out.Ops+s.Ops, out.Requests+s.Requests, out.Errors+s.Errors, out.Shed+s.Shed, out.Seconds+s.Seconds
	}
	for _, v := range []*float64{&out.CPU, &out.OpsPerSec, &out.SelfCPU, &out.StealPct, &out.P50, &out.P90, &out.P99} {
		*v /= float64(len(samples))
	}
	return out
}

// under is a server under test.
type under struct {
	*child
	Engine   string
	Database int // its root process; 0: none
}

// server measures the rows of one algorithm on one server; on that of RS256
// also what too much load and hostile load do.
func (p plan) server(ctx context.Context, engine string, db *postgres, alg string, f *findings) (err error) {
	var todo []row
	for _, r := range rows {
		if r.Alg == alg && p.wants(r.Scenario) {
			todo = append(todo, r)
		}
	}
	crowds := alg == "RS256" && (p.wants("overload") || p.wants("floods"))
	if len(todo) == 0 && !crowds {
		return nil
	}
	u, stop, err := p.start(ctx, engine, db, "bench_"+strings.ToLower(alg), alg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, r := range todo {
		m, err := p.beside(ctx, u, r)
		if err != nil {
			return err
		}
		f.Rows = append(f.Rows, m)
	}
	if crowds && p.wants("overload") {
		more, err := p.overload(ctx, u)
		if err != nil {
			return fmt.Errorf("overload: %w", err)
		}
		f.Overload = append(f.Overload, more...)
	}
	if crowds && p.wants("floods") {
		more, err := p.floods(ctx, u)
		if err != nil {
			return fmt.Errorf("floods: %w", err)
		}
		f.Floods = append(f.Floods, more...)
	}
	return nil
}

// beside measures a row several times, each between two samples of the bare
// handler, and returns the one that is the middle by its ratio: a moment in
// which the machine was slow spoils one of them.
func (p plan) beside(ctx context.Context, u *under, r row) (measured, error) {
	before, err := p.yard.measure(ctx, r.Post)
	if err != nil {
		return measured{}, err
	}
	var all []measured
	for range p.Rounds {
		res, err := p.measure(ctx, u, "hydra-rc", r)
		if err != nil {
			return measured{}, err
		}
		after, err := p.yard.measure(ctx, r.Post)
		if err != nil {
			return measured{}, err
		}
		m := measured{Engine: u.Engine, Title: r.Title, Alg: r.Alg, SQL: r.SQL, Target: r.target(u.Engine), Result: *res, post: r.Post}
		m.compare((before + after) / 2)
		if m.Errors+m.Shed > 0 {
			return m, nil // that is the result
		}
		all, before = append(all, m), after
	}
	return middle(all), nil
}

// middle returns the measurement with the median of the ratios, and the
// largest memory of all.
func middle(all []measured) measured {
	slices.SortFunc(all, func(a, b measured) int { return cmp.Compare(a.Ratio, b.Ratio) })
	m := all[len(all)/2]
	for _, other := range all {
		m.PeakMiB = max(m.PeakMiB, other.PeakMiB)
	}
	return m
}

// start starts a server with a new database.
func (p plan) start(ctx context.Context, engine string, db *postgres, database, alg string) (*under, func() error, error) {
	dir, err := os.MkdirTemp("", "hydra-bench-")
	if err != nil {
		return nil, nil, err
	}
	h := hydra{Program: p.Program, Dir: dir, Alg: alg, Profile: p.Profile != ""}
	u := &under{Engine: engine}
	if db != nil {
		if err := db.create(ctx, database); err != nil {
			return nil, nil, errors.Join(err, os.RemoveAll(dir))
		}
		h.DSN, u.Database = db.dsn(database), db.PID
	}
	if u.child, err = h.start(ctx); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return u, func() error {
		err := u.stop()
		if err != nil {
			err = errors.Join(err, lastLines(filepath.Join(dir, "log")))
		}
		if h.Profile && err == nil {
			err = p.keepProfile(dir, engine+"-"+alg)
		}
		return errors.Join(err, os.RemoveAll(dir))
	}, nil
}

// keepProfile copies a server's profile out of its directory.
func (p plan) keepProfile(dir, name string) error {
	b, err := os.ReadFile(filepath.Join(dir, "data", "cpu.pprof"))
	if err != nil {
		return err
	}
	return writeFiles(p.Profile, map[string]string{name + ".pprof": string(b)})
}

// options are for a load on a server.
func (p plan) options(ctx context.Context, u *under, target, scenario string) loadtest.Options {
	o := loadtest.Options{
		Target: target, Public: loadtest.Endpoint{URL: u.Public}, Admin: loadtest.Endpoint{URL: u.Admin}, Scenario: scenario,
		Workers: p.Workers, Time: p.Time, Warmup: p.Warmup, Ops: p.Ops, Timeout: p.Timeout, Pool: 64,
	}
	var own func() loadtest.Metrics
	if target != "bare" {
		own = func() loadtest.Metrics {
			m, _ := loadtest.ReadMetrics(ctx, o.Admin) // when it fails, so does what is measured
			return m
		}
	}
	o.Meter = proc.Meter(u.PID, u.Database, own)
	return o
}

func (p plan) measure(ctx context.Context, u *under, target string, r row) (*loadtest.Result, error) {
	p.Progress("%s %s %s …", u.Engine, r.Scenario, r.Alg)
	o := p.options(ctx, u, target, r.Scenario)
	o.SigningAlg = r.Alg
	res, err := p.load(ctx, o)
	if err == nil {
		p.Progress(" %.0f/s, %d errors\n", res.OpsPerSec, res.Errors+res.Shed)
	}
	return res, err
}

// load is loadtest.Run, which has to measure something.
func (p plan) load(ctx context.Context, o loadtest.Options) (*loadtest.Result, error) {
	res, err := loadtest.Run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Scenario, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if res.Ops == 0 && o.Rate == 0 {
		return nil, fmt.Errorf("%s: nothing was measured: %s", o.Scenario, res.Error)
	}
	return res, nil
}
