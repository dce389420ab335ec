package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"hydra/bench/proc"
	"hydra/internal/loadtest"
)

// sizes say how far the curves of make scale go.
type sizes struct {
	Connections []int
	Clients     int // 10, then up to so many in steps of a hundred times as many
	Grants      int // 1,000, then up to so many in steps of ten times as many
	Nodes       int
	Memory      time.Duration // of load
	Chunk       time.Duration // of it, between two looks at the memory
}

// point is one point of a curve.
type point struct {
	Curve string `json:"curve"`
	At    string `json:"at"`
	loadtest.Result
	RSSMiB float64 `json:"rss_mib_after,omitempty"`
	Disk   string  `json:"table_size,omitempty"`
}

// curves are what make scale found.
type curves struct {
	Head   string  `json:"head"`
	Engine string  `json:"engine"`
	Points []point `json:"points"`
}

var scaleHeader = []string{"curve", "at", "operation", "ops/s", "p50 ms", "p99 ms", "CPU s/1,000", "DB CPU s/1,000", "SQL", "peak MiB", "MiB after", "table", "errors"}

func (p point) cells() []string {
	or := func(v float64, format string) string {
		if v == 0 {
			return "–"
		}
		return fmt.Sprintf(format, v)
	}
	disk := p.Disk
	if disk == "" {
		disk = "–"
	}
	return []string{p.Curve, p.At, p.Scenario, fmt.Sprintf("%.0f", p.OpsPerSec), fmt.Sprintf("%.2f", p.P50), fmt.Sprintf("%.2f", p.P99), fmt.Sprintf("%.3f", p.CPU),
		or(p.DatabaseCPU, "%.3f"), fmt.Sprintf("%.2f", p.Reads+p.Writes), or(p.PeakMiB, "%.0f"), or(p.RSSMiB, "%.0f"), disk, fmt.Sprint(p.Errors + p.Shed)}
}

func (c curves) text() string {
	lines := [][]string{scaleHeader}
	for _, p := range c.Points {
		lines = append(lines, p.cells())
	}
	return c.Head + "\n\n" + table(lines)
}

// save writes scale.json and scale.md.
func (c curves) save(dir string) error {
	j, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return writeFiles(dir, map[string]string{"scale.json": string(j) + "\n", "scale.md": c.text()})
}

// scale measures how the server's cost depends on connections, clients,
// Grants, time and nodes. ES256 signs, so that the signature hides nothing.
// Without PostgreSQL there are only the curves that need no rows of its own
// making and no second node.
func (p plan) scale(ctx context.Context, s sizes) (c curves, err error) {
	c.Engine = p.Engines[len(p.Engines)-1]
	var db *postgres
	if c.Engine == "PostgreSQL" {
		if db, err = startPostgres(ctx); err != nil {
			return c, err
		}
		defer func() { err = errors.Join(err, db.stop()) }()
	}
	u, stop, err := p.start(ctx, c.Engine, db, scaleDatabase, "ES256")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, n := range s.Connections {
		q := p
		q.Workers = n
		if err := q.curve(ctx, u, &c, point{Curve: "connections", At: fmt.Sprint(n)}, "client_credentials", "introspect", "refresh"); err != nil {
			return c, err
		}
	}
	if db != nil {
		if err := p.tables(ctx, u, db, s, &c); err != nil {
			return c, err
		}
	}
	for done := time.Duration(0); done < s.Memory; done += s.Chunk {
		q := p
		q.Time, q.Warmup = s.Chunk, 0
		if err := q.curve(ctx, u, &c, point{Curve: "time under load", At: (done + s.Chunk).String()}, "code_flow"); err != nil {
			return c, err
		}
	}
	if db != nil {
		err = p.nodes(ctx, u, db, s.Nodes, &c)
	}
	return c, err
}

const scaleDatabase = "bench_scale"

// curve measures scenarios at one point.
func (p plan) curve(ctx context.Context, u *under, c *curves, at point, scenarios ...string) error {
	for _, scenario := range scenarios {
		p.Progress("%s %s: %s …", at.Curve, at.At, scenario)
		res, err := p.load(ctx, p.options(ctx, u, "hydra-rc", scenario))
		if err != nil {
			return err
		}
		p.Progress(" %.0f/s\n", res.OpsPerSec)
		at.Result, at.RSSMiB = *res, proc.RSSMiB(u.PID)
		c.Points = append(c.Points, at)
	}
	return nil
}

// tables measures with more and more clients and Grants.
func (p plan) tables(ctx context.Context, u *under, db *postgres, s sizes, c *curves) error {
	for n, before := 10, 0; n <= s.Clients; before, n = n, grow(n, 100, s.Clients) {
		size, err := db.fill(ctx, "clients", before, n)
		if err != nil {
			return err
		}
		if err := p.curve(ctx, u, c, point{Curve: "clients", At: thousands(n), Disk: size}, "client_credentials", "client_get"); err != nil {
			return err
		}
	}
	for n, before := 1000, 0; n <= s.Grants; before, n = n, grow(n, 10, s.Grants) {
		size, err := db.fill(ctx, "grants", before, n)
		if err != nil {
			return err
		}
		if err := p.curve(ctx, u, c, point{Curve: "live Grants", At: thousands(n), Disk: size}, "userinfo", "refresh", "code_flow"); err != nil {
			return err
		}
	}
	return nil
}

// grow is the next size of a curve: most comes last, whatever the steps are.
func grow(n, times, most int) int {
	if n == most {
		return most + 1
	}
	return min(n*times, most)
}

// nodes measures one, two and more servers on the database, each with its own
// load; the sum is what counts.
func (p plan) nodes(ctx context.Context, first *under, db *postgres, most int, c *curves) (err error) {
	nodes := []*under{first}
	for {
		results, failed := make([]*loadtest.Result, len(nodes)), make([]error, len(nodes))
		var all sync.WaitGroup
		p.Progress("%d nodes …", len(nodes))
		for i, n := range nodes {
			o := p.options(ctx, n, "hydra-rc", "code_flow")
			o.Workers = max(1, p.Workers/len(nodes))
			all.Go(func() { results[i], failed[i] = p.load(ctx, o) })
		}
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
		sum := point{Curve: "nodes", At: fmt.Sprint(len(nodes)), Result: *results[0]}
		sum.CPU = 0
		sum.Ops, sum.OpsPerSec, sum.Errors, sum.Shed, sum.PeakMiB = 0, 0, 0, 0, 0
		for _, r := range results {
			sum.Ops += r.Ops
			sum.OpsPerSec += r.OpsPerSec
			sum.Errors += r.Errors
			sum.Shed += r.Shed
			sum.P50, sum.P99 = max(sum.P50, r.P50), max(sum.P99, r.P99)
			sum.PeakMiB = max(sum.PeakMiB, r.PeakMiB)
		}
		for _, r := range results { // each is per its own operations; the database is everybody's
			sum.CPU += r.CPU * float64(r.Ops) / float64(sum.Ops)
		}
		sum.DatabaseCPU = results[0].DatabaseCPU * float64(results[0].Ops) / float64(sum.Ops)
		p.Progress(" %.0f/s\n", sum.OpsPerSec)
		c.Points = append(c.Points, sum)
		if len(nodes) >= most {
			return nil
		}
		dir, err := os.MkdirTemp("", "hydra-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		child, err := hydra{Program: p.Program, Dir: dir, Alg: "RS256", DSN: db.dsn(scaleDatabase), Issuer: first.Public}.start(ctx) // the key is there already
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, child.stop()) }()
		nodes = append(nodes, &under{child: child, Engine: first.Engine, Database: db.PID})
	}
}

// fill brings a table from so many rows that it made before to n, and returns
// the size of the table with its indexes. The rows are copies of one that the
// server made, under random keys: nobody asks for them, but every look-up
// passes them by.
func (p *postgres) fill(ctx context.Context, name string, before, n int) (string, error) {
	own := map[string]map[string]string{
		"clients": {"uid": "v.id", "client_id": "v.id", "op_id": "v.id"},
		"grants":  {"id": "v.id", "subject_key": "v.id", "session_id": "v.id", "op_id": "v.id", "b": "get_byte(v.id, 0) & 15"},
	}[name]
	list, err := p.sql(ctx, scaleDatabase, fmt.Sprintf("SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = '%s'", name))
	if err != nil {
		return "", err
	}
	var values []string
	for column := range strings.SplitSeq(list, ",") {
		if v, ok := own[column]; ok {
			values = append(values, v)
		} else {
			values = append(values, "t."+column)
		}
	}
	_, err = p.sql(ctx, scaleDatabase, fmt.Sprintf(`INSERT INTO %[1]s (%[2]s) SELECT %[3]s FROM (SELECT * FROM %[1]s LIMIT 1) t,
		(SELECT substring(sha256(i::text::bytea) FROM 1 FOR 16) AS id FROM generate_series(%[4]d, %[5]d) i) v`, name, list, strings.Join(values, ", "), before+1, n))
	if err != nil {
		return "", err
	}
	return p.sql(ctx, scaleDatabase, fmt.Sprintf("VACUUM ANALYZE %s; SELECT pg_size_pretty(pg_total_relation_size('%[1]s'))", name))
}

// thousands writes a number for people.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
