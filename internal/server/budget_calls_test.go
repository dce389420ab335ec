package server_test

import "testing"

// The column "SQL (budget)" of docs/performance.md, for single requests from
// the socket to the store, once clients and keys are known.
func TestStatementBudgetsOfSingleRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	machine := func() m {
		return w.token(t, c, "grant_type", "client_credentials", "scope", "a").object(t, 200)
	}
	tokens := w.trip(t, w.browser(), c, m{"subject": "u"}, m{"grant_scope": []string{"openid", "offline", "a"}}, false)
	access, _ := machine()["access_token"].(string)
	keySet := func() { do(t, user, "GET", w.Public+"/.well-known/jwks.json", "").object(t, 200) }
	keySet() // holds sets that nothing above has signed with
	refresh := func() {
		tokens = w.token(t, c, "grant_type", "refresh_token", "refresh_token", tokens["refresh_token"].(string)).object(t, 200)
	}
	for _, step := range []struct {
		name          string
		reads, writes int
		do            func()
	}{
		{"discovery", 0, 0, func() { do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "").object(t, 200) }},
		{"key set", 0, 0, keySet},
		{"client credentials", 0, 0, func() { machine() }},
		{"introspect, active", 1, 0, func() { equal(t, "active", w.active(t, access), true) }},
		{"introspect, forged", 0, 0, func() { equal(t, "active", w.active(t, flip(access)), false) }},
		{"userinfo", 1, 0, func() {
			r := do(t, user, "GET", w.Public+"/userinfo", "", "Authorization: Bearer "+tokens["access_token"].(string))
			equal(t, "sub", r.object(t, 200)["sub"], "u")
		}},
		{"refresh with ID token", 1, 1, refresh},
		{"client, get", 1, 0, func() { w.call(t, "GET", "/clients/"+c.ID, nil).object(t, 200) }},
		{"clients, list of 100", 1, 0, func() {
			var list []m
			w.call(t, "GET", "/clients?limit=100", nil).json(t, 200, &list)
			equal(t, "clients", len(list), 1)
		}},
	} {
		w.spends(t, step.name, step.reads, step.writes, step.do)
	}
}

// An assertion is used once, which costs the one row that remembers it.
func TestStatementBudgetOfAnAssertion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := (&rig{t: t, instance: w.instance, clock: w.clock, issued: map[string]string{}}).signer(m{"grant_types": []string{"client_credentials"}})
	ask := func() {
		a := s.credentials(s.jwt(nil, s.claims(m{"aud": w.Config.URLs.Public + "/oauth2/token"})))
		equal(t, "status", a.Status, 200)
	}
	ask()
	w.spends(t, "client credentials with an assertion", 0, 1, ask)
}
