package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Attack: read what the server leaves behind, in its log, its metrics and its
// database, and use it.

// password stands for what people put where it does not belong.
const (
	password = "correct-horse-battery-staple"
	subject  = "alice-7f3a9c51-the-subject"
	email    = "alice.7f3a9c51@private.test"
)

// everything is a whole life: sign-ins of every kind, successes and failures
// at every endpoint, each with values that are secret.
func (r *rig) everything() {
	r.t.Helper()
	r.keep("password", password)
	r.keep("subject", subject)
	r.keep("email", email)
	r.keep("verifier", pkceVerifier)
	r.keep("nonce", "nonce-that-nobody-else-knows")
	r.keep("state", "state-that-nobody-else-knows")
	c, post, spa, s := r.client(nil), r.client(m{"token_endpoint_auth_method": "client_secret_post"}), r.client(m{"token_endpoint_auth_method": "none"}), r.signer(nil)
	thief, chosen := r.client(nil), r.client(m{"client_secret": r.keep("chosen secret", "secret that a person chose")})
	user := sign{
		params: withPKCE().params,
		login:  m{"subject": subject, "remember": true, "remember_for": 3600, "acr": "1", "context": m{"password": password}},
		consent: m{"remember": true, "remember_for": 3600, "session": m{
			"access_token": m{"email": email, "password": password}, "id_token": m{"email": email, "password": password},
		}},
		browser: newBrowser(r.t),
	}
	user.params.Set("nonce", "nonce-that-nobody-else-knows")
	user.params.Set("state", "state-that-nobody-else-knows")
	for _, one := range []app{c, post, spa, chosen} {
		for range 2 { // the second time everything is remembered
			a := r.exchange(one, r.code(one, user), "code_verifier", pkceVerifier).is(200, "")
			next := r.refresh(one, a.text("refresh_token")).is(200, "")
			r.introspect(next.text("access_token")).is(200, "")
			r.introspect(next.text("refresh_token"), "scope", "read").is(200, "")
			r.userinfo(next.text("access_token")).is(200, "")
			r.refresh(thief, next.text("refresh_token")).is(400, "")
			r.call("/oauth2/revoke", one, "token", next.text("access_token")).is(200, "")
			r.refresh(one, next.text("refresh_token")).is(400, "")
			r.userinfo(next.text("access_token")).is(401, "")
			user.params.Set("id_token_hint", a.text("id_token"))
		}
		user.params.Del("id_token_hint")
	}
	r.failures(c, user)
	assertion := r.keep("assertion", s.jwt(nil, s.claims(nil)))
	s.credentials(assertion).is(200, "")
	s.credentials(assertion).is(401, "")
	s.credentials(r.keep("assertion", s.jwt(nil, s.claims(m{"aud": "x"})))).is(401, "")

	// A flow that is larger than a URL should be is stored.
	user.params.Set("state", r.keep("state", "a long state "+strings.Repeat("0123456789", 200)))
	r.exchange(c, r.code(c, user), "code_verifier", pkceVerifier).is(200, "")
	r.admin("GET", "/oauth2/auth/sessions/consent/"+subject, nil).is(200, "")
	r.admin("DELETE", "/oauth2/auth/sessions/login/"+subject, nil).is(204, "")
	r.admin("DELETE", "/oauth2/auth/sessions/consent/"+subject+"/"+c.id, nil).is(204, "")
	r.admin("GET", "/clients", nil)
	r.admin("POST", "/oauth2/flush", m{}).is(204, "")
}

// failures sends secrets to where they are refused.
func (r *rig) failures(c app, user sign) {
	r.t.Helper()
	code := r.code(c, user)
	r.exchange(c, code, "code_verifier", r.keep("verifier", strings.Repeat("wrong-verifier-", 3))).is(400, "")
	r.exchange(c, code, "code_verifier", pkceVerifier).is(400, "")
	wrong := c
	wrong.secret = r.keep("wrong secret", "a-secret-that-is-wrong")
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		wrong.method = method
		r.token(wrong, "grant_type", "client_credentials", "password", password).is(401, "")
		r.call("/oauth2/revoke", wrong, "token", code).is(401, "")
	}
	r.token(c, "grant_type", "password", "username", subject, "password", password).is(400, "")
	r.token(c, "grant_type", "authorization_code", "code", code, "code", code).is(400, "")
	for _, address := range []string{
		r.Public + "/userinfo?access_token=" + code, r.Public + "/oauth2/token?code=" + code + "&client_secret=" + c.secret,
		r.Public + "/nowhere/" + code, r.Public + "/oauth2/auth?client_id=x&login_verifier=" + code, r.Admin + "/clients/" + password, r.Admin + "/keys/" + password + "/" + password,
		r.Admin + "/oauth2/auth/requests/login/" + code, r.Admin + "/oauth2/auth/requests/consent/" + password, r.Public + "/oauth2/fallbacks/error?error=" + url.QueryEscape(password),
	} {
		get(r.t, address, "Cookie: ory_hydra_session="+password, "Authorization: Bearer "+password, "Referer: https://x.test/?code="+code, "User-Agent: "+password)
	}
	for _, kind := range []string{"login", "consent"} {
		path := "/oauth2/auth/requests/" + kind + "/" + code
		r.admin("PUT", path+"/accept", map[string]m{"login": {"subject": subject}, "consent": {"session": m{"id_token": m{"email": email}}}}[kind]).is(404, "")
		r.admin("PUT", path+"/accept", m{password: password}).is(400, "")
		r.admin("PUT", path+"/reject", m{"error": "x", "error_debug": password}).is(404, "")
	}
	r.admin("POST", "/clients", m{"client_secret": "short", "client_name": password, "redirect_uris": []string{"http://x/#" + password}}).is(400, "")
	do(r.t, client, "POST", r.Admin+"/clients", `{"client_secret":"`+password+`",`)
	do(r.t, client, "POST", r.Admin+"/keys/x", `{"alg":"`+password+`","kid":"`+password+`"}`)
}

func TestAttackLeaks(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "OAUTH2_ACCESS_TOKEN_STRATEGY="+strategy, "LOG_LEVEL=trace", "SECRETS_SYSTEM=the system secret of this test")
			r.everything()
			r.keep("system secret", "the system secret of this test")
			r.privateKeys("hydra.openid.id-token")
			if strategy == "jwt" {
				r.privateKeys("hydra.jwt.access-token")
			}
			places := map[string][]byte{
				"log": []byte(r.Log.String()), "metrics": []byte(get(t, r.Admin+"/metrics/prometheus").Body),
				"list of clients": []byte(r.admin("GET", "/clients?limit=500", nil).is(200, "").Body),
			}
			r.files(places)
			if len(r.issued) < 100 {
				t.Fatalf("only %d values came by", len(r.issued))
			}
			r.grep(places)
			if err := r.stop(); err != nil { // what was in the write-ahead log is now in the file
				t.Fatal(err)
			}
			places = map[string][]byte{}
			r.files(places)
			r.grep(places)
		})
	}
}

// privateKeys keeps the private members of a set.
func (r *rig) privateKeys(set string) {
	r.t.Helper()
	for _, k := range r.admin("GET", "/keys/"+set, nil).is(200, "").fields()["keys"].([]any) {
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} {
			if v, ok := k.(m)[name].(string); ok {
				r.keep("private key's "+name, v)
			}
		}
	}
}

// files adds every file of the data directory.
func (r *rig) files(places map[string][]byte) {
	r.t.Helper()
	entries, err := os.ReadDir(r.Config.DataDir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(r.Config.DataDir, e.Name()))
		if err != nil {
			r.t.Fatal(err)
		}
		places[e.Name()] = data
	}
	if len(places["hydra.sqlite"]) == 0 {
		r.t.Fatal("there is no database")
	}
}

// grep looks for every value, as it is and in the encodings that a careless
// hand would give it.
func (r *rig) grep(places map[string][]byte) {
	r.t.Helper()
	for value, what := range r.issued {
		if len(value) < 8 {
			r.t.Errorf("%s is too short to look for: %q", what, value)
			continue
		}
		forms := map[string]string{
			"": value, "in base64": base64.StdEncoding.EncodeToString([]byte(value))[:len(value)/3*4], "in hex": fmt.Sprintf("%x", value),
			"query-escaped": url.QueryEscape(value), "quoted": strings.ReplaceAll(value, `"`, `\"`),
		}
		if strings.HasPrefix(value, "ory_") {
			forms["without its prefix"] = value[len("ory_xx_"):]
		}
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(value[min(7, len(value)-1):], "_")); err == nil && len(raw) >= 24 {
			forms["decoded"] = string(raw[4:])
		}
		if raw, err := base64.RawURLEncoding.DecodeString(value); err == nil && len(raw) >= 16 {
			forms["decoded whole"] = string(raw)
		}
		if strings.HasPrefix(value, "eyJ") { // of a JWT the signature is the secret part
			forms["signature"] = value[strings.LastIndexByte(value, '.')+1:]
		}
		for place, data := range places {
			for how, text := range forms {
				if bytes.Contains(data, []byte(text)) {
					r.t.Errorf("%s stands in %s %s: %.60q", what, place, how, value)
				}
			}
		}
	}
}

// Attack: caches and the next page's Referer. Nothing that carries a token, a
// code or an error may be stored, and no page tells the next one its address.
func TestAttackCachesAndReferers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	browser := newBrowser(t)
	a := r.tokens(c, sign{login: m{"remember": true}, browser: browser})
	access := a.text("access_token")
	start := r.Public + "/oauth2/auth?" + form("client_id", c.id, "response_type", "code", "redirect_uri", callback, "scope", "openid", "state", "12345678").Encode()
	to := r.visit(browser, start)
	challenge := to.Query().Get("login_challenge")
	back := r.accept("login", challenge, m{"subject": "alice"})
	noStore := map[string]reply{
		"token":                  a.reply,
		"token error":            r.exchange(c, "x").reply,
		"client error":           r.token(app{id: "x", secret: "y", method: "client_secret_basic"}, "grant_type", "client_credentials").reply,
		"userinfo":               r.userinfo(access).reply,
		"userinfo error":         r.userinfo("x").reply,
		"introspection":          r.introspect(access).reply,
		"introspection inactive": r.introspect("x").reply,
		"introspection error":    do(t, client, "POST", r.Admin+"/oauth2/introspect", "", formType),
		"revocation":             r.call("/oauth2/revoke", c, "token", "x").reply,
		"authorize":              do(t, browser, "GET", start, ""),
		"authorize error":        get(t, r.Public+"/oauth2/auth?client_id=x"),
		"return to consent":      do(t, browser, "GET", back, ""),
		"error page":             get(t, r.Public+"/oauth2/fallbacks/error?error=x"),
		"sign-out":               get(t, r.Public+"/oauth2/auth/sessions/login/revoke"),
		"login request":          r.admin("GET", "/oauth2/auth/requests/login/"+challenge, nil).reply,
		"admin error":            r.admin("GET", "/oauth2/auth/requests/login/x", nil).reply,
		"new client":             r.admin("POST", "/clients", m{}).reply,
		"private keys":           r.admin("GET", "/keys/hydra.openid.id-token", nil).reply,
		"consents":               r.admin("GET", "/oauth2/auth/sessions/consent/alice", nil).reply,
	}
	for what, a := range noStore {
		if got := a.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
			t.Errorf("%s: Cache-Control %q", what, got)
		}
	}
	for _, what := range []string{"token", "token error", "userinfo", "introspection"} {
		if got := noStore[what].Header.Get("Pragma"); got != "no-cache" {
			t.Errorf("%s: Pragma %q", what, got)
		}
	}
	noStore["fallback consent"] = get(t, r.Public+"/oauth2/fallbacks/consent?consent_challenge=x")
	noStore["jwks"] = get(t, r.Public+"/.well-known/jwks.json")
	noStore["404"] = get(t, r.Public+"/nowhere")
	for what, a := range noStore {
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s %q", what, name, got)
			}
		}
		if a.Header.Get("Server") != "" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: %v", what, a.Header)
		}
	}
	// Cookies are for the server alone, but for the one that says no more than
	// that the session has changed.
	for name, a := range noStore {
		for _, cookie := range a.Header.Values("Set-Cookie") {
			if strings.Contains(cookie, "HttpOnly") == strings.HasPrefix(cookie, stateCookie+"=") || !strings.Contains(cookie, "SameSite=Lax") || !strings.Contains(cookie, "Path=/") {
				t.Errorf("%s sets %s", name, cookie)
			}
		}
	}
}

// Attack: provoke errors until one of them shows its cause.
func TestAttackErrorsHideTheirCause(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	for what, a := range map[string]reply{
		"code":      r.exchange(c, "ory_ac_x").reply,
		"refresh":   r.refresh(c, "ory_rt_x").reply,
		"conflict":  r.admin("POST", "/clients", m{"client_id": c.id}).reply,
		"not found": r.admin("GET", "/clients/nobody", nil).reply,
		"bad JSON":  do(t, client, "POST", r.Admin+"/clients", "{"),
		"authorize": get(t, r.Public+"/oauth2/auth?client_id=nobody"),
	} {
		if strings.Contains(a.Body+a.Header.Get("Location"), "debug") || strings.Contains(a.Body, "sqlite") {
			t.Errorf("%s: %d %s %s", what, a.Status, a.Body, a.Header.Get("Location"))
		}
	}
}
