package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The logout and session modules of the conformance plans, and what Hydra's
// later generations do.

const byePage = "https://app.test/bye?kept=1"

// leaver is a client that signs its users out.
func (w *world) leaver(t *testing.T, change m) *party {
	t.Helper()
	body := m{"post_logout_redirect_uris": []string{byePage, "https://app.test/bye2"}}
	for k, v := range change {
		body[k] = v
	}
	return w.client(t, body)
}

// signIn signs a user in, remembered, and returns the ID token.
func (b *browser) signIn(t *testing.T, c *party, subject string) string {
	t.Helper()
	code := b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"openid", "offline"}, "remember": true}, "scope", "openid offline")
	return b.w.exchange(t, c, code)["id_token"].(string)
}

// logoutURL is a logout request.
func (w *world) logoutURL(pairs ...string) string {
	p := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		p.Set(pairs[i], pairs[i+1])
	}
	return w.Config.URLs.Public + "/oauth2/sessions/logout?" + p.Encode()
}

// logoutPath is a call to the admin API about a logout challenge.
func logoutPath(prefix, what, challenge string) string {
	return prefix + "/oauth2/auth/requests/logout" + what + "?" + url.Values{"logout_challenge": {challenge}}.Encode()
}

// asked returns the challenge with which the browser is sent to the logout app.
func (r reply) asked(t *testing.T) string {
	t.Helper()
	return r.leads(t, logoutPage, "logout_challenge")
}

// acceptLogout is the logout app that agrees; it returns where the browser goes.
func (w *world) acceptLogout(t *testing.T, challenge string) string {
	t.Helper()
	to, _ := w.call(t, "PUT", logoutPath("/admin", "/accept", challenge), m{}).object(t, 200)["redirect_to"].(string)
	if !strings.HasPrefix(to, w.Config.URLs.Public+"/oauth2/sessions/logout?logout_verifier=") || len(to) > 2000 {
		t.Fatalf("redirect_to is %q", to)
	}
	return to
}

// leave is the whole trip of a logout.
func (b *browser) leave(t *testing.T, pairs ...string) reply {
	t.Helper()
	return b.open(t, b.w.acceptLogout(t, b.open(t, b.w.logoutURL(pairs...)).asked(t)))
}

// signedIn reports whether the server knows the browser's user without asking.
func (b *browser) signedIn(t *testing.T, c *party) bool {
	t.Helper()
	u := b.open(t, b.w.authURL(c, "prompt", "none", "scope", "openid offline")).location(t)
	switch {
	case strings.HasPrefix(u.String(), loginPage):
		return true
	case u.Query().Get("error") != "login_required":
		t.Fatalf("prompt=none leads to %s", u)
	}
	return false
}

// Modules oidcc-rp-initiated-logout, …-no-state, …-no-post-logout-redirect-uri.
func TestRPInitiatedLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, nil)
	state := strings.Repeat("Aa0-._~ +&=%/?#", 9)[:128]
	for name, test := range map[string]struct {
		pairs []string
		want  string
	}{
		"with state": {[]string{"post_logout_redirect_uri", byePage, "state", state}, byePage + "&state=" + strings.ReplaceAll(url.QueryEscape(state), "+", "%20")},
		"no state":   {[]string{"post_logout_redirect_uri", byePage}, byePage},
		"another registered one, beside parameters that mean nothing here": {[]string{"post_logout_redirect_uri", "https://app.test/bye2",
			"client_id", c.ID, "logout_hint", "alice", "ui_locales", "de", "unknown", "x"}, "https://app.test/bye2"},
		"no address":              {nil, goodbyePage},
		"no address, but a state": {[]string{"state", state}, goodbyePage},
	} {
		b := w.browser()
		pairs := append([]string{"id_token_hint", b.signIn(t, c, "alice")}, test.pairs...)
		r := b.leave(t, pairs...)
		if got := r.location(t).String(); got != test.want {
			t.Errorf("%s: the browser ends at %s, want %s", name, got, test.want)
		}
		if b.session() != "" || b.cookies[stateCookie] != nil || b.signedIn(t, c) {
			t.Errorf("%s: still signed in", name)
		}
		if cc := r.Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
			t.Errorf("%s: Cache-Control %q", name, cc)
		}
	}

	// By POST, whose body is the same.
	b := w.browser()
	form := url.Values{"id_token_hint": {b.signIn(t, c, "alice")}, "post_logout_redirect_uri": {byePage}, "state": {state}}
	challenge := b.send(t, "POST", w.Config.URLs.Public+"/oauth2/sessions/logout", form.Encode()).asked(t)
	to := b.open(t, w.acceptLogout(t, challenge)).location(t)
	if to.Query().Get("state") != state || b.signedIn(t, c) {
		t.Errorf("by POST the browser ends at %s", to)
	}
}

// Modules …-no-params and …-only-state, and a browser without a session.
func TestLogoutWithoutAClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, nil)
	for name, pairs := range map[string][]string{"no parameters": nil, "only a state": {"state", "x"}} {
		b := w.browser()
		w.spends(t, name+", nobody signed in", 0, 0, func() {
			equal(t, "address", b.open(t, w.logoutURL(pairs...)).location(t).String(), goodbyePage)
			equal(t, "address by POST", b.send(t, "POST", w.Config.URLs.Public+"/oauth2/sessions/logout", "state=1").location(t).String(), goodbyePage)
		})
		b.signIn(t, c, "alice")
		equal(t, "address", b.leave(t, pairs...).location(t).String(), goodbyePage)
		if b.signedIn(t, c) {
			t.Errorf("%s: still signed in", name)
		}
	}
	// With a hint whose session is over the client gets its browser back.
	b := w.browser()
	hint := b.signIn(t, c, "alice")
	b.leave(t)
	equal(t, "address", b.open(t, w.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", byePage, "state", "s")).location(t).String(), byePage+"&state=s")
}

// Modules …-bad-post-logout-redirect-uri, …-query-added-to-…,
// …-modified-id-token-hint, …-bad-id-token-hint, …-no-id-token-hint.
func TestAttackLogoutRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.leaver(t, nil), w.leaver(t, m{"redirect_uris": []string{"https://other.test/cb"}, "post_logout_redirect_uris": []string{"https://other.test/bye"}})
	b := w.browser()
	hint := b.signIn(t, c, "alice")
	parts := strings.Split(hint, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	foreign := newWorld(t)
	foreignClient := foreign.leaver(t, m{"client_id": c.ID})
	foreignHint := foreign.browser().signIn(t, foreignClient, "alice")
	access := w.token(t, c, "grant_type", "client_credentials").object(t, 200)["access_token"].(string)
	for name, pairs := range map[string][]string{
		"unregistered address":       {"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.test/"},
		"query added":                {"id_token_hint", hint, "post_logout_redirect_uri", byePage + "&foo=bar"},
		"query left out":             {"id_token_hint", hint, "post_logout_redirect_uri", "https://app.test/bye"},
		"another client's address":   {"id_token_hint", hint, "post_logout_redirect_uri", "https://other.test/bye"},
		"another client's id":        {"id_token_hint", hint, "post_logout_redirect_uri", "https://other.test/bye", "client_id", other.ID},
		"a redirect URI":             {"id_token_hint", hint, "post_logout_redirect_uri", appCallback},
		"alg none":                   {"id_token_hint", none + "." + parts[1] + ".", "post_logout_redirect_uri", byePage},
		"alg none, with a signature": {"id_token_hint", none + "." + parts[1] + "." + parts[2], "post_logout_redirect_uri", byePage},
		"signed by somebody else":    {"id_token_hint", foreignHint, "post_logout_redirect_uri", byePage},
		"junk":                       {"id_token_hint", "junk", "post_logout_redirect_uri", byePage},
		"an access token":            {"id_token_hint", access, "post_logout_redirect_uri", byePage},
		"no hint":                    {"post_logout_redirect_uri", byePage},
		"no hint, but a client":      {"post_logout_redirect_uri", byePage, "client_id", c.ID, "state", "s"},
		"a verifier of one's own":    {"logout_verifier", "junk", "post_logout_redirect_uri", byePage},
		"a long state":               {"id_token_hint", hint, "state", strings.Repeat("s", 5000)},
	} {
		w.spends(t, name, 3, 0, func() { // the session, and once a second a key that may be new
			equal(t, "endpoint", b.open(t, w.logoutURL(pairs...)).shown(t, "invalid_request").Get("endpoint"), "logout")
		})
	}
	doubled := w.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", byePage) + "&post_logout_redirect_uri=https://evil.test/"
	b.open(t, doubled).shown(t, "invalid_request")
	if !b.signedIn(t, c) {
		t.Error("one of them signed the user out")
	}

	// An address that is taken back while the user is asked is not gone to.
	challenge := b.open(t, w.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", byePage)).asked(t)
	w.call(t, "PATCH", "/clients/"+c.ID, []m{{"op": "replace", "path": "/post_logout_redirect_uris", "value": []string{}}}).object(t, 200)
	equal(t, "address", b.open(t, w.acceptLogout(t, challenge)).location(t).String(), goodbyePage)
}

// The logout app's calls, in the shapes of v1 and v2.
func TestLogoutRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, m{"skip_logout_consent": true})
	for _, prefix := range []string{"", "/admin"} {
		b := w.browser()
		hint := b.signIn(t, c, "alice")
		asked := w.logoutURL("post_logout_redirect_uri", byePage, "state", "s")
		challenge := b.open(t, asked+"&id_token_hint="+hint).asked(t)
		got := w.call(t, "GET", logoutPath(prefix, "", challenge), nil).object(t, 200)
		inner, _ := got["client"].(m)
		if got["challenge"] != challenge || got["subject"] != "alice" || got["sid"] != payload(t, hint)["sid"] || got["rp_initiated"] != true ||
			got["request_url"] != asked || inner["client_id"] != c.ID || inner["skip_logout_consent"] != true || inner["client_secret"] != nil {
			t.Errorf("%s: the logout request is %v", prefix, got)
		}
		if (got["expires_at"] != nil) != (prefix != "") || (got["requested_at"] != nil) != (prefix != "") {
			t.Errorf("%s: its times are %v, %v", prefix, got["requested_at"], got["expires_at"])
		}
		// No: nothing happens. Then yes, twice.
		w.status(t, 204, "PUT", logoutPath(prefix, "/reject", challenge), m{"error": "no"})
		w.status(t, 204, "PUT", logoutPath(prefix, "/reject", challenge), "")
		if !b.signedIn(t, c) {
			t.Errorf("%s: a rejection signed the user out", prefix)
		}
		w.status(t, 200, "PUT", logoutPath(prefix, "/accept", challenge), "")
		to := w.acceptLogout(t, challenge)
		for range 2 {
			equal(t, "address", b.open(t, to).location(t).String(), byePage+"&state=s")
		}
		gone := w.call(t, "GET", logoutPath(prefix, "", challenge), nil).object(t, 410)
		equal(t, "redirect_to", gone["redirect_to"], asked)
		for _, unknown := range []string{"junk", challenge + "A", strings.Repeat("0", 32)} {
			w.status(t, 404, "GET", logoutPath(prefix, "", unknown), nil)
			w.status(t, 404, "PUT", logoutPath(prefix, "/accept", unknown), m{})
			w.status(t, 404, "PUT", logoutPath(prefix, "/reject", unknown), m{})
		}
		w.status(t, 400, "GET", prefix+"/oauth2/auth/requests/logout", nil)
	}

	// Without a client, and too late.
	b := w.browser()
	b.signIn(t, c, "alice")
	challenge := b.open(t, w.logoutURL()).asked(t)
	got := w.call(t, "GET", logoutPath("/admin", "", challenge), nil).object(t, 200)
	if client, there := got["client"]; !there || client != nil || got["rp_initiated"] != false || got["request_url"] != w.Config.URLs.Public+"/oauth2/sessions/logout" {
		t.Errorf("the logout request is %v", got)
	}
	late := w.acceptLogout(t, challenge)
	w.clock.Advance(w.Config.TTL.LoginConsentRequest)
	w.status(t, 401, "GET", logoutPath("/admin", "", challenge), nil)
	w.status(t, 401, "PUT", logoutPath("/admin", "/accept", challenge), m{})
	b.open(t, late).shown(t, "request_unauthorized")
	if !b.signedIn(t, c) {
		t.Error("a late verifier signed the user out")
	}
}

// Attack: have somebody else's browser end its session, or be signed out by a
// link.
func TestAttackForeignLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, nil)
	alice, mallory := w.browser(), w.browser()
	aliceHint := alice.signIn(t, c, "alice")
	malloryHint := mallory.signIn(t, c, "mallory")

	// The verifier of Mallory's own logout, opened by Alice.
	link := w.acceptLogout(t, mallory.open(t, w.logoutURL()).asked(t))
	equal(t, "address", alice.open(t, link).location(t).String(), goodbyePage)
	if !alice.signedIn(t, c) || !mallory.signedIn(t, c) {
		t.Error("a link signed somebody out")
	}
	// A client's logout ends the session that its ID token names, and not that
	// of another user who opens the link.
	alice.leave(t, "id_token_hint", malloryHint)
	if !alice.signedIn(t, c) || alice.session() == "" {
		t.Error("Mallory's ID token signed Alice out")
	}
	if mallory.signedIn(t, c) {
		t.Error("Mallory's session survived his own logout")
	}
	// Who signed in again is signed out by the ID token of before, too: of both
	// sessions.
	second := alice.clone()
	alice.visit(t, c, m{"subject": "alice", "remember": true}, nil, "prompt", "login")
	if second.session() == alice.session() {
		t.Fatal("the second login has the first one's session")
	}
	alice.leave(t, "id_token_hint", aliceHint)
	if alice.signedIn(t, c) || second.signedIn(t, c) {
		t.Error("one of the two sessions is left")
	}
}

// Signed out is signed out: neither the login verifier nor the cookie brings
// the session back.
func TestAttackReplayAfterLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, nil)
	b := w.browser()
	verifier := w.acceptLogin(t, b.open(t, w.authURL(c)).challenge(t), m{"subject": "alice", "remember": true})
	k := b.open(t, verifier).consentChallenge(t)
	old := b.clone()
	b.open(t, w.acceptConsent(t, k, grantA))
	b.leave(t)
	for range 2 {
		old.open(t, verifier)
		if old.signedIn(t, c) {
			t.Error("the login verifier brought the session back")
		}
	}
	equal(t, "address of a second logout", old.open(t, w.logoutURL()).location(t).String(), goodbyePage)
}

// OpenID Connect Front-Channel Logout §2, modules oidcc-frontchannel-…: every
// client of the session is loaded in a frame, with iss and sid, and none else.
func TestFrontChannelLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := func(host string) *party {
		return w.leaver(t, m{"redirect_uris": []string{"https://" + host + "/cb"}, "post_logout_redirect_uris": []string{"https://" + host + "/bye"},
			"frontchannel_logout_uri": "https://" + host + "/out?a=1", "frontchannel_logout_session_required": true})
	}
	first, second, absent := front("one.test"), front("two.test:8443"), front("three.test")
	deaf := w.leaver(t, nil)
	other := w.browser()
	other.signIn(t, absent, "alice")
	b := w.browser()
	sid, _ := payload(t, b.signIn(t, first, "alice"))["sid"].(string)
	for _, c := range []*party{second, deaf, first} {
		l := b.open(t, w.authURL(c, "scope", "openid")).challenge(t)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "alice"})).consentChallenge(t)
		code := b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).leads(t, c.Redirect, "code")
		equal(t, "sid of the same session", payload(t, w.exchange(t, c, code)["id_token"])["sid"], sid)
	}
	r := b.leave(t)
	if r.Status != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || r.Header.Get("X-Frame-Options") != "DENY" {
		t.Fatalf("the answer is %d %v", r.Status, r.Header)
	}
	for _, host := range []string{"one.test", "two.test:8443"} {
		frame := `<iframe src="https://` + host + `/out?a=1&amp;iss=` + url.QueryEscape(w.Config.URLs.Issuer) + `&amp;sid=` + sid + `" hidden>`
		if strings.Count(r.Body, frame) != 1 {
			t.Errorf("the page lacks %s:\n%s", frame, r.Body)
		}
	}
	if n := strings.Count(r.Body, "<iframe"); n != 2 || strings.Contains(r.Body, "three.test") {
		t.Errorf("the page has %d frames", n)
	}
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-src https://one.test https://two.test:8443;") || !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	if !strings.Contains(r.Body, `href="`+goodbyePage+`"`) || !strings.Contains(r.Body, `content="5; url=`+goodbyePage+`"`) || b.session() != "" {
		t.Errorf("the page does not go on:\n%s", r.Body)
	}
	if other.signedIn(t, absent) == false {
		t.Error("the logout of one browser signed the other out")
	}

	// A client that signs out while it is on http, where it was allowed to, or
	// elsewhere than its own pages.
	for name, change := range map[string]m{
		"front-channel on another host":         {"frontchannel_logout_uri": "https://evil.test/out"},
		"front-channel on another port":         {"frontchannel_logout_uri": "https://app.test:444/out"},
		"front-channel by another scheme":       {"frontchannel_logout_uri": "http://app.test/out"},
		"front-channel with a fragment":         {"frontchannel_logout_uri": "https://app.test/out#x"},
		"back-channel with a fragment":          {"backchannel_logout_uri": "https://app.test/out#x"},
		"back-channel that is relative":         {"backchannel_logout_uri": "/out"},
		"back-channel by http, public client":   {"backchannel_logout_uri": "http://app.test/out", "token_endpoint_auth_method": "none"},
		"goodbye on another host":               {"post_logout_redirect_uris": []string{"https://evil.test/"}},
		"goodbye by a scheme that runs scripts": {"post_logout_redirect_uris": []string{"javascript:alert(1)"}},
	} {
		body := m{"redirect_uris": []string{"https://app.test/cb"}, "grant_types": []string{"authorization_code"}}
		for k, v := range change {
			body[k] = v
		}
		for _, prefix := range []string{"", "/admin"} {
			if r := w.call(t, "POST", prefix+"/clients", body); r.Status != 400 {
				t.Errorf("%s%s: %d %s", prefix, name, r.Status, r.Body)
			}
		}
	}
}

// sid stays through refreshes and silent sign-ins (above), and differs between
// sessions; a session ends on the server by remember_for.
func TestSessionIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, nil)
	sid := func(tokens m) any { return payload(t, tokens["id_token"])["sid"] }
	b := w.browser()
	first := w.exchange(t, c, b.visit(t, c, m{"subject": "alice", "remember": true, "remember_for": 60}, nil, "scope", "openid offline"))
	for range 2 {
		next := w.token(t, c, "grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string)).object(t, 200)
		equal(t, "sid after a refresh", sid(next), sid(first))
		first = next
	}
	if other := w.browser(); payload(t, other.signIn(t, c, "alice"))["sid"] == sid(first) {
		t.Error("two browsers have one sid")
	}
	unexpired(b)
	w.clock.Advance(59 * time.Second)
	if !b.signedIn(t, c) {
		t.Error("signed out too early")
	}
	w.clock.Advance(2 * time.Second)
	if unexpired(b).signedIn(t, c) {
		t.Error("the session outlives remember_for")
	}
}

// stateOf computes what the check_session_iframe computes (OpenID Connect
// Session Management §3.2).
func (b *browser) stateOf(sessionState, clientID, origin string) string {
	value := ""
	if c := b.cookies[stateCookie]; c != nil {
		value = c.Value
	}
	hash, salt, _ := strings.Cut(sessionState, ".")
	sum := sha256.Sum256([]byte(clientID + " " + origin + " " + value + " " + salt))
	if base64.RawURLEncoding.EncodeToString(sum[:]) == hash {
		return "unchanged"
	}
	return "changed"
}

// Modules oidcc-session-management-…, without a browser that runs the page.
func TestSessionState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, m{"redirect_uris": []string{"https://APP.test:443/cb"}, "post_logout_redirect_uris": []string{"https://app.test/bye"}})
	b := w.browser()
	respond := func(login m, pairs ...string) string {
		_, k := b.toConsent(t, c, login, append(pairs, "scope", "openid a")...)
		return b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).leads(t, c.Redirect, "session_state")
	}
	state := respond(m{"subject": "alice", "remember": true})
	is := func(what, want string) {
		t.Helper()
		equal(t, what, b.stateOf(state, c.ID, "https://app.test"), want)
	}
	is("right after the sign-in", "unchanged")
	if again := respond(m{"subject": "alice"}); again == state || b.stateOf(again, c.ID, "https://app.test") != "unchanged" {
		t.Errorf("a second session_state is %s after %s", again, state)
	}
	delete(b.cookies, stateCookie)
	is("without its cookie", "changed")
	respond(m{"subject": "alice"})
	is("after the cookie was repaired", "unchanged")
	respond(m{"subject": "alice", "remember": true}, "prompt", "login")
	is("after another login", "changed")
	state = respond(m{"subject": "alice"})
	b.leave(t)
	is("after the logout", "changed")

	// A login that nobody remembers leaves the browser signed out.
	state = respond(m{"subject": "alice"})
	is("after a login that is not remembered", "unchanged")
	respond(m{"subject": "alice", "remember": true})
	is("after one that is", "changed")

	// Without openid there is no ID token, and nothing to watch over.
	_, k := b.toConsent(t, c, m{"subject": "alice"})
	if u := b.open(t, w.acceptConsent(t, k, grantA)).location(t); u.Query().Has("session_state") {
		t.Errorf("without openid: %s", u)
	}
	page := do(t, user, "GET", w.Public+"/oauth2/sessions/check", "", proxied)
	policy := page.Header.Get("Content-Security-Policy")
	if page.Status != 200 || page.Header.Get("X-Frame-Options") != "" || strings.Contains(policy, "frame-ancestors") || !strings.Contains(policy, "default-src 'none'; script-src 'sha256-") ||
		!strings.Contains(page.Body, `"`+stateCookie+`"`) {
		t.Errorf("the check_session_iframe is %d %v %s", page.Status, page.Header, page.Body)
	}
}

// Discovery says what there is.
func TestLogoutDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc := do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "").object(t, 200)
	base := w.Config.URLs.Public
	equal(t, "end_session_endpoint", doc["end_session_endpoint"], base+"/oauth2/sessions/logout")
	equal(t, "check_session_iframe", doc["check_session_iframe"], base+"/oauth2/sessions/check")
	for _, name := range []string{"frontchannel_logout_supported", "frontchannel_logout_session_supported", "backchannel_logout_supported", "backchannel_logout_session_supported"} {
		equal(t, name, doc[name], true)
	}
}

// The built-in page asks, where the operator has no logout app.
func TestBuiltInLogoutPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "URLS_LOGOUT=/oauth2/fallbacks/logout", "OAUTH2_LOGOUT_REDIRECT_URL=/oauth2/fallbacks/logout")
	c := w.leaver(t, m{"client_name": "<b>App</b>"})
	b := w.browser()
	hint := b.signIn(t, c, "alice")
	ask := b.open(t, w.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", byePage)).location(t)
	page := b.open(t, ask.String())
	if page.Status != 200 || !strings.Contains(page.Body, "fallback-logout-accept") || !strings.Contains(page.Body, "&lt;b&gt;App") || page.Header.Get("X-Frame-Options") != "DENY" {
		t.Fatalf("the page is %d %s", page.Status, page.Body)
	}
	form := url.Values{"logout_challenge": {ask.Query().Get("logout_challenge")}}
	post := func(decision string, headers ...string) reply {
		form.Set("decision", decision)
		headers = append(headers, "Cookie: "+b.header(), formType)
		r := do(t, user, "POST", w.Public+"/oauth2/fallbacks/logout", form.Encode(), headers...)
		b.keep(r)
		return r
	}
	// Attack: the form on another site, also in a frame that has no origin.
	for _, origin := range []string{"https://evil.test", "null"} {
		equal(t, "status of a foreign form", post("accept", "Sec-Fetch-Site: cross-site", "Origin: "+origin).Status, http.StatusForbidden)
	}
	equal(t, "status of a foreign form in an old browser", post("reject", "Origin: https://evil.test").Status, http.StatusForbidden)
	equal(t, "status of our form in an old browser", post("reject", "Origin: null").Status, http.StatusOK)
	if r := post("reject"); r.Status != 200 || !strings.Contains(r.Body, "still signed in") || !b.signedIn(t, c) {
		t.Errorf("after a no: %d %s", r.Status, r.Body)
	}
	equal(t, "address", b.open(t, post("accept").location(t).String()).location(t).String(), byePage)
	if page := b.open(t, ask.String()); page.Status != 200 || !strings.Contains(page.Body, "You are signed out") {
		t.Errorf("the page afterwards is %d %s", page.Status, page.Body)
	}
	for _, path := range []string{"/oauth2/fallbacks/logout", "/oauth2/fallbacks/logout/callback"} {
		if page := b.open(t, w.Config.URLs.Public+path); page.Status != 200 || !strings.Contains(page.Body, "You are signed out") {
			t.Errorf("%s is %d %s", path, page.Status, page.Body)
		}
	}
	b.open(t, w.Config.URLs.Public+"/oauth2/fallbacks/logout?logout_challenge=junk")
}

// What a logout costs, BEGIN and COMMIT counted.
func TestStatementBudgetsOfLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.leaver(t, nil)
	var hooked []*party
	for _, host := range []string{"one.test", "two.test"} {
		hooked = append(hooked, w.leaver(t, m{"redirect_uris": []string{"https://" + host + "/cb"}, "post_logout_redirect_uris": []string{},
			"backchannel_logout_uri": "https://127.0.0.1:1/" + host, "frontchannel_logout_uri": "https://" + host + "/out"}))
	}
	b := w.browser()
	hint := b.signIn(t, c, "alice")
	for _, p := range hooked {
		b.visit(t, p, m{"subject": "alice"}, m{"grant_scope": []string{"openid"}}, "scope", "openid")
	}
	junk := w.browser()
	junk.cookies[sessionCookie] = &http.Cookie{Name: sessionCookie, Value: flip(b.session())}
	var challenge, to string
	for _, step := range []struct {
		name          string
		reads, writes int
		do            func()
	}{
		{"a forged cookie", 0, 0, func() { junk.open(t, w.logoutURL()).location(t) }},
		{"a forged hint", 0, 0, func() { junk.open(t, w.logoutURL("id_token_hint", flip(hint))).shown(t, "invalid_request") }},
		{"start without hint", 1, 0, func() { b.open(t, w.logoutURL()).asked(t) }},
		{"start", 1, 0, func() { challenge = b.open(t, w.logoutURL("id_token_hint", hint)).asked(t) }},
		{"get", 1, 0, func() { w.call(t, "GET", logoutPath("/admin", "", challenge), nil).object(t, 200) }},
		{"accept", 0, 0, func() { to = w.acceptLogout(t, challenge) }},
		{"the end of the session, and a call to each of two clients", 1, 5, func() { equal(t, "status", b.open(t, to).Status, 200) }},
		{"the verifier again", 0, 3, func() { b.open(t, to).location(t) }},
		{"a logout afterwards", 0, 0, func() { b.open(t, w.logoutURL()).location(t) }},
	} {
		w.spends(t, step.name, step.reads, step.writes, step.do)
	}
}
