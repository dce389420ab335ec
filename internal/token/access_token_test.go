package token

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

// Contract case 104 and §3.9.
func TestJWTAccessToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	jwt := w.addClient("jwt", func(c *oauth.Client) { c.AccessTokenStrategy = "jwt" })
	opaque := w.addClient("opaque", nil)
	if _, res := w.signIn(opaque); len(res.AccessToken) > 120 {
		t.Error("the strategy of one client reached another")
	}
	seed, res := w.signIn(jwt)
	header, claims := jwtParts(t, res.AccessToken)
	if header["typ"] != "JWT" {
		t.Errorf("header = %v", header)
	}
	jti, _ := claims["jti"].(string)
	delete(claims, "jti")
	issued := float64(noon.Unix())
	want := map[string]any{
		"iss": testIssuer, "sub": "alice", "aud": []any{"https://api.test/"}, "client_id": "jwt",
		"scp": []any{"openid", "offline_access", "foo.read", "bar"}, "ext": map[string]any{"tier": "gold"},
		"iat": issued, "nbf": issued, "exp": issued + 3600,
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}

	in := w.introspect(res.AccessToken, "foo.read")
	if !in.Active || in.Subject != "alice" || in.ClientID != "jwt" || !in.ExpiresAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("introspection = %+v", in)
	}
	// The jti opens nothing by itself, in whatever clothes.
	for _, value := range []string{jti, "ory_at_" + jti, "ory_rt_" + jti, "ory_ac_" + jti} {
		if w.active(oauth.Secret(value)) {
			t.Errorf("a jti is an active token: %.12s…", value)
		}
	}
	// What the jti shows is the row's key, from which no token can be made.
	opened, err := w.Sealer.Open(t.Context(), jti, secret.JWTReference)
	w.must(err)
	ref, err := decodeReference(opened.Payload)
	w.must(err)
	if ref.Grant != seed.GrantID() {
		t.Error("the jti does not point to the Grant")
	}

	next := w.exchange(jwt, refreshForm(res.RefreshToken)) // case 119
	if w.active(res.AccessToken) || !w.active(next.AccessToken) {
		t.Error("a refresh must end the old JWT, for whoever asks")
	}
	w.wait(time.Hour)
	if w.active(next.AccessToken) {
		t.Error("an expired JWT is active")
	}
}

func TestJWTAccessTokenThatIsNotOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.Options.AccessTokenStrategy = "jwt"
	c := w.addClient("app", nil)
	_, res := w.signIn(c)
	_, claims := jwtParts(t, res.AccessToken)
	sign := func(set, typ string, change func(map[string]any)) oauth.Secret {
		copied := map[string]any{}
		for k, v := range claims {
			copied[k] = v
		}
		copied["iat"], copied["exp"] = noon.Unix(), noon.Unix()+3600
		change(copied)
		payload, err := json.Marshal(copied)
		w.must(err)
		v, err := w.Keys.Sign(t.Context(), set, typ, payload)
		w.must(err)
		return oauth.Secret(v)
	}
	if !w.active(sign(AccessTokenSet, "JWT", func(map[string]any) {})) {
		t.Fatal("the forger of this test cannot even copy")
	}
	for name, value := range map[string]oauth.Secret{
		"signed by another set":  sign(IDTokenSet, "JWT", func(map[string]any) {}),
		"another typ":            sign(AccessTokenSet, "logout+jwt", func(map[string]any) {}),
		"another issuer":         sign(AccessTokenSet, "JWT", func(m map[string]any) { m["iss"] = "https://evil.test/" }),
		"expired":                sign(AccessTokenSet, "JWT", func(m map[string]any) { m["exp"] = noon.Unix() }),
		"no exp":                 sign(AccessTokenSet, "JWT", func(m map[string]any) { delete(m, "exp") }),
		"exp as a string":        sign(AccessTokenSet, "JWT", func(m map[string]any) { m["exp"] = "9999999999" }),
		"no jti":                 sign(AccessTokenSet, "JWT", func(m map[string]any) { delete(m, "jti") }),
		"a jti of its own":       sign(AccessTokenSet, "JWT", func(m map[string]any) { m["jti"] = "0b9f9a6e-0000-4000-8000-000000000000" }),
		"a refresh token as jti": sign(AccessTokenSet, "JWT", func(m map[string]any) { m["jti"] = string(res.RefreshToken) }),
		"an ID token":            res.IDToken,
	} {
		if w.active(value) {
			t.Errorf("%s: active", name)
		}
	}
}

func TestRFC9068AccessToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", func(c *oauth.Client) { c.AccessTokenStrategy, c.AccessTokenProfile = "jwt", "rfc9068" })
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.AccessClaims = nil })
	res := w.exchange(c, codeForm(code))
	header, claims := jwtParts(t, res.AccessToken)
	if header["typ"] != "at+jwt" {
		t.Errorf("typ = %v", header["typ"])
	}
	delete(claims, "jti")
	issued := float64(noon.Unix())
	want := map[string]any{
		"iss": testIssuer, "sub": "alice", "aud": []any{"https://api.test/"}, "client_id": "app",
		"scope": "openid offline_access foo.read bar", "iat": issued, "exp": issued + 3600,
		"auth_time": issued - 60, "acr": "1", "amr": []any{"pwd"},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if !w.active(res.AccessToken) {
		t.Error("inactive")
	}
	machine := w.exchange(c, machineForm("scope", "bar foo.x"))
	_, claims = jwtParts(t, machine.AccessToken)
	if diff := cmp.Diff([]any{testIssuer}, claims["aud"]); diff != "" {
		t.Errorf("default audience (-want +got):\n%s", diff)
	}
	if in := w.introspect(machine.AccessToken); !in.Active || in.ScopeText() != "bar foo.x" {
		t.Errorf("introspected scope = %q", in.ScopeText())
	}
}

func TestJWTShapingOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", func(c *oauth.Client) { c.AccessTokenStrategy = "jwt" })
	claimsOf := func(o Options) map[string]any {
		o.Issuer = testIssuer
		w.Options = o
		_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) {
			d.AccessClaims = json.RawMessage(`{"tier":"gold","n":9007199254740993,"sub":"mallory","scope":"admin","exp":1}`)
		})
		res := w.exchange(c, codeForm(code))
		if !w.active(res.AccessToken) {
			t.Errorf("%+v: inactive", o)
		}
		_, claims := jwtParts(t, res.AccessToken)
		return claims
	}
	names := []string{"tier", "sub", "scope", "exp", "absent"}

	got := claimsOf(Options{})
	if _, ok := got["tier"]; ok || got["nbf"] == nil || got["scope"] != nil {
		t.Errorf("without options: %v", got)
	}
	got = claimsOf(Options{TopLevelClaims: names})
	ext, _ := got["ext"].(map[string]any)
	if got["tier"] != "gold" || got["sub"] != "alice" || got["scope"] != nil || got["exp"] == 1.0 || ext["tier"] != "gold" || ext["sub"] != "mallory" {
		t.Errorf("top-level claims: %v", got)
	}
	got = claimsOf(Options{TopLevelClaims: names, UnmirroredClaims: true})
	ext, _ = got["ext"].(map[string]any)
	if _, ok := ext["tier"]; got["tier"] != "gold" || ok || ext["n"] == nil {
		t.Errorf("unmirrored: %v", got)
	}
	if got = claimsOf(Options{ExcludeNotBefore: true}); got["nbf"] != nil {
		t.Errorf("nbf = %v", got["nbf"])
	}
	if got = claimsOf(Options{ScopeClaim: "string"}); got["scp"] != nil || got["scope"] != "openid offline_access foo.read bar" {
		t.Errorf("scope_claim string: %v, %v", got["scp"], got["scope"])
	}
	if got = claimsOf(Options{ScopeClaim: "both"}); got["scp"] == nil || got["scope"] == nil {
		t.Errorf("scope_claim both: %v, %v", got["scp"], got["scope"])
	}
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.GrantedAudience, d.AccessClaims = nil, nil })
	if _, got = jwtParts(t, w.exchange(c, codeForm(code)).AccessToken); got["aud"] == nil || len(got["aud"].([]any)) != 0 || got["ext"] == nil {
		t.Errorf("without audience and claims (case 127): aud %v, ext %v", got["aud"], got["ext"])
	}
	for _, scopeClaim := range []string{"list", "string", "both"} {
		w.Options.ScopeClaim = scopeClaim
		if in := w.introspect(w.exchange(c, machineForm("scope", "bar foo.x")).AccessToken); in.ScopeText() != "bar foo.x" {
			t.Errorf("scope_claim %s: introspected scope %q of a machine", scopeClaim, in.ScopeText())
		}
	}
}
