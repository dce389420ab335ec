package token

import (
	"context"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

const (
	purgeLease   = "purge"
	purgeBatch   = 500             // rows that one transaction deletes at most
	leaseFor     = 2 * time.Minute // a node that died in between is replaced after it
	lookAgain    = 24 * time.Hour  // for rows whose appointment came too early
	endShown     = 24 * time.Hour  // how long lists show that what an administrator made has expired
	purgeForever = 1 << 40
)

// Purged says what a clean-up did.
type Purged struct {
	Deleted map[oauth.Expiring]int
	Busy    bool // another node is at it; nothing was done here
	More    bool // the bound was reached, or the lease lost, before the end
}

// Total is the number of rows that were deleted.
func (p Purged) Total() (n int) {
	for _, d := range p.Deleted {
		n += d
	}
	return n
}

// expiring holds the groups in the order in which they are cleaned: what is
// cheap to make in great numbers comes first.
var expiring = []oauth.Expiring{
	oauth.ExpiredRequests, oauth.ExpiredGuesses, oauth.ExpiredDevices, oauth.ExpiredReplays, oauth.ExpiredRevokedTokens, oauth.ExpiredLogoutCalls,
	oauth.ExpiredImportedTokens,
	oauth.ExpiredGrants, oauth.ExpiredSessions, oauth.ExpiredTrustedIssuers, oauth.ExpiredInitialAccessTokens,
}

// Purge deletes rows that nobody can use at the given time any more, which is
// now or earlier, in small batches and on one node at a time. It stops after
// bound deleted rows; 0 is no bound. The background job, flush and janitor all
// call it.
func (s *Service) Purge(ctx context.Context, at time.Time, bound int) (Purged, error) {
	now := s.Now()
	if at.After(now) {
		at = now
	}
	if bound <= 0 {
		bound = purgeForever
	}
	p := purge{s: s, owner: secret.NewID(), at: at, left: bound, done: Purged{Deleted: map[oauth.Expiring]int{}}}
	ok, err := p.renew(ctx)
	if err != nil {
		return p.done, err
	}
	if !ok {
		p.done.Busy = true
		return p.done, nil
	}
	err = p.run(ctx)
	// Give the lease back even if the caller has gone: the next run need not wait.
	if e := s.Store.DropLease(context.WithoutCancel(ctx), purgeLease, p.owner); err == nil {
		err = e
	}
	return p.done, err
}

type purge struct {
	s     *Service
	owner oauth.ID
	at    time.Time
	until time.Time // of the lease
	left  int
	done  Purged
}

// renew takes the lease, or takes it longer when half of it is over.
func (p *purge) renew(ctx context.Context) (bool, error) {
	now := p.s.Now()
	if now.Add(leaseFor / 2).Before(p.until) {
		return true, nil
	}
	until := now.Add(leaseFor)
	ok, err := p.s.Store.TakeLease(ctx, purgeLease, p.owner, now, until)
	if ok {
		p.until = until
	}
	return ok, err
}

func (p *purge) run(ctx context.Context) error {
	for _, what := range expiring {
		for bucket := range oauth.Buckets {
			more, err := p.bucket(ctx, what, bucket)
			if err != nil {
				return err
			}
			if more {
				p.done.More = true
				return nil
			}
		}
	}
	return nil
}

// bucket cleans one bucket, batch by batch. It reports whether it had to stop
// before the end.
func (p *purge) bucket(ctx context.Context, what oauth.Expiring, bucket int) (more bool, err error) {
	for p.left > 0 {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		ok, err := p.renew(ctx)
		if err != nil || !ok {
			return true, err
		}
		limit := min(purgeBatch, p.left)
		at := p.at
		if what == oauth.ExpiredTrustedIssuers || what == oauth.ExpiredInitialAccessTokens {
			at = at.Add(-endShown)
		}
		deleted, seen, err := p.s.Store.Purge(ctx, what, bucket, at, p.s.Now().Add(lookAgain), limit)
		if err != nil {
			return true, err
		}
		p.done.Deleted[what] += deleted
		p.left -= deleted
		if seen < limit {
			return false, nil
		}
	}
	return true, nil
}
