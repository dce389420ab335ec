package client

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// What verifying secrets may cost.
const (
	verifiedFor  = 10 * time.Minute // after its last use, how long a verified secret is remembered
	verifiedMax  = 20_000
	bucketsMax   = 50_000
	clientBurst  = 20 // wrong secrets for one id from one network
	clientRate   = 1  // … and per second after that
	networkBurst = 100
	networkRate  = 10 // wrong secrets for any id from one network, per second
)

// hashing verifies slow hashes within bounds: it remembers what it has
// verified, it slows down who guesses, and it never uses more than its share
// of the CPUs. Nothing of it is written anywhere; its key is drawn at start.
type hashing struct {
	key     []byte
	dummy   string // a hash of the usual cost that nothing matches
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64

	mu       sync.Mutex
	verified *lru[[32]byte, time.Time] // proof → when it is forgotten
	buckets  *lru[[32]byte, bucket]
	calls    map[[32]byte]*call
}

// bucket counts what is left of an allowance.
type bucket struct {
	left float64
	at   time.Time
}

// call is a verification under way that others with the same secret wait for.
type call struct {
	done  chan struct{}
	index int
	err   error
}

func (h *hashing) start(workers, queue, iterations int) {
	h.key = secret.Bytes(32)
	h.dummy = secret.DummyHash(iterations)
	h.slots = make(chan struct{}, workers)
	h.queue = int64(queue)
	h.verified = newLRU[[32]byte, time.Time](verifiedMax)
	h.buckets = newLRU[[32]byte, bucket](bucketsMax)
	h.calls = make(map[[32]byte]*call)
}

// mac is a keyed hash over parts, each with its length in front.
func (h *hashing) mac(parts ...string) (sum [32]byte) {
	m := hmac.New(sha256.New, h.key)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		m.Write(n[:])
		m.Write([]byte(p))
	}
	m.Sum(sum[:0])
	return sum
}

// proof names "this secret of this client matches this stored hash".
func (h *hashing) proof(uid oauth.ID, hash string, presented oauth.Secret) [32]byte {
	return h.mac("verified", string(uid[:]), hash, string(presented))
}

func (h *hashing) remember(uid oauth.ID, hash string, presented oauth.Secret, now time.Time) {
	if !secret.IsSlow(hash) {
		return // verifying it again costs no more than looking it up
	}
	p := h.proof(uid, hash, presented)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.verified.put(p, now.Add(verifiedFor))
}

// recalls reports whether the pair was verified before. A hit replaces the
// hashing and nothing else.
func (h *hashing) recalls(uid oauth.ID, hash string, presented oauth.Secret, now time.Time) bool {
	p := h.proof(uid, hash, presented)
	h.mu.Lock()
	defer h.mu.Unlock()
	until, ok := h.verified.get(p)
	if !ok {
		return false
	}
	if oauth.Past(until, now) {
		h.verified.remove(p)
		return false
	}
	h.verified.put(p, now.Add(verifiedFor))
	return true
}

// guess is one attempt to authenticate with a secret.
type guess struct {
	id      string // as presented; it may be unknown
	secret  oauth.Secret
	network string
	uid     oauth.ID // zero when the client is unknown
	hashes  []string // what the secret may match; none: it cannot match
}

var errTooMany = errors.New("too many wrong secrets")

// verify returns the index of the hash that the secret matches, or -1. Each
// failure costs the same slow hash, whether the client is unknown, has another
// method, or the secret is wrong.
//
// The order matters: what is cheap and certain comes before the limiter, so
// that a flood of wrong secrets does not lock out the right one.
func (h *hashing) verify(ctx context.Context, g guess, now time.Time) (int, error) {
	for i, hash := range g.hashes {
		if !secret.IsSlow(hash) {
			if ok, _ := secret.VerifyHash(hash, string(g.secret)); ok {
				return i, nil
			}
		} else if h.recalls(g.uid, hash, g.secret, now) {
			return i, nil
		}
	}
	if h.exhausted(g, now) {
		return -1, busy(errTooMany)
	}
	index, err := h.shared(ctx, g, now)
	if err == nil && index >= 0 {
		h.remember(g.uid, g.hashes[index], g.secret, now)
	}
	return index, err
}

// shared computes a verification once for all who ask it at the same time.
func (h *hashing) shared(ctx context.Context, g guess, now time.Time) (int, error) {
	name := h.mac(append([]string{"call", g.id, string(g.uid[:]), string(g.secret), g.network}, g.hashes...)...)
	for {
		h.mu.Lock()
		c, running := h.calls[name]
		if !running {
			c = &call{done: make(chan struct{}), index: -1}
			h.calls[name] = c
		}
		h.mu.Unlock()
		if !running {
			func() {
				defer func() {
					h.mu.Lock()
					delete(h.calls, name)
					h.mu.Unlock()
					close(c.done)
				}()
				c.index, c.err = h.compute(ctx, g, now)
			}()
			return c.index, c.err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return -1, ctx.Err()
		}
		if c.err == nil || ctx.Err() != nil || !isContextError(c.err) {
			return c.index, c.err
		}
		// The one who computed went away; somebody has to start again.
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// compute does the slow work in a free slot.
func (h *hashing) compute(ctx context.Context, g guess, now time.Time) (int, error) {
	if err := h.enter(ctx); err != nil {
		return -1, err
	}
	defer func() { <-h.slots }()
	if h.exhausted(g, now) { // others have failed while we waited
		return -1, busy(errTooMany)
	}
	hashed := false
	for i, hash := range g.hashes {
		if !secret.IsSlow(hash) {
			continue
		}
		hashed = true
		if ok, _ := secret.VerifyHash(hash, string(g.secret)); ok {
			return i, nil
		}
	}
	if !hashed {
		secret.VerifyHash(h.dummy, string(g.secret))
	}
	h.charge(g, now)
	return -1, nil
}

// enter waits for a slot, unless too many wait already.
func (h *hashing) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return busy(errors.New("the queue for verifying client secrets is full"))
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func busy(cause error) error {
	e := oauth.TemporarilyUnavailable.Hint("Too many clients are authenticating at the moment; try again in a second.").Because(cause)
	e.RetryAfter = 1
	return e
}

// allowances of an attempt: one for the presented id in its network, whether
// such a client exists or not, and one for the network.
func (h *hashing) allowances(g guess) (pair, network [32]byte) {
	return h.mac("pair", g.id, g.network), h.mac("network", g.network)
}

func (h *hashing) exhausted(g guess, now time.Time) bool {
	pair, network := h.allowances(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.left(pair, clientBurst, clientRate, now) < 1 || h.left(network, networkBurst, networkRate, now) < 1
}

// charge takes one from both allowances; right secrets are free.
func (h *hashing) charge(g guess, now time.Time) {
	pair, network := h.allowances(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buckets.put(pair, bucket{h.left(pair, clientBurst, clientRate, now) - 1, now})
	h.buckets.put(network, bucket{h.left(network, networkBurst, networkRate, now) - 1, now})
}

// left returns what an allowance has regained by now. The caller holds mu.
func (h *hashing) left(name [32]byte, burst, perSecond float64, now time.Time) float64 {
	b, ok := h.buckets.get(name)
	if !ok {
		return burst
	}
	return min(burst, b.left+max(0, now.Sub(b.at).Seconds())*perSecond)
}
