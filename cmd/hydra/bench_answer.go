package main

import (
	"fmt"

	"hydra/internal/loadtest"
	"hydra/internal/show"
)

// benchValue is what programs get.
type benchValue struct {
	Scenario        string       `json:"scenario"`
	Seconds         float64      `json:"seconds,omitempty"`
	Connections     int          `json:"connections,omitempty"`
	Operations      int          `json:"operations"`
	PerSecond       float64      `json:"operations_per_second"`
	Requests        int          `json:"requests"`
	P50             float64      `json:"p50_ms"`
	P90             float64      `json:"p90_ms"`
	P99             float64      `json:"p99_ms"`
	Max             float64      `json:"max_ms"`
	TurnedAway      int          `json:"turned_away"`
	Errors          int          `json:"errors"`
	Error           string       `json:"first_error,omitempty"`
	CPUMilliseconds *float64     `json:"server_cpu_ms_per_operation,omitempty"`
	Reads           *float64     `json:"sql_reads_per_operation,omitempty"`
	Writes          *float64     `json:"sql_writes_per_operation,omitempty"`
	StoredBytes     *float64     `json:"stored_bytes_per_operation,omitempty"`
	Parts           []benchValue `json:"scenarios,omitempty"`
}

func benchValueOf(r loadtest.Result) benchValue {
	return benchValue{
		Scenario: r.Scenario, Operations: r.Ops, PerSecond: r.OpsPerSec, Requests: r.Requests, P50: r.P50, P90: r.P90, P99: r.P99, Max: r.Max,
		TurnedAway: r.Shed, Errors: r.Errors, Error: r.Error,
	}
}

func benchAnswer(r *loadtest.Result, known bool) show.Answer {
	whole := benchValueOf(*r)
	whole.Seconds, whole.Connections = r.Seconds, r.Workers
	parts := r.Parts
	if len(parts) == 0 {
		parts = []loadtest.Result{*r}
	}
	signIns := 0
	for _, p := range parts {
		if len(r.Parts) > 0 {
			whole.Parts = append(whole.Parts, benchValueOf(p))
		}
		if p.Scenario == "code_flow" {
			signIns = p.Ops
		}
	}
	stored := float64(signIns) * grantBytes / float64(max(1, r.Ops))
	whole.StoredBytes = &stored
	a := show.Answer{IDs: []string{fmt.Sprintf("%.0f", r.OpsPerSec)}, Columns: []string{"SCENARIO", "OPERATIONS", "PER SECOND", "P50 MS", "P90 MS", "P99 MS", "MAX MS", "REQUESTS", "TURNED AWAY", "ERRORS"}}
	for _, v := range append(whole.Parts, whole) {
		a.Rows = append(a.Rows, []string{v.Scenario, fmt.Sprint(v.Operations), fmt.Sprintf("%.1f", v.PerSecond), fmt.Sprintf("%.2f", v.P50), fmt.Sprintf("%.2f", v.P90),
			fmt.Sprintf("%.2f", v.P99), fmt.Sprintf("%.2f", v.Max), fmt.Sprint(v.Requests), fmt.Sprint(v.TurnedAway), fmt.Sprint(v.Errors)})
	}
	a.Notes = append(a.Notes, [2]string{"MEASURED", fmt.Sprintf("%.1f s with %d connections", r.Seconds, r.Workers)})
	if r.Error != "" {
		a.Notes = append(a.Notes, [2]string{"FIRST ERROR", r.Error})
	}
	if known {
		whole.CPUMilliseconds, whole.Reads, whole.Writes = &r.CPU, &r.Reads, &r.Writes // seconds per 1,000 are milliseconds each
		a.Notes = append(a.Notes,
			[2]string{"SERVER", fmt.Sprintf("%.2f ms of CPU, %.2f SQL reads and %.2f writes per operation", r.CPU, r.Reads, r.Writes)},
			[2]string{"SIZING", fmt.Sprintf("1,000 of these operations a second take %.1f cores of the server, and store %s", r.CPU, perDay(stored*1000))})
	} else {
		a.Notes = append(a.Notes, [2]string{"SIZING", fmt.Sprintf("1,000 of these operations a second store %s", perDay(stored*1000))})
	}
	a.Value = whole
	return a
}

// perDay says what so many bytes a second come to, before the clean-up.
func perDay(bytesPerSecond float64) string {
	if bytesPerSecond == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%.1f GB a day (%d bytes for each sign-in, until it expires)", bytesPerSecond*86400/1e9, grantBytes)
}
