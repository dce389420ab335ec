package judges

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// github.com/coreos/go-oidc with golang.org/x/oauth2, the relying party of most
// Go programs. It neither makes request objects nor decrypts; go-jose does.

// oidcParty is what a program has of both.
type oidcParty struct {
	*party
	t        *testing.T
	provider *oidc.Provider
	config   oauth2.Config
	nonce    string
	alg      string
}

func newOIDCParty(t *testing.T, members map[string]any) *oidcParty {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), publicURL)
	if err != nil {
		t.Fatal(err)
	}
	p := &oidcParty{party: newParty(t, members), t: t, provider: provider, nonce: oauth2.GenerateVerifier(), alg: oidc.RS256}
	p.config = oauth2.Config{
		ClientID: p.id, ClientSecret: p.secret, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "email"},
	}
	return p
}

// verified is an ID token that the library has accepted.
func (p *oidcParty) verified(raw string) *oidc.IDToken {
	p.t.Helper()
	id, err := p.provider.Verifier(&oidc.Config{ClientID: p.id, SupportedSigningAlgs: []string{p.alg}}).Verify(p.t.Context(), raw)
	if err != nil {
		p.t.Fatal(err)
	}
	if id.Subject != "alice" || id.Nonce != "" && id.Nonce != p.nonce {
		p.t.Errorf("the ID token is for %q with the nonce %q", id.Subject, id.Nonce)
	}
	return id
}

// tokens trades the code of a response.
func (p *oidcParty) tokens(code, verifier string, more ...oauth2.AuthCodeOption) (*oauth2.Token, string) {
	p.t.Helper()
	got, err := p.config.Exchange(p.t.Context(), code, append(more, oauth2.VerifierOption(verifier))...)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, _ := got.Extra("id_token").(string)
	return got, raw
}

// ask is an authorization request with PKCE.
func (p *oidcParty) ask(more ...oauth2.AuthCodeOption) (address, verifier string) {
	verifier = oauth2.GenerateVerifier()
	return p.config.AuthCodeURL("the-state", append(more, oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(verifier))...), verifier
}

func TestGoOIDC(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"client_secret_basic", "client_secret_post", "none"} {
		t.Run("code with PKCE, userinfo, refresh and logout, "+method, func(t *testing.T) {
			t.Parallel()
			p, someone := newOIDCParty(t, map[string]any{"token_endpoint_auth_method": method}), newPerson(t)
			address, verifier := p.ask()
			r, _ := someone.signIn(address)
			tokens, raw := p.tokens(r.Get("code"), verifier)
			if err := p.verified(raw).VerifyAccessToken(tokens.AccessToken); err != nil || r.Get("state") != "the-state" {
				t.Errorf("%v; the response is %v", err, r)
			}
			fresh, err := p.config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
			if err != nil {
				t.Fatal(err)
			}
			info, err := p.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(fresh))
			if err != nil || info.Subject != "alice" || info.Email != "alice@example.org" || !info.EmailVerified {
				t.Errorf("userinfo is %+v, %v", info, err)
			}
			var found struct {
				EndSession string `json:"end_session_endpoint"`
			}
			if err := p.provider.Claims(&found); err != nil {
				t.Fatal(err)
			}
			if at := someone.signOut(found.EndSession + "?" + "post_logout_redirect_uri=" + goodbye + "&state=s&id_token_hint=" + raw); at != goodbye+"?state=s" {
				t.Errorf("the logout ends at %s", at)
			}
			address, _ = p.ask()
			someone.gone(address)
		})
	}
	for _, mode := range []string{"fragment", "form_post"} {
		t.Run("code id_token by "+mode, func(t *testing.T) {
			t.Parallel()
			p := newOIDCParty(t, nil)
			address, verifier := p.ask(oauth2.SetAuthURLParam("response_type", "code id_token"), oauth2.SetAuthURLParam("response_mode", mode))
			r, got := newPerson(t).signIn(address)
			var claims struct {
				CHash string `json:"c_hash"`
			}
			if err := p.verified(r.Get("id_token")).Claims(&claims); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(r.Get("code")))
			if got != mode || claims.CHash != base64.RawURLEncoding.EncodeToString(sum[:16]) {
				t.Errorf("by %s, c_hash %s", got, claims.CHash)
			}
			_, raw := p.tokens(r.Get("code"), verifier)
			p.verified(raw)
		})
	}
	t.Run("private_key_jwt, a signed request object, an encrypted ID token", func(t *testing.T) {
		t.Parallel()
		p := newOIDCParty(t, map[string]any{
			"token_endpoint_auth_method": "private_key_jwt", "request_object_signing_alg": "PS256", "id_token_signed_response_alg": "ES256",
			"id_token_encrypted_response_alg": "RSA-OAEP-256", "id_token_encrypted_response_enc": "A256GCM",
		})
		p.alg, p.config.ClientSecret, p.config.Endpoint.AuthStyle = oidc.ES256, "", oauth2.AuthStyleInParams
		address, verifier := p.ask()
		r, _ := newPerson(t).signIn(p.asObject(t, address))
		_, raw := p.tokens(r.Get("code"), verifier,
			oauth2.SetAuthURLParam("client_assertion_type", bearerAssertion), oauth2.SetAuthURLParam("client_assertion", p.assertion(t)))
		if strings.Count(raw, ".") != 4 {
			t.Fatalf("the ID token is not encrypted: %s", raw)
		}
		jwe, err := jose.ParseEncrypted(raw, []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			t.Fatal(err)
		}
		inner, err := jwe.Decrypt(p.key)
		if err != nil {
			t.Fatal(err)
		}
		p.verified(string(inner))
	})
}
