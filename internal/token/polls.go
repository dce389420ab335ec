package token

import (
	"sync"
	"time"

	"hydra/internal/oauth"
)

// Devices that wait ask again and again (RFC 8628 §3.5). When each asked last
// is kept in the memory of the node: a write for every request would cost more
// than the requests do. A device whose requests are spread over n nodes may
// therefore ask n times as often as it should.
const (
	pollsKept = 50_000           // devices that are told apart
	pollSlack = time.Second      // requests arrive a little earlier or later than they were sent
	pollStep  = 5 * time.Second  // by which slow_down raises the interval (RFC 8628 §3.5)
	pollMost  = 60 * time.Second // the longest interval
)

// polls are the devices that wait. The zero value is ready.
type polls struct {
	mu      sync.Mutex
	devices map[oauth.ID]poll
}

type poll struct {
	last     time.Time
	interval time.Duration
	expires  time.Time
}

// allow notes a request and reports whether it comes late enough. One that
// does not raises the interval for all that follow.
func (p *polls) allow(id oauth.ID, interval time.Duration, now, expires time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known := p.devices[id]
	if !known {
		p.room(now)
		p.devices[id] = poll{now, interval, expires}
		return true
	}
	slack := min(pollSlack, was.interval/5)
	early := now.Before(was.last.Add(was.interval - slack))
	if early {
		was.interval = max(interval, min(was.interval+pollStep, pollMost))
	}
	p.devices[id] = poll{now, was.interval, expires}
	return !early
}

// room makes place for one more: first what has expired goes, then everything.
// A device that is forgotten may ask once too early.
func (p *polls) room(now time.Time) {
	if len(p.devices) >= pollsKept {
		for id, d := range p.devices {
			if oauth.Past(d.expires, now) {
				delete(p.devices, id)
			}
		}
	}
	if p.devices == nil || len(p.devices) >= pollsKept {
		p.devices = make(map[oauth.ID]poll)
	}
}

func (p *polls) forget(id oauth.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.devices, id)
}
