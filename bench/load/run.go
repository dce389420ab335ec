// Package load puts a bounded load on an OAuth 2.0 / OpenID Connect server on
// this machine. It plays the OAuth client, the browser and the login and
// consent app in one, in closed loops, and reports rate, latency and the
// server's CPU seconds per 1,000 operations: the figure that other load on the
// machine disturbs least. It talks to loopback addresses only and ends by
// itself, by time or by count.
package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of one run. Whoever wants more starts several.
const (
	MaxWorkers = 256
	MaxSeconds = 120
	MaxOps     = 1_000_000
	maxPool    = 10_000
)

// Options say what to measure, and on whom.
type Options struct {
	Target        string        // hydra-rc, hydra-v2, or oidc: any provider, by its discovery document; bare
	Public, Admin string        // base URLs: http, a loopback address, a port
	Scenario      string        // one of Names
	Workers       int           // closed loops, each with its own connections
	Time, Warmup  time.Duration // measured; before it, not counted
	Ops           int           // end earlier, after so many measured operations
	Pool          int           // distinct tokens for introspect and userinfo
	Remember      bool          // code flow: remember login and consent
	SigningAlg    string        // refuse to measure unless ID tokens are signed so; empty: any

	ClientID, ClientSecret, Scope string // use this client for client_credentials and introspect

	PID, DatabasePID int // report CPU time of these process trees, and the first one's peak memory
}

func (o Options) check() error {
	switch {
	case o.Workers < 1 || o.Workers > MaxWorkers:
		return fmt.Errorf("want 1 to %d workers", MaxWorkers)
	case o.Time <= 0 || o.Warmup < 0 || o.Time+o.Warmup > MaxSeconds*time.Second:
		return fmt.Errorf("want at most %d seconds, warm-up included", MaxSeconds)
	case o.Ops < 1 || o.Ops > MaxOps:
		return fmt.Errorf("want 1 to %d operations at most", MaxOps)
	case o.Pool < 1 || o.Pool > maxPool:
		return fmt.Errorf("want a pool of 1 to %d tokens", maxPool)
	}
	return nil
}

// loopback returns the host:port and path of a base URL, and refuses any host
// but a literal loopback address or localhost: this tool must never put load
// on another machine, whatever a name server says.
func loopback(base string) (addr, prefix string, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", "", err
	}
	if u.Scheme != "http" || u.Port() == "" || u.User != nil {
		return "", "", fmt.Errorf("%s: want http://host:port", base)
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", "", fmt.Errorf("%s is not a loopback address", u.Hostname())
	}
	return net.JoinHostPort(host, u.Port()), strings.TrimSuffix(u.Path, "/"), nil
}

// Run measures one scenario. It ends after Options.Time, after Options.Ops, or
// with the context, whichever is first.
func Run(ctx context.Context, o Options) (*Result, error) {
	sc, ok := scenarios[o.Scenario]
	if !ok {
		return nil, fmt.Errorf("unknown scenario %q", o.Scenario)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if !sc.simple && (o.Target == "oidc" || o.Target == "bare") {
		return nil, fmt.Errorf("target %s cannot do %s", o.Target, o.Scenario)
	}
	pub, prefix, err := loopback(o.Public)
	if err != nil {
		return nil, err
	}
	adm, _, err := loopback(o.Admin)
	if err != nil {
		return nil, err
	}
	t, err := newTarget(o.Target, newConn(pub), prefix)
	if err != nil {
		return nil, err
	}
	b := &bench{target: t, opt: o, prefix: prefix}
	workers := make([]*worker, o.Workers)
	for i := range workers {
		workers[i] = &worker{bench: b, id: i, pub: newConn(pub), adm: newConn(adm), cookies: map[string]string{}}
		defer workers[i].pub.close()
		defer workers[i].adm.close()
	}
	if sc.setup != nil {
		if err := sc.setup(workers[0]); err != nil {
			return nil, fmt.Errorf("setup: %w", err)
		}
	}
	if sc.prepare != nil {
		for _, w := range workers {
			if err := errors.Join(ctx.Err(), sc.prepare(w)); err != nil {
				return nil, fmt.Errorf("prepare: %w", err)
			}
		}
	}
	return measure(ctx, workers, sc), nil
}

// WaitReady asks for a path until it is answered with 200, for at most so long.
func WaitReady(ctx context.Context, base, path string, atMost time.Duration) error {
	addr, prefix, err := loopback(base)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	c := newConn(addr)
	defer c.close()
	for {
		r, err := c.do("GET", prefix+path, "", nil)
		if err == nil && r.status == 200 {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("status %d", r.status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", addr, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const (
	warming int32 = iota
	measuring
	stopping
)

// control is what tells the workers when to count and when to end.
type control struct {
	phase atomic.Int32
	left  atomic.Int64  // operations that may still be counted
	full  chan struct{} // closed by the one that took the last
}

// measure lets the workers loop and counts what completes while measuring.
func measure(ctx context.Context, workers []*worker, sc scenario) *Result {
	o := workers[0].opt
	c := control{full: make(chan struct{})}
	c.left.Store(int64(o.Ops))
	var wg sync.WaitGroup
	tallies := make([]tally, len(workers))
	for i, w := range workers {
		wg.Go(func() { tallies[i].loop(w, sc, &c) })
	}
	wait(ctx, o.Warmup, nil)
	if o.PID != 0 {
		resetPeak(o.PID)
	}
	before := snapshot(o)
	c.phase.Store(measuring)
	wait(ctx, o.Time, c.full)
	c.phase.Store(stopping)
	after := snapshot(o)
	wg.Wait()

	var all tally
	for _, t := range tallies {
		all.add(t)
	}
	return all.result(o, before, after)
}

func wait(ctx context.Context, d time.Duration, full <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-full:
	case <-ctx.Done():
	}
}

// tally is one worker's count.
type tally struct {
	latencies        []time.Duration
	errors, requests int
	firstError       string
}

func (t *tally) loop(w *worker, sc scenario, c *control) {
	for {
		sent, start := w.pub.sent+w.adm.sent, time.Now()
		err := sc.op(w)
		switch p := c.phase.Load(); {
		case p == stopping:
			if errors.Is(err, os.ErrDeadlineExceeded) { // it hung while it was measured
				t.fail(err, true)
			}
			return
		case err != nil:
			t.fail(err, p == measuring)
			time.Sleep(10 * time.Millisecond) // a server in trouble needs no hammer
			if sc.prepare != nil {            // such as a fresh chain of refresh tokens
				if err := sc.prepare(w); err != nil {
					t.fail(err, p == measuring)
				}
			}
		case p == measuring:
			n := c.left.Add(-1)
			if n < 0 {
				return
			}
			t.latencies = append(t.latencies, time.Since(start))
			t.requests += w.pub.sent + w.adm.sent - sent
			if n == 0 {
				close(c.full)
			}
		}
	}
}

func (t *tally) fail(err error, counts bool) {
	if t.firstError == "" {
		t.firstError = err.Error()
	}
	if counts {
		t.errors++
	}
}

func (t *tally) add(o tally) {
	t.latencies = append(t.latencies, o.latencies...)
	t.errors += o.errors
	t.requests += o.requests
	if t.firstError == "" {
		t.firstError = o.firstError
	}
}

func (t *tally) result(o Options, before, after usage) *Result {
	slices.Sort(t.latencies)
	n := len(t.latencies)
	r := &Result{
		Target: o.Target, Scenario: o.Scenario, Workers: o.Workers, Ops: n, Requests: t.requests,
		Seconds: after.at.Sub(before.at).Seconds(), Errors: t.errors, Error: t.firstError,
		StealPct: 100 * (after.steal - before.steal) / max(1, after.ticks-before.ticks),
	}
	if n > 0 {
		at := func(q float64) float64 { return t.latencies[int(q*float64(n-1))].Seconds() * 1000 }
		r.OpsPerSec = float64(n) / r.Seconds
		r.P50, r.P90, r.P99, r.Max = at(.5), at(.9), at(.99), at(1)
		perThousand := 1000 / float64(n)
		r.CPU = (after.server - before.server) * perThousand
		r.DatabaseCPU = (after.database - before.database) * perThousand
		r.SelfCPU = (after.self - before.self) * perThousand
	}
	if o.PID != 0 {
		r.PeakMiB = peakMiB(o.PID)
	}
	return r
}
