package load

import "fmt"

// Result is what one run measured. An operation is a request, or a whole flow.
// CPU times are seconds per 1,000 operations; 0 where no process was given.
type Result struct {
	Target      string  `json:"target"`
	Scenario    string  `json:"scenario"`
	Workers     int     `json:"workers"`
	Seconds     float64 `json:"seconds"`
	Ops         int     `json:"ops"`
	OpsPerSec   float64 `json:"ops_per_s"`
	Requests    int     `json:"http_requests"`
	Errors      int     `json:"errors"`
	P50         float64 `json:"p50_ms"`
	P90         float64 `json:"p90_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	CPU         float64 `json:"server_cpu_s_per_1000,omitempty"`
	DatabaseCPU float64 `json:"database_cpu_s_per_1000,omitempty"`
	SelfCPU     float64 `json:"loadgen_cpu_s_per_1000"`
	PeakMiB     float64 `json:"server_rss_peak_mib,omitempty"`
	StealPct    float64 `json:"machine_steal_pct"`
	Error       string  `json:"first_error,omitempty"`
}

// String is the result in a few lines for people.
func (r *Result) String() string {
	s := fmt.Sprintf("%s %s, %d workers, %.1f s: %d operations (%d requests), %.1f/s, %d errors\n",
		r.Target, r.Scenario, r.Workers, r.Seconds, r.Ops, r.Requests, r.OpsPerSec, r.Errors) +
		fmt.Sprintf("  latency ms: p50 %.2f  p90 %.2f  p99 %.2f  max %.2f\n", r.P50, r.P90, r.P99, r.Max) +
		fmt.Sprintf("  CPU s per 1,000: server %.4f  database %.4f  generator %.4f;  server peak %.1f MiB;  steal %.1f %%",
			r.CPU, r.DatabaseCPU, r.SelfCPU, r.PeakMiB, r.StealPct)
	if r.Error != "" {
		s += "\n  first error: " + r.Error
	}
	return s
}
