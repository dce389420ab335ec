package remote

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// SignIn is a relying party that takes one browser through the authorization
// code flow (OpenID Connect Core §3.1), with PKCE, state and nonce.
type SignIn struct {
	Client       *Client
	Provider     Provider
	As           Credentials
	Redirect     string // the redirect URI
	Scope        []string
	Prompt       []string
	Audience     []string
	MaxAge       int    // seconds; below zero: not asked for
	State        string // "" draws one for each attempt
	ResponseMode string
	AuthURL      string // in place of the endpoint that discovery names
	TokenURL     string
	Now          func() time.Time

	mu       sync.Mutex
	attempts []attempt // newest last
}

// attempt is one authorization request whose answer has not come yet.
type attempt struct{ state, nonce, verifier string }

// maxAttempts bounds how many requests can be on their way at once.
const maxAttempts = 16

func random() string { return base64.RawURLEncoding.EncodeToString(secret.Bytes(32)) }

// Begin makes an authorization request and returns its URL.
func (s *SignIn) Begin() (string, error) {
	endpoint := s.AuthURL
	if endpoint == "" {
		endpoint = s.Provider.Authorization
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("the authorization endpoint: %w", err)
	}
	a := attempt{state: s.State, nonce: random(), verifier: random()}
	if a.state == "" {
		a.state = random()
	}
	challenge := sha256.Sum256([]byte(a.verifier))
	q := u.Query()
	for name, value := range map[string]string{
		"client_id": s.As.ID, "response_type": "code", "redirect_uri": s.Redirect, "state": a.state, "nonce": a.nonce,
		"scope": strings.Join(s.Scope, " "), "prompt": strings.Join(s.Prompt, " "), "audience": strings.Join(s.Audience, " "),
		"response_mode": s.ResponseMode, "code_challenge_method": "S256",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.MaxAge >= 0 {
		q.Set("max_age", strconv.Itoa(s.MaxAge))
	}
	u.RawQuery = q.Encode()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.attempts) == maxAttempts {
		s.attempts = s.attempts[1:]
	}
	s.attempts = append(s.attempts, a)
	return u.String(), nil
}

// ErrForeign is a response that belongs to no request of this sign-in: the
// state is unknown, or it was answered before (RFC 6749 §10.12).
var ErrForeign = errors.New("the response belongs to no sign-in that began here, or it came a second time: its state is unknown")

// take finds the request that a response belongs to. Each is answered once.
func (s *SignIn) take(state string) (attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.attempts) - 1; i >= 0; i-- {
		a := s.attempts[i]
		if subtle.ConstantTimeCompare([]byte(a.state), []byte(state)) == 1 {
			s.attempts = slices.Delete(s.attempts, i, i+1)
			return a, nil
		}
	}
	return attempt{}, ErrForeign
}

// Denied is an error response (RFC 6749 §4.1.2.1).
type Denied struct{ Code, Description string }

// Error says what the server said.
func (e *Denied) Error() string {
	s := "the sign-in ended without tokens: " + e.Code
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// Finish exchanges the code of an authorization response for tokens, once
// everything about the response and then about its ID token is as it must be.
func (s *SignIn) Finish(ctx context.Context, response url.Values) (Tokens, error) {
	a, err := s.take(response.Get("state"))
	if err != nil {
		return Tokens{}, err
	}
	if iss := response.Get("iss"); iss != s.Provider.Issuer && (iss != "" || s.Provider.NamesItself) {
		return Tokens{}, fmt.Errorf("the response is from the issuer %q and not from %q, so its code was not used (RFC 9207 §2.4)", iss, s.Provider.Issuer)
	}
	if code := response.Get("error"); code != "" {
		return Tokens{}, &Denied{code, response.Get("error_description")}
	}
	form := url.Values{
		"grant_type": {oauth.GrantAuthorizationCode}, "code": {response.Get("code")},
		"redirect_uri": {s.Redirect}, "code_verifier": {a.verifier},
	}
	at := s.TokenURL
	if at == "" {
		at = TokenPath
	}
	t, err := s.Client.Token(ctx, "exchange the code", at, s.As, form)
	if err != nil {
		return t, err
	}
	return t, s.Client.VerifyIDToken(ctx, &t, Expected{Issuer: s.Provider.Issuer, ClientID: s.As.ID, Nonce: a.nonce, Now: s.Now()})
}
