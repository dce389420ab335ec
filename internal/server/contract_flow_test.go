package server_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// The contract's cases 1 to 56 (hydra-rc.md §8.1), driven over HTTP with a
// movable clock. Cases 28 to 31 stand in pairwise_test.go. Where a ruling of
// design §11 changes what the contract says, the name says so.

// loggedIn returns a browser that remembers the subject.
func (w *world) loggedIn(t *testing.T, c *party, subject string) *browser {
	t.Helper()
	b := w.browser()
	b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"a"}, "remember": true})
	return b
}

func TestContractLoginPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)

	t.Run("case 001 a made-up login_verifier", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "login_verifier", "made-up")).refused(t, "access_denied")
		w.browser().open(t, w.Config.URLs.Public+"/oauth2/auth?login_verifier=made-up").shown(t, "access_denied")
	})
	t.Run("case 002 a made-up consent_verifier", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "consent_verifier", "made-up")).refused(t, "access_denied")
	})
	t.Run("case 003 a made-up consent_verifier in a browser with cookies", func(t *testing.T) {
		w.loggedIn(t, c, "u3").open(t, w.authURL(c, "consent_verifier", "made-up")).refused(t, "access_denied")
	})
	t.Run("case 004 what the login app reads", func(t *testing.T) {
		challenge := w.browser().open(t, w.authURL(c, "scope", "a b", "display", "page", "ui_locales", "de en")).challenge(t)
		r := w.loginRequest(t, challenge)
		equal(t, "challenge", r["challenge"], challenge)
		equal(t, "client_id", r["client"].(m)["client_id"], c.ID)
		equal(t, "requested_scope", r["requested_scope"], []string{"a", "b"})
		equal(t, "skip", r["skip"], false)
		equal(t, "subject", r["subject"], "")
		equal(t, "session_id", r["session_id"], "")
		equal(t, "oidc_context", r["oidc_context"], m{"display": "page", "ui_locales": []string{"de", "en"}})
		if u := r["request_url"].(string); u != w.authURL(c, "scope", "a b", "display", "page", "ui_locales", "de en") {
			t.Errorf("request_url is %q", u)
		}
	})
	t.Run("case 005 the login app rejects", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		q := b.open(t, w.put(t, loginPath+l+"/reject", m{"error": "interaction_required", "error_description": "D", "error_hint": "H", "status_code": 400})).refused(t, "interaction_required")
		if q.Get("error_description") != "D" || q.Get("error_hint") != "H" || q.Get("keep") != "1" {
			t.Errorf("the client learns %v", q)
		}
	})
	t.Run("case 006 a browser that keeps no cookies", func(t *testing.T) {
		b := w.browser()
		b.deaf = true
		l := b.open(t, w.authURL(c)).challenge(t)
		q := b.open(t, w.acceptLogin(t, l, m{"subject": "u6"})).shown(t, "request_forbidden")
		if !strings.Contains(q.Get("error_hint"), "cookie") || q.Has("endpoint") {
			t.Errorf("the hint %q does not name the condition", q.Get("error_hint"))
		}
	})
	t.Run("case 007 what the consent app reads", func(t *testing.T) {
		l, k := w.browser().toConsent(t, c, m{"subject": "u7"}, "acr_values", "1 2")
		r := w.consentRequest(t, k)
		equal(t, "skip", r["skip"], false)
		equal(t, "subject", r["subject"], "u7")
		equal(t, "challenge", r["challenge"], k)
		equal(t, "login_challenge", r["login_challenge"], l)
		equal(t, "login_session_id", r["login_session_id"], "")
		equal(t, "oidc_context", r["oidc_context"], m{"acr_values": []string{"1", "2"}})
	})
	t.Run("case 008 the consent app rejects", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u8"})
		b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "interaction_required"})).refused(t, "interaction_required")
	})
	t.Run("case 009 both accept", func(t *testing.T) {
		code := w.browser().visit(t, c, m{"subject": "u9"}, m{
			"grant_scope": []string{"a", "openid"}, "session": m{"access_token": m{"x": 1}, "id_token": m{"y": "2"}},
		}, "scope", "a openid")
		tokens := w.exchange(t, c, code)
		in := w.introspect(t, tokens["access_token"])
		equal(t, "scope", in["scope"], "a openid")
		equal(t, "sub", in["sub"], "u9")
		equal(t, "ext", in["ext"], m{"x": 1})
		claims := payload(t, tokens["id_token"])
		equal(t, "sub", claims["sub"], "u9")
		equal(t, "y", claims["y"], "2")
		s := w.consents(t, "u9")
		if len(s) != 1 {
			t.Fatalf("%d consents, want 1", len(s))
		}
		equal(t, "remember", s[0]["remember"], false)
		equal(t, "remember_for", s[0]["remember_for"], 0)
		equal(t, "session", s[0]["session"], m{"access_token": m{"x": 1}, "id_token": m{"y": "2"}})
	})
	t.Run("case 010 acr", func(t *testing.T) {
		_, k := w.browser().toConsent(t, c, m{"subject": "u10", "acr": "1"})
		equal(t, "acr", w.consentRequest(t, k)["acr"], "1")
	})
	t.Run("case 011 both accept and remember", func(t *testing.T) {
		if b := w.loggedIn(t, c, "u11"); b.session() == "" {
			t.Error("no session cookie was set")
		}
	})
	t.Run("case 012 the next request of that browser", func(t *testing.T) {
		b := w.loggedIn(t, c, "u12")
		l := b.open(t, w.authURL(c)).challenge(t)
		r := w.loginRequest(t, l)
		equal(t, "skip", r["skip"], true)
		equal(t, "subject", r["subject"], "u12")
		if r["session_id"] == "" {
			t.Error("session_id is empty")
		}
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u12"})).consentChallenge(t)
		q := w.consentRequest(t, k)
		equal(t, "skip", q["skip"], true)
		equal(t, "login_session_id", q["login_session_id"], r["session_id"])
		equal(t, "login_challenge", q["login_challenge"], l)
		b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code")
	})
	t.Run("case 013 prompt=none of a public client with a custom scheme", func(t *testing.T) {
		p := w.publicClient(t, "com.example.app:/cb")
		b := w.loggedIn(t, p, "u13")
		l := b.open(t, w.authURL(p, "prompt", "none")).challenge(t)
		b.open(t, w.acceptLogin(t, l, m{"subject": "u13"})).refused(t, "consent_required")
	})
	t.Run("case 014 a skipped login accepted with another subject", func(t *testing.T) {
		b := w.loggedIn(t, c, "u14")
		l := b.open(t, w.authURL(c)).challenge(t)
		if r := w.call(t, "PUT", loginPath+l+"/accept", m{"subject": "other"}); r.Status != 400 || strings.Contains(r.Body, "redirect_to") {
			t.Errorf("accept = %d %s", r.Status, r.Body)
		}
	})
	t.Run("case 015 skip and skip, and no client_secret in either request", func(t *testing.T) {
		b := w.loggedIn(t, c, "u15")
		l := b.open(t, w.authURL(c)).challenge(t)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u15"})).consentChallenge(t)
		for _, r := range []m{w.loginRequest(t, l), w.consentRequest(t, k)} {
			if _, ok := r["client"].(m)["client_secret"]; ok || r["skip"] != true {
				t.Errorf("skip is %v, client is %v", r["skip"], r["client"])
			}
		}
		b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code")
	})
	t.Run("case 016 prompt=login consent with a live session", func(t *testing.T) {
		b := w.loggedIn(t, c, "u16")
		l := b.open(t, w.authURL(c, "prompt", "login consent")).challenge(t)
		equal(t, "login skip", w.loginRequest(t, l)["skip"], false)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u16"})).consentChallenge(t)
		equal(t, "consent skip", w.consentRequest(t, k)["skip"], false)
		w.clock.Advance(time.Second)
		b.open(t, w.put(t, consentPath+k+"/accept", `{"grant_scope":["a"],"remember":false}`)).leads(t, c.Redirect, "code")
		for _, s := range w.consents(t, "u16") {
			equal(t, "session", s["session"], m{"access_token": m{}, "id_token": m{}})
		}
	})
}

func TestContractPrompt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)

	t.Run("case 017 max_age=1 with an old session", func(t *testing.T) {
		b := w.loggedIn(t, c, "u17")
		w.clock.Advance(2 * time.Second)
		l := b.open(t, w.authURL(c, "max_age", "1")).challenge(t)
		equal(t, "login skip", w.loginRequest(t, l)["skip"], false)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u17"})).consentChallenge(t)
		equal(t, "consent skip", w.consentRequest(t, k)["skip"], true)
	})
	t.Run("case 018 max_age=1 and prompt=none with an old session", func(t *testing.T) {
		b := w.loggedIn(t, c, "u18")
		w.clock.Advance(2 * time.Second)
		b.open(t, w.authURL(c, "max_age", "1", "prompt", "none")).refused(t, "login_required")
	})
	t.Run("case 019 as ruled: remember is allowed on a skipped login, and ignored", func(t *testing.T) {
		b := w.loggedIn(t, c, "u19")
		before := b.session()
		l := b.open(t, w.authURL(c)).challenge(t)
		id := w.loginRequest(t, l)["session_id"]
		b.open(t, w.acceptLogin(t, l, m{"subject": "u19", "remember": true, "remember_for": 1})).consentChallenge(t)
		if b.session() != before {
			t.Error("the session cookie has changed")
		}
		w.clock.Advance(2 * time.Second)
		equal(t, "session_id", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["session_id"], id)
	})
	t.Run("case 020 as ruled: remember is allowed on a skipped consent, and ignored", func(t *testing.T) {
		b := w.loggedIn(t, c, "u20")
		_, k := b.toConsent(t, c, m{"subject": "u20"})
		b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a", "b"}, "remember": true})).leads(t, c.Redirect, "code")
		_, k = b.toConsent(t, c, m{"subject": "u20"}, "scope", "a b")
		equal(t, "consent skip", w.consentRequest(t, k)["skip"], false)
	})
	t.Run("case 021 prompt=none without a session", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "prompt", "none")).refused(t, "login_required")
	})
	t.Run("case 022 prompt=none with a scope that was never granted", func(t *testing.T) {
		b := w.loggedIn(t, c, "u22")
		l := b.open(t, w.authURL(c, "prompt", "none", "scope", "a extra")).challenge(t)
		equal(t, "login skip", w.loginRequest(t, l)["skip"], true)
		b.open(t, w.acceptLogin(t, l, m{"subject": "u22"})).refused(t, "consent_required")
	})
	t.Run("case 023 prompt=login consent without remember ends the old session", func(t *testing.T) {
		b := w.loggedIn(t, c, "u23")
		thief := b.clone()
		b.visit(t, c, m{"subject": "u23"}, nil, "prompt", "login consent")
		if b.session() != "" {
			t.Error("the session cookie is still there")
		}
		equal(t, "skip", w.loginRequest(t, thief.open(t, w.authURL(c)).challenge(t))["skip"], false)
	})
	hint := func(t *testing.T, subject string) string {
		t.Helper()
		return w.exchange(t, c, w.browser().visit(t, c, m{"subject": subject}, nil, "scope", "openid"))["id_token"].(string)
	}
	t.Run("case 024 no session, prompt=none and a hint", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "prompt", "none", "id_token_hint", hint(t, "u24"))).refused(t, "login_required")
	})
	t.Run("case 025 a hint, and the login app accepts another user", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c, "id_token_hint", hint(t, "foouser"))).challenge(t)
		equal(t, "skip", w.loginRequest(t, l)["skip"], false)
		b.open(t, w.acceptLogin(t, l, m{"subject": "somebody else"})).refused(t, "login_required")
	})
	t.Run("case 026 a hint, and the login app accepts that user", func(t *testing.T) {
		w.browser().visit(t, c, m{"subject": "foouser"}, nil, "id_token_hint", hint(t, "foouser"))
	})
	t.Run("case 027 an expired hint", func(t *testing.T) {
		old := hint(t, "u27")
		w.clock.Advance(48 * time.Hour)
		w.browser().visit(t, c, m{"subject": "u27"}, nil, "id_token_hint", old)
	})
	t.Run("case 032 a remembered session, then prompt=login as another user without remember", func(t *testing.T) {
		b := w.loggedIn(t, c, "u32")
		b.visit(t, c, m{"subject": "other"}, nil, "prompt", "login")
		if b.session() != "" {
			t.Error("the session cookie is still there")
		}
	})
	t.Run("case 033 the request after that", func(t *testing.T) {
		b := w.loggedIn(t, c, "u33")
		b.visit(t, c, m{"subject": "other"}, nil, "prompt", "login")
		r := w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))
		equal(t, "skip", r["skip"], false)
		equal(t, "subject", r["subject"], "")
	})
	t.Run("case 034 a session cookie that stands for no session", func(t *testing.T) {
		b := w.loggedIn(t, c, "u34")
		for _, value := range []string{"made-up", b.session() + "A", strings.ToLower(b.session()), newWorld(t).loggedInCookie(t)} {
			b.cookies[sessionCookie].Value = value
			equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"], false)
		}
	})
	t.Run("case 035 the claims of the hint are shown to the login app", func(t *testing.T) {
		l := w.browser().open(t, w.authURL(c, "id_token_hint", hint(t, "u35"))).challenge(t)
		r := w.loginRequest(t, l)
		equal(t, "sub", r["oidc_context"].(m)["id_token_hint_claims"].(m)["sub"], "u35")
		if strings.Contains(r["request_url"].(string), "id_token_hint") {
			t.Error("request_url repeats the hint")
		}
	})
	t.Run("case 036 a live session and a hint of another user", func(t *testing.T) {
		w.loggedIn(t, c, "u36").open(t, w.authURL(c, "id_token_hint", hint(t, "other"))).refused(t, "login_required")
	})
	t.Run("case 044 as ruled: an unknown prompt is refused before the login", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "prompt", "foo")).refused(t, "invalid_request")
	})
	t.Run("case 045 prompt=none login without a session", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "prompt", "none login")).refused(t, "login_required")
	})
}

// loggedInCookie is a session cookie of this installation.
func (w *world) loggedInCookie(t *testing.T) string {
	t.Helper()
	return w.loggedIn(t, w.client(t, nil), "u").session()
}

func TestContractFlowEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	lifetime := w.Config.TTL.LoginConsentRequest + time.Second

	t.Run("case 037 as ruled: a verifier used twice in its browser leads to the same place until the code was paid", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		back := w.acceptLogin(t, l, m{"subject": "u37"})
		k := b.open(t, back).consentChallenge(t)
		equal(t, "consent challenge", b.open(t, back).consentChallenge(t), k)
		last := w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})
		keep := b.clone()
		code := b.open(t, last).leads(t, c.Redirect, "code")
		again := keep.clone().open(t, last).leads(t, c.Redirect, "code")
		w.exchange(t, c, code)
		for _, to := range []string{back, last} {
			if u := b.open(t, to).location(t); u.String() != w.authURL(c) {
				t.Errorf("after the code was paid %s leads to %s", to, u)
			}
		}
		// Whoever kept the cookie gets no further than to a challenge that is over.
		equal(t, "consent challenge", keep.clone().open(t, back).consentChallenge(t), k)
		w.status(t, 409, "GET", consentPath+k, nil)
		w.status(t, 409, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"a"}})
		equal(t, "location", keep.clone().open(t, last).location(t).String(), w.authURL(c))
		// A second code of one Grant is a code used twice.
		if r := w.token(t, c, "grant_type", "authorization_code", "code", again, "redirect_uri", c.Redirect); r.Status != 400 {
			t.Errorf("the second code paid: %d %s", r.Status, r.Body)
		}
	})
	t.Run("case 038 as ruled: a verifier in the wrong browser changes nothing", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		back := w.acceptLogin(t, l, m{"subject": "u38"})
		stranger := b.clone()
		for name := range stranger.cookies {
			changed := *stranger.cookies[name]
			changed.Value = "AAAAAAAAAAAAAAAAAAAAAA"
			stranger.cookies[name] = &changed
		}
		stranger.open(t, back).shown(t, "request_forbidden")
		b.open(t, back).consentChallenge(t)
	})
	t.Run("case 039 login accepted after the lifetime", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		keep := b.clone()
		w.clock.Advance(lifetime)
		to := w.acceptLogin(t, l, m{"subject": "u39"})
		unexpired(keep).open(t, to).refused(t, "request_unauthorized")
		// A browser that has dropped the cookie starts over.
		equal(t, "location", b.open(t, to).location(t).String(), w.authURL(c))
	})
	t.Run("case 040 login rejected after the lifetime", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		w.clock.Advance(lifetime)
		b.open(t, w.put(t, loginPath+l+"/reject", m{"error": "interaction_required"})).refused(t, "interaction_required")
	})
	t.Run("case 041 consent rejected after the lifetime", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u41"})
		w.clock.Advance(lifetime)
		b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "interaction_required"})).refused(t, "request_unauthorized")
	})
	t.Run("case 042 as ruled: of two flows in one browser both succeed", func(t *testing.T) {
		b := w.browser()
		older := b.open(t, w.authURL(c)).challenge(t)
		newer := b.open(t, w.authURL(c)).challenge(t)
		for _, l := range []string{newer, older} {
			k := b.open(t, w.acceptLogin(t, l, m{"subject": "u42"})).consentChallenge(t)
			w.exchange(t, c, b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code"))
		}
	})
	t.Run("case 043 as ruled: an empty subject is refused", func(t *testing.T) {
		l := w.browser().open(t, w.authURL(c)).challenge(t)
		w.status(t, 400, "PUT", loginPath+l+"/accept", m{"subject": ""})
	})
	t.Run("case 046 prompt=consent with a remembered consent", func(t *testing.T) {
		_, k := w.loggedIn(t, c, "u46").toConsent(t, c, m{"subject": "u46"}, "prompt", "consent")
		equal(t, "skip", w.consentRequest(t, k)["skip"], false)
	})
	t.Run("case 047 a public client with https and a remembered consent", func(t *testing.T) {
		p := w.publicClient(t, appCallback)
		_, k := w.loggedIn(t, p, "u47").toConsent(t, p, m{"subject": "u47"})
		equal(t, "skip", w.consentRequest(t, k)["skip"], true)
	})
	t.Run("case 048 a public client with http and a remembered consent", func(t *testing.T) {
		p := w.publicClient(t, "http://127.0.0.1/cb")
		_, k := w.loggedIn(t, p, "u48").toConsent(t, p, m{"subject": "u48"})
		equal(t, "skip", w.consentRequest(t, k)["skip"], false)
	})
	t.Run("case 049 a remembered consent that ran out", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "u49", "remember": true}, m{"grant_scope": []string{"a"}, "remember": true, "remember_for": 1})
		_, k := b.toConsent(t, c, m{"subject": "u49"})
		equal(t, "skip", w.consentRequest(t, k)["skip"], true)
		w.clock.Advance(2 * time.Second)
		_, k = b.toConsent(t, c, m{"subject": "u49"})
		equal(t, "skip", w.consentRequest(t, k)["skip"], false)
	})
	t.Run("case 050 what a remembered consent covers", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "u50", "remember": true}, m{"grant_scope": []string{"a", "b"}, "remember": true}, "scope", "a b")
		for scope, skip := range map[string]bool{"a": true, "b a": true, "a b c": false} {
			_, k := b.toConsent(t, c, m{"subject": "u50"}, "scope", scope)
			equal(t, "skip for "+scope, w.consentRequest(t, k)["skip"], skip)
		}
	})
	t.Run("case 051 a scope that was never requested", func(t *testing.T) {
		code := w.browser().visit(t, c, m{"subject": "u51"}, m{"grant_scope": []string{"a", "surprise"}})
		equal(t, "scope", w.introspect(t, w.exchange(t, c, code)["access_token"])["scope"], "a surprise")
	})
	t.Run("case 052 an empty rejection", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		q := b.open(t, w.put(t, loginPath+l+"/reject", `{}`)).refused(t, "invalid_request")
		if q.Get("error_description") == "" || q.Get("error_hint") == "" {
			t.Errorf("the client learns %v", q)
		}
	})
	t.Run("case 053 error_debug", func(t *testing.T) {
		for _, w := range map[string]*world{"": w, "dbg": newWorld(t, "OAUTH2_SHARE_ERROR_DEBUG=true")} {
			b := w.browser()
			l := b.open(t, w.authURL(w.client(t, nil))).challenge(t)
			q := b.open(t, w.put(t, loginPath+l+"/reject", m{"error": "access_denied", "error_debug": "dbg"})).refused(t, "access_denied")
			if want := map[bool]string{true: "dbg"}[w.Config.OAuth2.ExposeInternalErrors]; q.Get("error_debug") != want {
				t.Errorf("error_debug is %q, want %q", q.Get("error_debug"), want)
			}
		}
	})
	t.Run("case 054 both verifiers", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		back := w.acceptLogin(t, l, m{"subject": "u54"})
		k := b.open(t, back).consentChallenge(t)
		last, err := url.Parse(w.acceptConsent(t, k, m{"grant_scope": []string{"a"}}))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "consent challenge", b.open(t, back+"&consent_verifier="+url.QueryEscape(last.Query().Get("consent_verifier"))).consentChallenge(t), k)
	})
	t.Run("case 055 as ruled: a request in a POST body works to its end", func(t *testing.T) {
		b := w.browser()
		l := b.send(t, "POST", w.Config.URLs.Public+"/oauth2/auth", w.authParams(c).Encode()).challenge(t)
		equal(t, "request_url", w.loginRequest(t, l)["request_url"], w.authURL(c))
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u55"})).consentChallenge(t)
		w.exchange(t, c, b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code"))
	})
	t.Run("case 056 an issuer with a path", func(t *testing.T) {
		w := newWorld(t, "OAUTH2_ISSUER_URL=http://localhost/some/path/", "OAUTH2_SHARE_ERROR_DEBUG=true")
		c := w.client(t, nil)
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		equal(t, "request_url", w.loginRequest(t, l)["request_url"], "http://localhost/some/path/oauth2/auth?"+w.authParams(c).Encode())
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u56"})).consentChallenge(t)
		b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code")
	})
}
