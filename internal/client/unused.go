package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hydra/internal/oauth"
)

// lapsed reports whether a client has registered without a token and was not
// used in time.
func lapsed(c *oauth.Client, now time.Time) bool {
	return !c.ExpiresAt.IsZero() && oauth.Past(c.ExpiresAt, now)
}

// Used lets a client that registered without a token stay: it has
// authenticated, or somebody gave it a consent. That this cannot be written is
// no reason to turn anybody away; the next time tries again.
func (s *Service) Used(ctx context.Context, c *oauth.Client) {
	if c.ExpiresAt.IsZero() || oauth.IsNever(c.ExpiresAt) || s.Registrations == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	stored, _, err := s.Store.Client(ctx, c.ID)
	if err != nil || stored.UID != c.UID || oauth.IsNever(stored.ExpiresAt) {
		return
	}
	stored.ExpiresAt = oauth.Never
	if s.Store.UpdateClient(ctx, stored, nil) != nil {
		return
	}
	s.changed(c.ID)
	_ = s.Registrations.KeepRegistration(ctx, c.UID) // else Purge finds out
}

// purgeClients is how many clients one step of Purge looks at.
const purgeClients = 100

// Purge deletes clients that registered without a token and were not used in
// time, and returns how many.
func (s *Service) Purge(ctx context.Context) (int, error) {
	deleted := 0
	for {
		due, err := s.Registrations.DueRegistrations(ctx, s.Now(), purgeClients)
		if err != nil || len(due) == 0 {
			return deleted, err
		}
		for _, r := range due {
			gone, err := s.purgeOne(ctx, r)
			if err != nil {
				return deleted, err
			}
			if gone {
				deleted++
			}
		}
	}
}

func (s *Service) purgeOne(ctx context.Context, r oauth.Registration) (deleted bool, err error) {
	c, _, err := s.Store.Client(ctx, r.ClientID)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
	case err != nil:
		return false, err
	case c.UID != r.ClientUID: // deleted, and another one has its id
	case !lapsed(c, s.Now()):
		return false, s.Registrations.KeepRegistration(ctx, r.ClientUID)
	default:
		if err := s.Delete(ctx, c.ID); err != nil {
			return false, err
		}
		deleted = true
	}
	return deleted, s.Registrations.DeleteRegistration(ctx, r.ClientUID)
}

// quota bounds registrations without a token by the network that they come
// from, on one node.
type quota struct {
	mu       sync.Mutex
	networks map[string]*rate.Limiter
}

const quotaNetworks = 10_000 // that are told apart

// take returns an error that asks to come back later, when the network has had
// its share. A quarter of it may come at once.
func (q *quota) take(network string, perHour int, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.networks == nil || len(q.networks) >= quotaNetworks {
		q.networks = make(map[string]*rate.Limiter)
	}
	l := q.networks[network]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(float64(perHour)/time.Hour.Seconds()), max(perHour/4, 1))
		q.networks[network] = l
	}
	if l.AllowN(now, 1) {
		return nil
	}
	return tooManyRegistrations(time.Hour / time.Duration(perHour))
}

// countLag is how long a count stays behind its span, because the clocks of
// nodes differ.
const countLag = 5 * time.Minute

func tooManyRegistrations(wait time.Duration) *oauth.Error {
	e := oauth.TemporarilyUnavailable.Hint("Too many clients were registered from this network. Try again later.")
	e.RetryAfter = max(1, int(wait/time.Second))
	return e
}
