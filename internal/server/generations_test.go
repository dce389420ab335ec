package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The conflicts between the generations of the admin API, by their rows in
// later-generations.md §1.2. Each is called in the shapes of all generations
// that have it.

// shape is where a generation has its operations.
type shape struct {
	name   string
	prefix string
}

var (
	shapeV1 = shape{"v1", ""}
	shapeV2 = shape{"v2", "/admin"}
)

func (s shape) request(what, challenge, decision string) string {
	path := s.prefix + "/oauth2/auth/requests/" + what
	if decision != "" {
		path += "/" + decision
	}
	return path + "?" + url.Values{what + "_challenge": {challenge}}.Encode()
}

func (s shape) sessions(what string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return s.prefix + "/oauth2/auth/sessions/" + what + "?" + q.Encode()
}

// both runs a test in the two shapes that v1 and v2 have.
func both(t *testing.T, f func(*testing.T, shape)) {
	for _, s := range []shape{shapeV1, shapeV2} {
		t.Run(s.name, func(t *testing.T) { f(t, s) })
	}
}

// refusedBriefly checks an error as v2 writes it: two members, no more.
func refusedBriefly(t *testing.T, r reply, status int, code string) {
	t.Helper()
	e := r.object(t, status)
	if e["error"] != code || e["error_description"] == "" || len(e) != 2 {
		t.Errorf("the error is %s, want %s alone with its description", r.Body, code)
	}
}

func TestGenerationsOfRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	grant := m{"grant_scope": []string{"a"}}

	t.Run("row 1: a handled challenge is 409 by segment, 410 with redirect_to by query", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		original, _ := w.loginRequest(t, l)["request_url"].(string)
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "row1"})).consentChallenge(t)
		w.exchange(t, c, b.open(t, w.acceptConsent(t, k, grant)).leads(t, c.Redirect, "code"))
		for what, challenge := range map[string]string{"login": l, "consent": k} {
			accept := map[string]m{"login": {"subject": "row1"}, "consent": grant}[what]
			rc := "/oauth2/auth/requests/" + what + "/" + challenge
			for _, step := range []struct {
				method, suffix string
				body           any
			}{{"GET", "", nil}, {"PUT", "accept", accept}, {"PUT", "reject", m{"error": "access_denied"}}} {
				equal(t, "rc", w.call(t, step.method, strings.TrimSuffix(rc+"/"+step.suffix, "/"), step.body).object(t, 409)["error"], "conflict")
				for _, s := range []shape{shapeV1, shapeV2} {
					got := w.call(t, step.method, s.request(what, challenge, step.suffix), step.body).object(t, 410)
					equal(t, s.name+" "+what+" "+step.method+" "+step.suffix, got, m{"redirect_to": original})
				}
			}
		}
		b.open(t, original).challenge(t) // where it leads, the user starts afresh
	})
	t.Run("row 2: an unknown challenge is 404 everywhere; an expired one is 401 in v2", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			for _, what := range []string{"login", "consent"} {
				for _, challenge := range []string{"unknown", "0123456789abcdef0123456789abcdef"} {
					w.status(t, 404, "GET", s.request(what, challenge, ""), nil)
					w.status(t, 404, "PUT", s.request(what, challenge, "accept"), m{"subject": "u"})
					w.status(t, 404, "PUT", s.request(what, challenge, "reject"), m{})
				}
			}
			// A challenge of the other kind is an unknown one.
			l, k := w.browser().toConsent(t, c, m{"subject": "row2"})
			w.status(t, 404, "GET", s.request("login", k, ""), nil)
			w.status(t, 404, "GET", s.request("consent", l, ""), nil)
		})
		other := newWorld(t)
		app := other.client(t, nil)
		l, k := other.browser().toConsent(t, app, m{"subject": "row2"})
		other.clock.Advance(31 * time.Minute)
		for what, challenge := range map[string]string{"login": l, "consent": k} {
			other.status(t, 200, "GET", "/oauth2/auth/requests/"+what+"/"+challenge, nil)
			other.status(t, 200, "GET", shapeV1.request(what, challenge, ""), nil)
			body := map[string]m{"login": {"subject": "row2"}, "consent": grant}[what]
			refusedBriefly(t, other.call(t, "GET", shapeV2.request(what, challenge, ""), nil), 401, "request_unauthorized")
			refusedBriefly(t, other.call(t, "PUT", shapeV2.request(what, challenge, "accept"), body), 401, "request_unauthorized")
			refusedBriefly(t, other.call(t, "PUT", shapeV2.request(what, challenge, "reject"), m{}), 401, "request_unauthorized")
		}
	})
	t.Run("row 3: a challenge needs no escaping in a URL and has no padding", func(t *testing.T) {
		l, k := w.browser().toConsent(t, c, m{"subject": "row3"})
		for _, challenge := range []string{l, k} {
			if url.QueryEscape(challenge) != challenge {
				t.Errorf("the challenge %q changes when it is escaped", challenge)
			}
		}
	})
	t.Run("row 4: the parameter may be called challenge", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			l, k := w.browser().toConsent(t, c, m{"subject": "row4"})
			base := s.prefix + "/oauth2/auth/requests/"
			equal(t, "login", w.call(t, "GET", base+"login?challenge="+l, nil).object(t, 200)["challenge"], l)
			equal(t, "consent", w.call(t, "GET", base+"consent?challenge="+k, nil).object(t, 200)["challenge"], k)
			w.put(t, base+"consent/accept?challenge="+k, grant)
			equal(t, "both", w.call(t, "GET", base+"login?challenge=x&login_challenge="+l, nil).object(t, 200)["challenge"], l)
			for _, path := range []string{"login", "consent?login_challenge=" + l, "login?login_challenge=", "login?login_challenge=a&login_challenge=b"} {
				w.status(t, 400, "GET", base+path, nil)
			}
		})
	})
	t.Run("row 5: skip with another subject is 400; in v2 the user signs in anew", func(t *testing.T) {
		b := w.loggedIn(t, c, "row5")
		l := b.open(t, w.authURL(c, "prompt", "consent", "audience", "-")).challenge(t)
		body := m{"subject": "row5-other"}
		w.status(t, 400, "PUT", loginPath+l+"/accept", body)
		w.status(t, 400, "PUT", shapeV1.request("login", l, "accept"), body)
		to := w.put(t, shapeV2.request("login", l, "accept"), body)
		q, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		original, err := url.Parse(w.loginRequest(t, l)["request_url"].(string))
		if err != nil {
			t.Fatal(err)
		}
		want := original.Query()
		want.Set("prompt", "login")
		equal(t, "redirect_to", q.Query(), want)
		again := b.open(t, to).challenge(t)
		r := w.loginRequest(t, again)
		equal(t, "the new login request", []any{r["skip"], r["subject"]}, []any{false, ""})
		w.status(t, 400, "PUT", shapeV2.request("login", l, "accept"), m{"subject": ""})
		// Where no page may be shown, the client learns that one is needed.
		silent := b.clone()
		s := silent.open(t, w.authURL(c, "prompt", "none")).challenge(t)
		silent.open(t, w.put(t, shapeV2.request("login", s, "accept"), body)).refused(t, "login_required")
		w.put(t, shapeV2.request("login", l, "accept"), m{"subject": "row5"}) // the same user still skips
	})
	t.Run("row 6: skip with remember is allowed and the login stays remembered", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			b := w.loggedIn(t, c, "row6")
			for _, remember := range []bool{true, false} {
				l := b.open(t, w.authURL(c)).challenge(t)
				b.open(t, w.put(t, s.request("login", l, "accept"), m{"subject": "row6", "remember": remember})).consentChallenge(t)
			}
			equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"], true)
		})
	})
	t.Run("row 7: an empty subject is 400", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			l := w.browser().open(t, w.authURL(c)).challenge(t)
			w.status(t, 400, "PUT", s.request("login", l, "accept"), m{"subject": ""})
			w.status(t, 400, "PUT", s.request("login", l, "accept"), m{})
		})
	})
	t.Run("row 8: a skipped consent may be accepted with remember", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			subject := "row8" + s.name
			b := w.browser()
			b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"a"}, "remember": true})
			l := b.open(t, w.authURL(c)).challenge(t)
			k := b.open(t, w.put(t, s.request("login", l, "accept"), m{"subject": subject})).consentChallenge(t)
			equal(t, "skip", w.call(t, "GET", s.request("consent", k, ""), nil).object(t, 200)["skip"], true)
			to := w.put(t, s.request("consent", k, "accept"), m{"grant_scope": []string{"a"}, "remember": true, "remember_for": 60})
			b.open(t, to).leads(t, c.Redirect, "code")
		})
	})
	t.Run("row 9: unknown members are refused by segment, ignored by query", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			l, k := w.browser().toConsent(t, c, m{"subject": "row9"})
			w.status(t, 400, "PUT", loginPath+l+"/accept", m{"subject": "row9", "unknown": 1})
			w.put(t, s.request("login", l, "accept"), m{"subject": "row9", "unknown": 1})
			w.put(t, s.request("consent", k, "accept"), m{"grant_scope": []string{"a"}, "unknown": m{"x": 1}})
			w.put(t, s.request("consent", k, "reject"), m{"error": "access_denied", "unknown": nil})
			// What a later generation knows, the older shape takes.
			w.acceptLogin(t, l, m{"subject": "row9", "extend_session_lifespan": true, "identity_provider_session_id": "x"})
			w.acceptConsent(t, k, m{"grant_scope": []string{"a"}, "handled_at": "0001-01-01T00:00:00Z", "context": m{}})
		})
	})
	t.Run("row 10: a rejection without a code", func(t *testing.T) {
		rejected := func(what string, put func(challenge string) string) url.Values {
			b := w.browser()
			l := b.open(t, w.authURL(c)).challenge(t)
			if what == "login" {
				return b.open(t, put(l)).location(t).Query()
			}
			return b.open(t, put(b.open(t, w.acceptLogin(t, l, m{"subject": "row10"})).consentChallenge(t))).location(t).Query()
		}
		for _, what := range []string{"login", "consent"} {
			rc := rejected(what, func(x string) string {
				return w.put(t, "/oauth2/auth/requests/"+what+"/"+x+"/reject", m{"error_description": "no"})
			})
			equal(t, "rc "+what, []string{rc.Get("error"), rc.Get("state")}, []string{"invalid_request", "state-12345678"})
			for _, s := range []shape{shapeV1, shapeV2} {
				got := rejected(what, func(x string) string { return w.put(t, s.request(what, x, "reject"), m{"error_description": "no"}) })
				equal(t, s.name, []string{got.Get("error"), got.Get("error_description")}, []string{what + " request denied", "no"})
				got = rejected(what, func(x string) string { return w.put(t, s.request(what, x, "reject"), m{"error": "access_denied"}) })
				equal(t, s.name, got.Get("error"), "access_denied")
			}
		}
	})
	t.Run("row 34: error members", func(t *testing.T) {
		for _, path := range []string{loginPath + "x", shapeV1.request("login", "x", "")} {
			e := w.call(t, "GET", path, nil).object(t, 404)
			if e["error"] != "not_found" || e["status_code"] != 404.0 || e["error_hint"] == nil {
				t.Errorf("%s: %v", path, e)
			}
		}
		r := w.call(t, "GET", shapeV2.request("login", "x", ""), nil)
		refusedBriefly(t, r, 404, "not_found")
		if !strings.Contains(r.Body, "The challenge is unknown.") {
			t.Errorf("the description does not hold the hint: %s", r.Body)
		}
	})
	t.Run("row 40: remember_for 0 lasts until the browser is closed; in v2 as long as the server allows", func(t *testing.T) {
		for s, want := range map[shape]time.Duration{shapeV1: 0, shapeV2: w.Config.TTL.AuthenticationSession} {
			b := w.browser()
			l := b.open(t, w.authURL(c)).challenge(t)
			r := b.open(t, w.put(t, s.request("login", l, "accept"), m{"subject": "row40", "remember": true, "remember_for": 0}))
			r.consentChallenge(t)
			equal(t, s.name, setCookie(t, r, sessionCookie).MaxAge, int(want/time.Second))
		}
	})
	t.Run("requests are shown alike, but for the session that a login may begin", func(t *testing.T) {
		l, k := w.browser().toConsent(t, c, m{"subject": "row42", "context": m{"from": "login"}, "amr": []string{"pwd", "otp"}, "acr": "2"})
		for what, challenge := range map[string]string{"login": l, "consent": k} {
			rc := w.call(t, "GET", "/oauth2/auth/requests/"+what+"/"+challenge, nil).object(t, 200)
			one := w.call(t, "GET", shapeV1.request(what, challenge, ""), nil).object(t, 200)
			two := w.call(t, "GET", shapeV2.request(what, challenge, ""), nil).object(t, 200)
			equal(t, what+" in v1 and v2", one, two)
			session := map[string]string{"login": "session_id", "consent": "login_session_id"}[what]
			if rc[session] != "" || len(one[session].(string)) != 32 {
				t.Errorf("%s is %q in rc and %q in v1", session, rc[session], one[session])
			}
			delete(rc, session)
			delete(one, session)
			equal(t, what+" in rc and v1", rc, one)
		}
	})
}

// setCookie returns the cookie of the answer with that name.
func setCookie(t *testing.T, r reply, name string) *http.Cookie {
	t.Helper()
	for _, c := range (&http.Response{Header: r.Header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("the answer sets no cookie %s: %v", name, r.Header["Set-Cookie"])
	return nil
}

func TestGenerationsOfSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	list := func(t *testing.T, path string) (out []m) {
		t.Helper()
		w.call(t, "GET", path, nil).json(t, 200, &out)
		return out
	}
	t.Run("row 11: a subject alone revokes everything by segment, is refused by query", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			other := w.client(t, nil)
			one, two := w.tokens(t, c, "row11", "a offline"), w.tokens(t, other, "row11", "a offline")
			for _, pairs := range [][]string{
				{"subject", "row11"}, {"subject", "row11", "all", "false"}, {"subject", "row11", "all", "1"}, {}, {"all", "true"}, {"client", c.ID},
				{"subject", "row11", "consent_request_id", "x"}, {"client", c.ID, "consent_request_id", "x"}, {"all", "true", "consent_request_id", "x"},
				{"subject", "row11", "client", c.ID, "all", "true"},
			} {
				w.status(t, 400, "DELETE", s.sessions("consent", pairs...), nil)
			}
			if !w.active(t, one["access_token"]) || !w.active(t, two["access_token"]) {
				t.Fatal("a refused request has revoked something")
			}
			w.status(t, 204, "DELETE", s.sessions("consent", "subject", "row11", "client", other.ID), nil)
			w.dead(t, other, two)
			if !w.active(t, one["access_token"]) {
				t.Error("another client's consent was revoked")
			}
			w.status(t, 204, "DELETE", s.sessions("consent", "subject", "row11", "all", "true"), nil)
			w.dead(t, c, one)
			three := w.tokens(t, c, "row11", "a offline")
			w.status(t, 204, "DELETE", sessionsPath+"consent/row11", nil)
			w.dead(t, c, three)
		})
	})
	t.Run("row 11: one consent by its id, with those that rest on it", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			subject := "row11one" + s.name
			b := w.browser()
			parent := w.exchange(t, c, b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"a"}, "remember": true}))
			child := w.exchange(t, c, b.visit(t, c, m{"subject": subject}, m{"grant_scope": []string{"a"}})) // skipped
			bystander := w.tokens(t, c, subject, "b")
			sessions := list(t, s.sessions("consent", "subject", subject))
			if len(sessions) != 2 {
				t.Fatalf("%d consents, want 2", len(sessions))
			}
			old := sessions[len(sessions)-1]
			for _, session := range sessions {
				equal(t, "consent_request_id", session["consent_request_id"], session["consent_request"].(m)["consent_request_id"])
				if scope := session["grant_scope"].([]any); len(scope) == 1 && scope[0] == "a" {
					old = session
				}
			}
			w.status(t, 204, "DELETE", s.sessions("consent", "consent_request_id", old["consent_request_id"].(string)), nil)
			for name, test := range map[string]struct {
				tokens m
				want   bool
			}{"the consent": {parent, false}, "its child": {child, false}, "another": {bystander, true}} {
				if got := w.active(t, test.tokens["access_token"]); got != test.want {
					t.Errorf("%s: active %v", name, got)
				}
			}
		})
	})
	t.Run("row 12: nothing to revoke is 404 by segment, 204 by query", func(t *testing.T) {
		w.status(t, 404, "DELETE", sessionsPath+"consent/nobody", nil)
		w.status(t, 404, "DELETE", sessionsPath+"consent/nobody/"+c.ID, nil)
		w.status(t, 204, "DELETE", sessionsPath+"login/nobody", nil)
		both(t, func(t *testing.T, s shape) {
			for _, path := range []string{
				s.sessions("consent", "subject", "nobody", "all", "true"), s.sessions("consent", "subject", "nobody", "client", c.ID),
				s.sessions("consent", "subject", "nobody", "client", "nobody"), s.sessions("consent", "consent_request_id", "nothing"),
				s.sessions("consent", "consent_request_id", strings.Repeat("0", 32)),
				s.sessions("login", "subject", "nobody"), s.sessions("login", "sid", "nothing"), s.sessions("login", "sid", strings.Repeat("0", 32)),
			} {
				w.status(t, 204, "DELETE", path, nil)
			}
			w.status(t, 400, "DELETE", s.sessions("login"), nil)
		})
	})
	t.Run("row 13: login sessions of a subject, or one by its sid; tokens stay", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			subject := "row13" + s.name
			one, two := w.browser(), w.browser()
			l, k := one.toConsent(t, c, m{"subject": subject, "remember": true})
			tokens := w.exchange(t, c, one.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code"))
			two.visit(t, c, m{"subject": subject, "remember": true}, nil)
			skips := func(b *browser) any { return w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"] }
			equal(t, "skip before", []any{skips(one), skips(two)}, []bool{true, true})
			// The sid is what a remembered login is shown with.
			shown := w.loginRequest(t, one.open(t, w.authURL(c)).challenge(t))["session_id"].(string)
			consent := list(t, s.sessions("consent", "subject", subject, "login_session_id", shown))
			if len(consent) != 1 || consent[0]["consent_request"].(m)["login_challenge"] != l || consent[0]["consent_request"].(m)["login_session_id"] != shown {
				t.Errorf("consents of the session: %v", consent)
			}
			equal(t, "consents of another session", list(t, s.sessions("consent", "subject", subject, "login_session_id", strings.Repeat("0", 32))), []m{})
			equal(t, "consents of no session", list(t, s.sessions("consent", "subject", subject, "login_session_id", "x")), []m{})
			w.status(t, 204, "DELETE", s.sessions("login", "sid", shown), nil)
			equal(t, "skip after one", []any{skips(one), skips(two)}, []bool{false, true})
			w.status(t, 204, "DELETE", s.sessions("login", "subject", subject), nil)
			equal(t, "skip after all", skips(two), false)
			if !w.active(t, tokens["access_token"]) {
				t.Error("a token died with the login session")
			}
		})
	})
	t.Run("rows 14 to 16: consent lists and their pages", func(t *testing.T) {
		want := []string{}
		for range 7 {
			_, k := w.browser().toConsent(t, c, m{"subject": "row15"})
			w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})
			w.clock.Advance(time.Second)
			want = append([]string{k}, want...)
		}
		challenges := func(page []m) (out []string) {
			for _, s := range page {
				out = append(out, s["consent_request"].(m)["challenge"].(string))
			}
			return out
		}
		r := w.call(t, "GET", sessionsPath+"consent/row15?limit=3&offset=2", nil)
		var page []m
		r.json(t, 200, &page)
		equal(t, "rc", challenges(page), want[2:5])
		if r.Header.Get("Link") != "" || r.Header.Get("X-Total-Count") != "" {
			t.Errorf("rc: %v", r.Header)
		}
		r = w.call(t, "GET", shapeV1.sessions("consent", "subject", "row15", "limit", "3", "offset", "3"), nil)
		r.json(t, 200, &page)
		equal(t, "v1", challenges(page), want[3:6])
		equal(t, "v1 total", r.Header.Get("X-Total-Count"), "7")
		links := linksOf(t, r)
		for name, offset := range map[string]string{"first": "0", "prev": "0", "next": "6", "last": "6"} {
			equal(t, name, []string{links[name].Path, links[name].Query().Get("offset"), links[name].Query().Get("limit"), links[name].Query().Get("subject")},
				[]string{"/oauth2/auth/sessions/consent", offset, "3", "row15"})
		}
		// By place: everything once, though somebody consents in between.
		var got []string
		for next := shapeV2.sessions("consent", "subject", "row15", "page_size", "3"); next != ""; {
			r := w.call(t, "GET", next, nil)
			r.json(t, 200, &page)
			got = append(got, challenges(page)...)
			if r.Header.Get("X-Total-Count") != "" {
				t.Errorf("v2 counts: %v", r.Header)
			}
			links := linksOf(t, r)
			if links["first"] == nil || links["prev"] != nil || links["last"] != nil {
				t.Errorf("v2 links: %v", links)
			}
			next = ""
			if u := links["next"]; u != nil {
				next = u.String()
			}
			_, k := w.browser().toConsent(t, c, m{"subject": "row15"})
			w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})
		}
		equal(t, "all pages of v2", got, want)
		// A token is good for its list alone, and for an hour.
		token := linksOf(t, w.call(t, "GET", shapeV2.sessions("consent", "subject", "row15", "page_size", "1"), nil))["next"].Query().Get("page_token")
		for _, path := range []string{
			shapeV2.sessions("consent", "subject", "nobody", "page_token", token), "/admin/clients?page_token=" + url.QueryEscape(token),
			shapeV2.sessions("consent", "subject", "row15", "page_token", token+"x"), shapeV2.sessions("consent", "subject", "row15", "page_token", "x"),
			shapeV2.sessions("consent", "subject", "row15", "page_size", "0"), shapeV2.sessions("consent", "subject", "row15", "page_size", "x"),
		} {
			refusedBriefly(t, w.call(t, "GET", path, nil), 400, "invalid_request")
		}
		good := shapeV2.sessions("consent", "subject", "row15", "page_token", token)
		w.clock.Advance(59 * time.Minute)
		w.status(t, 200, "GET", good, nil)
		w.clock.Advance(time.Minute + time.Second)
		refusedBriefly(t, w.call(t, "GET", good, nil), 400, "invalid_request")
		both(t, func(t *testing.T, s shape) { w.status(t, 400, "GET", s.sessions("consent"), nil) })
	})
	t.Run("handled_at, context and the session of a consent", func(t *testing.T) {
		both(t, func(t *testing.T, s shape) {
			subject := "handled" + s.name
			_, k := w.browser().toConsent(t, c, m{"subject": subject, "context": m{"n": 12345678901234567}})
			w.put(t, s.request("consent", k, "accept"), m{"grant_scope": []string{"a"}, "handled_at": "2020-02-03T04:05:06.789Z"})
			got := list(t, s.sessions("consent", "subject", subject))
			if len(got) != 1 {
				t.Fatalf("%d consents", len(got))
			}
			equal(t, "handled_at", got[0]["handled_at"], "2020-02-03T04:05:06Z")
			if r := w.call(t, "GET", s.sessions("consent", "subject", subject), nil); !strings.Contains(r.Body, `"context":{"n":12345678901234567}`) {
				t.Errorf("a number of the context has changed: %s", r.Body)
			}
			if len(got[0]["consent_request"].(m)["login_session_id"].(string)) != 32 {
				t.Errorf("login_session_id is %v", got[0]["consent_request"].(m)["login_session_id"])
			}
		})
	})
}

// linksOf reads the header Link (RFC 8288 §3).
func linksOf(t *testing.T, r reply) map[string]*url.URL {
	t.Helper()
	out := map[string]*url.URL{}
	for _, text := range strings.Split(r.Header.Get("Link"), ",") {
		target, relation, ok := strings.Cut(text, ">; rel=")
		u, err := url.Parse(strings.TrimPrefix(target, "<"))
		if !ok || err != nil {
			t.Fatalf("Link is %q", r.Header.Get("Link"))
		}
		out[strings.Trim(relation, `"`)] = u
	}
	return out
}

// What a client registers in v1 or v2 reaches the apps and the tokens.
func TestGenerationsOfClientMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both(t, func(t *testing.T, s shape) {
		created := w.call(t, "POST", s.prefix+"/clients", m{
			"redirect_uris": []string{appCallback}, "scope": "a offline", "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
			"access_token_strategy": "jwt", "skip_consent": true, "metadata": m{"plan": "gold"},
		}).object(t, 201)
		c := &party{created["client_id"].(string), created["client_secret"].(string), appCallback}
		w.call(t, "PUT", s.prefix+"/clients/"+c.ID+"/lifespans", m{"authorization_code_grant_access_token_lifespan": "2m"}).object(t, 200)
		b := w.browser()
		l := b.open(t, w.authURL(c, "scope", "a offline")).challenge(t)
		shown := w.call(t, "GET", s.request("login", l, ""), nil).object(t, 200)["client"].(m)
		equal(t, "the client as the login app sees it", []any{shown["skip_consent"], shown["metadata"], shown["access_token_strategy"], shown["client_secret"]}, []any{true, m{"plan": "gold"}, "jwt", nil})
		k := b.open(t, w.put(t, s.request("login", l, "accept"), m{"subject": "u", "amr": []string{"otp"}})).consentChallenge(t)
		to := w.put(t, s.request("consent", k, "accept"), m{"grant_scope": []string{"a", "offline"}, "session": m{"access_token": m{"x": 1}}})
		tokens := w.exchange(t, c, b.open(t, to).leads(t, c.Redirect, "code"))
		claims := payload(t, tokens["access_token"])
		equal(t, "the access token", []any{claims["client_id"], claims["ext"], tokens["expires_in"]}, []any{c.ID, m{"x": 1}, 120})
		if !w.active(t, tokens["access_token"]) {
			t.Fatal("the access token is dead")
		}
		// Deleting the client's access tokens leaves the refresh token, which
		// makes living ones again.
		w.status(t, 204, "DELETE", s.prefix+"/oauth2/tokens?client_id="+c.ID, nil)
		if w.active(t, tokens["access_token"]) {
			t.Error("the access token lives on")
		}
		fresh := w.token(t, c, "grant_type", "refresh_token", "refresh_token", tokens["refresh_token"].(string)).object(t, 200)
		if !w.active(t, fresh["access_token"]) {
			t.Error("a refreshed access token is dead")
		}
	})
}

// A login app may keep a remembered login going while its user comes back.
func TestExtendSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	skip := func(t *testing.T, b *browser) any {
		return w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"]
	}
	for _, test := range []struct {
		name   string
		extend bool
		want   bool
	}{{"extended", true, true}, {"left alone", false, false}} {
		t.Run(test.name, func(t *testing.T) {
			b := w.browser()
			b.visit(t, c, m{"subject": "extend", "remember": true, "remember_for": 3600}, nil)
			before := b.session()
			w.clock.Advance(50 * time.Minute)
			l := b.open(t, w.authURL(c)).challenge(t)
			to := w.put(t, shapeV2.request("login", l, "accept"), m{"subject": "extend", "remember_for": 3600, "extend_session_lifespan": test.extend, "identity_provider_session_id": "idp"})
			r := b.open(t, to)
			r.consentChallenge(t)
			if test.extend {
				equal(t, "lifetime of the cookie", setCookie(t, r, sessionCookie).MaxAge, 3600)
			}
			if (b.session() != before) != test.extend {
				t.Errorf("the cookie changed: %v", !test.extend)
			}
			w.clock.Advance(20 * time.Minute)
			equal(t, "skip beyond the first hour", skip(t, b), test.want)
		})
	}
	t.Run("never shortened", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "extend", "remember": true, "remember_for": 7200}, nil)
		l := b.open(t, w.authURL(c)).challenge(t)
		b.open(t, w.put(t, shapeV2.request("login", l, "accept"), m{"subject": "extend", "remember_for": 60, "extend_session_lifespan": true})).consentChallenge(t)
		w.clock.Advance(time.Hour)
		equal(t, "skip", skip(t, b), true)
	})
	t.Run("an ended session stays ended", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "ended", "remember": true, "remember_for": 3600}, nil)
		l := b.open(t, w.authURL(c)).challenge(t)
		w.status(t, 204, "DELETE", shapeV2.sessions("login", "subject", "ended"), nil)
		w.status(t, 409, "PUT", shapeV2.request("login", l, "accept"), m{"subject": "ended", "extend_session_lifespan": true})
	})
}
