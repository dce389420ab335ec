package token

import (
	"context"
	"errors"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Userinfo is the answer of the userinfo endpoint, OpenID Connect Core §5.3.2:
// either JSON or a JWT, signed, encrypted or both.
type Userinfo struct {
	Client *oauth.Client
	JSON   []byte
	JWT    oauth.Secret // set when the client registered an algorithm for it
}

// Userinfo answers for a live access token that an end-user stands behind.
// Errors are request_unauthorized and token_expired, and insufficient_scope
// where the option asks for openid; any other is a fault of the server.
func (s *Service) Userinfo(ctx context.Context, value oauth.Secret) (*Userinfo, error) {
	now := s.Now()
	c, err := s.read(ctx, value, now)
	switch {
	case errors.Is(err, errExpired):
		return nil, oauth.TokenExpired.Hint("The access token has expired.")
	case err != nil:
		return nil, unauthorized(err)
	case c.use != useAccess:
		return nil, oauth.RequestUnauthorized.Hint("Only an access token is accepted here.")
	case c.machine != nil:
		return nil, noUser()
	}
	st, err := s.look(ctx, c, now)
	if err != nil {
		return nil, unauthorized(err)
	}
	if st.row.Kind == oauth.MachineGrant {
		return nil, noUser()
	}
	d, err := s.openPaid(&st.row.Grant)
	if err != nil {
		return nil, err
	}
	d.GrantedScope = c.scope.pick(d.GrantedScope)
	if s.Options.UserinfoRequiresOpenID && !contains(d.GrantedScope, "openid") {
		return nil, oauth.InsufficientScope.Hint("The access token lacks the scope openid.")
	}
	client, err := s.Clients.Client(ctx, st.client.ID)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return nil, unauthorized(errDead)
	case err != nil:
		return nil, err
	}
	return s.userinfo(ctx, client, d)
}

func noUser() error {
	return oauth.RequestUnauthorized.Hint("There is no end-user behind this access token.")
}

func unauthorized(err error) error {
	if refused(err) {
		return oauth.RequestUnauthorized.Hint("The access token is unknown or was revoked.").Because(err)
	}
	return err
}

// notInUserinfo are the members of an ID token that say something about that
// token and not about the user.
var notInUserinfo = append([]string{"c_hash", "acr"}, reservedIDClaims...)

func (s *Service) userinfo(ctx context.Context, client *oauth.Client, d *oauth.GrantData) (*Userinfo, error) {
	session, err := members(d.IDClaims)
	if err != nil {
		return nil, err
	}
	session = s.Options.release(session, client, d, d.GrantedScope, atUserinfo)
	claims := make(map[string]any, len(session)+4)
	for name, v := range session {
		// A consent may supply an acr that the login app did not.
		if !contains(notInUserinfo, name) || name == "acr" && d.ACR == "" {
			claims[name] = v
		}
	}
	claims["sub"] = subjectIdentifier(d)
	if d.ACR != "" {
		claims["acr"] = d.ACR
	}
	return s.protectUserinfo(ctx, client, claims)
}

// protectUserinfo signs and encrypts as the client has registered (OpenID
// Connect Core §5.3.2): what is encrypted only is plain JSON inside.
func (s *Service) protectUserinfo(ctx context.Context, client *oauth.Client, claims map[string]any) (*Userinfo, error) {
	alg, e := client.UserinfoSignedAlg, key.Encryption{Alg: client.UserinfoEncAlg, Enc: client.UserinfoEnc}
	signed := alg != "" && alg != AlgNone
	if signed {
		claims["iss"] = s.Options.Issuer
		claims["aud"] = []string{client.ID}
	}
	body, err := encodeJSON(claims)
	if err != nil {
		return nil, err
	}
	text := string(body)
	if signed {
		e.ContentType = typeJWT
		g, err := s.Keys.Signer(ctx, IDTokenSet, alg)
		if err != nil {
			return nil, err
		}
		if text, err = g.Sign(ctx, typeJWT, body); err != nil {
			return nil, err
		}
	}
	if !signed && e.Alg == "" {
		return &Userinfo{Client: client, JSON: body}, nil
	}
	jwt, err := s.encrypt(ctx, client, e, text)
	return &Userinfo{Client: client, JWT: jwt}, err
}
