package sqlstore

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// longestConvoy bounds how many look-ups share a round trip, and so how long
// the first of them waits for the last.
const longestConvoy = 32

// errLeaderless is what the others get when the one who asked for them did not
// come back: it panicked.
var errLeaderless = errors.New("sqlstore: the caller who asked for several look-ups did not return")

// convoys let look-ups that are wanted at the same time share a round trip. A
// message to a server costs more than the look-up that it asks for, on either
// side. There are a few lanes. Who finds one free goes at once and alone; who
// finds none waits, and who gets the next lane asks for all that wait, in its
// own goroutine. So nobody waits for company, and convoys are as long as the
// load makes them.
type convoys struct {
	mu      sync.Mutex
	free    int // lanes
	waiting []*passenger
}

// passenger is a look-up on its way.
type passenger struct {
	question
	err  error
	turn chan bool // true: take the lane; false: err is the answer
}

// newConvoys has a lane for each processor: what is more makes convoys shorter
// and answers no sooner. With two, a connection that stalls leaves one.
func newConvoys() *convoys {
	return &convoys{free: max(2, runtime.GOMAXPROCS(0))}
}

// ask has the question answered by send, which fills in the answer of each
// passenger. A caller who goes while waiting is not waited for; what was sent
// is not called back.
func (c *convoys) ask(ctx context.Context, q question, send func(context.Context, []*passenger)) error {
	p := &passenger{question: q, err: errLeaderless}
	if !c.enter(p) {
		lead := false
		select {
		case lead = <-p.turn:
		case <-ctx.Done():
			if c.leave(p) {
				return ctx.Err()
			}
			lead = <-p.turn
		}
		if !lead {
			return p.err
		}
	}
	load := c.load(p)
	defer c.arrive(load)
	send(context.WithoutCancel(ctx), load)
	return p.err
}

// enter takes a free lane, or a place in the queue.
func (c *convoys) enter(p *passenger) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free > 0 {
		c.free--
		return true
	}
	p.turn = make(chan bool, 1)
	c.waiting = append(c.waiting, p)
	return false
}

// leave gives up a place in the queue; false: it is somebody's passenger now,
// or is to lead.
func (c *convoys) leave(p *passenger) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, p)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	return true
}

// load takes along who waits.
func (c *convoys) load(leader *passenger) []*passenger {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), longestConvoy-1)
	load := append(make([]*passenger, 0, 1+n), leader)
	load = append(load, c.waiting[:n]...)
	c.waiting = slices.Delete(c.waiting, 0, n)
	return load
}

// arrive passes the lane on and lets everybody but the leader go.
func (c *convoys) arrive(load []*passenger) {
	c.mu.Lock()
	if len(c.waiting) > 0 {
		c.waiting[0].turn <- true
		c.waiting = slices.Delete(c.waiting, 0, 1)
	} else {
		c.free++
	}
	c.mu.Unlock()
	for _, p := range load[1:] {
		p.turn <- false
	}
}
