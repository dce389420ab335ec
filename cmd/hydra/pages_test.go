package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The built-in pages, in a real browser, against a server in a process of its
// own. Subtests are different people, with cookies of their own.
func TestDevelopmentPages(t *testing.T) {
	t.Parallel()
	s := startProgram(t)
	b := startBrowser(t)
	for _, test := range []struct {
		name string
		walk func(*testing.T, *program, *tab)
	}{
		{"first minute", walkFirstMinute},
		{"deny", walkDeny},
		{"keyboard, any subject, fewer scopes", walkKeyboard},
		{"ten tabs", walkTenTabs},
		{"back and reload", walkBackAndReload},
		{"somebody else", walkSomebodyElse},
		{"another name of the same machine", walkOtherName},
		{"no page at all", walkSilently},
		{"a client on another origin", walkForeignClient},
		{"an address that leads nowhere", walkDeadAddresses},
		{"a device", walkDevice},
		{"a response by form_post", walkFormPost},
	} {
		t.Run(test.name, func(t *testing.T) { test.walk(t, s, b.person(t)) })
	}
}

// The pages live below the path of the public URL, cookies and all.
func TestDevelopmentPagesBelowAPath(t *testing.T) {
	t.Parallel()
	s := startProgram(t, "URLS_SELF_ISSUER=http://localhost:{port}/tenant/one")
	if !strings.HasSuffix(s.Address, "/tenant/one") {
		t.Fatalf("the printed address is %s", s.Address)
	}
	tb := startBrowser(t).person(t)
	tb.open(s.Address + "/")
	tb.press("demo-sign-in")
	tb.signIn()
	tb.verified()
	tb.press("result-refresh")
	tb.says("result-note", "Refreshed (1)")
	tb.press("result-sign-out")
	tb.press("logged-out-start-over")
	tb.press("demo-sign-in")
	tb.press("login-deny")
	tb.says("problem-code", "access_denied")
	if !strings.HasPrefix(tb.address(), s.Address+"/demo/result/") {
		t.Errorf("the walk ends at %s", tb.address())
	}
}

// signIn goes through the login and consent page as they come up.
func (tb *tab) signIn() {
	tb.t.Helper()
	tb.shows("login-title")
	tb.press("login-accept")
	tb.shows("consent-title")
	tb.press("consent-allow")
	tb.shows("result-title")
}

// verified makes sure that the result page found nothing wrong.
func (tb *tab) verified() {
	tb.t.Helper()
	tb.says("result-verification", "Signature verified with key public:", "(RS256) from /.well-known/jwks.json.")
	if !tb.is(`document.querySelectorAll("#result-checks .yes").length >= 4 && document.querySelectorAll("#result-checks .no").length === 0`) {
		tb.t.Errorf("the checks say %q", tb.text("result-checks"))
	}
}

// What a newcomer does in the first minute, from the address that the program
// prints.
func walkFirstMinute(t *testing.T, s *program, tb *tab) {
	tb.open(s.Address)
	tb.shows("demo-title", "demo-discovery", "demo-jwks")
	if !tb.is(`getComputedStyle(document.getElementById("demo-form")).borderRadius !== "0px"`) {
		t.Error("the stylesheet is not applied")
	}
	tb.press("demo-sign-in")
	tb.says("login-client-name", "Hydra demo")
	tb.pick("login-pick-bob", "login-remember")
	tb.press("login-accept")
	tb.says("consent-subject", "bob")
	tb.pick("consent-remember")
	tb.press("consent-allow")

	tb.says("result-title", "Signed in as bob")
	tb.verified()
	first := tb.text("result-token-response")
	for _, part := range []string{`"access_token": "ory_at_`, `"refresh_token": "ory_rt_`, `"id_token": "ey`, `"scope": "openid offline profile email address phone"`, `"token_type": "bearer"`} {
		if !strings.Contains(first, part) {
			t.Errorf("the token response lacks %s", part)
		}
	}
	tb.says("result-id-token-header", `"alg": "RS256"`, `"kid": "public:`)
	tb.says("result-id-token-claims", `"sub": "bob"`, `"aud": [`, `"nonce": "`, `"name": "Bob Berger"`)
	tb.says("result-userinfo", `"email": "bob@example.com"`)
	tb.says("result-introspection", `"active": true`, `"client_id": "hydra-demo"`)

	tb.press("result-refresh")
	tb.says("result-note", "Refreshed (1)")
	tb.verified()
	if tb.text("result-token-response") == first {
		t.Error("the refresh brought the same tokens")
	}
	tb.says("result-introspection", `"active": true`)

	tb.press("result-sign-in-again")
	tb.says("login-subject-remembered", "bob")
	tb.shows("login-skip")
	tb.press("login-accept")
	tb.shows("consent-skip")
	tb.press("consent-allow")
	tb.says("result-title", "Signed in as bob")
	tb.verified()
	tb.says("result-userinfo", `"email": "bob@example.com"`)

	tb.press("result-revoke")
	tb.says("result-note", "Revoked.")
	tb.says("result-introspection", `"active": false`)
	tb.says("result-userinfo", "401")
	tb.press("result-refresh")
	tb.says("result-note", "Refused: invalid_grant")

	tb.press("result-sign-out")
	tb.says("logout-text", "Hydra demo", "bob")
	tb.press("logout-accept")
	tb.says("logged-out-title", "signed out")
	tb.press("logged-out-start-over")
	tb.press("demo-sign-in")
	tb.shows("login-subject")
	tb.lacks("login-skip")
}

func walkDeny(t *testing.T, s *program, tb *tab) {
	t.Helper()
	tb.open(s.Address)
	tb.press("demo-sign-in")
	tb.press("login-deny")
	tb.says("problem-code", "access_denied")
	tb.says("problem-text", "The user did not want to sign in.")
	tb.press("problem-start-over")
	tb.press("demo-sign-in")
	tb.press("login-accept")
	tb.press("consent-deny")
	tb.says("problem-code", "access_denied")
	tb.says("problem-text", "The user did not allow it.")
}

// The whole way without a mouse, as somebody whose name is not in any list,
// allowing less than was asked for.
func walkKeyboard(t *testing.T, s *program, tb *tab) {
	t.Helper()
	const subject = "päul o'neil/100% <b>"
	tb.open(s.Address)
	enter := func(id string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(tb.ctx, patience)
		defer cancel()
		_, err := chromedp.RunResponse(ctx, chromedp.Focus(chromedp.ID(id)), chromedp.KeyEvent(kb.Enter))
		tb.must(err, "enter in "+id)
	}
	space := func(id string) {
		t.Helper()
		tb.do("space in "+id, chromedp.Focus(chromedp.ID(id)), chromedp.KeyEvent(" "))
	}
	enter("demo-sign-in")
	tb.do("type", chromedp.SendKeys(chromedp.ID("login-subject"), subject))
	enter("login-subject") // the form's first button is the one that signs in
	tb.says("consent-subject", subject)
	space("consent-scope-offline")
	space("consent-scope-email")
	enter("consent-allow")
	tb.says("result-title", "Signed in as "+subject)
	tb.says("result-token-response", `"scope": "openid profile address phone"`)
	tb.shows("result-no-refresh")
	if !tb.is(`document.getElementById("result-refresh").disabled`) {
		t.Error("the button Refresh is there to be pressed, without a refresh token")
	}
	tb.press("result-revoke") // takes the access token, then
	tb.says("result-introspection", `"active": false`)

	tb.press("result-sign-in-again")
	tb.shows("login-subject") // nothing was to be remembered
	tb.press("login-accept")
	tb.pick("consent-scope-openid")
	tb.press("consent-allow")
	tb.says("result-title", "Signed in")
	tb.shows("result-no-id-token")
	tb.lacks("result-verification")
}

// Ten tabs of one client in one browser: none gets in the way of another.
func walkTenTabs(t *testing.T, s *program, tb *tab) {
	t.Helper()
	tabs := []*tab{tb}
	for len(tabs) < 10 {
		tabs = append(tabs, tb.another())
	}
	for _, each := range tabs {
		each.open(s.Public + "/demo/sign-in")
		each.shows("login-subject")
	}
	for i, each := range tabs {
		each.do("type", chromedp.SendKeys(chromedp.ID("login-subject"), fmt.Sprintf("person %d", i)))
		each.press("login-accept")
		each.shows("consent-title")
	}
	// The last one opened is the first to finish.
	for i := len(tabs) - 1; i >= 0; i-- {
		tabs[i].press("consent-allow")
		tabs[i].says("result-title", fmt.Sprintf("Signed in as person %d", i))
		tabs[i].verified()
	}
}

// Back and reload, wherever one is, end in a completed sign-in or at a page
// that says how to start over.
func walkBackAndReload(t *testing.T, s *program, tb *tab) {
	back := func() { t.Helper(); tb.do("go back", chromedp.NavigateBack()) }
	reload := func() { t.Helper(); tb.do("reload", chromedp.Reload()) }
	tb.open(s.Address)
	tb.press("demo-sign-in")
	reload()
	tb.shows("login-subject")
	tb.press("login-accept")
	tb.shows("consent-title")
	back()
	tb.shows("login-title") // and somebody else after all
	tb.pick("login-pick-bob")
	tb.press("login-accept")
	tb.says("consent-subject", "bob")
	reload()
	tb.press("consent-allow")
	tb.says("result-title", "Signed in as bob")
	reload()
	tb.verified()
	tb.says("result-introspection", `"active": true`)

	// Back to the consent page of a flow that is over.
	result := tb.address()
	back()
	if tb.is(`document.getElementById("consent-allow") !== null`) {
		tb.press("consent-allow")
	}
	if tb.is(`document.getElementById("problem-start-over") !== null`) {
		tb.press("problem-start-over")
		tb.press("demo-sign-in")
	}
	if tb.is(`document.getElementById("login-title") !== null`) {
		tb.signIn()
	}
	tb.shows("result-title")
	// Whatever happened, the tokens that were given out are still good.
	tb.open(result)
	tb.says("result-introspection", `"active": true`)
}

func walkSomebodyElse(t *testing.T, s *program, tb *tab) {
	t.Helper()
	tb.open(s.Address)
	tb.press("demo-sign-in")
	tb.pick("login-remember")
	tb.press("login-accept")
	tb.press("consent-allow")
	tb.says("result-title", "Signed in as alice")
	tb.press("result-sign-in-again")
	tb.says("login-subject-remembered", "alice")
	tb.press("login-other")
	tb.pick("login-pick-bob")
	tb.press("login-accept")
	tb.says("consent-subject", "bob")
	tb.press("consent-allow")
	tb.says("result-title", "Signed in as bob")
	tb.verified()
}

// Whoever opens the server by another address than its own gets to it.
func walkOtherName(t *testing.T, s *program, tb *tab) {
	t.Helper()
	tb.open(strings.Replace(s.Public, "localhost", "127.0.0.1", 1))
	tb.press("demo-sign-in")
	tb.signIn()
	tb.verified()
	if !strings.HasPrefix(tb.address(), s.Public) {
		t.Errorf("the walk ends at %s", tb.address())
	}
}

// prompt=none never shows a page: the remembered sign-in goes through, and
// otherwise the application is told.
func walkSilently(t *testing.T, s *program, tb *tab) {
	t.Helper()
	tb.open(s.Public + "/demo/sign-in?prompt=none")
	tb.says("problem-code", "login_required")
	tb.open(s.Public + "/demo/sign-in")
	tb.pick("login-remember")
	tb.press("login-accept")
	tb.pick("consent-remember")
	tb.press("consent-allow")
	tb.shows("result-title")
	tb.open(s.Public + "/demo/sign-in?prompt=none")
	tb.says("result-title", "Signed in as alice")
	tb.verified()
}

// call makes one call of an operator's script to the admin API.
func call(t *testing.T, method, address, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, address, res.StatusCode, answer, err)
	}
	return string(answer)
}

// The browser gets from our forms to a client on another origin and from
// there on to a third: a Content-Security-Policy with form-action would end
// the walk in Chromium. What the client says about itself is shown as text.
func walkForeignClient(t *testing.T, s *program, tb *tab) {
	last := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<p id="arrived">`+r.URL.Query().Get("outcome")+"</p>")
	}))
	t.Cleanup(last.Close)
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outcome := r.FormValue("error")
		if r.FormValue("code") != "" && r.FormValue("state") == "xyz" && r.FormValue("iss") != "" && r.Referer() == "" {
			outcome = "code"
		}
		http.Redirect(w, r, last.URL+"/?outcome="+outcome, http.StatusFound)
	}))
	t.Cleanup(client.Close)
	call(t, http.MethodPost, s.Admin+"/clients", `{"client_id": "foreign", "client_name": "<i>Foreign</i> & Co", "redirect_uris": ["`+client.URL+`/cb"], "scope": "a.b",
		"audience": ["https://api.example/x"], "policy_uri": "https://policy.example/p", "logo_uri": "https://logo.example/l.png"}`)
	start := s.Public + "/oauth2/auth?" + url.Values{"client_id": {"foreign"}, "response_type": {"code"}, "scope": {"a.b"}, "state": {"xyz"},
		"redirect_uri": {client.URL + "/cb"}, "audience": {"https://api.example/x"}, "login_hint": {"dora"}}.Encode()

	tb.open(start)
	tb.says("login-client-name", "<i>Foreign</i> & Co")
	tb.says("client-links", "policy.example", "logo.example")
	if !tb.is(`document.images.length === 0 && document.getElementById("client-policy").rel.includes("noreferrer")`) {
		t.Error("a picture of the client is loaded, or its link tells where it was followed from")
	}
	tb.press("login-accept") // dora stands in the field already
	tb.says("consent-subject", "dora")
	tb.shows("consent-audience-0")
	if !tb.is(`document.getElementById("consent-scope-a.b").checked`) {
		t.Error("the scope is not there to be allowed")
	}
	tb.press("consent-allow")
	tb.says("arrived", "code")

	tb.open(start)
	tb.press("login-deny")
	tb.says("arrived", "access_denied")
	tb.open(start)
	tb.press("login-accept")
	tb.press("consent-deny")
	tb.says("arrived", "access_denied")
}

func walkDeadAddresses(t *testing.T, s *program, tb *tab) {
	t.Helper()
	for _, path := range []string{"/dev/login", "/dev/login?login_challenge=x", "/dev/consent?consent_challenge=x", "/demo/callback?state=x&code=y", "/demo/result/x"} {
		tb.open(s.Public + path)
		tb.shows("problem-title", "problem-text", "problem-next", "problem-start-over")
	}
	tb.open(s.Public + "/oauth2/auth?client_id=nobody&response_type=code")
	tb.says("error-code", "invalid_client")
	tb.press("error-start-over")
	tb.shows("demo-sign-in")
}
