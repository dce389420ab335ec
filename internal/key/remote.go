package key

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"hydra/internal/oauth"
)

// RemoteKeys are the key sets that clients publish at their jwks_uri (RFC 7591
// §2). They are kept for as long as their host allows, between one minute and
// one hour, and asked for again when a token cannot be verified with them,
// because the client may have changed its keys. Anybody can send such tokens,
// so that a URL is fetched at most once in 30 seconds, whatever happens, and
// once for all who wait for it. When its host fails, the last good set serves
// for one more hour. It must not be copied.
type RemoteKeys struct {
	Fetcher *Fetcher
	Now     func() time.Time
	Observe oauth.Observer // of fetches that failed: "jwks_uri_failed"
	MaxURLs int            // kept at once, those used last; 0: 1,000

	mu   sync.Mutex
	sets map[string]*remoteSet
}

const (
	remoteMin     = time.Minute
	remoteUsual   = 10 * time.Minute // where the answer says nothing
	remoteMax     = time.Hour
	remoteStale   = time.Hour // beyond its time, while its host fails
	remoteCool    = 30 * time.Second
	remoteMaxURLs = 1000
)

// remoteSet is what is known of one URL.
type remoteSet struct {
	good    *goodKeys // nil: nothing usable was ever read
	until   time.Time // then good is out of date
	asked   time.Time // when the last fetch began
	used    time.Time
	err     error         // of the last fetch, if it failed
	running chan struct{} // closed when the fetch under way has ended; nil: none is
}

// goodKeys are the usable keys of one fetch.
type goodKeys struct{ list []*clientKey }

// VerifyAssertion is the function of that name with the keys at a URL.
//
// The error is ErrInvalidJWT in one of its forms, ErrFetch when there are no
// keys to verify with, oauth.TemporarilyUnavailable when this server has too
// many calls under way, or the context's.
func (r *RemoteKeys) VerifyAssertion(ctx context.Context, uri, jwt string, algs []string) (Verified, error) {
	c, err := parseAssertion(jwt, algs)
	if err != nil {
		return Verified{}, err // nothing was fetched for it
	}
	keys, err := r.keys(ctx, uri, nil)
	if err != nil {
		return Verified{}, err
	}
	v, err := c.verifyBy(keys.list)
	if !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrBadSignature) {
		return v, err
	}
	newer, fetchErr := r.keys(ctx, uri, keys)
	if fetchErr != nil || newer == keys {
		return Verified{}, err // of the signature: the client's keys could be read
	}
	return c.verifyBy(newer.list)
}

// keys returns the keys at a URL: fresh ones, or others than those that are
// known to be of no use, if the time has come to look for them.
func (r *RemoteKeys) keys(ctx context.Context, uri string, useless *goodKeys) (*goodKeys, error) {
	r.mu.Lock()
	now := r.Now()
	s := r.entry(uri, now)
	wanted := s.good == nil || s.good == useless || !now.Before(s.until)
	if age := now.Sub(s.asked); wanted && s.running == nil && (age < 0 || age >= remoteCool) {
		s.asked, s.running = now, make(chan struct{})
		go r.fetch(context.WithoutCancel(ctx), uri, s, now) // it is not only for this request
	}
	running := s.running
	r.mu.Unlock()
	if wanted && running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.good != nil && now.Before(s.until.Add(remoteStale)) {
		return s.good, nil
	}
	return nil, cmp.Or(s.err, ErrFetch)
}

// entry finds or makes the entry of a URL. The caller holds mu.
func (r *RemoteKeys) entry(uri string, now time.Time) *remoteSet {
	s := r.sets[uri]
	if s == nil {
		if r.sets == nil {
			r.sets = make(map[string]*remoteSet)
		}
		if len(r.sets) >= cmp.Or(r.MaxURLs, remoteMaxURLs) {
			r.forgetOldest()
		}
		s = new(remoteSet)
		r.sets[uri] = s
	}
	s.used = now
	return s
}

func (r *RemoteKeys) forgetOldest() {
	oldest := ""
	for uri, s := range r.sets {
		if o := r.sets[oldest]; o == nil || s.used.Before(o.used) {
			oldest = uri
		}
	}
	delete(r.sets, oldest)
}

// read fetches a set and reads it. It runs outside of any request, where
// nobody else would catch what foreign text sets off in a parser.
func (r *RemoteKeys) read(ctx context.Context, uri string) (good *goodKeys, meta Fetched, err error) {
	defer func() {
		if p := recover(); p != nil {
			good, err = nil, fmt.Errorf("%w: panic: %v", ErrFetch, p)
		}
	}()
	body, meta, err := r.Fetcher.Get(ctx, uri, FetchLimits{Bytes: maxClientJWKS, Types: JSONTypes()})
	if err != nil {
		return nil, meta, err
	}
	good, err = readRemote(body)
	return good, meta, err
}

func (r *RemoteKeys) fetch(ctx context.Context, uri string, s *remoteSet, began time.Time) {
	good, meta, err := r.read(ctx, uri)
	if errors.Is(err, ErrFetch) {
		r.Observe.Observe(ctx, oauth.Event{Name: "jwks_uri_failed", Detail: err.Error()})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s.err = err; {
	case err == nil:
		s.good, s.until = good, began.Add(lifetime(meta.MaxAge))
	case errors.Is(err, refusePrivate), errors.Is(err, refuseSymmetric):
		s.good = nil // its earlier set may have the same key, which now everybody has
	case errors.Is(err, oauth.TemporarilyUnavailable):
		s.asked = time.Time{} // nobody was asked
	}
	close(s.running)
	s.running = nil
}

func lifetime(age time.Duration) time.Duration {
	if age < 0 {
		return remoteUsual
	}
	return min(max(age, remoteMin), remoteMax)
}

// readRemote reads a key set that a client publishes. The bounds are those of
// CheckClientJWKS; but keys of kinds that are not for us are passed over (RFC
// 7517 §5), since the client publishes its set for others, too. A private or
// symmetric key spoils the set: whoever can read it can sign.
func readRemote(body []byte) (*goodKeys, error) {
	list, err := clientKeys(json.RawMessage(body))
	if err != nil {
		return nil, fmt.Errorf("%w: not a JSON Web Key Set of at most %d keys: %w", ErrFetch, maxClientKeys, err)
	}
	good := new(goodKeys)
	for _, one := range list {
		k, err := parseClientKey(one)
		switch {
		case err == nil:
			good.list = append(good.list, k)
		case errors.Is(err, refusePrivate), errors.Is(err, refuseSymmetric):
			return nil, fmt.Errorf("%w: a key of the set is public to nobody: %w", ErrFetch, err)
		}
	}
	return good, nil
}
