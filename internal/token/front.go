package token

import (
	"context"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Front is what the authorization endpoint pays out by itself (RFC 6749 §4.2,
// OpenID Connect Core §3.2 and §3.3).
type Front struct {
	Client *oauth.Client
	Seed   oauth.Seed
	Row    *oauth.GrantRow // as it was read a moment ago
	Data   *oauth.GrantData
	Code   oauth.Secret // that goes with it; empty when none does
	Now    time.Time

	AccessToken bool // one is asked for
	IDToken     bool // one is asked for; without openid there is none
}

// OpenID reports whether an ID token was granted.
func OpenID(d *oauth.GrantData) bool { return contains(d.GrantedScope, "openid") }

// PayFront makes the tokens and marks the Grant paid out. Its error is
// oauth.ErrUsed when somebody else was paid, or the Grant has died or was
// decided anew meanwhile; before anything is spent oauth.TemporarilyUnavailable
// when too many signatures wait or the client's keys cannot be read, and
// oauth.InvalidRequest when none of them is one to encrypt with.
//
// They are tokens of the Grant like any other: one revocation ends them all.
// The exchange of a code that comes with them does not end them.
func (s *Service) PayFront(ctx context.Context, f Front) (*Response, error) {
	own := f.Client.Lifespans
	p := payout{
		request: request{client: f.Client, now: f.Now}, grantType: oauth.GrantImplicit, seed: f.Seed, row: f.Row, data: f.Data,
		scope: f.Data.GrantedScope, nonce: f.Data.Nonce, code: f.Code,
		life: s.Options.lifespans(own.ImplicitAccess, own.ImplicitID, nil),
	}
	if !f.AccessToken && f.Code == "" {
		p.place = alone
	}
	res := new(Response)
	var err error
	if f.AccessToken {
		res.ExpiresIn, res.Scope, res.TokenType = int64(p.life.access/time.Second), strings.Join(p.scope, " "), "bearer"
		if res.AccessToken, err = s.accessToken(ctx, p); err != nil {
			return nil, err
		}
	}
	if f.IDToken && OpenID(f.Data) {
		if res.IDToken, err = s.idToken(ctx, p, res.AccessToken); err != nil {
			return nil, err
		}
	}
	expires := f.Row.ExpiresAt
	if end := f.Now.Add(p.life.access); f.AccessToken && end.After(expires) {
		expires = end
	}
	// As at the token endpoint: the browser's patience decides nothing any more.
	err = s.Store.PayFront(context.WithoutCancel(ctx), f.Row.ID, oauth.FrontPayout{
		Op: oauth.ID(secret.NewID()), Now: f.Now, ExpiresAt: expires,
		PurgeAt: oauth.Later(Appointment(expires, f.Now), f.Row.PurgeAt), Parent: f.Row.Parent, Was: f.Row.OpID,
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}
