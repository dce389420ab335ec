package server

import (
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hydra/internal/config"
	"hydra/internal/key"
	"hydra/internal/web"
)

const (
	// requestsPerCPU is what a processor works on at once unless the operator
	// says otherwise. A request takes a millisecond or two of it, so the last of
	// them is answered in about 100 ms; most of the rest waits for databases.
	requestsPerCPU = 64
	// requestsAtLeast is twice what token hooks may hold up.
	requestsAtLeast = 2 * hooksAtOnce
	// hooksAtOnce is how many calls of token hooks are under way at most.
	hooksAtOnce = 64
	// patience is how long a request waits for its turn: with the time of the
	// work it stays within half a second.
	patience = 250 * time.Millisecond
	// crowdedEvery bounds the warnings in the log.
	crowdedEvery = time.Minute
)

// requestsAtOnce is the bound of a port.
func requestsAtOnce(l config.Listener) int {
	if l.MaxRequests > 0 {
		return l.MaxRequests
	}
	return max(requestsAtLeast, requestsPerCPU*runtime.GOMAXPROCS(0))
}

// hookLimit is that of all calls of token hooks together. A request holds its
// place while its hook is asked or waits for that, so that both take no more
// than half of the public port's: a hook that never answers must not silence
// what has nothing to do with it.
func hookLimit(public config.Listener) *key.Limiter {
	half := max(requestsAtOnce(public)/2, 1)
	atOnce := min(half, hooksAtOnce)
	return &key.Limiter{Slots: atOnce, Queue: half - atOnce}
}

// shedMetric counts what admission turned away: http_requests_shed_total.
func shedMetric(reg prometheus.Registerer) *prometheus.CounterVec {
	shed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_shed_total",
		Help: "Requests that were answered with 503 at once because too many were under way; they are in no other series.",
	}, []string{"port"})
	for _, port := range []string{"public", "admin"} {
		shed.WithLabelValues(port) // 0 is said, too
	}
	reg.MustRegister(shed)
	return shed
}

// admit puts the bound of a port around its handler.
func (a *app) admit(port string, l config.Listener, h http.Handler) http.Handler {
	limit := requestsAtOnce(l)
	shed, warned := a.metrics.shed.WithLabelValues(port), new(atomic.Int64)
	bound := &web.Admission{Limit: limit, Queue: limit, Patience: patience, Errors: &web.Errors{}, Shed: func() {
		shed.Inc()
		now := a.now()
		if last := warned.Load(); now.Sub(time.Unix(last, 0)) >= crowdedEvery && warned.CompareAndSwap(last, now.Unix()) {
			a.log.Warn("Too many requests at once; some are answered with 503. http_requests_shed_total counts them.",
				slog.String("port", port), slog.Int("at_once", limit))
		}
	}}
	return bound.Wrap(h, maxBody)
}
