package server

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hydra/internal/config"
	"hydra/internal/key"
	"hydra/internal/token"
)

// beforeSpend asks the operator's token hooks; nil when there are none.
func beforeSpend(c *config.Config, o *token.Options, roots *x509.CertPool, m *metrics) func(context.Context, *token.Payout) error {
	limit := hookLimit(c.Serve.Public)
	h := &token.Hooks{
		Options: o,
		Token:   hookCall(c.OAuth2.TokenHook, roots, limit, m.hookCalls("token_hook")),
		Refresh: hookCall(c.OAuth2.RefreshTokenHook, roots, limit, m.hookCalls("refresh_token_hook")),
		Count:   func(hook, outcome string) { m.hooks.total.WithLabelValues(hook, outcome).Inc() },
	}
	if h.Token == nil && h.Refresh == nil {
		return nil
	}
	return h.BeforeSpend
}

// hookTime is how long the hooks may hold up one request.
func hookTime(c *config.Config) (all time.Duration) {
	for _, h := range []config.Hook{c.OAuth2.TokenHook, c.OAuth2.RefreshTokenHook} {
		if h.URL != "" {
			all += h.Timeout
		}
	}
	return all
}

// hookCall is nil for a hook that is not configured.
func hookCall(h config.Hook, roots *x509.CertPool, limit *key.Limiter, watched func(token.HookCall) token.HookCall) token.HookCall {
	if h.URL == "" {
		return nil
	}
	p := &key.Poster{URL: string(h.URL), Header: http.Header{}, Roots: roots, Time: h.Timeout, Limit: limit}
	switch {
	case h.AuthName == "":
	case h.AuthIn == "cookie":
		p.Header.Set("Cookie", (&http.Cookie{Name: h.AuthName, Value: string(h.AuthValue)}).String())
	default:
		p.Header.Set(h.AuthName, string(h.AuthValue))
	}
	return watched(p.Post)
}

// hookMetrics tell how a hook does: hydra_token_hooks_total by outcome, and
// how long calls take and how many are under way, waiting ones included.
type hookMetrics struct {
	total     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	underWay  *prometheus.GaugeVec
}

func newHookMetrics(reg prometheus.Registerer) hookMetrics {
	m := hookMetrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hydra_token_hooks_total", Help: "Calls of token hooks, by hook and by how they ended.",
		}, []string{"hook", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hydra_token_hook_duration_seconds", Help: "Time that calls of token hooks took, the wait for a free place included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"hook"}),
		underWay: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hydra_token_hooks_in_flight", Help: "Calls of token hooks that are under way or wait for a free place.",
		}, []string{"hook"}),
	}
	reg.MustRegister(m.total, m.durations, m.underWay)
	return m
}

// hookCalls watches the calls of a hook.
func (m *metrics) hookCalls(hook string) func(token.HookCall) token.HookCall {
	return func(call token.HookCall) token.HookCall {
		took, running := m.hooks.durations.WithLabelValues(hook), m.hooks.underWay.WithLabelValues(hook)
		return func(ctx context.Context, body []byte) (int, []byte, error) {
			running.Inc()
			begun := time.Now()
			defer func() {
				running.Dec()
				took.Observe(time.Since(begun).Seconds())
			}()
			return call(ctx, body)
		}
	}
}
