package server_test

import (
	"context"
	"crypto/rand"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// What every module looks at, whatever it is about.

// random holds a value to 128 bits, and to an entropy of 96 as its characters show it.
func (x *module) random(value string) {
	x.t.Helper()
	seen, entropy := map[rune]float64{}, 0.0
	for _, c := range value {
		seen[c]++
	}
	for _, n := range seen {
		p := n / float64(len(value))
		entropy -= p * math.Log2(p) * float64(len(value))
	}
	if len(value)*8 < 128 || entropy <= 96 {
		x.t.Errorf("%d characters with an entropy of %.0f bits", len(value), entropy)
	}
}

// credentials authenticates the client at the token endpoint.
func (x *module) credentials(form url.Values) (headers []string) {
	x.t.Helper()
	switch x.auth {
	case "client_secret_basic":
		return []string{basic(x.c.ID, x.c.Secret)}
	case "client_secret_post":
		form.Set("client_id", x.c.ID)
		form.Set("client_secret", x.c.Secret)
	case "private_key_jwt":
		if !form.Has("client_assertion") {
			form.Set("client_assertion", x.assertion(conformanceIssuer+"/oauth2/token"))
		}
		form.Set("client_assertion_type", assertionType)
	}
	return nil
}

func (x *module) jar() *jar { return &jar{party: x.c, w: x.world, rsa: x.signer} }

func (x *module) assertion(aud string) string {
	x.t.Helper()
	now := x.clock.Now().Unix()
	return x.jar().sign(x.t, m{"alg": "RS256", "kid": x.kid}, m{"iss": x.c.ID, "sub": x.c.ID, "aud": aud, "jti": rand.Text(), "iat": now, "exp": now + 60})
}

func (x *module) token(pairs ...string) reply {
	x.t.Helper()
	f := form(pairs...)
	headers := append(x.credentials(f), formType, proxied)
	return do(x.t, user, "POST", x.Public+"/oauth2/token", f.Encode(), headers...)
}

// tokens is a request for tokens that succeeds.
func (x *module) tokens(pairs ...string) m {
	x.t.Helper()
	r := x.token(pairs...)
	out := r.object(x.t, 200)
	n, _ := out["expires_in"].(float64)
	if !strings.Contains(r.Header.Get("Cache-Control"), "no-store") || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") ||
		n <= 0 || n >= 365*86400 || out["id_token"] == nil || !strings.EqualFold(out["token_type"].(string), "bearer") {
		x.t.Errorf("the token response is %v %v", r.Header, out)
	}
	x.random(out["access_token"].(string))
	return out
}

// dead checks that the token endpoint says invalid_grant.
func (x *module) dead(r reply) {
	x.t.Helper()
	out := r.object(x.t, 400)
	if out["error"] != "invalid_grant" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		x.t.Errorf("the answer is %v", out)
	}
}

// info asks userinfo, and holds the types of what it says to OpenID Connect Core §5.1.
func (x *module) info(method, body string, headers ...string) m {
	x.t.Helper()
	r := do(x.t, user, method, x.Public+"/userinfo", body, append(headers, proxied)...)
	out := r.object(x.t, 200)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || out["sub"] == nil {
		x.t.Errorf("userinfo is %v %v", r.Header, out)
	}
	x.typed(out)
	return out
}

func (x *module) typed(claims m) {
	x.t.Helper()
	for name, value := range everyClaim {
		if got, ok := claims[name]; ok {
			equal(x.t, name, got, value)
		}
	}
}

// expected in an ID token that nobody asked for more: OpenID Connect Core §2
// and §3.3.2.11, RFC 7519 §4.1, and sid of Front-Channel Logout §3.
var expected = []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "nbf", "jti", "sid"}

// verify holds an ID token to what every module holds it to, and returns its claims.
func (x *module) verify(idToken string, p url.Values, algs ...string) m {
	x.t.Helper()
	if algs == nil {
		algs = []string{oidc.RS256}
	}
	ctx := oidc.ClientContext(context.Background(), x.http)
	keys := oidc.NewRemoteKeySet(ctx, conformanceIssuer+"/.well-known/jwks.json")
	v, err := oidc.NewVerifier(conformanceIssuer, keys, &oidc.Config{ClientID: x.c.ID, SupportedSigningAlgs: algs, Now: x.clock.Now}).Verify(ctx, idToken)
	if err != nil {
		x.t.Fatal(err)
	}
	claims := payload(x.t, idToken)
	header := decoded(x.t, strings.Split(idToken, ".")[0])
	now := x.clock.Now()
	if header["kid"] == nil || v.Subject == "" || now.Sub(v.IssuedAt).Abs().Minutes() > 5 || claims["acr"] == "" {
		x.t.Errorf("header %v, claims %v", header, claims)
	}
	if at, ok := claims["auth_time"].(float64); ok && (at > float64(now.Unix()) || at < float64(now.Unix()-86400)) {
		x.t.Errorf("auth_time is %v at %v", at, now.Unix())
	}
	equal(x.t, "nonce", v.Nonce, p.Get("nonce"))
	allowed := slices.Clone(expected)
	if x.kind == "id_token" {
		for _, scope := range strings.Fields(p.Get("scope")) {
			allowed = append(allowed, claimsOfScope[scope]...)
		}
	}
	for name := range claims {
		if !slices.Contains(allowed, name) {
			x.t.Errorf("the ID token holds %s, which nobody asked for there", name)
		}
	}
	x.typed(claims)
	return claims
}
