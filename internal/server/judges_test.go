package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Foreign clients judge the whole program: golang.org/x/oauth2 and go-oidc do
// what relying parties do with them.

// judge is a relying party that knows the issuer and its own credentials.
type judge struct {
	*rig
	client   app
	provider *oidc.Provider
	config   oauth2.Config
}

func newJudge(t *testing.T, r *rig, c app) *judge {
	t.Helper()
	provider, err := oidc.NewProvider(oidc.ClientContext(t.Context(), client), r.Config.URLs.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	return &judge{r, c, provider, oauth2.Config{
		ClientID: c.id, ClientSecret: c.secret, Endpoint: provider.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, "offline_access", "read"},
	}}
}

// signIn is the code flow with PKCE and a nonce.
func (j *judge) signIn() (*oauth2.Token, *oidc.IDToken) {
	j.t.Helper()
	verifier, nonce, state := j.keep("code_verifier", oauth2.GenerateVerifier()), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	to := j.follow(j.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), sign{
		consent: m{"session": m{"id_token": m{"email": "alice@test", "email_verified": true}}},
	})
	q := to.Query()
	if q.Get("state") != state || q.Get("iss") != j.Config.URLs.Issuer || !strings.HasPrefix(to.String(), callback+"?") {
		j.t.Fatalf("the browser is sent to %s", to)
	}
	got, err := j.config.Exchange(oidc.ClientContext(j.t.Context(), client), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		j.t.Fatal(err)
	}
	id := j.verify(got)
	if id.Nonce != nonce || id.Subject != "alice" {
		j.t.Errorf("the ID token is for %q with the nonce %q", id.Subject, id.Nonce)
	}
	return got, id
}

// verify judges signature, issuer, audience, expiry and at_hash.
func (j *judge) verify(got *oauth2.Token) *oidc.IDToken {
	j.t.Helper()
	raw, _ := got.Extra("id_token").(string)
	id, err := j.provider.Verifier(&oidc.Config{ClientID: j.client.id, Now: j.clock.Now}).Verify(oidc.ClientContext(j.t.Context(), client), raw)
	if err != nil {
		j.t.Fatal(err)
	}
	if err := id.VerifyAccessToken(got.AccessToken); err != nil {
		j.t.Errorf("at_hash: %v", err)
	}
	return id
}

// refreshed is what a token source gets for the refresh token.
func (j *judge) refreshed(old *oauth2.Token) *oauth2.Token {
	j.t.Helper()
	got, err := j.config.TokenSource(oidc.ClientContext(j.t.Context(), client), &oauth2.Token{RefreshToken: old.RefreshToken}).Token()
	if err != nil {
		j.t.Fatal(err)
	}
	return got
}

func (j *judge) alg(jwt string) string {
	j.t.Helper()
	head, _, _ := strings.Cut(jwt, ".")
	var h struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(unb64(j.t, head), &h); err != nil {
		j.t.Fatal(err)
	}
	return h.Alg
}

func TestJudgesSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []app{r.client(nil), r.client(m{"token_endpoint_auth_method": "client_secret_post"}), r.client(m{"token_endpoint_auth_method": "none"})} {
		j := newJudge(t, r, c)
		first, id := j.signIn()
		if left := time.Until(first.Expiry); left < 59*time.Minute || left > time.Hour || first.Type() != "Bearer" {
			t.Errorf("%s: the access token is a %s for %v", c.method, first.Type(), left)
		}
		info, err := j.provider.UserInfo(oidc.ClientContext(t.Context(), client), oauth2.StaticTokenSource(first))
		if err != nil {
			t.Fatal(err)
		}
		if info.Subject != "alice" || info.Email != "alice@test" || !info.EmailVerified {
			t.Errorf("%s: userinfo = %+v", c.method, info)
		}
		second := j.refreshed(first)
		if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken {
			t.Errorf("%s: the refresh answers what was there before", c.method)
		}
		again := j.verify(second)
		if again.Subject != id.Subject || again.Issuer != id.Issuer {
			t.Errorf("%s: the ID token of the refresh is %+v", c.method, again)
		}
		_, err = j.provider.UserInfo(oidc.ClientContext(t.Context(), client), oauth2.StaticTokenSource(first))
		if err == nil {
			t.Errorf("%s: the replaced access token still works", c.method)
		}
	}
}

func TestJudgesClientCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		c := r.client(m{"token_endpoint_auth_method": method})
		j := newJudge(t, r, c)
		// x/oauth2 finds out the method by itself.
		got, err := (&clientcredentials.Config{
			ClientID: c.id, ClientSecret: c.secret, TokenURL: j.config.Endpoint.TokenURL, Scopes: []string{"read", "foo.x"},
		}).Token(oidc.ClientContext(t.Context(), client))
		if err != nil {
			t.Fatal(err)
		}
		if in := r.introspect(got.AccessToken).fields(); in["active"] != true || in["scope"] != "read foo.x" || in["client_id"] != c.id {
			t.Errorf("%s: %v", method, in)
		}
	}
}

// Another key in the set signs the next token; the relying party finds it, and
// tokens of the key before are still good.
func TestJudgesAcceptES256(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	j := newJudge(t, r, r.client(nil))
	first, _ := j.signIn()
	if alg := j.alg(first.Extra("id_token").(string)); alg != "RS256" {
		t.Errorf("the first ID token is signed with %s", alg)
	}
	r.wait(time.Second) // of two keys of one moment neither is the newer
	r.admin("POST", "/keys/hydra.openid.id-token", m{"alg": "ES256", "use": "sig", "kid": "es"}).is(201, "")
	j = newJudge(t, r, j.client) // what is announced has changed
	second, _ := j.signIn()
	if alg := j.alg(second.Extra("id_token").(string)); alg != "ES256" {
		t.Errorf("the second ID token is signed with %s", alg)
	}
	j.verify(first)
	j.verify(j.refreshed(second))
}

// Resource servers check JWT access tokens with the published keys.
func TestJudgesVerifyJWTAccessTokens(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"hydra", "rfc9068"} {
		for _, alg := range []string{"RS256", "ES256"} {
			t.Run(profile+" "+alg, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt", "STRATEGIES_JWT_PROFILE="+profile)
				if alg == "ES256" {
					r.wait(time.Second)
					r.admin("POST", "/keys/hydra.jwt.access-token", m{"alg": alg, "use": "sig", "kid": "es"}).is(201, "")
				}
				j := newJudge(t, r, r.client(nil))
				got, _ := j.signIn()
				machine := r.token(j.client, "grant_type", "client_credentials", "audience", "https://api.test/").is(200, "").text("access_token")
				ctx := oidc.ClientContext(t.Context(), client)
				keys := oidc.NewRemoteKeySet(ctx, r.Public+"/.well-known/jwks.json")
				for name, jwt := range map[string]string{"alice": got.AccessToken, j.client.id: machine} {
					v := oidc.NewVerifier(r.Config.URLs.Issuer, keys, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: []string{alg}, Now: r.clock.Now})
					verified, err := v.Verify(ctx, jwt)
					if err != nil {
						t.Fatal(err)
					}
					var c struct {
						ClientID string `json:"client_id"`
						JTI      string `json:"jti"`
					}
					if err := verified.Claims(&c); err != nil || c.ClientID != j.client.id || c.JTI == "" || verified.Subject != name {
						t.Errorf("%v, claims %+v of %q, want %q", err, c, verified.Subject, name)
					}
					if !r.active(jwt) {
						t.Error("a token that verifies is inactive")
					}
				}
			})
		}
	}
}
