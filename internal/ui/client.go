package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"hydra/internal/secret"
)

// demoClientID is the id of the client that the demo application is.
const demoClientID = "hydra-demo"

// demoScopes are what the demo application may ask for.
var demoScopes = []string{"openid", "offline", "profile", "email", "address", "phone"}

// demoClient keeps the demo application registered. It is a confidential
// client: public ones with a plain http redirect URI are asked for consent
// every time, which would leave nothing to show of a remembered one. Its
// secret lives in this process only and is set anew by each.
type demoClient struct {
	admin        *admin
	redirectURI  string
	signedOutURI string

	mu     sync.Mutex
	secret string // "" until this process has registered the client
}

// Ensure registers the client when this process has not done so, or when
// somebody has deleted it since, which a visitor who tries out the admin API
// may well do.
func (d *demoClient) Ensure(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.secret != "" {
		err := d.admin.json(ctx, http.MethodGet, "/clients/"+demoClientID, nil, &struct{}{})
		if !isStatus(err, http.StatusNotFound) {
			return err
		}
	}
	s := secret.ClientSecret()
	metadata := map[string]any{
		"client_id": demoClientID, "client_name": "Hydra demo", "client_secret": s,
		"redirect_uris": []string{d.redirectURI}, "post_logout_redirect_uris": []string{d.signedOutURI}, "scope": strings.Join(demoScopes, " "),
		"grant_types":    []string{"authorization_code", "refresh_token"},
		"response_types": []string{"code"}, "token_endpoint_auth_method": "client_secret_basic",
	}
	err := d.admin.json(ctx, http.MethodPut, "/clients/"+demoClientID, metadata, &struct{}{})
	if isStatus(err, http.StatusNotFound) {
		err = d.admin.json(ctx, http.MethodPost, "/clients", metadata, &struct{}{})
	}
	if err == nil {
		d.secret = s
	}
	return err
}

// Secret returns the client's secret, "" when there is none yet.
func (d *demoClient) Secret() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.secret
}

// Forget makes the next Ensure set a new secret: another process has set its
// own, or so it seems.
func (d *demoClient) Forget(stale string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.secret == stale {
		d.secret = ""
	}
}

func isStatus(err error, status int) bool {
	no, ok := errors.AsType[*refusal](err)
	return ok && no.Status == status
}

// rp is the demo application on its way to the public port: a relying party
// in the words of OpenID Connect.
type rp struct {
	http   *http.Client
	host   string
	client *demoClient
}

// tokens is a token response (RFC 6749 §5.1), as read and as it came.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Raw          json.RawMessage
}

// token asks the token endpoint (RFC 6749 §3.2).
func (s *rp) token(ctx context.Context, form url.Values) (t tokens, err error) {
	body, err := s.authenticated(ctx, "/oauth2/token", form)
	if err != nil {
		return t, err
	}
	t.Raw = body
	return t, json.Unmarshal(body, &t)
}

// revoke asks the revocation endpoint (RFC 7009 §2.1).
func (s *rp) revoke(ctx context.Context, token string) error {
	_, err := s.authenticated(ctx, "/oauth2/revoke", url.Values{"token": {token}})
	return err
}

// authenticated posts a form with the client's credentials. When they are
// refused, the client is registered again and the form sent once more: failed
// authentication spends neither a code nor a token.
func (s *rp) authenticated(ctx context.Context, path string, form url.Values) ([]byte, error) {
	for again := true; ; again = false {
		if s.client.Secret() == "" {
			if err := s.client.Ensure(ctx); err != nil {
				return nil, err
			}
		}
		used := s.client.Secret()
		r, err := s.request(ctx, http.MethodPost, path, form)
		if err != nil {
			return nil, err
		}
		r.SetBasicAuth(url.QueryEscape(demoClientID), url.QueryEscape(used))
		body, err := call(s.http, r)
		if !again || !isStatus(err, http.StatusUnauthorized) {
			return body, err
		}
		s.client.Forget(used)
	}
}

// userinfo asks the userinfo endpoint (OpenID Connect Core §5.3).
func (s *rp) userinfo(ctx context.Context, accessToken string) (json.RawMessage, error) {
	r, err := s.request(ctx, http.MethodGet, "/userinfo", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	return call(s.http, r)
}

// keys reads the published keys (RFC 7517 §5).
func (s *rp) keys(ctx context.Context) ([]byte, error) {
	r, err := s.request(ctx, http.MethodGet, jwksPath, nil)
	if err != nil {
		return nil, err
	}
	return call(s.http, r)
}

const jwksPath = "/.well-known/jwks.json"

func (s *rp) request(ctx context.Context, method, path string, form url.Values) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://public"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if s.host != "" {
		r.Host = s.host
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "application/json")
	return r, nil
}
