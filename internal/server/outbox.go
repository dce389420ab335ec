package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hydra/internal/client"
	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/token"
)

// Intervals at which the outbox is looked at. A session that ends on this node
// wakes it at once.
const (
	outboxEvery = 2 * time.Second
	countEvery  = 15 * time.Second
)

// outbox delivers what the database has to tell clients, on every node: who
// takes a call first makes it.
type outbox struct {
	calls *token.LogoutCalls
	wakes chan struct{}
	log   *slog.Logger
	rows  *prometheus.GaugeVec
}

// newOutbox has a client of its own for the calls, so that relying parties which
// are slow do not take the places of key sets that are asked for.
func newOutbox(o Options, c *config.Config, store oauth.Outbox, clients *client.Service, tokens *token.Service, observe oauth.Observer, m *metrics) (*outbox, error) {
	fetcher, err := newFetcher(c)
	if err != nil {
		return nil, err
	}
	box := &outbox{wakes: make(chan struct{}, 1), log: o.Log, rows: m.logoutRows}
	box.calls = &token.LogoutCalls{
		Store: store, Clients: clients, Tokens: tokens, Send: fetcher.PostForm, TellFor: c.OIDC.LogoutTellFor, Observe: observe,
		Count: func(outcome string) { m.logoutCalls.WithLabelValues(outcome).Inc() },
		Report: func(err error) {
			o.Log.Error("A client could not be told of the end of a session; it will be tried again.", "cause", err)
		},
	}
	return box, nil
}

// outboxMetrics are the counter of attempts and the gauge of calls.
func outboxMetrics(r prometheus.Registerer) (*prometheus.CounterVec, *prometheus.GaugeVec) {
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hydra_logout_calls_total", Help: "Attempts to tell a client of the end of a session by the back channel, by how they ended: delivered, postponed, failed (given up) or dropped.",
	}, []string{"outcome"})
	rows := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "hydra_logout_calls", Help: "Back-channel logout calls in the database that wait (pending) or were given up (failed).",
	}, []string{"state"})
	r.MustRegister(attempts, rows)
	for _, outcome := range []string{"delivered", "postponed", "failed", "dropped"} {
		attempts.WithLabelValues(outcome)
	}
	return attempts, rows
}

// wake makes the outbox be looked at soon. It never waits.
func (o *outbox) wake() {
	select {
	case o.wakes <- struct{}{}:
	default: // it is about to be
	}
}

// run delivers until the context ends, and then waits for what is under way.
func (o *outbox) run(ctx context.Context) {
	look, count := time.NewTicker(outboxEvery), time.NewTicker(countEvery)
	defer look.Stop()
	defer count.Stop()
	defer o.calls.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wakes:
			o.deliver(ctx)
		case <-look.C:
			o.deliver(ctx)
		case <-count.C:
			o.count(ctx)
		}
	}
}

func (o *outbox) deliver(ctx context.Context) {
	begun, err := o.calls.Deliver(ctx, o.wake)
	o.report(ctx, err)
	if begun > 0 {
		o.count(ctx)
	}
}

func (o *outbox) count(ctx context.Context) {
	pending, failed, err := o.calls.Store.CountLogoutCalls(ctx)
	if err != nil {
		o.report(ctx, err)
		return
	}
	o.rows.WithLabelValues("pending").Set(float64(pending))
	o.rows.WithLabelValues("failed").Set(float64(failed))
}

func (o *outbox) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		o.log.Error("Telling clients of the end of sessions failed; it will be tried again.", "cause", err)
	}
}
