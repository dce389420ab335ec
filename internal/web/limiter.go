package web

import (
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter gives each key a token bucket. It remembers a bounded number of
// keys, the latest used ones; a key that it forgot starts with a full bucket.
// It limits this process only. Do not copy it after its first use.
type Limiter struct {
	Rate  float64          // tokens per second
	Burst int              // size of a bucket
	Keys  int              // how many keys are remembered; 0: 10,000
	Now   func() time.Time // nil: time.Now

	mu      sync.Mutex
	buckets map[string]*list.Element
	order   list.List // of *bucket, latest used first
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

// Allow takes a token for the key. When there is none, retryAfter is the
// number of whole seconds, at least 1, until there is.
func (l *Limiter) Allow(key string) (ok bool, retryAfter int) {
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	t := now()
	b := l.bucket(key)
	if b.AllowN(t, 1) {
		return true, 0
	}
	if l.Rate <= 0 || l.Burst <= 0 {
		return false, 60 // there will never be one; ask again when somebody has changed that
	}
	missing := 1 - b.TokensAt(t)
	return false, max(1, int(min(3600, math.Ceil(missing/l.Rate))))
}

func (l *Limiter) bucket(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.buckets[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*bucket).limiter //nolint:forcetypeassert // the list holds nothing else
	}
	most := l.Keys
	if most <= 0 {
		most = 10_000
	}
	if l.buckets == nil {
		l.buckets = map[string]*list.Element{}
	}
	for len(l.buckets) >= most {
		last := l.order.Back()
		delete(l.buckets, last.Value.(*bucket).key) //nolint:forcetypeassert // the list holds nothing else
		l.order.Remove(last)
	}
	b := &bucket{key: key, limiter: rate.NewLimiter(rate.Limit(l.Rate), l.Burst)}
	l.buckets[key] = l.order.PushFront(b)
	return b.limiter
}
