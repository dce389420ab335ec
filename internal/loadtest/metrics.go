package loadtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Metrics are values of a server's metrics, by the name of the series with its
// labels as they stand there; labels that are the same everywhere included.
type Metrics map[string]float64

// maxSeries bounds what is read of foreign metrics.
const maxSeries = 10_000

// ParseMetrics reads the text format of Prometheus. Lines that it does not
// understand are left out: what matters is there or not.
func ParseMetrics(text string) Metrics {
	m := Metrics{}
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		end := strings.LastIndexByte(l, '}') + 1
		if end == 0 {
			end = strings.IndexByte(l, ' ')
		}
		if l == "" || l[0] == '#' || end <= 0 || len(m) == maxSeries {
			continue
		}
		value, _, _ := strings.Cut(strings.TrimSpace(l[end:]), " ") // a timestamp may follow
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[l[:end]] = v
		}
	}
	return m
}

// Sum adds the series of a name that have a label with this value; with no
// label, all of them.
func (m Metrics) Sum(name, label, value string) float64 {
	sum := 0.0
	for series, v := range m {
		n, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
		if n == name && (label == "" || strings.Contains(","+labels+",", ","+label+`="`+value+`",`)) {
			sum += v
		}
	}
	return sum
}

// ReadMetrics asks the admin port for its metrics. Other hosts than this
// machine are the caller's decision.
func ReadMetrics(ctx context.Context, admin Endpoint) (Metrics, error) {
	r, err := admin.route(true)
	if err != nil {
		return nil, err
	}
	c := r.conn(10 * time.Second)
	defer c.close()
	res, err := c.do("GET", c.prefix+"/metrics/prometheus", "Connection: close\r\n", nil)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	if res.status != 200 {
		return nil, fmt.Errorf("metrics: status %d", res.status)
	}
	return ParseMetrics(string(res.body)), nil
}

// OwnMeter returns a meter for Options that rests on the server's own metrics,
// for servers elsewhere. unknown is set when they say nothing of use: they
// are not shown, or two nodes were asked.
func OwnMeter(ctx context.Context, admin Endpoint, unknown *error) func() func() Usage {
	return func() func() Usage {
		before, err := ReadMetrics(ctx, admin)
		return func() Usage {
			after, err2 := ReadMetrics(ctx, admin)
			const started = "process_start_time_seconds"
			if err = errors.Join(err, err2); err == nil && before[started] != after[started] {
				err = errors.New("the admin API is that of several nodes, or the server was started anew")
			}
			if *unknown = err; err != nil {
				return Usage{}
			}
			return after.Since(before)
		}
	}
}

// Since is what was used between two readings of a server's own metrics.
func (m Metrics) Since(before Metrics) Usage {
	grown := func(name, label, value string) float64 {
		return max(0, m.Sum(name, label, value)-before.Sum(name, label, value))
	}
	return Usage{
		CPU:     grown("process_cpu_seconds_total", "", ""),
		Reads:   grown("hydra_sql_statements_total", "kind", "read"),
		Writes:  grown("hydra_sql_statements_total", "kind", "write"),
		PeakMiB: m.Sum("process_resident_memory_bytes", "", "") / (1 << 20),
	}
}
