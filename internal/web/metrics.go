package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts requests by route pattern, never by path: the number of
// series stays that of the routes. The names are those of Hydra's later
// releases, so that existing dashboards work.
type Metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	statuses  *prometheus.CounterVec
}

// NewMetrics registers the series. Constant labels (app, version) are for the
// caller to add with prometheus.WrapRegistererWith. It panics when the
// registry has them already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	labels := []string{"code", "method", "endpoint"}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Answered requests.",
		}, labels),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_requests_duration_seconds",
			Help:    "Time from the request's first line to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, labels),
		statuses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_statuses_total",
			Help: "Answered requests by class of status.",
		}, []string{"method", "status_bucket"}),
	}
	reg.MustRegister(m.requests, m.durations, m.statuses)
	return m
}

func (m *Metrics) observe(method, route string, status int, took time.Duration) {
	code := strconv.Itoa(status)
	m.requests.WithLabelValues(code, method, route).Inc()
	m.durations.WithLabelValues(code, method, route).Observe(took.Seconds())
	m.statuses.WithLabelValues(method, code[:1]+"xx").Inc()
}
