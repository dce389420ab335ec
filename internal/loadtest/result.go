package loadtest

import (
	"fmt"
	"slices"
	"time"
)

// Usage is what the server needed while it was measured. 0 where nobody knows.
type Usage struct {
	CPU, Database, Generator float64 // seconds
	PeakMiB                  float64 // of resident memory
	StealPct                 float64 // time that the machine was not given
	Reads, Writes            float64 // SQL statements; beginnings and ends of transactions are in neither
}

// Result is what one run measured. An operation is a request, or a whole flow.
// CPU times are seconds per 1,000 operations; 0 where they are not known.
type Result struct {
	Target      string  `json:"target"`
	Scenario    string  `json:"scenario"`
	Workers     int     `json:"workers"`
	Seconds     float64 `json:"seconds"`
	Ops         int     `json:"ops"`
	OpsPerSec   float64 `json:"ops_per_s"`
	Requests    int     `json:"http_requests"`
	Errors      int     `json:"errors"`
	Shed        int     `json:"shed"`             // answered with 503 or 429
	Missed      int     `json:"missed,omitempty"` // not sent in time, at a fixed rate
	P50         float64 `json:"p50_ms"`
	P90         float64 `json:"p90_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	CPU         float64 `json:"server_cpu_s_per_1000,omitempty"`
	DatabaseCPU float64 `json:"database_cpu_s_per_1000,omitempty"`
	SelfCPU     float64 `json:"loadgen_cpu_s_per_1000,omitempty"`
	Reads       float64 `json:"sql_reads_per_op"`
	Writes      float64 `json:"sql_writes_per_op"`
	AllWrites   int     `json:"sql_writes"` // in all
	PeakMiB     float64 `json:"server_rss_peak_mib,omitempty"`
	StealPct    float64 `json:"machine_steal_pct"`
	Error       string  `json:"first_error,omitempty"`

	Parts []Result `json:"parts,omitempty"` // of a mix, without what only the whole has
}

func (t *tally) result(o Options, shares []scenario, took time.Duration, used Usage) *Result {
	var whole part
	for _, p := range t.parts {
		whole.add(p)
	}
	r := whole.result(o, shares[0].name, took)
	if len(shares) > 1 {
		r.Scenario = "mix"
		for i := range t.parts {
			r.Parts = append(r.Parts, t.parts[i].result(o, shares[i].name, took))
		}
	}
	r.Missed, r.PeakMiB, r.StealPct, r.AllWrites = t.missed, used.PeakMiB, used.StealPct, int(used.Writes)
	if n := float64(r.Ops); n > 0 {
		r.CPU, r.DatabaseCPU, r.SelfCPU = 1000*used.CPU/n, 1000*used.Database/n, 1000*used.Generator/n
		r.Reads, r.Writes = used.Reads/n, used.Writes/n
	}
	return &r
}

func (p *part) result(o Options, name string, took time.Duration) Result {
	slices.Sort(p.latencies)
	n := len(p.latencies)
	r := Result{
		Target: o.Target, Scenario: name, Workers: o.Workers, Ops: n, Requests: p.requests,
		Seconds: took.Seconds(), Errors: p.errors, Shed: p.shed, Error: p.firstError,
	}
	if n > 0 {
		at := func(q float64) float64 { return p.latencies[int(q*float64(n-1))].Seconds() * 1000 }
		r.OpsPerSec = float64(n) / r.Seconds
		r.P50, r.P90, r.P99, r.Max = at(.5), at(.9), at(.99), at(1)
	}
	return r
}

// String is the result in a few lines for people.
func (r *Result) String() string {
	s := fmt.Sprintf("%s %s, %d workers, %.1f s: %d operations (%d requests), %.1f/s, %d errors, %d turned away\n",
		r.Target, r.Scenario, r.Workers, r.Seconds, r.Ops, r.Requests, r.OpsPerSec, r.Errors, r.Shed) +
		fmt.Sprintf("  latency ms: p50 %.2f  p90 %.2f  p99 %.2f  max %.2f\n", r.P50, r.P90, r.P99, r.Max) +
		fmt.Sprintf("  CPU s per 1,000: server %.4f  database %.4f  generator %.4f;  server peak %.1f MiB;  steal %.1f %%",
			r.CPU, r.DatabaseCPU, r.SelfCPU, r.PeakMiB, r.StealPct)
	if r.Error != "" {
		s += "\n  first error: " + r.Error
	}
	return s
}
