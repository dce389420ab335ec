package token

import (
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// The statements that each request may cost once client and key versions are
// known, design §5.
func TestStatementBudgets(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		store, counter := storetest.NewCounted(t)
		w := newWorld(t, store)
		w.Options.AccessTokenStrategy = strategy
		c := w.addClient("app", nil)
		_, warm := w.signIn(c)
		if _, err := w.Userinfo(t.Context(), warm.AccessToken); err != nil {
			t.Fatal(err)
		}
		w.introspect(warm.AccessToken)
		_, code := w.grantOf(c, nil)
		_, unspent := w.grantOf(c, nil)
		var res, machine *Response

		w.wait(time.Second) // the versions stay known: the test's staleness is an hour
		forged := flip(string(warm.AccessToken), 60)
		for _, step := range []struct {
			name          string
			reads, writes int
			do            func()
		}{
			{"code", 1, 1, func() { res = w.exchange(c, codeForm(code)) }},
			{"introspect access", 1, 0, func() { w.introspect(res.AccessToken) }},
			{"introspect refresh", 1, 0, func() { w.introspect(res.RefreshToken) }},
			{"userinfo", 1, 0, func() { _, _ = w.Userinfo(t.Context(), res.AccessToken) }},
			{"refresh", 1, 1, func() { res = w.exchange(c, refreshForm(res.RefreshToken)) }},
			{"client credentials", 0, 0, func() { machine = w.exchange(c, machineForm("scope", "bar")) }},
			{"introspect client credentials", 1, 0, func() { w.introspect(machine.AccessToken) }},
			{"revoke client credentials", 0, 1, func() { w.must(w.Revoke(t.Context(), c, machine.AccessToken)) }},
			{"revoke", 1, 1, func() { w.must(w.Revoke(t.Context(), c, res.AccessToken)) }},
			{"introspect forged", 0, 0, func() { w.introspect(oauth.Secret(forged)) }},
			{"introspect malformed", 0, 0, func() { w.introspect("a.b.c"); w.introspect("x") }},
			{"introspect a megabyte", 0, 0, func() { w.introspect(oauth.Secret(strings.Repeat("x", 1<<20))) }},
			{"userinfo forged", 0, 0, func() { _, _ = w.Userinfo(t.Context(), oauth.Secret(forged)) }},
			{"revoke forged", 0, 0, func() { w.must(w.Revoke(t.Context(), c, oauth.Secret(forged))) }},
			{"refresh forged", 0, 0, func() { w.refuse(c, refreshForm("ory_rt_AAAA"), oauth.InvalidGrant) }},
			{"code forged", 0, 0, func() { w.refuse(c, codeForm("ory_ac_AAAA"), oauth.InvalidGrant) }},
			{"time passes", 0, 0, func() { w.wait(59 * time.Minute) }},
			// One statement, because the client has authenticated and a code that
			// was used must be recognised after any time (RFC 6749 §4.1.2).
			{"code expired", 1, 0, func() { w.refuse(c, codeForm(unspent), oauth.InvalidGrant) }},
			{"introspect expired", 0, 0, func() { w.wait(time.Minute); w.introspect(warm.AccessToken) }},
			{"userinfo expired", 0, 0, func() { _, _ = w.Userinfo(t.Context(), warm.AccessToken) }},
			{"revoke expired", 0, 0, func() { w.must(w.Revoke(t.Context(), c, warm.AccessToken)) }},
		} {
			if step.name == "time passes" {
				w.watch.Forget() // an hour is over for the versions, too
				step.do()
				w.introspect(w.exchange(c, machineForm()).AccessToken)
				counter.Take()
				continue
			}
			counter.Take()
			step.do()
			if got, seen := counter.TakeAll(); got.Reads != step.reads || got.Writes != step.writes || got.Begins != 0 || got.Commits != 0 {
				t.Errorf("%s, %s: %+v, want %d reads and %d writes:\n%s", strategy, step.name, got, step.reads, step.writes, strings.Join(seen, "\n"))
			}
		}
	}
}
