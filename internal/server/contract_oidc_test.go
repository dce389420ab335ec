package server_test

import (
	"testing"
	"time"
)

// Contract cases 105 to 118: what the login and consent apps see in flows of
// OpenID Connect, and what the client gets at their ends. Cases 113 to 118
// were written against a stub of the consent strategy; here the apps answer.

func TestContractOpenIDPrompts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	// remembered is a browser with a session and a consent for openid and offline.
	remembered := func(t *testing.T, subject string) *browser {
		t.Helper()
		b := w.browser()
		b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"openid", "offline"}, "remember": true}, "scope", "openid offline")
		return b
	}
	// walk goes the whole way and returns the tokens, once the apps saw skip as wanted.
	walk := func(t *testing.T, b *browser, subject string, loginSkip, consentSkip bool, grant []string, pairs ...string) m {
		t.Helper()
		l, k := b.toConsent(t, c, m{"subject": subject}, pairs...)
		equal(t, "login skip", w.loginRequest(t, l)["skip"], loginSkip)
		equal(t, "consent skip", w.consentRequest(t, k)["skip"], consentSkip)
		return w.exchange(t, c, b.open(t, w.acceptConsent(t, k, m{"grant_scope": grant})).leads(t, c.Redirect, "code"))
	}

	t.Run("case 105 prompt=login consent and max_age=1", func(t *testing.T) {
		b := remembered(t, "u105")
		w.clock.Advance(2 * time.Second)
		walk(t, b, "u105", false, false, []string{"openid"}, "scope", "openid offline", "prompt", "login consent", "max_age", "1")
	})
	t.Run("case 106 prompt=none and max_age=60", func(t *testing.T) {
		b := remembered(t, "u106")
		w.clock.Advance(2 * time.Second)
		out := walk(t, b, "u106", true, true, []string{"offline"}, "scope", "offline", "prompt", "none", "max_age", "60")
		equal(t, "id_token", out["id_token"], nil)
		if out["refresh_token"] == nil {
			t.Error("no refresh token")
		}
		equal(t, "aud", w.introspect(t, out["access_token"])["aud"], []string{})
	})
	t.Run("case 107 prompt=none without a session", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "scope", "openid", "prompt", "none")).refused(t, "login_required")
	})
	t.Run("cases 108 and 113 prompt=none and max_age=1 with an old session", func(t *testing.T) {
		b := remembered(t, "u108")
		w.clock.Advance(time.Minute)
		b.open(t, w.authURL(c, "scope", "openid", "prompt", "none", "max_age", "1")).refused(t, "login_required")
	})
	t.Run("case 109 prompt=login, and no refresh token without offline", func(t *testing.T) {
		b := remembered(t, "u109")
		out := walk(t, b, "u109", false, true, []string{"openid"}, "scope", "openid", "prompt", "login")
		equal(t, "refresh_token", out["refresh_token"], nil)
		if out["id_token"] == nil {
			t.Error("no ID token")
		}
	})
	t.Run("case 110 a hint of another user, without a session", func(t *testing.T) {
		hint := walk(t, remembered(t, "u110"), "u110", true, true, []string{"openid"}, "scope", "openid")["id_token"].(string)
		b := w.browser()
		l := b.open(t, w.authURL(c, "scope", "openid", "id_token_hint", hint)).challenge(t)
		equal(t, "login skip", w.loginRequest(t, l)["skip"], false)
		b.open(t, w.acceptLogin(t, l, m{"subject": "somebody else"})).refused(t, "login_required")
	})
	t.Run("case 111 max_age=1, and the user takes two seconds", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c, "scope", "openid", "max_age", "1")).challenge(t)
		w.clock.Advance(2 * time.Second)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u111"})).consentChallenge(t)
		w.clock.Advance(2 * time.Second)
		b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).leads(t, c.Redirect, "code")
	})
	t.Run("cases 114 and 115 prompt=none and max_age=3600: a session is as old as its login", func(t *testing.T) {
		b := remembered(t, "u114")
		login := w.clock.Now().Unix()
		w.clock.Advance(time.Minute)
		out := walk(t, b, "u114", true, true, []string{"openid"}, "scope", "openid", "prompt", "none", "max_age", "3600")
		// No app can claim a login that is younger than the request (115).
		claims := payload(t, out["id_token"])
		equal(t, "auth_time", claims["auth_time"], login)
		equal(t, "rat", claims["rat"], w.clock.Now().Unix())
	})
	t.Run("case 116 the consent app refuses", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u116"})
		b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "request_forbidden"})).refused(t, "request_forbidden")
	})
	t.Run("cases 117 and 118 prompt=login: the login is younger than the request", func(t *testing.T) {
		b := remembered(t, "u117")
		w.clock.Advance(time.Minute)
		asked := w.clock.Now().Unix()
		l := b.open(t, w.authURL(c, "scope", "openid", "prompt", "login")).challenge(t)
		w.clock.Advance(5 * time.Second)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u117"})).consentChallenge(t)
		out := w.exchange(t, c, b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).leads(t, c.Redirect, "code"))
		claims := payload(t, out["id_token"])
		// The server sets the time, so an older login cannot pass (118).
		equal(t, "auth_time", claims["auth_time"], asked+5)
		equal(t, "rat", claims["rat"], asked)
	})
}
