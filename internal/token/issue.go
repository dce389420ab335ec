package token

import (
	"context"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// payout is a token response of a Grant in the making.
type payout struct {
	request
	grantType string
	seed      oauth.Seed
	row       *oauth.GrantRow
	data      *oauth.GrantData

	scope      []string     // of the access token; the Grant's, or fewer
	narrow     *subset      // the same, as a subset of the Grant's
	nonce      string       // of the ID token; refreshed ones have none
	place      place        // of the ID token's claims
	code       oauth.Secret // that the ID token vouches for by c_hash; mostly none
	life       lifespans
	generation int64   // of the tokens
	rotation   [8]byte // of the refresh token
	refresh    bool    // one is paid out
	hook       []byte  // sealed claims of a hook; nil when it changed nothing
}

// pay makes the whole answer: nothing is left that could fail once the code
// or the refresh token is spent, but the spending itself.
//
// Signing comes before the spend, too: a signer that is overloaded or gone
// must not cost a user the sign-in. A caller that loses the race throws the
// answer away; nobody has seen it.
func (s *Service) pay(ctx context.Context, p *payout) (*Response, error) {
	if err := s.ask(ctx, p); err != nil {
		return nil, err
	}
	res := &Response{
		ExpiresIn: int64(p.life.access / time.Second),
		Scope:     strings.Join(p.scope, " "),
		TokenType: "bearer",
	}
	var err error
	if res.AccessToken, err = s.accessToken(ctx, *p); err != nil {
		return nil, err
	}
	if p.refresh {
		if res.RefreshToken, err = s.sealRefresh(p.seed, p.generation, p.rotation); err != nil {
			return nil, err
		}
	}
	if contains(p.scope, "openid") {
		if res.IDToken, err = s.idToken(ctx, *p, res.AccessToken); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// ask lets BeforeSpend have its say.
func (s *Service) ask(ctx context.Context, p *payout) (err error) {
	if s.BeforeSpend == nil {
		return nil
	}
	data := *p.data
	ask := Payout{GrantType: p.grantType, Client: p.client, Scope: p.scope, Grant: &p.row.Grant, Data: &data}
	if err := s.BeforeSpend(ctx, &ask); err != nil {
		return err
	}
	p.data, p.now = &data, s.Now()
	if ask.Replaced {
		p.hook, err = s.sealHook(p.row.ID, &data)
	}
	return err
}

// accessToken makes the access token of a Grant, opaque or as a JWT.
func (s *Service) accessToken(ctx context.Context, p payout) (oauth.Secret, error) {
	if s.Options.strategy(p.client) == strategyJWT {
		jti, err := s.Sealer.Seal(secret.JWTReference, encodeReference(referencePayload{
			Grant:      p.row.ID,
			Generation: p.generation,
			Epoch:      p.row.Client.Epoch,
			Scope:      p.narrow,
		}))
		if err != nil {
			return "", err
		}
		return s.signAccess(ctx, accessClaims{
			client: p.client, jti: jti, subject: p.data.Subject, scope: p.scope, audience: p.data.GrantedAudience,
			issued: p.now, lifetime: p.life.access, session: p.data.AccessClaims,
			authTime: p.data.AuthTime, acr: p.data.ACR, amr: p.data.AMR,
		})
	}
	v, err := s.Sealer.Seal(secret.Access, encodeAccess(accessPayload{
		Key:        p.seed.AccessKey(),
		Generation: p.generation,
		Epoch:      p.row.Client.Epoch,
		Issued:     p.now.Unix(),
		Lifetime:   int64(p.life.access / time.Second),
		Scope:      p.narrow,
	}))
	return oauth.Secret(v), err
}

func (s *Service) sealRefresh(seed oauth.Seed, generation int64, rotation [8]byte) (oauth.Secret, error) {
	v, err := s.Sealer.Seal(secret.Refresh, encodeRefresh(refreshPayload{Seed: seed, Generation: generation, Rotation: rotation}))
	return oauth.Secret(v), err
}

// refreshExpires is zero without a refresh token. Each rotation starts a new
// lifetime.
func (p *payout) refreshExpires() time.Time {
	switch {
	case !p.refresh:
		return time.Time{}
	case p.life.refresh < 0:
		return oauth.Never
	}
	return p.now.Add(p.life.refresh)
}

// expires is when the last value that points to the row is dead: tokens, the
// code (so that its replay is noticed), and the flow's verifiers.
func (p *payout) expires(grace time.Duration) time.Time {
	last := p.now.Add(p.life.access + grace) // the grace period still gives out access tokens
	ends := []time.Time{p.refreshExpires(), p.row.CodeExpiresAt, p.row.FlowExpiresAt}
	if p.row.PaidOut() && !oauth.IsNever(p.row.ExpiresAt) {
		ends = append(ends, p.row.ExpiresAt) // older access tokens may live longer than the new one
	}
	for _, t := range ends {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// spend is what the exchange of the code writes.
func (p *payout) spend(grace time.Duration) oauth.CodeSpend {
	expires := p.expires(grace)
	return oauth.CodeSpend{
		Op:               secret.NewID(),
		Now:              p.now,
		RotationID:       p.rotation,
		RefreshExpiresAt: p.refreshExpires(),
		ExpiresAt:        expires,
		PurgeAt:          Appointment(expires, p.now),
		HookData:         p.hook,
		Parent:           p.row.Parent,
		Was:              p.row.OpID,
	}
}

// Appointment is when the clean-up looks at a row whose values have expired
// by then. It is rounded up coarsely, so that not every refresh moves an
// index entry; a row without an end is looked at once a month, as it may have
// been ended meanwhile.
func Appointment(expires, now time.Time) time.Time {
	const margin = 10 * time.Minute
	left := expires.Sub(now)
	switch {
	case left > 30*24*time.Hour: // also Never, whose distance saturates
		return now.Add(30 * 24 * time.Hour).Truncate(24 * time.Hour).Add(24 * time.Hour)
	case left > 24*time.Hour:
		return expires.Add(margin).Truncate(12 * time.Hour).Add(12 * time.Hour)
	case left > time.Hour:
		return expires.Add(margin).Truncate(time.Hour).Add(time.Hour)
	}
	return expires.Add(margin).Truncate(5 * time.Minute).Add(5 * time.Minute)
}
