package server_test

import (
	"slices"
	"strings"
	"testing"

	"hydra/internal/oauth"
)

// Pairwise subjects over HTTP: contract §3.1.10, cases 28 to 31, and OpenID
// Connect Core §8.
const (
	pairwiseSalt = "76d5d2bf-747f-4592-9fbd-d2b895a54b3a"
	enablePair   = "OIDC_SUBJECT_TYPES_SUPPORTED=public,pairwise"
	withSalt     = "OIDC_SUBJECT_TYPE_PAIRWISE_SALT=" + pairwiseSalt
)

// The client knows its user by one name, everywhere and after each refresh; the
// operator's side sees the real one. Case 30 is the name that the login app
// chooses.
func TestPairwiseSubjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enablePair, withSalt)
	equal(t, "announced", w.announced(t, "subject_types_supported"), []string{"public", "pairwise"})
	c := w.client(t, m{"subject_type": "pairwise", "userinfo_signed_response_alg": "RS256"})
	out := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "alice"}, nil, "scope", "openid offline a"))
	want := oauth.PairwiseSubject("app.test", "alice", pairwiseSalt)
	check := func(what string, out m) {
		t.Helper()
		equal(t, what+": ID token", payload(t, out["id_token"])["sub"], want)
		equal(t, what+": userinfo", payload(t, w.askUserinfo(t, out["access_token"]).Body)["sub"], want)
		in := w.introspect(t, out["access_token"])
		equal(t, what+": introspection", []any{in["sub"], in["obfuscated_subject"]}, []any{"alice", want})
	}
	check("code", out)
	check("refresh", w.token(t, c, "grant_type", "refresh_token", "refresh_token", out["refresh_token"].(string)).object(t, 200))

	// Another sector has another name for the same user; a public client, and
	// one of the same sector, have what they should.
	for _, test := range []struct {
		name   string
		change m
		login  m
		want   string
	}{
		{"another sector", m{"redirect_uris": []string{"https://other.test/cb"}, "subject_type": "pairwise"}, m{"subject": "alice"}, oauth.PairwiseSubject("other.test", "alice", pairwiseSalt)},
		{"the same sector", m{"subject_type": "pairwise", "redirect_uris": []string{appCallback, "https://app.test/other"}}, m{"subject": "alice"}, want},
		{"public", m{"subject_type": "public"}, m{"subject": "alice", "force_subject_identifier": "forced"}, "alice"},
		{"chosen by the login app", m{"subject_type": "pairwise"}, m{"subject": "alice", "force_subject_identifier": "forced"}, "forced"},
	} {
		c := w.client(t, test.change)
		out := w.exchange(t, c, w.browser().visit(t, c, test.login, nil, "scope", "openid a"))
		equal(t, test.name, payload(t, out["id_token"])["sub"], test.want)
	}
}

// An id_token_hint with a pairwise sub names its user again: by what the
// remembered user is called, by the session of the hint, by a remembered
// consent. Another user's does not. Cases 29 and 31; what 87 and 88 keep in a
// table is found in the Grants.
func TestPairwiseHints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enablePair, withSalt)
	c := w.client(t, m{"subject_type": "pairwise"})
	consent := m{"grant_scope": []string{"openid", "a"}, "remember": true}
	silent := func(hint any) []string {
		return []string{"scope", "openid a", "prompt", "none", "id_token_hint", hint.(string)}
	}
	signIn := func(b *browser, login m) any {
		t.Helper()
		login["remember"] = true
		return w.exchange(t, c, b.visit(t, c, login, consent, "scope", "openid a", "prompt", "login"))["id_token"]
	}
	alice, bob := w.browser(), w.browser()
	hint, bobs := signIn(alice, m{"subject": "alice"}), signIn(bob, m{"subject": "bob"})
	alice.open(t, w.authURL(c, silent(hint)...)).challenge(t)
	bob.open(t, w.authURL(c, silent(hint)...)).refused(t, "login_required")
	alice.open(t, w.authURL(c, silent(bobs)...)).refused(t, "login_required")

	// Without a session the user who then signs in is compared.
	fresh := func(login m) reply {
		t.Helper()
		b := w.browser()
		challenge := b.open(t, w.authURL(c, "scope", "openid a", "id_token_hint", hint.(string))).challenge(t)
		return b.open(t, w.acceptLogin(t, challenge, login))
	}
	fresh(m{"subject": "alice"}).consentChallenge(t)
	fresh(m{"subject": "bob"}).refused(t, "login_required")

	// A name that the login app chose.
	carol := w.browser()
	forced := signIn(carol, m{"subject": "carol", "force_subject_identifier": "c-7"})
	equal(t, "sub", payload(t, forced)["sub"], "c-7")
	carol.open(t, w.authURL(c, silent(forced)...)).challenge(t)
	bob.open(t, w.authURL(c, silent(forced)...)).refused(t, "login_required")
	again := w.browser() // another session of hers: the remembered consent knows the name
	signIn(again, m{"subject": "carol", "force_subject_identifier": "c-7"})
	again.open(t, w.authURL(c, silent(forced)...)).challenge(t)
}

// Who signed in again is signed out by the ID token of before, whatever the
// client calls the user; another user is not.
func TestPairwiseLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enablePair, withSalt)
	c, other := w.leaver(t, m{"subject_type": "pairwise"}), w.leaver(t, m{"subject_type": "public"})
	signIn := func(b *browser, c *party, subject, forced string) string {
		t.Helper()
		login := m{"subject": subject, "remember": true}
		if forced != "" {
			login["force_subject_identifier"] = forced
		}
		code := b.visit(t, c, login, m{"grant_scope": []string{"openid"}, "remember": true}, "scope", "openid")
		return w.exchange(t, c, code)["id_token"].(string)
	}
	for name, forced := range map[string]string{"alice": "", "carol": "c-7"} {
		alice, bob := w.browser(), w.browser()
		hint := signIn(alice, c, name, forced)
		alice.leave(t)
		// Her session is over; there is another one, of another client.
		signIn(alice, other, name, "")
		signIn(bob, other, "bob", "")
		equal(t, "address of another user", bob.open(t, w.logoutURL("id_token_hint", hint)).location(t).String(), goodbyePage)
		if !bob.signedIn(t, other) {
			t.Errorf("%s's ID token signed Bob out", name)
		}
		alice.leave(t, "id_token_hint", hint)
		if alice.signedIn(t, other) {
			t.Errorf("%s is still signed in", name)
		}
	}
}

// Attack: guess by the parameter claims who a user is. A client that knows its
// users by pairwise names hears the same of a right guess and of a wrong one.
func TestAttackPairwiseSubjectsAreNotGuessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enablePair, withSalt)
	c := w.client(t, m{"subject_type": "pairwise"})
	b := w.browser()
	code := b.visit(t, c, m{"subject": "alice", "remember": true}, m{"grant_scope": []string{"openid", "a"}, "remember": true}, "scope", "openid a")
	told := payload(t, w.exchange(t, c, code)["id_token"])["sub"].(string)
	guess := func(sub, prompt string) reply {
		return b.open(t, w.authURL(c, "scope", "openid a", "prompt", prompt, "claims", `{"id_token":{"sub":{"values":["`+sub+`"]}}}`))
	}
	guess(told, "none").challenge(t)
	for _, sub := range []string{"alice", "bob"} {
		guess(sub, "none").refused(t, "login_required")
		challenge := guess(sub, "login").challenge(t)
		b.open(t, w.acceptLogin(t, challenge, m{"subject": "alice"})).refused(t, "login_required")
	}
}

// What would give a client no subject, or the real one, is refused: at the
// start, at registration, or at the login.
func TestPairwiseRefusals(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"no salt": {enablePair}, "a short salt": {enablePair, "OIDC_SUBJECT_TYPE_PAIRWISE_SALT=1234567"},
		"JWT access tokens": {enablePair, withSalt, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt"},
	} {
		if i, err := tryStart(t, slices.Concat([]string{"DSN=memory"}, environ)...); err == nil {
			t.Errorf("%s: the server started at %s", name, i.Public)
		}
	}
	w := newWorld(t, enablePair, withSalt)
	for name, change := range map[string]m{
		"two hosts":         {"redirect_uris": []string{appCallback, "https://other.test/cb"}},
		"no host":           {"redirect_uris": []string{"com.example.app:/cb"}},
		"JWT access tokens": {"access_token_strategy": "jwt"},
	} {
		body := m{"subject_type": "pairwise", "redirect_uris": []string{appCallback}}
		for k, v := range change {
			body[k] = v
		}
		if got := w.call(t, "POST", "/clients", body); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}

	// A client of another time: pairwise is not offered any more.
	dsn := "DSN=sqlite://" + t.TempDir() + "/hydra.sqlite"
	before := newWorld(t, dsn, systemSecret, enablePair, withSalt)
	c := before.client(t, m{"subject_type": "pairwise"})
	if err := before.stop(); err != nil {
		t.Fatal(err)
	}
	after := newWorld(t, dsn, systemSecret)
	b := after.browser()
	challenge := b.open(t, after.authURL(c, "scope", "openid")).challenge(t)
	q := b.open(t, after.acceptLogin(t, challenge, m{"subject": "alice"})).refused(t, "invalid_request")
	if !strings.Contains(q.Get("error_hint")+q.Get("error_description"), "pairwise") {
		t.Errorf("the client learns %v", q)
	}
}
