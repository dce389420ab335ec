package token

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// Contract cases 100 and 168, and §3.9.
func TestIDToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.SubjectIdentifier = "pairwise-alice" })
	w.wait(time.Minute)
	res := w.exchange(c, codeForm(code))
	header, claims := jwtParts(t, res.IDToken)

	if header["typ"] != "JWT" || header["alg"] != "ES256" || !strings.HasPrefix(header["kid"].(string), "public:") {
		t.Errorf("header = %v", header)
	}
	if _, err := w.Keys.Verify(t.Context(), IDTokenSet, string(res.IDToken)); err != nil {
		t.Errorf("Verify() = %v", err)
	}
	jti, _ := claims["jti"].(string)
	if len(jti) != 36 {
		t.Errorf("jti = %q, want a UUID", jti)
	}
	delete(claims, "jti")
	issued := float64(noon.Unix() + 60)
	want := map[string]any{
		"iss": testIssuer, "sub": "pairwise-alice", "aud": []any{"app"}, "nonce": "a-nonce",
		"iat": issued, "exp": issued + 3600, "rat": issued - 120, "auth_time": issued - 120,
		"acr": "1", "amr": []any{"pwd"}, "sid": seed.SessionID().String(), "email": "alice@test",
		"at_hash": key.LeftHash("ES256", string(res.AccessToken)),
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}

	w.wait(time.Minute)
	_, again := jwtParts(t, w.exchange(c, refreshForm(res.RefreshToken)).IDToken)
	for _, name := range []string{"iat", "exp", "at_hash"} {
		if again[name] == want[name] {
			t.Errorf("a refreshed ID token has the old %s", name)
		}
	}
	if again["jti"] == jti {
		t.Error("a refreshed ID token has the old jti")
	}
	if _, ok := again["nonce"]; ok {
		t.Error("a refreshed ID token has a nonce")
	}
	for _, name := range []string{"auth_time", "rat", "acr", "sid", "email", "sub"} {
		if again[name] != want[name] {
			t.Errorf("a refreshed ID token has another %s", name)
		}
	}
}

func TestIDTokenLeavesOutWhatThereIsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, code := w.grantOf(c, func(g *oauth.Grant, d *oauth.GrantData) {
		d.Nonce, d.ACR, d.AMR = "", "", nil
		d.IDClaims = json.RawMessage(`{"acr":"from consent","nonce":"forged","sid":"forged"}`)
	})
	_, claims := jwtParts(t, w.exchange(c, codeForm(code)).IDToken)
	if _, ok := claims["nonce"]; ok {
		t.Error("an empty nonce is omitted, and no claim of the consent takes its place")
	}
	if _, ok := claims["amr"]; ok {
		t.Error("an empty amr is omitted")
	}
	if claims["acr"] != "from consent" {
		t.Errorf("acr = %v: the consent may supply one that the login did not", claims["acr"])
	}
	if claims["sid"] == "forged" {
		t.Error("the consent set sid")
	}
}

// Contract case 169, and numbers keep their digits.
func TestIDTokenCustomClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	const custom = `{"sub":"mallory","iss":"https://evil.test","aud":["x"],"exp":1,"iat":1,"nbf":1,"jti":"x","nonce":"x","rat":1,"auth_time":1,` +
		`"at_hash":"x","sid":"x","acr":"x","amr":["x"],"big":12345678901234567890,"small":1.10,"html":"<a&b>","Sub":"kept","deep":{"n":1e400}}`
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.IDClaims = json.RawMessage(custom) })
	res := w.exchange(c, codeForm(code))
	v, err := w.Keys.Verify(t.Context(), IDTokenSet, string(res.IDToken))
	w.must(err)
	claims, err := members(v.Payload)
	w.must(err)
	for name, want := range map[string]string{
		"sub": `"alice"`, "iss": `"` + testIssuer + `"`, "aud": `["app"]`, "nonce": `"a-nonce"`, "acr": `"1"`, "amr": `["pwd"]`,
		"big": `12345678901234567890`, "small": `1.10`, "html": `"<a&b>"`, "Sub": `"kept"`, "deep": `{"n":1e400}`,
	} {
		if got := string(claims[name]); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"exp", "iat", "rat", "auth_time"} {
		if string(claims[name]) == "1" {
			t.Errorf("the consent set %s", name)
		}
	}
	if _, ok := claims["nbf"]; ok {
		t.Error("the consent set nbf")
	}
}

func TestIDTokenLifespans(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.Options.IDLifespan = 5 * time.Minute
	minute, tenth := time.Minute, 100*time.Millisecond
	server := w.addClient("server", nil)
	own := w.addClient("own", func(c *oauth.Client) {
		c.Lifespans = oauth.Lifespans{AuthorizationCodeID: &minute, AuthorizationCodeAccess: &tenth, RefreshID: &tenth, RefreshAccess: &minute}
	})
	life := func(value oauth.Secret) time.Duration {
		_, claims := jwtParts(t, value)
		return time.Duration(claims["exp"].(float64)-claims["iat"].(float64)) * time.Second
	}
	_, res := w.signIn(server)
	if got := life(res.IDToken); got != 5*time.Minute {
		t.Errorf("server's lifespan = %v", got)
	}
	_, res = w.signIn(own)
	if got := life(res.IDToken); got != time.Minute || res.ExpiresIn != 1 {
		t.Errorf("own lifespans = %v, %d s; want 1m, rounded up to 1 s", got, res.ExpiresIn)
	}
	res = w.exchange(own, refreshForm(res.RefreshToken))
	if got := life(res.IDToken); got != time.Second || res.ExpiresIn != 60 {
		t.Errorf("own lifespans of a refresh = %v, %d s", got, res.ExpiresIn)
	}
}

func TestVerifyHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", func(c *oauth.Client) { c.UserinfoSignedAlg = "ES256" })
	seed, res := w.signIn(c)

	info, err := w.Userinfo(t.Context(), res.AccessToken)
	w.must(err)
	w.Options.AccessTokenStrategy = "jwt"
	_, asJWT := w.signIn(c)
	w.wait(300 * 24 * time.Hour) // expiry does not matter

	h, err := w.VerifyHint(t.Context(), string(res.IDToken))
	if err != nil {
		t.Fatalf("VerifyHint() = %v", err)
	}
	if h.Subject != "alice" || h.SID != seed.SessionID().String() || len(h.Audience) != 1 || h.Audience[0] != "app" {
		t.Errorf("hint = %+v", h)
	}
	var claims map[string]any
	w.must(json.Unmarshal(h.Claims, &claims))
	if claims["email"] != "alice@test" {
		t.Errorf("claims = %v", claims)
	}

	sign := func(typ, claims string) string {
		v, err := w.Keys.Sign(t.Context(), IDTokenSet, typ, []byte(claims))
		w.must(err)
		return v
	}
	const good = `{"iss":"` + testIssuer + `","sub":"alice","aud":["app"],"iat":1,"exp":2}`
	if _, err := w.VerifyHint(t.Context(), sign("JWT", good)); err != nil {
		t.Errorf("VerifyHint(least ID token) = %v", err)
	}
	parts := strings.Split(string(res.IDToken), ".")
	for name, value := range map[string]string{
		"empty":                    "",
		"rubbish":                  "a.b.c",
		"signature cut":            parts[0] + "." + parts[1] + ".",
		"alg none":                 "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"a signed userinfo":        string(info.JWT),
		"a JWT access token":       string(asJWT.AccessToken),
		"another typ":              sign("logout+jwt", good),
		"another issuer":           sign("JWT", strings.Replace(good, testIssuer, "https://evil.test/", 1)),
		"issuer without its slash": sign("JWT", strings.Replace(good, testIssuer, strings.TrimSuffix(testIssuer, "/"), 1)),
		"no sub":                   sign("JWT", strings.Replace(good, `"sub"`, `"Sub"`, 1)),
	} {
		if _, err := w.VerifyHint(t.Context(), value); oauth.KindOf(err) != oauth.InvalidRequest {
			t.Errorf("%s: %v, want invalid_request", name, err)
		}
	}
}
