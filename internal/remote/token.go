package remote

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Tokens are a token response (RFC 6749 §5.1).
type Tokens struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken string          `json:"refresh_token"`
	IDToken      string          `json:"id_token"`
	ExpiresIn    int64           `json:"expires_in"` // seconds
	Raw          json.RawMessage `json:"-"`          // all of it
	Claims       json.RawMessage `json:"-"`          // of the ID token, once it was verified
}

// Paths of the public API.
const (
	TokenPath  = "/oauth2/token"
	RevokePath = "/oauth2/revoke"
	DevicePath = "/oauth2/device/auth"
	jwksPath   = "/.well-known/jwks.json"
)

// Token asks the token endpoint at a path or URL.
func (c *Client) Token(ctx context.Context, goal, path string, as Credentials, form url.Values) (Tokens, error) {
	answer, err := c.Authenticated(ctx, Call{Goal: goal, Method: http.MethodPost, Path: path, Form: form}, as)
	if err != nil {
		return Tokens{}, err
	}
	t := Tokens{Raw: answer.Body}
	if err := json.Unmarshal(answer.Body, &t); err != nil || t.AccessToken == "" {
		return t, fmt.Errorf("cannot %s: the answer is no token response", goal)
	}
	return t, nil
}

// Authenticated posts a form as a client. One with a secret is tried in the
// header and, if that is refused, in the body (RFC 6749 §2.3.1): only the
// server knows which of the two the client is registered for, and a failed
// authentication spends neither a code nor a token.
func (c *Client) Authenticated(ctx context.Context, call Call, as Credentials) (Answer, error) {
	if as.Secret != "" {
		call.Basic = &as
		answer, err := c.Do(ctx, call)
		no, ok := errors.AsType[*Refusal](err)
		if !ok || no.Code != string(oauth.InvalidClient) {
			return answer, err
		}
		form := url.Values{"client_id": {as.ID}, "client_secret": {string(as.Secret)}}
		for name, values := range call.Form {
			form[name] = values
		}
		call.Basic, call.Form = nil, form
		if answer, second := c.Do(ctx, call); second == nil {
			return answer, nil
		}
		return Answer{}, err
	}
	call.Form.Set("client_id", as.ID)
	return c.Do(ctx, call)
}

// Provider is what the discovery document says (OpenID Connect Discovery §3).
type Provider struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	NamesItself   bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// Discover reads the discovery document.
func (c *Client) Discover(ctx context.Context) (Provider, error) {
	var p Provider
	_, err := c.JSON(ctx, Call{Goal: "read the discovery document", Method: http.MethodGet, Path: "/.well-known/openid-configuration"}, &p)
	if err == nil && (p.Issuer == "" || p.Authorization == "") {
		err = errors.New("the discovery document names no issuer or no authorization endpoint")
	}
	return p, err
}

// Expected is what an ID token must say.
type Expected struct {
	Issuer, ClientID string
	Nonce            string // "" for a flow that has none
	Now              time.Time
}

// VerifyIDToken checks the ID token of a response (OpenID Connect Core
// §3.1.3.7): the signature by a published key, issuer, audience, expiry, nonce
// and the hash of the access token. A response without an ID token is good.
func (c *Client) VerifyIDToken(ctx context.Context, t *Tokens, want Expected) error {
	if t.IDToken == "" {
		return nil
	}
	answer, err := c.Do(ctx, Call{Goal: "verify the ID token", Method: http.MethodGet, Path: jwksPath})
	if err != nil {
		return err
	}
	v, err := key.VerifyAssertion(answer.Body, t.IDToken, key.AssertionAlgs())
	if err != nil {
		return fmt.Errorf("the signature of the ID token cannot be verified with the keys at %s%s: %w", c.Endpoint, jwksPath, err)
	}
	if err := judge(v, *t, want); err != nil {
		return fmt.Errorf("the ID token is not good: %w (OpenID Connect Core §3.1.3.7)", err)
	}
	t.Claims = v.Payload
	return nil
}

func judge(v key.Verified, t Tokens, want Expected) error {
	claims, err := key.ParseClaims(v.Payload)
	if err != nil {
		return err
	}
	members, err := key.StrictObject(v.Payload)
	if err != nil {
		return err
	}
	claim := func(name string) string {
		s, _ := key.String(members[name]) // "" when it is absent or no string, which matches nothing below
		return s
	}
	switch {
	case claims.Issuer != want.Issuer:
		return fmt.Errorf("iss is %q, not %q", claims.Issuer, want.Issuer)
	case !slices.Contains(claims.Audience, want.ClientID):
		return fmt.Errorf("aud does not name %q", want.ClientID)
	case len(claims.Audience) > 1 && claim("azp") != want.ClientID:
		return fmt.Errorf("aud names others, too, and azp is not %q", want.ClientID)
	case claims.Subject == "":
		return errors.New("sub is missing")
	case claims.Expires.IsZero() || !want.Now.Before(claims.Expires):
		return errors.New("exp is missing or over")
	case want.Nonce != "" && subtle.ConstantTimeCompare([]byte(claim("nonce")), []byte(want.Nonce)) != 1:
		return errors.New("nonce is not the one that this sign-in began with")
	}
	if _, ok := members["at_hash"]; ok && claim("at_hash") != key.LeftHash(v.Alg, t.AccessToken) {
		return errors.New("at_hash does not belong to the access token")
	}
	return nil
}
