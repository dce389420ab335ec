package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The contract's cases 57 to 98 (hydra-rc.md §8.2), driven over HTTP. Left
// out: 73, 74 and 89 (rows that this server does not have), 87 and 88
// (pairwise_test.go). Where a ruling of design §11 changes what the contract
// says, the name says so.

func TestContractFlowAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)

	t.Run("case 057 as ruled: GET of a login challenge is 409 only after the code was paid", func(t *testing.T) {
		b := w.browser()
		w.status(t, 404, "GET", loginPath+"unknown", nil)
		w.status(t, 404, "GET", loginPath+"0123456789abcdef0123456789abcdef", nil)
		l := b.open(t, w.authURL(c)).challenge(t)
		w.status(t, 200, "GET", loginPath+l, nil)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u57"})).consentChallenge(t)
		w.status(t, 200, "GET", loginPath+l, nil)
		code := b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code")
		w.status(t, 200, "GET", loginPath+l, nil)
		w.exchange(t, c, code)
		r := w.call(t, "GET", loginPath+l, nil)
		equal(t, "error", r.object(t, 409)["error"], "conflict")
		w.status(t, 409, "PUT", loginPath+l+"/accept", m{"subject": "u57"})
		w.status(t, 409, "PUT", loginPath+l+"/accept", m{"subject": "u57", "remember": true})
		w.status(t, 409, "PUT", loginPath+l+"/reject", m{"error": "access_denied"})
	})
	t.Run("case 058 as ruled: GET of a consent challenge is 409 only after the code was paid", func(t *testing.T) {
		b := w.browser()
		w.status(t, 404, "GET", consentPath+"unknown", nil)
		w.status(t, 404, "GET", consentPath+"0123456789abcdef0123456789abcdef", nil)
		_, k := b.toConsent(t, c, m{"subject": "u58"})
		w.status(t, 200, "GET", consentPath+k, nil)
		code := b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code")
		w.status(t, 200, "GET", consentPath+k, nil)
		w.exchange(t, c, code)
		equal(t, "error", w.call(t, "GET", consentPath+k, nil).object(t, 409)["error"], "conflict")
		w.status(t, 409, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"a"}})
		w.status(t, 409, "PUT", consentPath+k+"/reject", m{"error": "access_denied"})
	})
	t.Run("case 059 sign-out", func(t *testing.T) {
		b := w.loggedIn(t, c, "u59")
		thief := b.clone()
		equal(t, "location", b.open(t, w.Config.URLs.Public+"/oauth2/auth/sessions/login/revoke").location(t).String(), goodbyePage)
		if b.session() != "" {
			t.Error("the session cookie is still there")
		}
		equal(t, "skip", w.loginRequest(t, thief.open(t, w.authURL(c)).challenge(t))["skip"], false)
		// Without a session it is the same.
		equal(t, "location", w.browser().open(t, w.Config.URLs.Public+"/oauth2/auth/sessions/login/revoke").location(t).String(), goodbyePage)
	})
	t.Run("case 060 GET two login and two consent requests", func(t *testing.T) {
		for _, subject := range []string{"u60", "u60b"} {
			l, k := w.browser().toConsent(t, c, m{"subject": subject})
			r, q := w.loginRequest(t, l), w.consentRequest(t, k)
			equal(t, "login", []any{r["challenge"], r["subject"], r["skip"], r["client"].(m)["client_id"]}, []any{l, "", false, c.ID})
			equal(t, "consent", []any{q["challenge"], q["subject"], q["skip"], q["client"].(m)["client_id"]}, []any{k, subject, false, c.ID})
		}
	})
	t.Run("case 061 revoke the login sessions of a user", func(t *testing.T) {
		b := w.loggedIn(t, c, "u61")
		w.status(t, 204, "DELETE", sessionsPath+"login/u61", nil)
		w.status(t, 204, "DELETE", sessionsPath+"login/u61", nil)
		w.status(t, 204, "DELETE", sessionsPath+"login/nobody", nil)
		equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"], false)
	})
	// accepted is a consent that was accepted and not brought back yet.
	accepted := func(t *testing.T, c *party, subject string, consent m) (challenge string) {
		t.Helper()
		_, k := w.browser().toConsent(t, c, m{"subject": subject})
		w.acceptConsent(t, k, consent)
		return k
	}
	grantA := m{"grant_scope": []string{"a"}}
	t.Run("case 062 revoke all consents of a user", func(t *testing.T) {
		mine, others := accepted(t, c, "u62", grantA), accepted(t, c, "u62b", grantA)
		w.status(t, 204, "DELETE", sessionsPath+"consent/u62", nil)
		w.status(t, 404, "GET", consentPath+mine, nil)
		w.status(t, 200, "GET", consentPath+others, nil)
	})
	t.Run("case 063 revoke the consents of a user and client", func(t *testing.T) {
		other := w.client(t, nil)
		mine, others := accepted(t, c, "u63", grantA), accepted(t, other, "u63", grantA)
		w.status(t, 204, "DELETE", sessionsPath+"consent/u63/"+c.ID, nil)
		w.status(t, 404, "GET", consentPath+mine, nil)
		w.status(t, 200, "GET", consentPath+others, nil)
		w.status(t, 404, "DELETE", sessionsPath+"consent/u63/"+c.ID, nil)
		w.status(t, 404, "DELETE", sessionsPath+"consent/u63/nobody", nil)
	})
	t.Run("case 064 list a remembered consent", func(t *testing.T) {
		k := accepted(t, c, "u64", m{"grant_scope": []string{"a"}, "remember": true, "remember_for": 3600})
		s := w.consents(t, "u64")
		if len(s) != 1 {
			t.Fatalf("%d consents, want 1", len(s))
		}
		equal(t, "challenge", s[0]["consent_request"].(m)["challenge"], k)
		equal(t, "remember", []any{s[0]["remember"], s[0]["remember_for"]}, []any{true, 3600})
		w.clock.Advance(3601 * time.Second)
		equal(t, "the list when the time is over", w.consents(t, "u64"), []m{})
	})
	t.Run("case 065 list consents after the revocation", func(t *testing.T) {
		accepted(t, c, "u65", grantA)
		w.status(t, 204, "DELETE", sessionsPath+"consent/u65", nil)
		if r := w.call(t, "GET", sessionsPath+"consent/u65", nil); r.Status != 200 || strings.TrimSpace(r.Body) != "[]" {
			t.Errorf("the list is %d %q", r.Status, r.Body)
		}
	})
	t.Run("case 066 no secret of the client in answers", func(t *testing.T) {
		code := w.browser().visit(t, c, m{"subject": "u66"}, nil)
		if _, ok := w.consents(t, "u66")[0]["consent_request"].(m)["client"].(m)["client_secret"]; ok {
			t.Error("the list of consents shows client_secret")
		}
		w.exchange(t, c, code) // with the stored secret
	})
	t.Run("case 083 revoke a consent by subject", func(t *testing.T) {
		_, k := w.browser().toConsent(t, c, m{"subject": "u83"}, "scope", "a offline")
		tokens := w.tokens(t, c, "u83", "a offline")
		w.status(t, 204, "DELETE", sessionsPath+"consent/u83", nil)
		w.status(t, 200, "GET", consentPath+k, nil) // nothing was accepted there
		w.dead(t, c, tokens)
	})
	t.Run("case 084 revoke a consent by subject and client", func(t *testing.T) {
		tokens := w.tokens(t, c, "u84", "a offline")
		w.status(t, 204, "DELETE", sessionsPath+"consent/u84/"+c.ID, nil)
		w.dead(t, c, tokens)
	})
	t.Run("case 085 consents are listed, remembered or not", func(t *testing.T) {
		first := accepted(t, c, "u85", grantA)
		w.clock.Advance(time.Second)
		second := accepted(t, c, "u85", m{"grant_scope": []string{"a"}, "remember": true})
		s := w.consents(t, "u85")
		if len(s) != 2 {
			t.Fatalf("%d consents, want 2", len(s))
		}
		equal(t, "challenges, newest first", []any{s[0]["consent_request"].(m)["challenge"], s[1]["consent_request"].(m)["challenge"]}, []any{second, first})
	})
	t.Run("case 086 list for a subject without consents", func(t *testing.T) {
		equal(t, "list", w.consents(t, "nobody"), []m{})
	})
	t.Run("case 090 an unknown member", func(t *testing.T) {
		l, k := w.browser().toConsent(t, c, m{"subject": "u90"})
		w.status(t, 400, "PUT", loginPath+l+"/accept", m{"subject": "u90", "unknown": 1})
		w.status(t, 400, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"a"}, "unknown": 1})
		w.status(t, 400, "PUT", consentPath+k+"/reject", m{"error": "access_denied", "unknown": 1})
	})
	t.Run("case 091 an empty body", func(t *testing.T) {
		l, k := w.browser().toConsent(t, c, m{"subject": "u91"})
		for _, path := range []string{loginPath + l, consentPath + k} {
			w.status(t, 400, "PUT", path+"/accept", nil)
			w.status(t, 400, "PUT", path+"/reject", nil)
		}
	})
	t.Run("case 092 an unknown challenge", func(t *testing.T) {
		for _, path := range []string{loginPath, consentPath} {
			w.status(t, 404, "PUT", path+"unknown/accept", map[string]m{loginPath: {"subject": "u"}, consentPath: {"grant_scope": []string{"a"}}}[path])
			w.status(t, 404, "PUT", path+"unknown/reject", m{"error": "access_denied"})
		}
	})
	t.Run("case 093 as ruled: accepting twice is allowed until the code was paid; the last call wins", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c, "scope", "a b")).challenge(t)
		w.acceptLogin(t, l, m{"subject": "u93-first"})
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u93"})).consentChallenge(t)
		first := w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})
		w.acceptConsent(t, k, m{"grant_scope": []string{"b"}})
		code := b.open(t, first).leads(t, c.Redirect, "code")
		in := w.introspect(t, w.exchange(t, c, code)["access_token"])
		equal(t, "token", []any{in["sub"], in["scope"]}, []any{"u93", "b"})
		w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
	})
	t.Run("case 094 as ruled: redirect_to is the endpoint with client_id and the verifier and nothing else", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		back := w.acceptLogin(t, l, m{"subject": "u94"})
		k := b.open(t, back).consentChallenge(t)
		for to, name := range map[string]string{back: "login_verifier", w.acceptConsent(t, k, grantA): "consent_verifier"} {
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			if q := u.Query(); len(q) != 2 || q.Get("client_id") != c.ID || q.Get(name) == "" {
				t.Errorf("redirect_to is %q", to)
			}
		}
	})
	t.Run("case 095 revoke the consents of an unknown user", func(t *testing.T) {
		w.status(t, 404, "DELETE", sessionsPath+"consent/nobody", nil)
	})
	t.Run("case 096 revoke a consent, then introspect the token that was refreshed from it", func(t *testing.T) {
		tokens := w.tokens(t, c, "u96", "a offline")
		refreshed := w.token(t, c, "grant_type", "refresh_token", "refresh_token", tokens["refresh_token"].(string)).object(t, 200)
		w.status(t, 204, "DELETE", sessionsPath+"consent/u96", nil)
		w.dead(t, c, tokens)
		w.dead(t, c, refreshed)
	})
	t.Run("case 097 revoke login sessions, then introspect existing tokens", func(t *testing.T) {
		b := w.browser()
		code := b.visit(t, c, m{"subject": "u97", "remember": true}, nil)
		tokens := w.exchange(t, c, code)
		w.status(t, 204, "DELETE", sessionsPath+"login/u97", nil)
		if !w.active(t, tokens["access_token"]) {
			t.Error("the token is inactive")
		}
	})
	t.Run("case 098 limit", func(t *testing.T) {
		const n = 103
		for range n {
			accepted(t, c, "u98", grantA)
		}
		for query, want := range map[string]int{"limit=0": 0, "limit=9999": n, "limit=-1": 0, "limit=x": 100, "": 100, "limit=2": 2, "limit=10&offset=100": 3, "offset=9999": 0} {
			var out []m
			w.call(t, "GET", sessionsPath+"consent/u98?"+query, nil).json(t, 200, &out)
			if len(out) != want {
				t.Errorf("%q lists %d, want %d", query, len(out), want)
			}
		}
	})
}

// tokens makes a whole visit and returns its tokens.
func (w *world) tokens(t *testing.T, c *party, subject, scope string) m {
	t.Helper()
	return w.exchange(t, c, w.browser().visit(t, c, m{"subject": subject}, nil, "scope", scope))
}

// dead checks that no token of an answer is worth anything.
func (w *world) dead(t *testing.T, c *party, tokens m) {
	t.Helper()
	if w.active(t, tokens["access_token"]) {
		t.Error("the access token is active")
	}
	if w.active(t, tokens["refresh_token"]) {
		t.Error("the refresh token is active")
	}
	if r := w.token(t, c, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(tokens["refresh_token"])); r.Status != 400 || !strings.Contains(r.Body, "invalid_grant") {
		t.Errorf("the refresh token gives %d %s", r.Status, r.Body)
	}
}

// Cases 67 to 72 and 75 to 82 speak of Hydra's managers; here the same rules
// are seen from outside: is the consent app told to skip?
func TestContractRememberedConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	remember := func(t *testing.T, c *party, subject string, seconds int, scope ...string) {
		t.Helper()
		w.browser().visit(t, c, m{"subject": subject}, m{"grant_scope": scope, "remember": true, "remember_for": seconds}, "prompt", "consent")
		w.clock.Advance(time.Second)
	}
	skips := func(t *testing.T, want bool, c *party, subject, scope string) {
		t.Helper()
		_, k := w.browser().toConsent(t, c, m{"subject": subject}, "scope", scope)
		equal(t, "skip", w.consentRequest(t, k)["skip"], want)
	}

	t.Run("case 067 granted a b, requested a b", func(t *testing.T) {
		remember(t, c, "u67", 0, "a", "b")
		skips(t, true, c, "u67", "a b")
	})
	t.Run("case 068 granted a b, requested a b c", func(t *testing.T) {
		remember(t, c, "u68", 0, "a", "b")
		skips(t, false, c, "u68", "a b c")
	})
	t.Run("case 069 two consents cover: the first one, which is the newest", func(t *testing.T) {
		for newest, status := range map[int]int{60: 409, 3600: 200} {
			subject := fmt.Sprint("u69-", newest)
			remember(t, c, subject, 3660-newest, "a", "b")
			remember(t, c, subject, newest, "a", "b")
			_, k := w.browser().toConsent(t, c, m{"subject": subject})
			equal(t, "skip", w.consentRequest(t, k)["skip"], true)
			w.clock.Advance(61 * time.Second) // one of the two runs out
			w.status(t, status, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"a"}})
		}
	})
	t.Run("case 070 only the second covers", func(t *testing.T) {
		remember(t, c, "u70", 0, "a", "b")
		remember(t, c, "u70", 0, "c")
		skips(t, true, c, "u70", "a")
		skips(t, true, c, "u70", "c")
	})
	t.Run("case 071 a scope that no consent has", func(t *testing.T) {
		remember(t, c, "u71", 0, "a")
		remember(t, c, "u71", 0, "b")
		skips(t, false, c, "u71", "extra")
		skips(t, false, c, "u71", "a b") // no single one covers it
	})
	t.Run("case 072 a login session comes and goes", func(t *testing.T) {
		b := w.browser()
		skip := func(want bool) {
			t.Helper()
			equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"], want)
		}
		skip(false)
		b.visit(t, c, m{"subject": "u72", "remember": true}, nil)
		skip(true)
		w.status(t, 204, "DELETE", sessionsPath+"login/u72", nil)
		skip(false)
	})
	t.Run("case 075 remembered", func(t *testing.T) {
		remember(t, c, "u75", 0, "a")
		skips(t, true, c, "u75", "a")
	})
	t.Run("case 076 rejected", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u76"})
		b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "access_denied"})).refused(t, "access_denied")
		skips(t, false, c, "u76", "a")
		equal(t, "list", w.consents(t, "u76"), []m{})
		// The refusal was final.
		w.status(t, 409, "GET", consentPath+k, nil)
		w.status(t, 409, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"a"}})
	})
	t.Run("case 077 remembered for a time that is over", func(t *testing.T) {
		remember(t, c, "u77", 1, "a")
		w.clock.Advance(time.Second)
		skips(t, false, c, "u77", "a")
	})
	t.Run("case 078 not remembered", func(t *testing.T) {
		w.browser().visit(t, c, m{"subject": "u78"}, nil)
		skips(t, false, c, "u78", "a")
	})
	t.Run("case 079 another client or another subject", func(t *testing.T) {
		remember(t, c, "u79", 0, "a")
		skips(t, false, w.client(t, nil), "u79", "a")
		skips(t, false, c, "u79b", "a")
		skips(t, false, c, "U79", "a")
	})
	t.Run("case 080 remembered for a time that is not over", func(t *testing.T) {
		remember(t, c, "u80", 120, "a")
		w.clock.Advance(100 * time.Second)
		skips(t, true, c, "u80", "a")
	})
	t.Run("case 081 what was skipped is not remembered itself", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "u81", "remember": true}, m{"grant_scope": []string{"a"}, "remember": true, "remember_for": 60})
		b.visit(t, c, m{"subject": "u81"}, m{"grant_scope": []string{"a"}, "remember": true})
		skips(t, true, c, "u81", "a")
		if s := w.consents(t, "u81"); len(s) != 1 {
			t.Errorf("%d consents are listed, want 1", len(s))
		}
		w.clock.Advance(61 * time.Second)
		skips(t, false, c, "u81", "a")
	})
	t.Run("case 082 revoke the sessions of a subject with two", func(t *testing.T) {
		one, two, other := w.loggedIn(t, c, "u82"), w.loggedIn(t, c, "u82"), w.loggedIn(t, c, "u82b")
		skip := func(b *browser, want bool) {
			t.Helper()
			equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"], want)
		}
		w.status(t, 204, "DELETE", sessionsPath+"login/u82", nil)
		skip(one, false)
		skip(two, false)
		skip(other, true)
		w.status(t, 204, "DELETE", sessionsPath+"login/u82b", nil)
		skip(other, false)
	})
}
