package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// What a client and a query bring is shown as text, whatever it contains, and
// only http and https lead anywhere.
func TestPagesShowForeignTextAsText(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script>`
	u := New(Config{PublicURL: "https://id.example", Issuer: "https://id.example/"})
	request := loginRequest{Subject: evil, Client: clientInfo{
		ID: evil, Name: evil, ClientURI: "javascript:alert(1)", LogoURI: "data:image/svg+xml," + evil,
		PolicyURI: "https://policy.example/" + evil, TermsURI: "https://good@evil.example/",
	}}
	consent := consentRequest{Subject: evil, Client: request.Client, Scope: []string{evil}, Audience: []string{evil}}
	for name, data := range map[string]any{
		"login":          loginView{view: u.view(), Challenge: evil, Request: request, People: people, Typed: evil, Problem: evil},
		"login_skip":     loginView{view: u.view(), Challenge: evil, Request: request, Other: "javascript:alert(1)"},
		"consent":        consentView{view: u.view(), Challenge: evil, Request: consent, Scopes: []scopeChoice{{evil, evil}}},
		"device":         deviceView{view: u.view(), Challenge: evil, Code: evil, Problem: evil},
		"device_confirm": deviceView{view: u.view(), Challenge: evil, Code: evil, Request: deviceRequest{Client: request.Client}, Scopes: []scopeChoice{{evil, evil}}},
		"result": resultView{view: u.view(), ID: evil, Title: evil, Note: evil, TokenResponse: evil, HasIDToken: true, Header: evil,
			Claims: evil, Verification: evil, Checks: []check{{true, evil}}, Userinfo: evil, Introspection: evil},
		"problem": problemView{u.view(), problem{Title: evil, Text: evil, Next: evil, Code: evil}},
	} {
		w := httptest.NewRecorder()
		u.render(w, http.StatusOK, name, data)
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(body, "</html>") {
			t.Errorf("%s: %d, a page that is not whole", name, w.Code)
		}
		for _, no := range []string{"<script", "javascript:", "data:image", "good@"} {
			if strings.Contains(body, no) {
				t.Errorf("%s: the page contains %q", name, no)
			}
		}
	}
}

// A name that only the client itself vouches for is not put forward as ours.
func TestPagesSayWhoNamesAnApplication(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "https://id.example", Issuer: "https://id.example/"})
	const calls = "An application that calls itself <strong"
	for _, test := range []struct {
		client clientInfo
		want   bool
	}{
		{clientInfo{ID: "x", Name: "Google", SelfRegistered: true}, true},
		{clientInfo{ID: "x", SelfRegistered: true}, false},
		{clientInfo{ID: "x", Name: "Google"}, false},
	} {
		for name, data := range map[string]any{
			"login":          loginView{view: u.view(), Request: loginRequest{Client: test.client}},
			"login_skip":     loginView{view: u.view(), Request: loginRequest{Client: test.client}},
			"consent":        consentView{view: u.view(), Request: consentRequest{Client: test.client}},
			"device_confirm": deviceView{view: u.view(), Request: deviceRequest{Client: test.client}},
			"logout":         logoutView{view: u.view(), Request: logoutRequest{Client: &test.client}},
		} {
			w := httptest.NewRecorder()
			u.render(w, http.StatusOK, name, data)
			if body := w.Body.String(); w.Code != http.StatusOK || strings.Contains(body, calls) != test.want {
				t.Errorf("%s of %+v: %d %s", name, test.client, w.Code, body)
			}
		}
	}
}

func TestErrorPageShowsTheQueryAsText(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "http://127.0.0.1:4444"})
	q := url.Values{"error": {"<b>bad</b>"}, "error_hint": {strings.Repeat("é", 5000)}}
	w := get(t, u, "/dev/error?"+q.Encode())
	body := w.Body.String()
	if w.Code != http.StatusBadRequest || !strings.Contains(body, "&lt;b&gt;bad&lt;/b&gt;") || strings.Contains(body, "<b>") {
		t.Errorf("%d %s", w.Code, body)
	}
	if n := strings.Count(body, "é"); n != 1000 {
		t.Errorf("%d characters of a long hint are shown, want 1000", n)
	}
}

func get(t *testing.T, u *UI, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	u.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

func TestEveryPageHasStrictHeaders(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "http://127.0.0.1:4444"})
	for _, path := range []string{"/", "/demo", "/dev/login", "/dev/consent", "/dev/logged-out", "/dev/error", "/dev/device", "/dev/device/done", "/demo/result/x", "/demo/callback?state=x", "/dev/no-such-page"} {
		h := get(t, u, path).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got, want)
			}
		}
	}
}

// Every id is there once, every label is bound, and the script-free promise
// holds.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "http://127.0.0.1:4444"})
	consent := consentRequest{Subject: "alice", Scope: []string{"openid", "a.b"}, Audience: []string{"https://api.example"}}
	for name, data := range map[string]any{
		"start": struct {
			view
			Scopes []scopeChoice
		}{u.view(), []scopeChoice{{"openid", "x"}}},
		"login":          loginView{view: u.view(), Request: loginRequest{Client: clientInfo{ID: "c"}}, People: people},
		"consent":        consentView{view: u.view(), Request: consent, Scopes: []scopeChoice{{"openid", ""}, {"a.b", ""}}},
		"device":         deviceView{view: u.view(), Problem: "x"},
		"device_confirm": deviceView{view: u.view(), Scopes: []scopeChoice{{"openid", "x"}}},
		"device_done":    u.view(),
		"result":         resultView{view: u.view(), HasIDToken: true, Checks: []check{{true, "x"}}},
	} {
		w := httptest.NewRecorder()
		u.render(w, http.StatusOK, name, data)
		body := w.Body.String()
		seen := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("%s: the id %q is there twice", name, m[1])
			}
			seen[m[1]] = true
		}
		for _, m := range regexp.MustCompile(` (?:for|aria-describedby)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !seen[m[1]] {
				t.Errorf("%s: a label points to %q, which is not there", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`<(?:h1|h2|h3|button|select|input)[^>]*>`).FindAllString(body, -1) {
			if !strings.Contains(m, ` id="`) && !strings.Contains(m, `type="hidden"`) {
				t.Errorf("%s: %s has no id", name, m)
			}
		}
		if strings.Contains(body, "style=") || strings.Contains(body, "<script") || regexp.MustCompile(` on\w+=`).MatchString(body) {
			t.Errorf("%s: the page has inline style or script", name)
		}
	}
}

func TestHEADChangesNothing(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "http://127.0.0.1:4444"}) // any call to the server would panic
	w := httptest.NewRecorder()
	u.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/demo/sign-in", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" {
		t.Errorf("HEAD: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

// attacks.md: CSRF on the forms.
func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "http://127.0.0.1:4444"})
	for _, test := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"another site", map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		{"a sibling domain", map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		{"another site in an old browser", map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		{"a sandboxed frame", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "null"}, http.StatusForbidden},
		{"our own page", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, http.StatusBadRequest},
		{"our own page without a trustworthy address", map[string]string{"Origin": "null"}, http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/dev/login", strings.NewReader("decision=deny"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for k, v := range test.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			u.Handler().ServeHTTP(w, r)
			if w.Code != test.want { // 400: it was let in, and has no challenge
				t.Errorf("%d, want %d", w.Code, test.want)
			}
		})
	}
}

func TestOtherSubject(t *testing.T) {
	t.Parallel()
	u := New(Config{PublicURL: "https://id.example/t"})
	for _, test := range []struct{ name, in, want string }{
		{"no prompt", "https://id.example/t/oauth2/auth?client_id=c&state=s", "https://id.example/t/oauth2/auth?client_id=c&prompt=login&state=s"},
		{"another prompt", "https://id.example/t/oauth2/auth?client_id=c&prompt=consent", "https://id.example/t/oauth2/auth?client_id=c&prompt=login+consent"},
		{"without a client", "https://id.example/t/oauth2/auth?request_uri=x", ""},
		{"another host", "https://id.example.evil/t/oauth2/auth?client_id=c", ""},
		{"a device", "https://id.example/t/oauth2/device/verify?client_id=c&scope=a", ""},
		{"nothing", "", ""},
	} {
		if got := u.otherSubject(test.in); got != test.want {
			t.Errorf("%s: otherSubject() = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPreselectTakesTheHintAsAProposal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ hint, picked, typed string }{
		{"", "alice", ""},
		{"bob", "bob", ""},
		{"bob@example.com", "bob", ""},
		{"carol", "alice", "carol"},
	} {
		if picked, typed := preselect(test.hint); picked != test.picked || typed != test.typed {
			t.Errorf("preselect(%q) = %q, %q", test.hint, picked, typed)
		}
	}
}

func TestClaimsFollowTheGrantedScopes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		subject string
		scope   []string
		asked   []string
		want    map[string]any
	}{
		{"alice", []string{"openid"}, nil, map[string]any{}},
		{"bob", []string{"openid", "email"}, nil, map[string]any{"email": "bob@example.com", "email_verified": true}},
		{"alice", []string{"openid", "phone"}, []string{"name", "shoe_size"}, map[string]any{"name": "Alice Anderson", "phone_number": "+1 555 0100", "phone_number_verified": true}},
		{"carol", []string{"profile", "email"}, []string{"name"}, map[string]any{}},
	} {
		if diff := cmp.Diff(test.want, claims(test.subject, test.scope, test.asked)); diff != "" {
			t.Errorf("claims(%q, %q): %s", test.subject, test.scope, diff)
		}
	}
}

func TestOnlyAskedAndTickedScopesAreGranted(t *testing.T) {
	t.Parallel()
	got := both([]string{"openid", "offline"}, []string{"admin", "offline"})
	if diff := cmp.Diff([]string{"offline"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMemoryIsBoundedAndBoundToTheBrowser(t *testing.T) {
	t.Parallel()
	now := noon
	m := newMemory(func() time.Time { return now })
	first := m.Begin("first", "key")
	switch {
	case first == nil:
		t.Fatal("Begin() = nil")
	case m.Begin("first", "key") != first:
		t.Error("the same browser gets another sign-in")
	case m.Begin("first", "other") != nil || m.Find("first", "other") != nil || m.Find("first", "") != nil:
		t.Error("another browser gets the sign-in")
	}
	for i := range maxSignIns {
		now = now.Add(time.Second)
		m.Begin(fmt.Sprint(i), "key")
	}
	if len(m.signIns) != maxSignIns || m.Find("first", "key") != nil {
		t.Errorf("%d sign-ins are kept, the oldest among them: %v", len(m.signIns), m.Find("first", "key") != nil)
	}
	now = now.Add(signInLifetime)
	if m.Find("255", "key") != nil {
		t.Error("a sign-in outlives its hour")
	}
	if m.Begin("new", "key"); len(m.signIns) != 1 {
		t.Errorf("%d sign-ins are kept, want the new one only", len(m.signIns))
	}
}

func TestABrowserKeepsSixteenSignIns(t *testing.T) {
	t.Parallel()
	now := noon
	u := New(Config{PublicURL: "https://id.example/t", Now: func() time.Time { return now }})
	jar := map[string]string{}
	for i := range 20 {
		now = now.Add(time.Second)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/demo/sign-in", nil)
		for name, value := range jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		u.setCookie(w, r, fmt.Sprintf("%02d", i), "key")
		for _, c := range w.Result().Cookies() {
			if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/t/demo" {
				t.Fatalf("cookie %v", c)
			}
			if c.MaxAge < 0 {
				delete(jar, c.Name)
			} else {
				jar[c.Name] = c.Value
			}
		}
	}
	if len(jar) != cookieMaximum || jar[cookiePrefix+"19"] == "" || jar[cookiePrefix+"03"] != "" {
		t.Errorf("%d cookies: %v", len(jar), jar)
	}
}

// The values of one sign-in differ, are the right size for RFC 7636 §4.1, and
// can be made again from the cookie.
func TestDerivedValues(t *testing.T) {
	t.Parallel()
	v, n := derive("key", "code_verifier"), derive("key", "nonce")
	if v == n || len(v) != 43 || v != derive("key", "code_verifier") || v == derive("other", "code_verifier") {
		t.Errorf("verifier %q, nonce %q", v, n)
	}
}

// A handler in this process is reached with plain HTTP, whatever it does.
func TestLocalRoundTrip(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /echo/{id}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.RequestURI != "/echo/a%2Fb?q=1" || r.TLS == nil || r.URL.Host != "" || r.Host != "id.example" {
			t.Errorf("request %q, body error %v", r.RequestURI, err)
		}
		w.Header().Set("X-Id", r.PathValue("id"))
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot) // too late
		w.Header().Set("X-Late", "1")
		_, _ = w.Write(body)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/panic", http.StatusFound) })
	mux.HandleFunc("GET /nothing", func(http.ResponseWriter, *http.Request) {})
	c := inProcess(mux)

	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://x/echo/a%2Fb?q=1", strings.NewReader("hello"))
	r.Host = "id.example"
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusCreated || string(body) != "hello" || res.Header.Get("X-Id") != "a/b" || res.Header.Get("X-Late") != "" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	for path, want := range map[string]int{"/away": http.StatusFound, "/nothing": http.StatusOK, "/missing": http.StatusNotFound} {
		if got := status(t, c, path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	r, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/panic", nil)
	if res, err := c.Do(r); err == nil {
		_ = res.Body.Close()
		t.Error("a handler that gives up is no answer")
	}
}

// attacks.md: tokens and challenges in logs. What is reported goes to the log.
func TestReportedErrorsNameNoChallenge(t *testing.T) {
	t.Parallel()
	var reported error
	u := New(Config{
		PublicURL: "http://127.0.0.1:4444", Report: func(_ context.Context, err error) { reported = err },
		Admin: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	})
	if w := get(t, u, "/dev/login?login_challenge=very-secret"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "very-secret") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
	if reported == nil || strings.Contains(reported.Error(), "very-secret") {
		t.Errorf("reported: %v", reported)
	}
}

func status(t *testing.T, c *http.Client, path string) int {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x"+path, nil)
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// An error of a call becomes a page that says how to start over; what the
// program itself got wrong is reported and not shown.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		err    error
		status int
		title  string
	}{
		{"unknown challenge", &refusal{Status: 404, Code: "Not Found"}, 404, "This request is not known"},
		{"answered", &refusal{Status: 409, Code: "Conflict"}, 409, "This request has been answered already"},
		{"answered, later generations", &refusal{Status: 410}, 410, "This request has been answered already"},
		{"database gone", fmt.Errorf("call: %w", &refusal{Status: 503}), 503, "The server cannot answer now"},
		{"bad request", &refusal{Status: 400, Code: "invalid_request"}, 400, "The server refused this"},
		{"our own fault", errors.New("secret cause"), 500, "Something went wrong here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var reported error
			u := New(Config{PublicURL: "http://127.0.0.1:4444", Report: func(_ context.Context, err error) { reported = err }})
			w := httptest.NewRecorder()
			u.page(func(http.ResponseWriter, *http.Request) error { return test.err }).
				ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/dev/login", nil))
			body := w.Body.String()
			if w.Code != test.status || !strings.Contains(body, test.title) || !strings.Contains(body, `id="problem-start-over"`) {
				t.Errorf("%d %s", w.Code, body)
			}
			if strings.Contains(body, "secret cause") {
				t.Error("the cause is shown")
			}
			if (reported != nil) != (test.status >= 500) {
				t.Errorf("reported: %v", reported)
			}
		})
	}
}
