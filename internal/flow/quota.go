package flow

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hydra/internal/oauth"
)

// Rows that an authorization request makes cost nothing to ask for: nobody has
// signed in yet. So each client may store a burst of them from one network,
// and then a few a second.
const (
	quotaBurst  = 30
	quotaRate   = 3 // a second
	quotaTotal  = 300
	quotaTracks = 10_000 // pairs of client and network that are told apart
)

type quota struct {
	mu     sync.Mutex
	keys   map[string]*rate.Limiter
	shared *rate.Limiter
}

// take returns an error that asks to come back later, when the quota of the
// client and network is used up.
func (q *quota) take(clientID, network string, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.keys == nil || len(q.keys) >= quotaTracks {
		q.keys = make(map[string]*rate.Limiter)
	}
	if q.shared == nil {
		q.shared = rate.NewLimiter(quotaTotal, quotaTotal)
	}
	key := network + "\x00" + clientID
	l := q.keys[key]
	if l == nil {
		l = rate.NewLimiter(quotaRate, quotaBurst)
		q.keys[key] = l
	}
	if l.AllowN(now, 1) && q.shared.AllowN(now, 1) {
		return nil
	}
	e := oauth.TemporarilyUnavailable.Hint("Too many long authorization requests. Try again in a moment.")
	e.RetryAfter = int(math.Ceil(1.0 / quotaRate))
	return e
}
