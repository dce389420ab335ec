package web

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
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

	// known spares each request the hashing of its labels. A map is never
	// changed once it is stored here.
	known  atomic.Pointer[map[labels]*series]
	adding sync.Mutex
}

type labels struct {
	status        int
	method, route string
}

// series are those that one kind of answer counts in.
type series struct {
	requests, statuses prometheus.Counter
	duration           prometheus.Observer
}

// NewMetrics registers the series. Constant labels (app, version) are for the
// caller to add with prometheus.WrapRegistererWith. It panics when the
// registry has them already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	names := []string{"code", "method", "endpoint"}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Answered requests.",
		}, names),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_requests_duration_seconds",
			Help:    "Time from the request's first line to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, names),
		statuses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_statuses_total",
			Help: "Answered requests by class of status.",
		}, []string{"method", "status_bucket"}),
	}
	reg.MustRegister(m.requests, m.durations, m.statuses)
	return m
}

func (m *Metrics) observe(method, route string, status int, took time.Duration) {
	s := m.series(labels{status, method, route})
	s.requests.Inc()
	s.duration.Observe(took.Seconds())
	s.statuses.Inc()
}

func (m *Metrics) series(l labels) *series {
	if known := m.known.Load(); known != nil && (*known)[l] != nil {
		return (*known)[l]
	}
	m.adding.Lock()
	defer m.adding.Unlock()
	code := strconv.Itoa(l.status)
	s := &series{
		requests: m.requests.WithLabelValues(code, l.method, l.route),
		duration: m.durations.WithLabelValues(code, l.method, l.route),
		statuses: m.statuses.WithLabelValues(l.method, code[:1]+"xx"),
	}
	next := map[labels]*series{l: s}
	if known := m.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	m.known.Store(&next)
	return s
}
