package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hydra/bench/proc"
	"hydra/internal/loadtest"
)

// The test binary is the bare handler, too, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == bareArgument {
		bareMain()
		return
	}
	status := m.Run()
	if buildAsked.Load() {
		if program, _ := built(); program != "" {
			_ = os.RemoveAll(filepath.Dir(program))
		}
	}
	os.Exit(status)
}

func TestBareHandlerIsMeasuredAndEnds(t *testing.T) {
	t.Parallel()
	c, err := startBare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, scenario := range []string{"bare_get", "bare_post"} {
		r, err := loadtest.Run(t.Context(), loadtest.Options{
			Target: "bare", Public: loadtest.Endpoint{URL: c.Public}, Admin: loadtest.Endpoint{URL: c.Admin}, Scenario: scenario,
			Workers: 2, Time: time.Minute, Timeout: time.Minute, Ops: 100, Pool: 1, Meter: proc.Meter(c.PID, 0, nil),
		})
		if err != nil || r.Ops != 100 || r.Requests != 100 || r.Errors != 0 || r.PeakMiB <= 0 {
			t.Errorf("%s: %v, %v", scenario, r, err)
		}
	}
	if err := c.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := loadtest.WaitReady(t.Context(), loadtest.Endpoint{URL: c.Public}, "/", time.Millisecond); err == nil {
		t.Error("the handler still answers")
	}
}

func TestServerThatCannotStartIsAnErrorWithItsLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no luck today\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := (hydra{Program: program, Dir: dir, Alg: "RS256"}).start(t.Context()); err == nil || !strings.Contains(err.Error(), "no luck today") {
		t.Errorf("start = %v", err)
	}
}

func TestEveryRowIsAScenario(t *testing.T) {
	t.Parallel()
	known := " " + strings.Join(loadtest.Names(), " ") + " "
	for _, r := range rows {
		if !strings.Contains(known, " "+r.Scenario+" ") || r.Target <= 0 || r.SQL == "" {
			t.Errorf("%+v", r)
		}
	}
}

// SQLite works within the server's process, so a sign-in may cost a fifth more.
func TestTargetOnSQLite(t *testing.T) {
	t.Parallel()
	for _, r := range rows {
		want := r.Target
		if r.Scenario == "code_flow" {
			want *= 1.2
		}
		if got := r.target("SQLite"); math.Abs(got-want) > 1e-9 || r.target("PostgreSQL") != r.Target {
			t.Errorf("%s, %s: %g on SQLite, %g on PostgreSQL", r.Scenario, r.Alg, got, r.target("PostgreSQL"))
		}
	}
}

func TestUnknownScenarioIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{{"discovery,nonsense", "SQLite"}, {"discovery", "SQLite,nonsense"}} {
		if err := new(plan).choose(tt[0], tt[1]); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%q: choose = %v", tt, err)
		}
	}
}

// Ratios count requests, not operations: a flow is eight of them.
func TestRatio(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		m             measured
		bare          float64
		ratio, wanted string
	}{
		{measured{Target: .038, Result: loadtest.Result{CPU: .05, Ops: 10, Requests: 10}}, .02, "2.50", "2.00"},
		{measured{post: true, Target: 2.4, Result: loadtest.Result{CPU: 3.2, Ops: 10, Requests: 80}}, .04, "10.00", "10.00"},
		{measured{Target: 1}, .02, "0.00", "0.00"}, // nothing was measured
	} {
		tt.m.compare(tt.bare)
		if got := fmt.Sprintf("%.2f", tt.m.Ratio); got != tt.ratio {
			t.Errorf("%+v: ratio %s, want %s", tt.m, got, tt.ratio)
		}
		if got := fmt.Sprintf("%.2f", tt.m.Wanted); got != tt.wanted {
			t.Errorf("%+v: target %s, want %s", tt.m, got, tt.wanted)
		}
	}
}

// One slow moment does not decide.
func TestMiddleOfRounds(t *testing.T) {
	t.Parallel()
	of := func(ratio, peak float64) measured {
		return measured{Ratio: ratio, Result: loadtest.Result{PeakMiB: peak}}
	}
	for _, tt := range []struct {
		all         []measured
		ratio, peak float64
	}{
		{[]measured{of(5, 30)}, 5, 30},
		{[]measured{of(9, 31), of(5, 33), of(6, 32)}, 6, 33},
		{[]measured{of(1, 33), of(6, 32), of(5, 31)}, 5, 33},
	} {
		if m := middle(tt.all); m.Ratio != tt.ratio || m.PeakMiB != tt.peak {
			t.Errorf("of %v the middle is %v", tt.all, m)
		}
	}
}

func TestMeanOfBareSamples(t *testing.T) {
	t.Parallel()
	y := yardstick{}
	y.samples[1] = []loadtest.Result{{CPU: .02, Ops: 10, Errors: 1, PeakMiB: 5, Max: 1}, {CPU: .04, Ops: 20, Errors: 2, PeakMiB: 4, Max: 3}, {CPU: .06}}
	out := y.rows()
	if len(out) != 1 || out[0].Title != "bare handler, POST" {
		t.Fatalf("%+v", out)
	}
	if m := out[0]; fmt.Sprintf("%.3f %d %d %g %g", m.CPU, m.Ops, m.Errors, m.PeakMiB, m.Max) != "0.040 30 3 5 3" {
		t.Errorf("%+v", m)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := report{Date: "2026-11-23", Version: "v1 <&>", Machine: "a machine", findings: findings{Overload: []overload{{Engine: "SQLite"}}, Floods: []flood{{Engine: "SQLite"}}, Rows: []measured{
		{Engine: "–", Title: "bare handler, GET", SQL: "0", Ratio: 1, Result: loadtest.Result{CPU: .02, Ops: 1}},
		{Engine: "SQLite", Title: "whole code flow", Alg: "ES256", Target: 1.1, Ratio: 9, Wanted: 4.6, SQL: "≤ 7", Result: loadtest.Result{Scenario: "code_flow", CPU: 1.5, Ops: 1, Reads: 5, Writes: 2}},
	}}}
	dir := filepath.Join(t.TempDir(), "results")
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var again report
	if err := json.Unmarshal([]byte(read("last.json")), &again); err != nil || len(again.Rows) != 2 || again.Rows[1].CPU != 1.5 {
		t.Errorf("last.json: %+v, %v", again, err)
	}
	var bars int
	d := xml.NewDecoder(strings.NewReader(read("last.svg")))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 1+len(r.Rows) { // and the background
		t.Errorf("%d rectangles", bars)
	}
	blocks := strings.Split(strings.TrimSpace(read("last.md")), "\n\n")
	if len(blocks) != 4 { // a line about the run, and three tables
		t.Fatalf("last.md has %d parts", len(blocks))
	}
	for i, columns := range []int{len(header), len(overloadHeader), len(floodHeader)} {
		for l := range strings.Lines(blocks[i+1]) {
			if strings.Count(l, "|") != columns+1 {
				t.Errorf("%q has not %d columns", l, columns)
			}
		}
	}
	lines := strings.Split(blocks[1], "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "whole code flow, ES256") || !strings.Contains(last, "≤ 4.6") || !strings.Contains(last, "7.00") {
		t.Errorf("the last line is %q", last)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	r := report{Version: "v2"}
	for _, tt := range []struct {
		before string
		ok     bool
	}{{"a\n" + benchBegin + "\nold\n" + docEnd + "\nz\n", true}, {"a\n" + benchBegin + "\nz\n", false}, {docEnd + benchBegin, false}} {
		if err := os.WriteFile(page, []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		err := document(page, benchBegin, "A remark.", r.text())
		b, err2 := os.ReadFile(page)
		if after := string(b); err2 != nil || (err == nil) != tt.ok || tt.ok && (strings.Contains(after, "old") || !strings.Contains(after, benchBegin+"\n\nA remark.\n\nVersion v2") || !strings.HasSuffix(after, "|\n\n"+docEnd+"\nz\n")) || !tt.ok && after != tt.before {
			t.Errorf("%q became %q: %v", tt.before, after, err)
		}
	}
}

// A picture of nothing is still a picture.
func TestPictureWithoutRows(t *testing.T) {
	t.Parallel()
	if s := (report{}).picture(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || !strings.HasSuffix(s, "</svg>\n") {
		t.Error(s)
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Version:    v1.2\nGit Hash: unknown\n":                              "v1.2",
		"Version: v1.2\nGit Hash:   0123456789abcdef\nBuild Time: 1:02:03\n": "v1.2 (0123456789ab)",
		"": "unknown",
	} {
		if got := versionOf(in); got != want {
			t.Errorf("versionOf(%q) = %q, want %q", in, got, want)
		}
	}
}
