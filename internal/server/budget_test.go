package server_test

import (
	"strings"
	"testing"

	"hydra/internal/storetest"
)

// spends runs f and holds its statements to a budget. BEGIN and COMMIT count
// as reads and writes do.
func (w *world) spends(t *testing.T, what string, reads, writes int, f func()) {
	t.Helper()
	w.count.Take()
	f()
	n, seen := w.count.TakeAll()
	if n.Reads > reads || n.Writes+n.Begins+n.Commits > writes {
		t.Errorf("%s: %d reads and %d writes, BEGIN and COMMIT included; the budget is %d and %d:\n%s",
			what, n.Reads, n.Writes+n.Begins+n.Commits, reads, writes, strings.Join(seen, "\n"))
	}
}

// trip is all eight requests of a code flow.
func (w *world) trip(t *testing.T, b *browser, c *party, login, consent m, skip bool) m {
	t.Helper()
	l := b.open(t, w.authURL(c, budgetRequest...)).challenge(t)
	equal(t, "login skip", w.loginRequest(t, l)["skip"], skip)
	k := b.open(t, w.acceptLogin(t, l, login)).consentChallenge(t)
	equal(t, "consent skip", w.consentRequest(t, k)["skip"], skip)
	code := b.open(t, w.acceptConsent(t, k, consent)).leads(t, c.Redirect, "code")
	return w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect,
		"code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").object(t, 200)
}

// budgetRequest is what the budgets of design §5 speak of: PKCE (the example
// of RFC 7636 Appendix B) and a refresh token.
var budgetRequest = []string{
	"scope", "openid offline a", "code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method", "S256",
}

// The table of design §5, for what browsers do.
func TestStatementBudgetsOfFlows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	grant := m{"grant_scope": []string{"openid", "offline", "a"}}
	remember := m{"grant_scope": []string{"openid", "offline", "a"}, "remember": true}
	w.trip(t, w.browser(), c, m{"subject": "warm"}, grant, false)

	w.spends(t, "login and consent shown", 5, 2, func() {
		w.trip(t, w.browser(), c, m{"subject": "u"}, grant, false)
	})
	b := w.browser()
	w.spends(t, "login and consent shown and remembered", 5, 3, func() {
		w.trip(t, b, c, m{"subject": "u", "remember": true}, remember, false)
	})
	w.spends(t, "skip and skip", 6, 2, func() {
		w.trip(t, b, c, m{"subject": "u"}, grant, true)
	})
	for name := range b.cookies {
		if name != sessionCookie && name != stateCookie {
			t.Errorf("the cookie %s is left", name)
		}
	}
}

func TestStatementBudgetWithoutCaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CACHE_STALENESS=0s")
	c := w.client(t, nil)
	grant := m{"grant_scope": []string{"openid", "offline", "a"}}
	w.trip(t, w.browser(), c, m{"subject": "warm"}, grant, false)
	w.spends(t, "login and consent shown, staleness 0", 12, 2, func() {
		w.trip(t, w.browser(), c, m{"subject": "u"}, grant, false)
	})
}

// What is not genuine costs no statement at all.
func TestForgedValuesCostNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	b := w.loggedIn(t, c, "u")
	l, k := b.toConsent(t, c, m{"subject": "u"})
	none := storetest.Counts{}
	for what, f := range map[string]func(){
		"a login challenge":   func() { w.status(t, 404, "GET", loginPath+flip(l), nil) },
		"a login accept":      func() { w.status(t, 404, "PUT", loginPath+flip(l)+"/accept", m{"subject": "u"}) },
		"a login reject":      func() { w.status(t, 404, "PUT", loginPath+flip(l)+"/reject", m{"error": "access_denied"}) },
		"a consent challenge": func() { w.status(t, 404, "GET", consentPath+flip(k), nil) },
		"a consent accept":    func() { w.status(t, 404, "PUT", consentPath+flip(k)+"/accept", m{"grant_scope": []string{"a"}}) },
		"a login verifier":    func() { b.open(t, w.authURL(c, "login_verifier", flip(l))).refused(t, "access_denied") },
		"a consent verifier":  func() { b.open(t, w.authURL(c, "consent_verifier", k)).refused(t, "access_denied") },
		"a session cookie": func() {
			x := b.clone()
			x.cookies[sessionCookie].Value = flip(x.session())
			x.open(t, w.authURL(c)).challenge(t)
		},
	} {
		w.count.Take()
		f()
		if n, seen := w.count.TakeAll(); n != none {
			t.Errorf("%s that is forged costs %+v:\n%s", what, n, strings.Join(seen, "\n"))
		}
	}
}

// flip changes one character in the middle of a sealed value.
func flip(s string) string {
	i := len(s) / 2
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}
