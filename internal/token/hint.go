package token

import (
	"context"
	"encoding/json"
	"errors"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Hint is an ID token of ours that somebody sent back as id_token_hint.
type Hint struct {
	Subject  string // as the client knows it
	Audience []string
	SID      string
	Claims   json.RawMessage // the whole payload
}

// VerifyHint reads an id_token_hint (OpenID Connect Core §3.1.2.1): an ID
// token that this server has signed, with a retired key even, expired or not.
// Anything else is invalid_request.
func (s *Service) VerifyHint(ctx context.Context, idToken string) (*Hint, error) {
	bad := oauth.InvalidRequest.Hint("The id_token_hint is not an ID token of this server.")
	v, err := s.Keys.Verify(ctx, IDTokenSet, idToken)
	if errors.Is(err, key.ErrInvalidJWT) {
		return nil, bad.Because(err)
	}
	if err != nil {
		return nil, err
	}
	if v.Typ != typeJWT {
		return nil, bad.Because(errors.New("token: the JWT has another typ"))
	}
	body, err := members(v.Payload)
	if err != nil {
		return nil, bad.Because(err)
	}
	h := &Hint{Claims: json.RawMessage(v.Payload)}
	iss, _ := body.text("iss")
	h.Subject, _ = body.text("sub")
	h.Audience, _ = body.list("aud")
	h.SID, _ = body.text("sid")
	_, issued := body.number("iat") // a signed userinfo response has neither
	_, expires := body.number("exp")
	if iss != s.Options.Issuer || h.Subject == "" || len(h.Audience) == 0 || !issued || !expires {
		return nil, bad.Because(errors.New("token: the JWT is no ID token of this issuer"))
	}
	return h, nil
}
