// Package loadtest puts a bounded load on an OAuth 2.0 / OpenID Connect server.
// It plays the OAuth client, the browser and the login and consent app in one,
// in closed loops or at a fixed rate, and reports rate, latency, and what the
// server needed for it: CPU time per 1,000 operations is the figure that other
// load on the machine disturbs least. Unless told otherwise it talks to
// loopback addresses only, and it ends by itself, by time or by count.
package loadtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Bounds of one run. Whoever wants more starts several.
const (
	MaxWorkers     = 256
	MaxOpenWorkers = 2048 // at a fixed rate, where most of them wait
	MaxTime        = 10 * time.Minute
	MaxOps         = 1_000_000
	MaxRate        = 1_000_000 // operations per second
	maxPool        = 10_000
	maxWeight      = 1000 // of all shares of a mix together
)

// Options say what to measure, and on whom.
type Options struct {
	Target        string // hydra-rc, hydra-v2, or oidc: any provider, by its discovery document; bare
	Public, Admin Endpoint
	AnyHost       bool          // also hosts that are not this machine
	Scenario      string        // one of Names, or
	Mix           []Share       // several of them, with the client of ClientID
	Workers       int           // each with its own connections
	Rate          float64       // operations per second, whatever becomes of the earlier ones; 0: closed loops
	Time, Warmup  time.Duration // measured; before it, not counted
	Timeout       time.Duration // of one request; 0: 10 s
	Ops           int           // end earlier, after so many measured operations
	Requests      int           // end earlier, after so many measured requests; 0: no such end
	Pool          int           // distinct tokens for introspect and userinfo
	Remember      bool          // code flow: remember login and consent
	SigningAlg    string        // refuse to measure unless ID tokens are signed so; empty: any

	ClientID, ClientSecret, Scope string // use this client and make none

	// Meter, if set, is called when counting begins. What it returns is called
	// at the end and tells what was used since.
	Meter func() func() Usage
}

// Share is a scenario of a mix.
type Share struct {
	Scenario string
	Weight   int // operations of it in a round
}

func (o Options) check() error {
	most := MaxWorkers
	if o.Rate > 0 {
		most = MaxOpenWorkers
	}
	weights := 0
	for _, s := range o.Mix {
		if s.Weight < 1 || s.Weight > maxWeight {
			return fmt.Errorf("%s: want a weight of 1 to %d", s.Scenario, maxWeight)
		}
		weights += s.Weight
	}
	switch {
	case o.Workers < 1 || o.Workers > most:
		return fmt.Errorf("want 1 to %d connections", most)
	case o.Time <= 0 || o.Warmup < 0 || o.Time+o.Warmup > MaxTime:
		return fmt.Errorf("want at most %s, warm-up included", MaxTime)
	case o.Ops < 1 || o.Ops > MaxOps:
		return fmt.Errorf("want 1 to %d operations at most", MaxOps)
	case o.Pool < 1 || o.Pool > maxPool:
		return fmt.Errorf("want a pool of 1 to %d tokens", maxPool)
	case o.Requests < 0 || o.Timeout < 0 || o.Rate < 0 || o.Rate > MaxRate:
		return errors.New("a bound is out of its own bounds")
	case weights > maxWeight:
		return fmt.Errorf("the weights are more than %d together", maxWeight)
	case len(o.Mix) > 1 && o.ClientID == "":
		return errors.New("a mix needs a client")
	}
	return nil
}

// shares are the scenarios to run; a single one is a mix, too.
func (o Options) shares() ([]scenario, error) {
	mix := o.Mix
	if len(mix) == 0 {
		mix = []Share{{o.Scenario, 1}}
	}
	var out []scenario
	for _, s := range mix {
		sc, ok := scenarios[s.Scenario]
		if !ok {
			return nil, fmt.Errorf("unknown scenario %q", s.Scenario)
		}
		if !sc.simple && (o.Target == "oidc" || o.Target == "bare") {
			return nil, fmt.Errorf("target %s cannot do %s", o.Target, s.Scenario)
		}
		sc.name, sc.weight = s.Scenario, s.Weight
		out = append(out, sc)
	}
	return out, nil
}

// Run measures one scenario or a mix. It ends after Options.Time, after
// Options.Ops or Options.Requests, or with the context, whichever is first.
func Run(ctx context.Context, o Options) (*Result, error) {
	shares, err := o.shares()
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	pub, err := o.Public.route(o.AnyHost)
	if err != nil {
		return nil, err
	}
	adm, err := o.Admin.route(o.AnyHost)
	if err != nil {
		return nil, err
	}
	t, err := newTarget(o.Target, pub.conn(o.Timeout))
	if err != nil {
		return nil, err
	}
	b := &bench{target: t, opt: o}
	workers := make([]*worker, o.Workers)
	for i := range workers {
		workers[i] = &worker{bench: b, id: i, pub: pub.conn(o.Timeout), adm: adm.conn(o.Timeout), cookies: map[string]string{}}
		defer workers[i].pub.close()
		defer workers[i].adm.close()
	}
	if err := prepare(ctx, workers, shares); err != nil {
		return nil, err
	}
	return measure(ctx, workers, shares), nil
}

// prepare makes what the shares need: clients, tokens, chains of refresh tokens.
// The context also ends what is under way, which nobody measures here.
func prepare(ctx context.Context, workers []*worker, shares []scenario) error {
	until := func(ctx context.Context) {
		for _, w := range workers {
			w.pub.until, w.adm.until = ctx, ctx
		}
	}
	until(ctx)
	defer until(context.Background())
	for _, sc := range shares {
		if sc.setup != nil {
			if err := sc.setup(workers[0]); err != nil {
				return fmt.Errorf("%s: setup: %w", sc.name, err)
			}
		}
		if sc.prepare != nil {
			for _, w := range workers {
				if err := sc.prepare(w); err != nil {
					return fmt.Errorf("%s: prepare: %w", sc.name, err)
				}
			}
		}
		// What is made at its first use, such as a key, is made before anything
		// counts; on a busy machine that takes a while.
		for tries := 0; tries < 6 && errors.Is(sc.op(workers[0]), os.ErrDeadlineExceeded); tries++ {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure lets the workers loop and counts what completes while measuring.
func measure(ctx context.Context, workers []*worker, shares []scenario) *Result {
	o := workers[0].opt
	c := newControl(o, shares)
	var wg sync.WaitGroup
	tallies := make([]tally, len(workers))
	for i, w := range workers {
		wg.Go(func() { tallies[i].loop(w, c) })
	}
	wait(ctx, o.Warmup, nil)
	since := func() Usage { return Usage{} }
	if o.Meter != nil {
		since = o.Meter()
	}
	began := time.Now()
	c.phase.Store(measuring)
	wait(ctx, o.Time, c.full)
	c.phase.Store(stopping)
	took := time.Since(began)
	used := since()
	close(c.stopped)
	wg.Wait()

	all := tally{parts: make([]part, len(shares))}
	for _, t := range tallies {
		all.add(t)
	}
	return all.result(o, shares, took, used)
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

// WaitReady asks for a path until it is answered with 200, for at most so long.
func WaitReady(ctx context.Context, e Endpoint, path string, atMost time.Duration) error {
	r, err := e.route(false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	c := r.conn(10 * time.Second)
	defer c.close()
	for {
		r, err := c.do("GET", c.prefix+path, "", nil)
		if err == nil && r.status == 200 {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("status %d", r.status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", e.URL, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
