package token

import (
	"context"
	"time"

	"hydra/internal/secret"
)

// typeLogout is the typ of logout tokens (OpenID Connect Back-Channel Logout
// §2.4): nobody takes one for another kind of JWT.
const typeLogout = "logout+jwt"

// logoutTokenLife is short: a token is made for one attempt to deliver it.
const logoutTokenLife = 2 * time.Minute

// LogoutToken makes the message that a session has ended (OpenID Connect
// Back-Channel Logout §2.4), for one client. subject is as the client knows it.
func (s *Service) LogoutToken(ctx context.Context, clientID, subject, session string) (string, error) {
	issued := s.Now()
	payload, err := encodeJSON(map[string]any{
		"iss": s.Options.Issuer, "aud": []string{clientID}, "sub": subject, "sid": session,
		"iat": issued.Unix(), "exp": issued.Add(logoutTokenLife).Unix(), "jti": secret.UUID(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": struct{}{}},
	})
	if err != nil {
		return "", err
	}
	return s.Keys.Sign(ctx, IDTokenSet, typeLogout, payload)
}
