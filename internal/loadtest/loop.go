package loadtest

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	warming int32 = iota
	measuring
	stopping
)

// errShed is an answer that turns a request away because there are too many.
var errShed = errors.New("turned away: too many requests")

// control is what tells the workers what to do, when to count and when to end.
type control struct {
	shares         []scenario
	round          []int // indexes of shares, in the order in which a worker takes them
	interval       time.Duration
	phase          atomic.Int32
	ops, requests  atomic.Int64  // that may still be counted
	full, stopped  chan struct{} // full: enough was counted
	filled         sync.Once
	began          time.Time
	boundsRequests bool
}

func newControl(o Options, shares []scenario) *control {
	c := &control{shares: shares, round: round(shares), full: make(chan struct{}), stopped: make(chan struct{}), began: time.Now(), boundsRequests: o.Requests > 0}
	c.ops.Store(int64(o.Ops))
	c.requests.Store(int64(o.Requests))
	if o.Rate > 0 {
		c.interval = time.Duration(float64(o.Workers) / o.Rate * float64(time.Second))
	}
	return c
}

// round spreads the shares evenly: the one that is most behind comes next.
func round(shares []scenario) []int {
	all := 0
	for _, s := range shares {
		all += max(1, s.weight)
	}
	credit := make([]int, len(shares))
	var out []int
	for range all {
		best := 0
		for i, s := range shares {
			if credit[i] += max(1, s.weight); credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= all
		out = append(out, best)
	}
	return out
}

func (c *control) fill() { c.filled.Do(func() { close(c.full) }) }

// rest waits, unless the run ends before.
func (c *control) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.stopped:
	}
}

// tally is one worker's count, part that of one share.
type tally struct {
	parts  []part
	next   time.Time // at a fixed rate: when the next operation is due
	missed int       // operations that were not sent in time
}

type part struct {
	latencies              []time.Duration
	errors, shed, requests int
	firstError             string
}

func (t *tally) loop(w *worker, c *control) {
	t.parts = make([]part, len(c.shares))
	at := w.id * len(c.round) / w.opt.Workers
	t.next = c.began.Add(c.interval * time.Duration(w.id) / time.Duration(w.opt.Workers))
	for ; ; at++ {
		t.pace(c)
		share := c.round[at%len(c.round)]
		sc, p := c.shares[share], &t.parts[share]
		sent, start := w.pub.sent+w.adm.sent, time.Now()
		err := sc.op(w)
		took := time.Since(start)
		phase := c.phase.Load()
		if phase == stopping {
			if errors.Is(err, os.ErrDeadlineExceeded) { // it hung while it was measured
				p.fail(err, true)
			}
			return
		}
		used := w.pub.sent + w.adm.sent - sent
		if phase == measuring && c.boundsRequests && c.requests.Add(int64(-used)) <= 0 {
			c.fill()
		}
		switch {
		case err != nil:
			p.fail(err, phase == measuring)
			if c.interval == 0 {
				c.rest(10 * time.Millisecond) // a server in trouble needs no hammer
			}
			if sc.prepare != nil { // such as a fresh chain of refresh tokens
				if err := sc.prepare(w); err != nil {
					p.fail(err, phase == measuring)
				}
			}
		case phase == measuring:
			n := c.ops.Add(-1)
			if n < 0 {
				return
			}
			p.latencies = append(p.latencies, took)
			p.requests += used
			if n == 0 {
				c.fill()
			}
		}
	}
}

// pace waits for the next operation's time. What could not be sent in time is
// left out and counted: nothing is made up for, which would be another rate.
func (t *tally) pace(c *control) {
	if c.interval == 0 {
		return
	}
	late := time.Since(t.next)
	if late < 0 {
		c.rest(-late)
	} else if n := late / c.interval; n > 0 {
		if c.phase.Load() == measuring {
			t.missed += int(n)
		}
		t.next = t.next.Add(n * c.interval)
	}
	t.next = t.next.Add(c.interval)
}

func (p *part) fail(err error, counts bool) {
	if errors.Is(err, errShed) {
		if counts {
			p.shed++
		}
		return
	}
	if p.firstError == "" {
		p.firstError = err.Error()
	}
	if counts {
		p.errors++
	}
}

func (p *part) add(o part) {
	p.latencies = append(p.latencies, o.latencies...)
	p.errors += o.errors
	p.shed += o.shed
	p.requests += o.requests
	if p.firstError == "" {
		p.firstError = o.firstError
	}
}

func (t *tally) add(o tally) {
	for i := range o.parts {
		t.parts[i].add(o.parts[i])
	}
	t.missed += o.missed
}
