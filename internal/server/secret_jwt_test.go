package server_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"hash"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"
)

// hmacJWT authenticates claims with a client secret (RFC 7518 §3.2).
func hmacJWT(t *testing.T, alg, secret string, claims m) string {
	t.Helper()
	header, err := json.Marshal(m{"alg": alg})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := b64(header) + "." + b64(body)
	mac := hmac.New(map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}[alg], []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

// Clients authenticate with an HMAC of their secret, which is kept readable for
// as long as they do so, and for no other client.
func TestClientSecretJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, m{"token_endpoint_auth_method": "client_secret_jwt"})
	if len(c.Secret) < 64 {
		t.Fatalf("the generated secret has %d characters, fewer than HS512 needs", len(c.Secret))
	}
	claims := func(change m) m {
		now := w.clock.Now()
		out := m{"iss": c.ID, "sub": c.ID, "aud": w.Config.URLs.Issuer, "jti": rand.Text(), "exp": now.Add(time.Minute).Unix(), "iat": now.Unix()}
		maps.Copy(out, change)
		return out
	}
	ask := func(assertion string) reply {
		t.Helper()
		return w.token(t, &party{ID: c.ID}, "grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", assertion)
	}
	refused := func(what, assertion string) {
		t.Helper()
		r := ask(assertion)
		if r.Status != 401 || !strings.Contains(r.Body, `"invalid_client"`) || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s %s", what, r.Status, r.Header.Get("Cache-Control"), r.Body)
		}
	}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		r := ask(hmacJWT(t, alg, c.Secret, claims(m{"aud": w.Config.URLs.Public + "/oauth2/token"})))
		r.object(t, 200)
		equal(t, "Cache-Control", r.Header.Get("Cache-Control"), "no-store")
	}
	once := hmacJWT(t, "HS256", c.Secret, claims(nil))
	ask(once).object(t, 200)
	refused("attack: replayed assertion", once)
	refused("attack: another secret", hmacJWT(t, "HS256", c.Secret[1:], claims(nil)))
	refused("attack: empty secret", hmacJWT(t, "HS256", "", claims(nil)))
	refused("attack: aud of another host", hmacJWT(t, "HS256", c.Secret, claims(m{"aud": "https://evil.test/token"})))
	refused("attack: exp far ahead", hmacJWT(t, "HS256", c.Secret, claims(m{"exp": w.clock.Now().Add(48 * time.Hour).Unix()})))
	refused("attack: sub of another client", hmacJWT(t, "HS256", c.Secret, claims(m{"sub": "other"})))
	if r := w.token(t, c, "grant_type", "client_credentials"); r.Status != 401 {
		t.Errorf("the secret itself: %d %s", r.Status, r.Body)
	}

	// A second secret beside the first, which ends.
	second := w.call(t, "POST", "/admin/clients/"+c.ID+"/secrets", m{"others_expire_at": w.clock.Now().Add(time.Hour).Format(time.RFC3339)})
	if second.Status >= 300 {
		t.Fatal(second.Status, second.Body)
	}
	other, _ := second.object(t, second.Status)["client_secret"].(string)
	ask(hmacJWT(t, "HS256", other, claims(nil))).object(t, 200)
	ask(hmacJWT(t, "HS256", c.Secret, claims(nil))).object(t, 200)
	if r := w.call(t, "POST", "/admin/clients/"+c.ID+"/secrets", m{"client_secret": "only thirty-one characters here"}); r.Status != 400 {
		t.Errorf("attack: a short HMAC secret: %d %s", r.Status, r.Body)
	}

	// Away from the method the secret is a hash like any other, and back again
	// the client needs a new one.
	change := m{"redirect_uris": []string{appCallback}, "grant_types": []string{"client_credentials"}}
	put := func(method string) m {
		change["token_endpoint_auth_method"] = method
		return w.call(t, "PUT", "/clients/"+c.ID, change).object(t, 200)
	}
	put("client_secret_basic")
	if r := w.token(t, &party{ID: c.ID, Secret: other}, "grant_type", "client_credentials"); r.Status != 200 {
		t.Errorf("with client_secret_basic: %d %s", r.Status, r.Body)
	}
	refused("after the method changed", hmacJWT(t, "HS256", other, claims(nil)))
	fresh, _ := put("client_secret_jwt")["client_secret"].(string)
	if fresh == "" {
		t.Fatal("back at client_secret_jwt there is no new secret, and the old one was forgotten")
	}
	refused("with the forgotten secret", hmacJWT(t, "HS256", other, claims(nil)))
	ask(hmacJWT(t, "HS256", fresh, claims(nil))).object(t, 200)
	if put("client_secret_jwt")["client_secret"] != nil {
		t.Error("an update that changes nothing makes a new secret")
	}

	// Or the one that it has, which is then kept in a form that HMACs need.
	change["client_secret"] = fresh
	put("client_secret_basic")
	put("client_secret_jwt")
	ask(hmacJWT(t, "HS256", fresh, claims(nil))).object(t, 200)
}

// attack: a secret that somebody chose was remembered as verified by the empty
// secret when the client left client_secret_jwt.
func TestEmptySecretAfterSecretJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	change := m{"client_id": "left", "grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "client_secret_jwt", "client_secret": "thirty-two characters are needed!"}
	w.call(t, "POST", "/clients", change).object(t, 201)
	delete(change, "client_secret")
	change["token_endpoint_auth_method"] = "client_secret_basic"
	w.call(t, "PUT", "/clients/left", change).object(t, 200)
	for secret, want := range map[string]int{"": 401, "thirty-two characters are needed!": 200} {
		r := do(t, user, "POST", w.Public+"/oauth2/token", "grant_type=client_credentials", "Content-Type: application/x-www-form-urlencoded",
			"Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("left:"+url.QueryEscape(secret))))
		if r.Status != want {
			t.Errorf("with the secret %q: %d, want %d", secret, r.Status, want)
		}
	}
}

// oidcc-codereuse-30seconds, with a code that lives shorter than that.
func TestCodeReuseAfterItsLifetime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "AUTH_CODE_LIFESPAN=10s")
	c := w.client(t, nil)
	code := w.browser().visit(t, c, m{"subject": "u"}, nil)
	access := w.exchange(t, c, code)["access_token"]
	again := func() {
		t.Helper()
		r := w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect)
		equal(t, "error", r.object(t, 400)["error"], "invalid_grant")
		equal(t, "Cache-Control", r.Header.Get("Cache-Control"), "no-store")
	}
	w.clock.Advance(30 * time.Second)
	w.spends(t, "a code replayed after its lifetime", 2, 1, again) // the versions, and the Grant
	if w.active(t, access) {
		t.Error("the access token survives the replay of its code")
	}
	w.spends(t, "once more", 1, 0, again)
	w.spends(t, "a forged code", 0, 0, func() {
		r := w.token(t, c, "grant_type", "authorization_code", "code", flip(code), "redirect_uri", c.Redirect)
		equal(t, "error", r.object(t, 400)["error"], "invalid_grant")
	})
}
