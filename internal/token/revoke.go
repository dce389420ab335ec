package token

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const defaultMaxRevoked = 1000

// Revoke ends a token of the client (RFC 7009). An access or refresh token of
// a Grant takes the whole Grant's tokens along; a machine's token is listed
// until it expires. A token that is unknown, expired, dead already or another
// client's changes nothing and is no error (§2.2).
//
// It returns nil only for what is true: when the revocation could not be
// written, the error says temporarily_unavailable (§2.2.1).
func (s *Service) Revoke(ctx context.Context, c *oauth.Client, value oauth.Secret) error {
	err := s.revoke(ctx, c, value)
	if err == nil || refused(err) {
		return nil
	}
	return oauth.TemporarilyUnavailable.Hint("The token could not be revoked now. Try again.").Because(err)
}

func (s *Service) revoke(ctx context.Context, c *oauth.Client, value oauth.Secret) error {
	now := s.Now()
	t, err := s.read(ctx, value, now)
	if err != nil {
		return err
	}
	if t.machine != nil {
		return s.revokeMachine(ctx, c, t)
	}
	st, err := s.look(ctx, t, now)
	if err != nil && !errors.Is(err, errDead) {
		return err
	}
	if st == nil || st.row.ClientUID != c.UID || st.row.Dead() {
		return nil
	}
	if err != nil && t.use != useRefresh {
		return nil // replaced by a refresh, or ended with its client's others
	}
	// An older refresh token ends the Grant, too: a client that lost a
	// response means what it has when it signs its user out.
	if err := s.Store.EndGrant(context.WithoutCancel(ctx), st.row.ID, oauth.EndedByClient, now); err != nil {
		return err
	}
	s.event(ctx, "token_revoked", c, st.row.ID, "A client revoked a token; the tokens of its Grant were ended.")
	return nil
}

// clockSpread is how much longer than the token its entry in the list stays: a
// node whose clock is ahead must not clean it up while others still take the
// token for good.
const clockSpread = 10 * time.Minute

// revokeMachine lists a single token. A client that fills its list loses all
// its access tokens instead: the list stays small, and nothing stays alive.
func (s *Service) revokeMachine(ctx context.Context, c *oauth.Client, t *claim) error {
	if t.machine.ClientUID != c.UID {
		return nil
	}
	limit := s.Options.MaxRevoked
	if limit <= 0 {
		limit = defaultMaxRevoked
	}
	ctx = context.WithoutCancel(ctx)
	err := s.Store.RevokeToken(ctx, t.token, c.UID, t.expires.Add(clockSpread), limit)
	if err == nil {
		s.event(ctx, "token_revoked", c, oauth.ID{}, "A client revoked an access token of its own.")
	}
	if !errors.Is(err, oauth.ErrGone) {
		return err
	}
	s.event(ctx, "revocation_list_full", c, oauth.ID{}, "A client revoked too many single tokens; all its access tokens were ended.")
	err = s.Store.RaiseEpoch(ctx, c.ID)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil // the client is gone, and its tokens with it
	}
	return err
}
