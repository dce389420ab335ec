package token

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// refreshAttempts bounds how often a refresh looks again after it lost a race.
// Each loss means that another request advanced the Grant, so that the second
// look already decides; more are only met when many race for one token.
const refreshAttempts = 8

// refreshToken exchanges a refresh token (RFC 6749 §6). A Grant has one
// current refresh token; each use advances its generation.
func (s *Service) refreshToken(ctx context.Context, r request) (*Response, error) {
	if err := checkGrantType(r.client, oauth.GrantRefreshToken); err != nil {
		return nil, err
	}
	presented, err := s.openRefresh(ctx, r)
	if err != nil {
		return nil, err
	}
	for range refreshAttempts {
		res, err := s.refreshOnce(ctx, r, presented)
		if !errors.Is(err, oauth.ErrUsed) {
			return res, err
		}
		// Somebody else was first. What that means is in the row.
		r.now = s.Now()
	}
	return nil, oauth.TemporarilyUnavailable.Hint("Too many requests refresh this token at once.")
}

func (s *Service) openRefresh(ctx context.Context, r request) (refreshPayload, error) {
	value := r.form.Get("refresh_token")
	if value == "" {
		return refreshPayload{}, oauth.InvalidRequest.Hint("The parameter refresh_token is missing.")
	}
	if isForeign(value) {
		p, err := s.Imports.open(ctx, value)
		if errors.Is(err, errUnknown) {
			err = oauth.InvalidGrant.Hint("The refresh token is unknown.").Because(err)
		}
		return p, err
	}
	opened, err := s.Sealer.Open(ctx, value, secret.Refresh)
	if errors.Is(err, secret.ErrUnknown) {
		return refreshPayload{}, oauth.InvalidGrant.Hint("The refresh token is unknown.").Because(err)
	}
	if err != nil {
		return refreshPayload{}, err
	}
	p, err := decodeRefresh(opened.Payload)
	if err != nil {
		return refreshPayload{}, oauth.InvalidGrant.Hint("The refresh token is unknown.").Because(err)
	}
	return p, nil
}

// refreshOnce reads the row, decides what the token is, and tries to act on
// it. oauth.ErrUsed says that the row changed in between.
func (s *Service) refreshOnce(ctx context.Context, r request, t refreshPayload) (*Response, error) {
	row, err := s.Store.Grant(ctx, t.Seed.GrantID())
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return nil, oauth.InvalidGrant.Hint("The refresh token is unknown.").Because(err)
	case err != nil:
		return nil, err
	}
	if err := s.checkRefresh(ctx, r, row); err != nil {
		return nil, err
	}
	how := s.judge(t, row, r)
	if how == refreshReused {
		return nil, s.reusedRefresh(ctx, r, row)
	}
	data, err := s.openPaid(&row.Grant)
	if err != nil {
		return nil, err
	}
	p, err := s.preparePayout(r, t, row, data)
	if err != nil {
		return nil, err
	}
	if how == refreshRepeated {
		return s.repeat(ctx, p)
	}
	return s.rotate(ctx, p, t, how)
}

// checkRefresh decides by the row alone whether the client may refresh at all.
func (s *Service) checkRefresh(ctx context.Context, r request, row *oauth.GrantRow) error {
	switch {
	case row.ClientUID != r.client.UID:
		// Nothing changes: a stranger must not be able to hurt the owner.
		s.event(ctx, "refresh_token_of_another_client", r.client, row.ID, "A client presented a refresh token that was issued to another.")
		return oauth.InvalidGrant.Hint("The refresh token was issued to another client.")
	case !row.Client.Exists:
		return oauth.InvalidGrant.Hint("The refresh token is unknown.")
	case row.Dead():
		return oauth.InvalidGrant.Hint("The refresh token was revoked.")
	case row.RefreshExpiresAt.IsZero():
		return oauth.InvalidGrant.Hint("The refresh token is unknown.")
	case oauth.Past(row.RefreshExpiresAt, r.now):
		return oauth.InvalidGrant.Hint("The refresh token has expired.")
	}
	return nil
}

// What a genuine refresh token is, seen from its row.
type refreshVerdict int

const (
	refreshCurrent  refreshVerdict = iota
	refreshRepeated                // the one before, within the grace period
	refreshAhead                   // of a future that the database has forgotten
	refreshReused                  // older: two parties hold what one should
)

// judge compares integers, and one clock with itself: no node's time decides
// whether a token is reused, but for the grace period.
func (s *Service) judge(t refreshPayload, row *oauth.GrantRow, r request) refreshVerdict {
	switch {
	case t.Generation > row.Generation:
		return refreshAhead
	case t.Generation == row.Generation && t.Rotation == row.RotationID:
		return refreshCurrent
	case t.Generation == row.Generation-1 && s.withinGrace(row, r):
		return refreshRepeated
	}
	return refreshReused
}

func (s *Service) withinGrace(row *oauth.GrantRow, r request) bool {
	grace := s.Options.GracePeriod
	if r.client.IsPublic() {
		// A stolen token of a public client needs nothing else to be used.
		grace = min(grace, time.Minute)
	}
	if limit := s.Options.GraceUses; limit > 0 && row.GraceUses >= limit {
		return false
	}
	return grace > 0 && r.now.Before(row.RefreshedAt.Add(grace))
}

// reusedRefresh ends the Grant: the token was replaced before, and of the two
// who have it now one is a thief (RFC 9700 §4.14.2).
func (s *Service) reusedRefresh(ctx context.Context, r request, row *oauth.GrantRow) error {
	s.event(ctx, "refresh_token_reused", r.client, row.ID, "A refresh token was presented after it had been replaced; its authorization was ended.")
	if err := s.Store.EndGrant(context.WithoutCancel(ctx), row.ID, oauth.EndedByReuse, r.now); err != nil {
		return err
	}
	return oauth.InvalidGrant.Hint("The refresh token has been used before.")
}

// preparePayout checks what the answer would carry: the client may have lost a
// scope or an audience since, and may ask for less than it was granted.
func (s *Service) preparePayout(r request, t refreshPayload, row *oauth.GrantRow, d *oauth.GrantData) (payout, error) {
	own := r.client.Lifespans
	p := payout{
		request: r, grantType: oauth.GrantRefreshToken, seed: t.Seed, row: row, data: d, refresh: true,
		scope: d.GrantedScope,
		life:  s.Options.lifespans(own.RefreshAccess, own.RefreshID, own.RefreshRefresh),
	}
	if !offline(d.GrantedScope) {
		return p, oauth.InvalidGrant.Hint("The scope offline_access was not granted.")
	}
	if !s.Options.scopes().Covers(oauth.Fields(r.client.Scope), d.GrantedScope) {
		return p, oauth.InvalidScope.Hint("The client may not have one of the granted scopes any more.")
	}
	if !oauth.AllowsAudience(r.client.Audience, d.GrantedAudience) {
		return p, oauth.InvalidRequest.Hint("The client may not address one of the granted audiences any more.")
	}
	want, err := formScope(r.form)
	if err != nil {
		return p, err
	}
	if len(want) > 0 {
		narrow, ok := subsetOf(d.GrantedScope, want)
		if !ok {
			return p, oauth.InvalidScope.Hint("The scope must not contain what was not granted.")
		}
		p.narrow, p.scope = narrow, narrow.pick(d.GrantedScope)
	}
	return p, nil
}

// repeat answers the token before the current one with tokens of the current
// generation: the same Grant, no second chain.
//
// What a hook says to the repetition is in its answer and not kept: the Grant
// stays as the first answer left it.
func (s *Service) repeat(ctx context.Context, p payout) (*Response, error) {
	p.generation, p.rotation = p.row.Generation, p.row.RotationID
	res, err := s.pay(ctx, &p)
	if err != nil {
		return nil, err
	}
	ctx, err = spending(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Store.UseGrace(ctx, p.row.ID, p.row.Generation, secret.NewID(), p.now)
	if err != nil {
		return nil, err
	}
	return res, nil
}

// rotate spends the token and pays out the next generation.
func (s *Service) rotate(ctx context.Context, p payout, t refreshPayload, how refreshVerdict) (*Response, error) {
	p.generation = t.Generation + 1 // also when the row is behind: never below what was given out
	copy(p.rotation[:], secret.Bytes(len(p.rotation)))
	res, err := s.pay(ctx, &p)
	if err != nil {
		return nil, err
	}
	floor := p.generation
	if p.client.OverlappingRefresh {
		floor = p.row.AccessFloor
	}
	expires := p.expires(s.Options.GracePeriod)
	ctx, err = spending(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Store.Rotate(ctx, p.row.ID, oauth.Rotation{
		Op:             secret.NewID(),
		Now:            p.now,
		FromGeneration: p.row.Generation, ToGeneration: p.generation,
		FromRotation: p.row.RotationID, ToRotation: p.rotation,
		AccessFloor:      floor,
		RefreshExpiresAt: p.refreshExpires(),
		ExpiresAt:        expires,
		PurgeAt:          Appointment(expires, p.now),
		HookData:         p.hook,
	})
	if err != nil {
		return nil, err
	}
	if how == refreshAhead {
		s.event(ctx, "refresh_token_ahead", p.client, p.row.ID,
			"A refresh token is newer than the database, which must have been restored from a copy; its authorization was moved forward.")
	}
	return res, nil
}
