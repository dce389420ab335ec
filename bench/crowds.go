package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"hydra/internal/loadtest"
)

// overload is what a server does with four times as many requests as it can
// bear, which come whether it answers or not.
type overload struct {
	Engine      string  `json:"engine"`
	Scenario    string  `json:"scenario"`
	Sustainable float64 `json:"sustainable_per_s"` // in closed loops, just before
	Wanted      float64 `json:"wanted_per_s"`
	Offered     float64 `json:"offered_per_s"` // what the generator, on the same processors, got out
	Accepted    float64 `json:"accepted_per_s"`
	ShedShare   float64 `json:"shed_share"` // of what was offered
	P50         float64 `json:"accepted_p50_ms"`
	P99         float64 `json:"accepted_p99_ms"`
	PeakMiB     float64 `json:"server_rss_peak_mib"`
	Errors      int     `json:"errors"` // neither accepted nor turned away
	Error       string  `json:"first_error,omitempty"`
	Health      probes  `json:"health_meanwhile"`
	Recovery    float64 `json:"recovery_s"` // until 20 requests in a row were answered within 100 ms; negative: not within 30 s
}

var overloadHeader = []string{"four times too much", "engine", "sustainable/s", "offered/s", "accepted/s", "turned away", "p50 ms", "p99 ms", "errors", "health", "slowest ms", "recovered after s", "peak MiB"}

func (o overload) cells() []string {
	return []string{o.Scenario, o.Engine, fmt.Sprintf("%.0f", o.Sustainable), fmt.Sprintf("%.0f", o.Offered), fmt.Sprintf("%.0f", o.Accepted),
		fmt.Sprintf("%.0f %%", 100*o.ShedShare), fmt.Sprintf("%.1f", o.P50), fmt.Sprintf("%.1f", o.P99), fmt.Sprint(o.Errors),
		fmt.Sprintf("%d/%d", o.Health.Alive, o.Health.Asked), fmt.Sprintf("%.0f", o.Health.SlowestMS), fmt.Sprintf("%.2f", o.Recovery), fmt.Sprintf("%.0f", o.PeakMiB)}
}

const (
	overloadFactor = 4
	crowd          = 1024 // connections: more than the server works on and lets wait together
)

func (p plan) overload(ctx context.Context, u *under) (out []overload, err error) {
	for _, scenario := range []string{"client_credentials", "introspect"} {
		p.Progress("%s overload %s …", u.Engine, scenario)
		calm, err := p.load(ctx, p.options(ctx, u, "hydra-rc", scenario))
		if err != nil {
			return nil, err
		}
		o := p.options(ctx, u, "hydra-rc", scenario)
		o.Workers, o.Rate, o.Ops, o.Requests = p.Crowd, max(1, overloadFactor*calm.OpsPerSec), loadtest.MaxOps, p.Requests
		health := watchHealth(ctx, u.Public, cmp.Or(p.Timeout, 10*time.Second))
		res, err := p.load(ctx, o)
		seen := health()
		if err != nil {
			return nil, err
		}
		offered := res.Ops + res.Shed + res.Errors
		out = append(out, overload{
			Engine: u.Engine, Scenario: scenario, Sustainable: calm.OpsPerSec, Wanted: o.Rate,
			Offered: float64(offered) / res.Seconds, Accepted: res.OpsPerSec, ShedShare: float64(res.Shed) / float64(max(1, offered)),
			P50: res.P50, P99: res.P99, PeakMiB: res.PeakMiB, Errors: res.Errors, Error: res.Error, Health: seen, Recovery: recovery(ctx, u.Public),
		})
		p.Progress(" %.0f of %.0f/s accepted, %d turned away\n", res.OpsPerSec, float64(offered)/res.Seconds, res.Shed)
	}
	return out, nil
}

// flood is hostile traffic beside good one.
type flood struct {
	Engine    string  `json:"engine"`
	Kind      string  `json:"kind"`
	Calm      float64 `json:"good_per_s_before"` // at a fixed rate, a tenth of what the server can bear
	CalmP99   float64 `json:"good_p99_ms_before"`
	Good      float64 `json:"good_per_s_meanwhile"`
	GoodP99   float64 `json:"good_p99_ms_meanwhile"`
	GoodShed  int     `json:"good_turned_away"`
	GoodWrong int     `json:"good_errors"`
	Flood     float64 `json:"flood_per_s"`
	FloodShed float64 `json:"flood_shed_share"`
	FloodBad  int     `json:"flood_errors"` // answers that did not refuse
	Requests  int     `json:"flood_requests"`
	Writes    int     `json:"sql_writes_meanwhile"` // of background jobs, too
	Error     string  `json:"first_error,omitempty"`
}

// Kept is the share of the good traffic that went on.
func (f flood) Kept() float64 { return f.Good / max(1e-9, f.Calm) }

var floodHeader = []string{"flood of", "engine", "flood/s", "turned away", "requests", "SQL writes", "good/s before", "good/s meanwhile", "kept", "good p99 ms before", "meanwhile", "good turned away", "errors"}

func (f flood) cells() []string {
	return []string{f.Kind, f.Engine, fmt.Sprintf("%.0f", f.Flood), fmt.Sprintf("%.0f %%", 100*f.FloodShed), fmt.Sprint(f.Requests), fmt.Sprint(f.Writes),
		fmt.Sprintf("%.0f", f.Calm), fmt.Sprintf("%.0f", f.Good), fmt.Sprintf("%.0f %%", 100*f.Kept()), fmt.Sprintf("%.1f", f.CalmP99), fmt.Sprintf("%.1f", f.GoodP99),
		fmt.Sprint(f.GoodShed), fmt.Sprint(f.GoodWrong + f.FloodBad)}
}

// kinds of floods: scenarios, and what people call them.
var floodKinds = []struct{ scenario, title string }{
	{"wrong_secret", "wrong client secrets"}, {"forged_userinfo", "forged tokens"}, {"authorize", "sign-ins of nobody"},
}

const floodWorkers = 64

// floods lets clients ask for tokens and introspect them at a tenth of the
// rate that the server can bear, and then floods it beside them.
func (p plan) floods(ctx context.Context, u *under) (out []flood, err error) {
	most, err := p.load(ctx, p.options(ctx, u, "hydra-rc", "machines"))
	if err != nil {
		return nil, err
	}
	good := p.options(ctx, u, "hydra-rc", "machines")
	good.Rate, good.Ops, good.Requests = max(1, most.OpsPerSec/10), loadtest.MaxOps, p.Requests
	for _, kind := range floodKinds {
		p.Progress("%s flood of %s …", u.Engine, kind.title)
		calm, err := p.load(ctx, good)
		if err != nil {
			return nil, err
		}
		bad := p.options(ctx, u, "hydra-rc", kind.scenario)
		bad.Workers, bad.Rate, bad.Ops, bad.Requests = floodWorkers, max(1, 2*most.OpsPerSec), loadtest.MaxOps, p.Requests
		bad.Meter = nil // one meter counts the statements of both
		var flooded *loadtest.Result
		var failed error
		var both sync.WaitGroup
		both.Go(func() { flooded, failed = p.load(ctx, bad) })
		res, err := p.load(ctx, good)
		both.Wait()
		if err != nil {
			return nil, err
		}
		if failed != nil {
			return nil, failed
		}
		requests := flooded.Ops + flooded.Shed + flooded.Errors
		f := flood{
			Engine: u.Engine, Kind: kind.title, Calm: calm.OpsPerSec, CalmP99: calm.P99, Good: res.OpsPerSec, GoodP99: res.P99, GoodShed: res.Shed, GoodWrong: res.Errors,
			Flood: float64(requests) / flooded.Seconds, FloodShed: float64(flooded.Shed) / float64(max(1, requests)), FloodBad: flooded.Errors, Requests: requests,
			Writes: res.AllWrites, Error: flooded.Error + res.Error,
		}
		p.Progress(" %.0f/s; %.0f %% of the good traffic went on, %d writes\n", f.Flood, 100*f.Kept(), f.Writes)
		out = append(out, f)
	}
	return out, nil
}

// probes are of the health check while there is a crowd.
type probes struct {
	Asked     int     `json:"asked"`
	Alive     int     `json:"alive"` // answered with 200
	SlowestMS float64 `json:"slowest_ms"`
}

// watchHealth asks every 100 ms, over a new connection each time as an
// orchestrator does, until the function that it returns is called.
func watchHealth(ctx context.Context, base string, patience time.Duration) func() probes {
	ctx, cancel := context.WithCancel(ctx)
	var p probes
	var wg sync.WaitGroup
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	wg.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			err := ask(client, base+"/health/alive") // to its end, also when watching ends
			p.Asked++
			if err == nil {
				p.Alive++
			}
			p.SlowestMS = max(p.SlowestMS, 1000*time.Since(began).Seconds())
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return func() probes {
		cancel()
		wg.Wait()
		return p
	}
}

// recovery is how long it takes until 20 requests in a row are answered within
// 100 ms each, in seconds; -1 if not within 30.
func recovery(ctx context.Context, base string) float64 {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	began := time.Now()
	for row := 0; ctx.Err() == nil && time.Since(began) < 30*time.Second; {
		sent := time.Now()
		if err := ask(client, base+"/.well-known/openid-configuration"); err != nil || time.Since(sent) > 100*time.Millisecond {
			row = 0
			continue
		}
		if row++; row == 20 {
			return time.Since(began).Seconds()
		}
	}
	return -1
}

func ask(client *http.Client, url string) error {
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}
