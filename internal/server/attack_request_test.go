package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Attacks with the authorization request itself (attacks.md), over HTTP.

// Nobody is ever redirected to an address that the client did not register,
// byte for byte (RFC 9700 §4.1).
func TestAttackRedirectURI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, m{"redirect_uris": []string{"https://app.test/cb", "https://app.test/a.c?x=1"}})
	for _, uri := range []string{
		"https://evil.test/cb", "https://app.test/cb/", "https://app.test/CB", "https://APP.test/cb", "HTTPS://app.test/cb", "https://app.test:443/cb",
		"https://app.test/cb?", "https://app.test/cb?x=1", "https://app.test/cb#f", "https://app.test/cb#", "https://app.test/%63b", "https://app.test/x/../cb",
		"https://app.test/cb/..;/", "https://app.test/cb%2f..", "https://app.test/cb%00", "https://app.test/cb\t", "https://app.test/cb\n", " https://app.test/cb",
		"https://app.test@evil.test/cb", "https://app.test\\@evil.test/cb", "https://app.test.evil.test/cb", "//app.test/cb", "/cb", "http://app.test/cb",
		"javascript:alert(1)", "data:text/html,x", "https://app.test/abc?x=1", "https://app.test/a.c", "https%3A%2F%2Fapp.test%2Fcb", "",
	} {
		t.Run(uri, func(t *testing.T) {
			w.browser().open(t, w.authURL(c, "redirect_uri", uri)).shown(t, "invalid_request")
			w.browser().open(t, w.authURL(c, "redirect_uri", uri, "scope", "never-registered", "prompt", "none")).shown(t, "invalid_request")
			r := w.browser().open(t, w.authURL(c, "redirect_uri", uri, "login_verifier", "x"))
			if to := r.location(t).String(); !strings.HasPrefix(to, errorPage) {
				t.Errorf("a made-up verifier leads to %s", to)
			}
		})
	}
	t.Run("the registered one is taken", func(t *testing.T) {
		w.browser().visit(t, c, m{"subject": "u"}, nil)
	})
	t.Run("an unknown client is never redirected to", func(t *testing.T) {
		w.browser().open(t, w.authURL(&party{ID: "nobody", Redirect: "https://app.test/cb"})).shown(t, "invalid_client")
		w.browser().open(t, w.authURL(&party{ID: "", Redirect: "https://app.test/cb"})).shown(t, "invalid_client")
		w.browser().open(t, w.authURL(&party{ID: strings.ToUpper(c.ID), Redirect: "https://app.test/cb"})).shown(t, "invalid_client")
	})
	t.Run("redirect_uri missing", func(t *testing.T) {
		one := w.client(t, nil)
		w.browser().open(t, w.authURL(c, "redirect_uri", "-")).shown(t, "invalid_request")
		w.browser().open(t, w.authURL(one, "redirect_uri", "-", "scope", "openid")).shown(t, "invalid_request")
		b := w.browser()
		_, k := b.toConsent(t, one, m{"subject": "u"}, "redirect_uri", "-")
		code := b.open(t, w.acceptConsent(t, k, grantA)).leads(t, appCallback, "code")
		w.token(t, one, "grant_type", "authorization_code", "code", code).object(t, 200)
	})
}

// A parameter stands once (RFC 6749 §3.1), in the query or in the body.
func TestAttackDuplicateParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, m{"audience": []string{"https://api.test/"}})
	endpoint := w.Config.URLs.Public + "/oauth2/auth"
	for name, values := range w.authParams(c, "prompt", "login", "max_age", "5", "login_verifier", "x", "consent_verifier", "x", "id_token_hint", "x", "response_mode", "query", "unheard_of", "x") {
		t.Run(name, func(t *testing.T) {
			pair := name + "=" + url.QueryEscape(values[0])
			other := w.authParams(c)
			other.Set(name, values[0])
			w.browser().open(t, endpoint+"?"+other.Encode()+"&"+pair).shown(t, "invalid_request")
			w.browser().open(t, endpoint+"?"+other.Encode()+"&"+name+"=").shown(t, "invalid_request")
			w.browser().open(t, endpoint+"?"+other.Encode()+"&"+"%"+strings.ToUpper(hex(name[0]))+name[1:]+"=other").shown(t, "invalid_request")
			w.browser().send(t, "POST", endpoint, other.Encode()+"&"+pair).shown(t, "invalid_request")
			w.browser().send(t, "POST", endpoint+"?"+pair, other.Encode()).shown(t, "invalid_request")
			w.browser().send(t, "POST", endpoint+"?"+name+"=other", other.Encode()).shown(t, "invalid_request")
		})
	}
	t.Run("audience may be repeated", func(t *testing.T) {
		l := w.browser().open(t, w.authURL(c)+"&audience=https://api.test/a&audience=https://api.test/b").challenge(t)
		equal(t, "audience", w.loginRequest(t, l)["requested_access_token_audience"], []string{"https://api.test/a", "https://api.test/b"})
	})
	t.Run("a body of another type", func(t *testing.T) {
		r := do(t, user, "POST", w.Public+"/oauth2/auth", `{"client_id":"x"}`, "Content-Type: application/json")
		r.shown(t, "invalid_request")
	})
	t.Run("a thousand parameters", func(t *testing.T) {
		w.browser().send(t, "POST", endpoint, w.authParams(c).Encode()+strings.Repeat("&a=1", 1000)).shown(t, "invalid_request")
	})
	for name, pair := range map[string]string{"NUL": "x=%00", "invalid UTF-8": "x=%ff", "overlong": "x=%c0%af", "bad escape": "x=%zz", "surrogate": "x=%ed%a0%80"} {
		t.Run(name, func(t *testing.T) { w.browser().open(t, w.authURL(c)+"&"+pair).shown(t, "invalid_request") })
	}
}

func hex(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }

// What a request may not say is told to the client before anybody signs in.
func TestAttackRefusedBeforeTheLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "OAUTH2_PKCE_ENFORCED_FOR_PUBLIC_CLIENTS=true")
	c := w.client(t, nil)
	p := w.publicClient(t, appCallback)
	good := "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for _, test := range []struct {
		name  string
		c     *party
		code  string
		pairs []string
	}{
		{"PKCE left out where it is required", p, "invalid_request", nil},
		{"PKCE method plain", c, "invalid_request", []string{"code_challenge", good, "code_challenge_method", "plain"}},
		{"PKCE method absent", c, "invalid_request", []string{"code_challenge", good}},
		{"PKCE method s256", c, "invalid_request", []string{"code_challenge", good, "code_challenge_method", "s256"}},
		{"PKCE method without challenge", c, "invalid_request", []string{"code_challenge_method", "S256"}},
		{"PKCE challenge too short", c, "invalid_request", []string{"code_challenge", good[1:], "code_challenge_method", "S256"}},
		{"PKCE challenge of another alphabet", c, "invalid_request", []string{"code_challenge", "=" + good[1:], "code_challenge_method", "S256"}},
		{"PKCE challenge with dangling bits", c, "invalid_request", []string{"code_challenge", good[:42] + "N", "code_challenge_method", "S256"}},
		{"scope not registered", c, "invalid_scope", []string{"scope", "a admin"}},
		{"scope with two blanks", c, "invalid_scope", []string{"scope", "a  b"}},
		{"scope with a quote", c, "invalid_scope", []string{"scope", `a"b`}},
		{"scope in other letters", c, "invalid_scope", []string{"scope", "A"}},
		{"ten thousand scopes", c, "invalid_scope", []string{"scope", strings.Repeat("a ", 4000) + "a"}},
		{"audience not registered", c, "invalid_request", []string{"audience", "https://api.test/"}},
		{"response_type missing", c, "unsupported_response_type", []string{"response_type", "-"}},
		{"response_type none, not registered", c, "unsupported_response_type", []string{"response_type", "none"}},
		{"response_type unknown", c, "unsupported_response_type", []string{"response_type", "code evil"}},
		{"response_mode unknown", c, "invalid_request", []string{"response_mode", "jwt"}},
		{"registration", c, "registration_not_supported", []string{"registration", "{}"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := w.browser()
			b.open(t, w.authURL(test.c, test.pairs...)).refused(t, test.code)
			if len(b.cookies) != 0 {
				t.Error("a cookie was set")
			}
		})
	}
	t.Run("in the fragment where that was asked for", func(t *testing.T) {
		u := w.browser().open(t, w.authURL(c, "response_mode", "fragment", "prompt", "foo")).location(t)
		q, err := url.ParseQuery(u.Fragment)
		if err != nil || q.Get("error") != "invalid_request" || u.Query().Has("error") {
			t.Errorf("the browser is sent to %s", u)
		}
	})
}

// max_age=0 asks for a new login; what is no number of seconds is refused.
func TestAttackMaxAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	b := w.loggedIn(t, c, "u")
	t.Run("0 asks again also in the same instant", func(t *testing.T) {
		equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c, "max_age", "0")).challenge(t))["skip"], false)
	})
	w.clock.Advance(10 * time.Second)
	for age, skip := range map[string]bool{"": true, "0": false, "00": false, "9": false, "10": true, "010": true, "2147483647": true} {
		t.Run("skip with "+age, func(t *testing.T) {
			equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c, "max_age", age)).challenge(t))["skip"], skip)
			r := b.open(t, w.authURL(c, "max_age", age, "prompt", "none"))
			if skip {
				r.challenge(t)
			} else {
				r.refused(t, "login_required")
			}
		})
	}
	for _, age := range []string{"-1", "-0", "+1", "1.5", "1e3", "0x10", "1_0", " 1", "1 ", "abc", "9223372036854775808", "4294967297", "NaN", "１", "none"} {
		t.Run("refused: "+age, func(t *testing.T) {
			b.open(t, w.authURL(c, "max_age", age)).refused(t, "invalid_request")
		})
	}
	t.Run("a slow user does not trip over it", func(t *testing.T) {
		b := w.loggedIn(t, c, "slow")
		l := b.open(t, w.authURL(c, "max_age", "5", "scope", "openid a")).challenge(t)
		equal(t, "skip", w.loginRequest(t, l)["skip"], true)
		before := w.clock.Now()
		w.clock.Advance(time.Minute)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "slow"})).consentChallenge(t)
		code := b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).leads(t, c.Redirect, "code")
		equal(t, "auth_time", payload(t, w.exchange(t, c, code)["id_token"])["auth_time"], before.Unix())
	})
}

// prompt=none never leads to a page that asks (OpenID Connect Core §3.1.2.1):
// the apps are called with skip, or the client gets an error.
func TestAttackPromptNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	none := []string{"prompt", "none"}
	t.Run("no session", func(t *testing.T) { w.browser().open(t, w.authURL(c, none...)).refused(t, "login_required") })
	t.Run("a session that ended", func(t *testing.T) {
		b := w.loggedIn(t, c, "ended")
		w.status(t, 204, "DELETE", sessionsPath+"login/ended", nil)
		b.open(t, w.authURL(c, none...)).refused(t, "login_required")
	})
	t.Run("a session that ran out", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "u", "remember": true, "remember_for": 60}, m{"grant_scope": []string{"a"}, "remember": true})
		w.clock.Advance(time.Minute)
		unexpired(b).open(t, w.authURL(c, none...)).refused(t, "login_required")
	})
	t.Run("a session and no consent", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "no-consent", "remember": true}, nil)
		l := b.open(t, w.authURL(c, none...)).challenge(t)
		equal(t, "skip", w.loginRequest(t, l)["skip"], true)
		b.open(t, w.acceptLogin(t, l, m{"subject": "no-consent"})).refused(t, "consent_required")
	})
	t.Run("a session and a consent", func(t *testing.T) {
		b := w.loggedIn(t, c, "both")
		l, k := b.toConsent(t, c, m{"subject": "both"}, none...)
		equal(t, "skip", []any{w.loginRequest(t, l)["skip"], w.consentRequest(t, k)["skip"]}, []any{true, true})
		w.exchange(t, c, b.open(t, w.acceptConsent(t, k, grantA)).leads(t, c.Redirect, "code"))
	})
	t.Run("the consent is revoked under way", func(t *testing.T) {
		b := w.loggedIn(t, c, "under-way")
		_, k := b.toConsent(t, c, m{"subject": "under-way"}, none...)
		w.status(t, 204, "DELETE", sessionsPath+"consent/under-way", nil)
		w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
		b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "consent_required"})).refused(t, "consent_required")
	})
	t.Run("the login app accepts another user", func(t *testing.T) {
		b := w.loggedIn(t, c, "mine")
		w.status(t, 400, "PUT", loginPath+b.open(t, w.authURL(c, none...)).challenge(t)+"/accept", m{"subject": "other", "remember": true})
	})
	for _, prompt := range []string{"none consent", "none select_account", "none none login", "None", "none,login"} {
		t.Run(prompt, func(t *testing.T) {
			q := w.loggedIn(t, c, "u").open(t, w.authURL(c, "prompt", prompt)).location(t).Query()
			if e := q.Get("error"); e != "invalid_request" && e != "login_required" {
				t.Errorf("the client learns %v", q)
			}
		})
	}
}

// An id_token_hint counts only if this server signed it as an ID token, and a
// hint of somebody else is never overruled in silence.
func TestAttackIDTokenHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	c := w.client(t, nil)
	signIn := func(w *world, c *party, subject string) (*browser, m) {
		b := w.browser()
		code := b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"openid", "a"}, "remember": true}, "scope", "openid a")
		return b, w.exchange(t, c, code)
	}
	b, tokens := signIn(w, c, "u")
	hint := tokens["id_token"].(string)
	other := newWorld(t)
	_, foreign := signIn(other, other.client(t, nil), "u")
	parts := strings.Split(hint, ".")
	part := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	claims := payload(t, hint)
	claims["sub"] = "admin"
	for name, bad := range map[string]string{
		"garbage": "garbage", "two parts": parts[0] + "." + parts[1], "no signature": parts[0] + "." + parts[1] + ".",
		"alg none": part(m{"alg": "none", "typ": "JWT"}) + "." + part(claims) + ".", "other claims": parts[0] + "." + part(claims) + "." + parts[2],
		"HS256":            part(m{"alg": "HS256", "typ": "JWT"}) + "." + part(claims) + "." + parts[2],
		"another server's": foreign["id_token"].(string), "an access token": tokens["access_token"].(string),
		"newline": hint + "\n", "padding": hint + "=", "NUL": "\x01", "long": strings.Repeat("x", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			for _, browser := range []*browser{b.clone(), w.browser()} {
				browser.open(t, w.authURL(c, "id_token_hint", bad)).refused(t, "invalid_request")
			}
		})
	}
	t.Run("the remembered user", func(t *testing.T) {
		l := b.open(t, w.authURL(c, "id_token_hint", hint, "prompt", "none")).challenge(t)
		equal(t, "skip", w.loginRequest(t, l)["skip"], true)
	})
	t.Run("another user than the remembered one", func(t *testing.T) {
		x, _ := signIn(w, c, "x")
		x.open(t, w.authURL(c, "id_token_hint", hint)).refused(t, "login_required")
		x.open(t, w.authURL(c, "id_token_hint", hint, "prompt", "none")).refused(t, "login_required")
		// With prompt=login the user may change, but only to the hinted one.
		l := x.open(t, w.authURL(c, "id_token_hint", hint, "prompt", "login")).challenge(t)
		equal(t, "skip", w.loginRequest(t, l)["skip"], false)
		x.clone().open(t, w.acceptLogin(t, l, m{"subject": "x"})).refused(t, "login_required")
		x.open(t, w.acceptLogin(t, l, m{"subject": "u", "remember": true})).consentChallenge(t)
	})
	t.Run("a login as the wrong user leaves no session", func(t *testing.T) {
		x := w.browser()
		l := x.open(t, w.authURL(c, "id_token_hint", hint)).challenge(t)
		to := w.acceptLogin(t, l, m{"subject": "wrong", "remember": true})
		keep := x.clone()
		x.open(t, to).refused(t, "login_required")
		if x.session() != "" {
			t.Error("a session cookie was set")
		}
		keep.open(t, to)
		if keep.session() != "" {
			t.Error("a replay has set a session cookie")
		}
	})
	t.Run("an empty hint is none", func(t *testing.T) { w.browser().open(t, w.authURL(c)+"&id_token_hint=").challenge(t) })
}

// HEAD, OPTIONS and invented methods do nothing, also where GET does something.
func TestAttackOtherMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	b := w.loggedIn(t, c, "u")
	_, k := b.toConsent(t, c, m{"subject": "u"})
	last := w.acceptConsent(t, k, grantA)
	for _, method := range []string{"HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "REVOKE"} {
		for _, to := range []string{w.Config.URLs.Public + "/oauth2/auth/sessions/login/revoke", last, w.authURL(c)} {
			r := b.clone().send(t, method, to, "")
			if r.Header.Get("Set-Cookie") != "" || r.Header.Get("Location") != "" || r.Status != 405 && method != "OPTIONS" {
				t.Errorf("%s %s = %d %v", method, to, r.Status, r.Header)
			}
		}
	}
	do(t, user, "POST", w.Public+"/oauth2/auth/sessions/login/revoke", "", "X-HTTP-Method-Override: GET", "Cookie: "+b.header())
	equal(t, "skip", w.loginRequest(t, b.clone().open(t, w.authURL(c)).challenge(t))["skip"], true)
	w.exchange(t, c, b.open(t, last).leads(t, c.Redirect, "code"))
}
