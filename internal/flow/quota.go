package flow

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hydra/internal/oauth"
)

// Rows that an authorization request makes cost nothing to ask for: nobody has
// signed in yet. So each client may store a burst of them from one network and
// then some a second, and all together have a bound too. A company behind one
// address still gets through; where every request is stored, it takes more.
const (
	quotaBurst  = 100
	quotaRate   = 30 // a second
	quotaTotal  = 500
	quotaAlways = 10     // times as much with MaxSealedChars 0
	quotaTracks = 10_000 // pairs of client and network that are told apart
)

type quota struct {
	mu     sync.Mutex
	keys   map[string]*rate.Limiter
	shared *rate.Limiter
}

// take returns an error that asks to come back later, when the quota of the
// client and network is used up.
func (q *quota) take(clientID, network string, always bool, now time.Time) error {
	times := 1
	if always {
		times = quotaAlways
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.keys == nil || len(q.keys) >= quotaTracks {
		q.keys = make(map[string]*rate.Limiter)
	}
	if q.shared == nil {
		q.shared = rate.NewLimiter(rate.Limit(quotaTotal*times), quotaTotal*times)
	}
	key := network + "\x00" + clientID
	l := q.keys[key]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(quotaRate*times), quotaBurst*times)
		q.keys[key] = l
	}
	if l.AllowN(now, 1) && q.shared.AllowN(now, 1) {
		return nil
	}
	e := oauth.TemporarilyUnavailable.Hint("Too many long authorization requests. Try again in a moment.")
	e.RetryAfter = 1
	return e
}
