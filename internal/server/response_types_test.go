package server_test

import (
	"fmt"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hydra/internal/key"
)

// everything is a client that may use every response type.
func (w *world) everything(t *testing.T, change m) *party {
	t.Helper()
	body := m{
		"grant_types":    []string{"authorization_code", "implicit", "refresh_token"},
		"response_types": []string{"code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token", "none"},
		"scope":          "openid offline profile email a b",
	}
	maps.Copy(body, change)
	return w.client(t, body)
}

// response is an authorization response as the client gets it, and how.
type response struct {
	url.Values
	mode string
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// respond reads an answer to a browser that goes to the client.
func (r reply) respond(t *testing.T, c *party) response {
	t.Helper()
	if r.Status == 200 {
		out := response{url.Values{}, "form_post"}
		if !strings.Contains(r.Body, `method="post" action="`+html.EscapeString(c.Redirect)+`"`) {
			t.Fatalf("the page posts to somebody else: %s", r.Body)
		}
		for _, field := range hidden.FindAllStringSubmatch(r.Body, -1) {
			out.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
		}
		return out
	}
	u := r.location(t)
	if !strings.HasPrefix(u.String(), c.Redirect) {
		t.Fatalf("the browser is sent to %s", u)
	}
	if u.Fragment == "" {
		q := u.Query()
		if own, err := url.Parse(c.Redirect); err == nil {
			for name := range own.Query() {
				q.Del(name)
			}
		}
		return response{q, "query"}
	}
	values, err := url.ParseQuery(u.EscapedFragment())
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Query()) > 1 { // keep=1 is the client's own
		t.Errorf("something of the response is in the query: %s", u)
	}
	return response{values, "fragment"}
}

// arrive is the whole trip to the response.
func (b *browser) arrive(t *testing.T, c *party, login, consent m, pairs ...string) response {
	t.Helper()
	_, challenge := b.toConsent(t, c, login, pairs...)
	if consent == nil {
		consent = m{"grant_scope": strings.Fields(b.w.authParams(c, pairs...).Get("scope"))}
	}
	return b.open(t, b.w.acceptConsent(t, challenge, consent)).respond(t, c)
}

// OpenID Connect Core §3 and Multiple Response Types: what each response type
// gives, in each mode that it may have. oidcc-server, and its form_post runs.
func TestResponseTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	for _, test := range []struct{ asked, mode, want string }{
		{"code", "query", "code iss scope state"},
		{"id_token", "fragment", "id_token iss state"},
		{"token id_token", "fragment", "access_token expires_in id_token iss scope state token_type"},
		{"token", "fragment", "access_token expires_in iss scope state token_type"},
		{"id_token code", "fragment", "code id_token iss state"},
		{"code token", "fragment", "access_token code expires_in iss scope state token_type"},
		{"token code id_token", "fragment", "access_token code expires_in id_token iss scope state token_type"},
		{"none", "query", "iss state"},
	} {
		for _, mode := range []string{"", "query", "fragment", "form_post"} {
			t.Run(test.asked+" by "+mode, func(t *testing.T) {
				pairs := []string{"response_type", test.asked, "scope", "openid a"}
				if mode != "" {
					pairs = append(pairs, "response_mode", mode)
				}
				if mode == "query" && test.mode == "fragment" {
					r := w.browser().open(t, w.authURL(c, pairs...)).respond(t, c)
					if r.mode != "fragment" || r.Get("error") != "invalid_request" || r.Get("state") != "state-12345678" {
						t.Errorf("a token in the query: %v", r)
					}
					return
				}
				r := w.browser().arrive(t, c, m{"subject": "u"}, nil, pairs...)
				equal(t, "mode", r.mode, map[bool]string{true: test.mode, false: mode}[mode == ""])
				if !r.Has("session_state") { // openid was granted
					t.Error("no session_state")
				}
				r.Del("session_state")
				equal(t, "parameters", strings.Join(slices.Sorted(maps.Keys(r.Values)), " "), test.want)
				equal(t, "state", r.Get("state"), "state-12345678")
				equal(t, "iss", r.Get("iss"), w.Config.URLs.Issuer)
				w.judge(t, c, r)
			})
		}
	}
}

// judge looks at the tokens of a response, and at those that its code buys.
func (w *world) judge(t *testing.T, c *party, r response) {
	t.Helper()
	if jwt := r.Get("id_token"); jwt != "" {
		claims := payload(t, jwt)
		equal(t, "nonce", claims["nonce"], "nonce-12345678")
		equal(t, "sub", claims["sub"], "u")
		equal(t, "aud", claims["aud"], []string{c.ID})
		for hash, of := range map[string]string{"at_hash": "access_token", "c_hash": "code"} {
			if !r.Has(of) {
				equal(t, hash, claims[hash], nil)
				continue
			}
			equal(t, hash, claims[hash], key.LeftHash("RS256", r.Get(of)))
		}
	}
	if token := r.Get("access_token"); token != "" {
		in := w.introspect(t, token)
		equal(t, "active", in["active"], true)
		equal(t, "scope", in["scope"], "openid a")
		equal(t, "sub at userinfo", do(t, user, "GET", w.Public+"/userinfo", "", "Authorization: Bearer "+token).object(t, 200)["sub"], "u")
	}
	if code := r.Get("code"); code != "" {
		tokens := w.exchange(t, c, code)
		claims := payload(t, tokens["id_token"])
		equal(t, "nonce of the second ID token", claims["nonce"], "nonce-12345678")
		if front := r.Get("access_token"); front != "" && (!w.active(t, front) || front == tokens["access_token"]) {
			t.Error("the exchange of the code ends the token that came with it, or repeats it")
		}
		// RFC 6749 §4.1.2: the second use takes back what the first bought, and
		// what came with the code.
		w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect).object(t, 400)
		for _, token := range []any{tokens["access_token"], r.Get("access_token")} {
			if token != "" && w.active(t, token) {
				t.Error("a token outlives the replay of its code")
			}
		}
	}
}

// What is refused before anybody signs in, and where that is told: in the mode
// that the client asked for.
func TestResponseTypeRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, m{"redirect_uris": []string{appCallback, "com.example.app:/cb"}})
	codeOnly := w.client(t, m{"response_types": []string{"code", "code token", "id_token", "code id_token"}, "grant_types": []string{"authorization_code"}})
	implicitOnly := w.client(t, m{"response_types": []string{"code token", "code id_token", "token"}, "grant_types": []string{"implicit"}})
	for _, test := range []struct {
		name, code, mode string
		client           *party
		pairs            []string
	}{
		{"nonce missing, implicit", "invalid_request", "fragment", c, []string{"response_type", "id_token", "nonce", "-"}},
		{"nonce missing, implicit with a token", "invalid_request", "fragment", c, []string{"response_type", "id_token token", "nonce", "-"}},
		{"nonce missing, hybrid", "invalid_request", "fragment", c, []string{"response_type", "code id_token", "nonce", "-"}},
		{"nonce missing, hybrid with a token", "invalid_request", "form_post", c, []string{"response_type", "code id_token token", "nonce", "-", "response_mode", "form_post"}},
		{"a value twice", "unsupported_response_type", "fragment", c, []string{"response_type", "token token"}},
		{"none and more", "unsupported_response_type", "query", c, []string{"response_type", "none code"}},
		{"nothing", "unsupported_response_type", "query", c, []string{"response_type", "-"}},
		{"nothing by form_post", "unsupported_response_type", "form_post", c, []string{"response_type", "-", "response_mode", "form_post"}},
		{"unknown mode", "invalid_request", "query", c, []string{"response_mode", "pigeon"}},
		{"unknown mode with a token", "invalid_request", "fragment", c, []string{"response_type", "token", "response_mode", "pigeon"}},
		{"form_post to an app's own scheme", "invalid_request", "query", c, []string{"redirect_uri", "com.example.app:/cb", "response_mode", "form_post"}},
		{"an ID token without openid", "invalid_request", "fragment", c, []string{"response_type", "id_token", "scope", "a"}},
		{"not registered", "unsupported_response_type", "fragment", codeOnly, []string{"response_type", "id_token token"}},
		{"implicit not registered, token", "unauthorized_client", "fragment", codeOnly, []string{"response_type", "code token"}},
		{"implicit not registered, ID token", "unauthorized_client", "fragment", codeOnly, []string{"response_type", "id_token"}},
		{"authorization_code not registered, token", "unauthorized_client", "fragment", implicitOnly, []string{"response_type", "code token"}},
		{"authorization_code not registered, ID token", "unauthorized_client", "fragment", implicitOnly, []string{"response_type", "code id_token"}},
		{"prompt=none by form_post", "login_required", "form_post", c, []string{"prompt", "none", "response_mode", "form_post"}},
		{"prompt=none in a fragment", "login_required", "fragment", c, []string{"prompt", "none", "response_type", "id_token"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := *test.client
			pairs := append([]string{"scope", "openid a"}, test.pairs...)
			if i := slices.Index(pairs, "redirect_uri"); i >= 0 {
				to.Redirect = pairs[i+1]
			}
			r := w.browser().open(t, w.authURL(test.client, pairs...)).respond(t, &to)
			if r.Get("error") != test.code || r.mode != test.mode || r.Get("state") != "state-12345678" || r.Get("iss") == "" || r.Has("code") || r.Has("id_token") || r.Has("access_token") {
				t.Errorf("the client gets %v by %s, want %s by %s", r.Values, r.mode, test.code, test.mode)
			}
		})
	}
	// Where the nonce may be missing: oidcc-ensure-request-without-nonce-succeeds.
	for _, kind := range []string{"code", "code token", "token", "none"} {
		w.browser().open(t, w.authURL(c, "response_type", kind, "nonce", "-", "scope", "openid")).challenge(t)
	}
}

// Errors that come after the login page travel in the same mode.
func TestLateErrorsKeepTheMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	for _, mode := range []string{"fragment", "form_post"} {
		pairs := []string{"response_type", "id_token", "scope", "openid", "response_mode", mode}
		b := w.browser()
		l := b.open(t, w.authURL(c, pairs...)).challenge(t)
		r := b.open(t, w.put(t, loginPath+l+"/reject", m{"error": "access_denied"})).respond(t, c)
		equal(t, "login reject", []string{r.mode, r.Get("error")}, []string{mode, "access_denied"})
		_, k := b.toConsent(t, c, m{"subject": "u"}, pairs...)
		r = b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "interaction_required"})).respond(t, c)
		equal(t, "consent reject", []string{r.mode, r.Get("error")}, []string{mode, "interaction_required"})
		r = b.arrive(t, c, m{"subject": "u"}, m{"grant_scope": []string{"a"}}, pairs...)
		equal(t, "openid was not granted", []string{r.mode, r.Get("error")}, []string{mode, "unsupported_response_type"})
		r = b.open(t, w.authURL(c, append(pairs, "login_verifier", "x")...)).respond(t, c)
		equal(t, "an unknown verifier", []string{r.mode, r.Get("error")}, []string{mode, "access_denied"})
	}
	// A hybrid flow without openid granted has its code all the same (contract §3.1.3).
	r := w.browser().arrive(t, c, m{"subject": "u"}, m{"grant_scope": []string{"a"}}, "response_type", "code id_token", "scope", "openid a")
	if r.Has("id_token") || r.Get("code") == "" || r.Get("scope") != "a" {
		t.Errorf("the client gets %v", r.Values)
	}
}

// attack: replay of a consent verifier whose flow pays at the authorization
// endpoint; and the same in another browser.
func TestAttackReplayedVerifierPaysOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	for _, kind := range []string{"token", "id_token", "code id_token", "code token"} {
		for _, mode := range []string{"fragment", "form_post"} {
			t.Run(kind+" by "+mode, func(t *testing.T) {
				b := w.browser()
				_, k := b.toConsent(t, c, m{"subject": "u"}, "response_type", kind, "scope", "openid a", "response_mode", mode)
				to := w.acceptConsent(t, k, m{"grant_scope": []string{"openid", "a"}})
				kept := b.clone()
				// Browser swapping: somebody else's browser brings the verifier first.
				if r := w.browser().open(t, to); r.Status != 302 || r.shown(t, "request_forbidden") == nil {
					t.Errorf("another browser gets %d", r.Status)
				}
				first := b.open(t, to).respond(t, c)
				for _, again := range []*browser{b, kept} {
					u := again.open(t, to).location(t)
					if !strings.HasPrefix(u.String(), w.Config.URLs.Public+"/oauth2/auth?") || u.Query().Get("response_type") != kind {
						t.Errorf("the second time leads to %s, want a fresh start", u)
					}
				}
				w.status(t, 409, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"openid"}})
				w.status(t, 409, "GET", consentPath+k, nil)
				if token := first.Get("access_token"); token != "" && !w.active(t, token) {
					t.Error("the replay ends the first one's token")
				}
			})
		}
	}
}

// Front-channel tokens are tokens of the Grant: every way of taking it back
// ends them. attack: revoke between accept and return.
func TestFrontChannelTokensDie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, end := range map[string]func(c *party, subject, token string){
		"consent revoked": func(_ *party, subject, _ string) { w.status(t, 204, "DELETE", sessionsPath+"consent/"+subject, nil) },
		"client deleted":  func(c *party, _, _ string) { w.status(t, 204, "DELETE", "/clients/"+c.ID, nil) },
		"token revoked": func(c *party, _, token string) {
			do(t, user, "POST", w.Public+"/oauth2/revoke", url.Values{"token": {token}, "client_id": {c.ID}, "client_secret": {c.Secret}}.Encode(),
				"Content-Type: application/x-www-form-urlencoded")
		},
		"time": func(*party, string, string) { w.clock.Advance(2*time.Minute + time.Second) },
	} {
		c := w.everything(t, m{"token_endpoint_auth_method": "client_secret_post", "implicit_grant_access_token_lifespan": "2m"})
		subject := w.name("u")
		r := w.browser().arrive(t, c, m{"subject": subject}, nil, "response_type", "token", "scope", "a")
		equal(t, "expires_in of the client's own lifespan", r.Get("expires_in"), "120")
		token := r.Get("access_token")
		if !w.active(t, token) {
			t.Fatalf("%s: the token is dead at birth", name)
		}
		end(c, subject, token)
		if w.active(t, token) {
			t.Errorf("%s: the token lives on", name)
		}
	}

	c, b := w.everything(t, nil), w.browser()
	_, k := b.toConsent(t, c, m{"subject": "early"}, "response_type", "id_token token", "scope", "openid")
	to := w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})
	w.status(t, 204, "DELETE", sessionsPath+"consent/early", nil)
	if u := b.open(t, to).location(t); !strings.HasPrefix(u.String(), w.Config.URLs.Public+"/oauth2/auth?") {
		t.Errorf("a revoked consent pays: %s", u)
	}
}

func TestFrontChannelLifespans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, m{"implicit_grant_id_token_lifespan": "3m", "authorization_code_grant_id_token_lifespan": "7m"})
	r := w.browser().arrive(t, c, m{"subject": "u"}, nil, "response_type", "code id_token", "scope", "openid")
	for want, jwt := range map[float64]any{180: r.Get("id_token"), 420: w.exchange(t, c, r.Get("code"))["id_token"]} {
		claims := payload(t, jwt)
		equal(t, "lifespan", claims["exp"].(float64)-claims["iat"].(float64), want)
	}
}

// The page of form_post: no scripts but its own, nothing kept, nothing told to
// strangers, and nothing of the client's that becomes markup.
func TestFormPostPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, m{"redirect_uris": []string{"https://app.test/cb?a=1&b='(2)"}})
	state := `"><script>alert(1)</script>&amp;`
	r := w.browser().open(t, w.authURL(c, "response_mode", "form_post", "prompt", "none", "state", state))
	equal(t, "state", r.respond(t, c).Get("state"), state)
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; script-src 'sha256-",
	} {
		if !strings.HasPrefix(r.Header.Get(header), want) {
			t.Errorf("%s: %s", header, r.Header.Get(header))
		}
	}
	for _, part := range []string{"form-action https:;", "frame-ancestors 'none'", "base-uri 'none'"} {
		if policy := r.Header.Get("Content-Security-Policy"); !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %s", policy)
		}
	}
	if strings.Count(r.Body, "<script>") != 1 || !strings.Contains(r.Body, `<button id="form-post-continue" type="submit">`) || strings.Contains(r.Header.Get("Location"), "app.test") {
		t.Errorf("the page is %s", r.Body)
	}
}

// Statements of the flows in which the authorization endpoint pays, warm, as
// docs/performance.md lists them.
func TestStatementBudgetsOfFrontChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	grant := m{"grant_scope": []string{"openid", "a"}}
	w.browser().arrive(t, c, m{"subject": "warm"}, grant, "response_type", "code id_token token", "scope", "openid a")
	for _, test := range []struct {
		kind          string
		reads, writes int
	}{{"id_token", 4, 2}, {"id_token token", 4, 2}, {"code id_token token", 5, 3}, {"none", 4, 1}} {
		w.spends(t, fmt.Sprintf("response_type %s, with the exchange", test.kind), test.reads, test.writes, func() {
			l := w.browser()
			challenge := l.open(t, w.authURL(c, "response_type", test.kind, "scope", "openid a")).challenge(t)
			w.loginRequest(t, challenge)
			k := l.open(t, w.acceptLogin(t, challenge, m{"subject": "u"})).consentChallenge(t)
			w.consentRequest(t, k)
			r := l.open(t, w.acceptConsent(t, k, grant)).respond(t, c)
			if code := r.Get("code"); code != "" {
				w.exchange(t, c, code)
			}
		})
	}
}

// What a client is told of an error: the parameters of RFC 6749 §4.1.2.1 and
// RFC 9207, and nothing beside them, unless an app or an old client wants it.
func TestErrorParameters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ string
		hint    bool
	}{{"COMPATIBILITY=default", false}, {"OAUTH2_EXPOSE_INTERNAL_ERRORS=true", false}, {"COMPATIBILITY=rc", true}} {
		w := newWorld(t, test.environ)
		c := w.everything(t, nil)
		for _, mode := range []string{"query", "fragment", "form_post"} {
			r := w.browser().open(t, w.authURL(c, "prompt", "none", "id_token_hint", "x", "response_mode", mode)).respond(t, c)
			want := "error error_description iss state"
			if test.hint {
				want = "error error_description error_hint iss state"
			} else if !strings.Contains(r.Get("error_description"), "id_token_hint") {
				t.Errorf("%s: the hint is lost: %v", test.environ, r.Values)
			}
			equal(t, test.environ+" by "+mode, strings.Join(slices.Sorted(maps.Keys(r.Values)), " "), want)
		}
	}
}
