package token

import (
	"context"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// typeLogout is the typ of logout tokens (OpenID Connect Back-Channel Logout
// §2.4): nobody takes one for another kind of JWT.
const typeLogout = "logout+jwt"

// logoutTokenLife is short: a token is made for one attempt to deliver it.
const logoutTokenLife = 2 * time.Minute

// LogoutToken makes the message that a session has ended (OpenID Connect
// Back-Channel Logout §2.4), for one client. subject is as the client knows it.
func (s *Service) LogoutToken(ctx context.Context, c *oauth.Client, subject, session string) (string, error) {
	issued := s.Now()
	payload, err := encodeJSON(map[string]any{
		"iss": s.Options.Issuer, "aud": []string{c.ID}, "sub": subject, "sid": session,
		"iat": issued.Unix(), "exp": issued.Add(logoutTokenLife).Unix(), "jti": secret.UUID(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": struct{}{}},
	})
	if err != nil {
		return "", err
	}
	alg := c.IDTokenSignedAlg // as its ID tokens, §2.6; but an unsigned message could be anybody's
	if alg == AlgNone {
		alg = ""
	}
	g, err := s.Keys.Signer(ctx, IDTokenSet, alg)
	if err != nil {
		return "", err
	}
	return g.Sign(ctx, typeLogout, payload)
}
