package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/server"
	"hydra/internal/storetest"
	"hydra/internal/web"
)

// What stands around the server in the tests of flows: clients, browsers, a
// login app and a consent app, all of which speak HTTP.

// Addresses of the pages that the server sends browsers to. Nobody listens
// there: a browser of these tests follows nothing by itself.
const (
	loginPage   = "http://login.test/login?page=1"
	consentPage = "http://consent.test/consent"
	errorPage   = "http://error.test/error?page=2"
	logoutPage  = "http://logout.test/logout?page=3"
	goodbyePage = "http://goodbye.test/"
	appCallback = "https://app.test/cb?keep=1"
)

// m is a JSON object.
type m = map[string]any

// clock is a time that tests move.
type clock struct{ microseconds atomic.Int64 }

func (c *clock) Now() time.Time          { return time.UnixMicro(c.microseconds.Load()) }
func (c *clock) Advance(d time.Duration) { c.microseconds.Add(d.Microseconds()) }

// world is a server with a clock and a count of its requests' SQL statements.
type world struct {
	*instance
	clock *clock
	count *storetest.Counter
	names atomic.Int64
}

// newWorld starts a server in memory, or on the engine that TEST_ENGINE names.
func newWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	return newWorldAt(t, onEngine(t), environ...)
}

// newWorldAt is newWorld on the database of these variables.
func newWorldAt(t *testing.T, database []string, environ ...string) *world {
	t.Helper()
	environ = slices.Concat(database, environ)
	w := &world{clock: new(clock), count: new(storetest.Counter)}
	w.clock.microseconds.Store(time.Now().Truncate(time.Second).UnixMicro())
	observe := func(ctx context.Context, kind, statement string) {
		if web.RequestID(ctx) != "" { // background jobs are not counted
			w.count.Observe(ctx, kind, statement)
		}
	}
	i, err := startWith(t, func(o *server.Options) { o.Now, o.Statement = w.clock.Now, observe }, append([]string{
		"OAUTH2_LOGIN_URL=" + loginPage, "OAUTH2_CONSENT_URL=" + consentPage, "OAUTH2_ERROR_URL=" + errorPage,
		"OAUTH2_LOGOUT_REDIRECT_URL=" + goodbyePage, "URLS_LOGOUT=" + logoutPage, "JANITOR_INTERVAL=0s",
	}, environ...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.instance = i
	return w
}

// name returns a name that nobody else has.
func (w *world) name(prefix string) string { return fmt.Sprintf("%s-%d", prefix, w.names.Add(1)) }

// call sends JSON to the admin API.
func (w *world) call(t *testing.T, method, path string, body any) reply {
	t.Helper()
	text := ""
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	return do(t, user, method, w.Admin+path, text, proxied)
}

// object reads a JSON object from an answer with this status.
func (r reply) object(t *testing.T, status int) m {
	t.Helper()
	var out m
	r.json(t, status, &out)
	return out
}

func (r reply) json(t *testing.T, status int, into any) {
	t.Helper()
	if r.Status != status {
		t.Fatalf("the answer is %d %s %q, want %d", r.Status, r.Header.Get("Location"), r.Body, status)
	}
	if err := json.Unmarshal([]byte(r.Body), into); err != nil {
		t.Fatalf("the answer is no JSON: %v in %q", err, r.Body)
	}
}

// user is an HTTP client that follows no redirects and keeps its connections,
// because a walk makes thousands of requests.
var user = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 32},
	CheckRedirect: client.CheckRedirect,
	Timeout:       client.Timeout,
}

// party is a registered client.
type party struct{ ID, Secret, Redirect string }

// client registers a client. Members of change replace the usual ones.
func (w *world) client(t *testing.T, change m) *party {
	t.Helper()
	body := m{
		"client_id": w.name("client"), "redirect_uris": []string{appCallback}, "scope": "openid offline a b c extra",
		"grant_types": []string{"authorization_code", "refresh_token", "client_credentials"}, "response_types": []string{"code"},
	}
	maps.Copy(body, change)
	out := w.call(t, "POST", "/clients", body).object(t, 201)
	secret, _ := out["client_secret"].(string)
	redirect, _ := body["redirect_uris"].([]string)
	return &party{ID: out["client_id"].(string), Secret: secret, Redirect: redirect[0]}
}

// publicClient registers a client without a secret.
func (w *world) publicClient(t *testing.T, redirect string) *party {
	t.Helper()
	return w.client(t, m{"redirect_uris": []string{redirect}, "token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"}})
}

// browser keeps cookies as browsers do, and follows nothing by itself.
type browser struct {
	w       *world
	mu      sync.Mutex
	cookies map[string]*http.Cookie // by name; Expires is by the world's clock
	deaf    bool                    // refuses cookies
}

func (w *world) browser() *browser { return &browser{w: w, cookies: map[string]*http.Cookie{}} }

// clone is another browser with the same cookies.
func (b *browser) clone() *browser {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.w.browser()
	for name, c := range b.cookies {
		copied := *c
		out.cookies[name] = &copied
	}
	return out
}

// open requests a URL of the public port.
func (b *browser) open(t *testing.T, to string) reply {
	t.Helper()
	return b.send(t, "GET", to, "")
}

func (b *browser) send(t *testing.T, method, to, body string) reply {
	t.Helper()
	headers := []string{"Cookie: " + b.header(), proxied}
	if body != "" {
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
	}
	r := do(t, user, method, b.w.address(to), body, headers...)
	b.keep(r)
	if r.Status >= 500 && r.Status != http.StatusServiceUnavailable {
		t.Errorf("%s %s = %d %s", method, to, r.Status, r.Body)
	}
	return r
}

// proxied is what a proxy adds that terminates TLS. A server that was not told
// of the proxy ignores it.
const proxied = "X-Forwarded-Proto: https"

// address turns what the server calls itself into where it listens.
func (w *world) address(to string) string {
	if rest, ok := strings.CutPrefix(to, strings.TrimSuffix(w.Config.URLs.Public, "/")); ok {
		return w.Public + rest
	}
	return to
}

func (b *browser) header() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		if c := b.cookies[name]; c.Expires.IsZero() || b.w.clock.Now().Before(c.Expires) {
			pairs = append(pairs, name+"="+c.Value)
		}
	}
	return strings.Join(pairs, "; ")
}

func (b *browser) keep(r reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range (&http.Response{Header: r.Header}).Cookies() {
		switch {
		case b.deaf:
		case c.MaxAge < 0:
			delete(b.cookies, c.Name)
		default:
			c.Expires = time.Time{}
			if c.MaxAge > 0 {
				c.Expires = b.w.clock.Now().Add(time.Duration(c.MaxAge) * time.Second)
			}
			b.cookies[c.Name] = c
		}
	}
}

const (
	sessionCookie = "ory_hydra_session"
	stateCookie   = "ory_hydra_session_state" // what the check_session_iframe reads
)

// session is the value of the session cookie, "" without one.
func (b *browser) session() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.cookies[sessionCookie]; c != nil {
		return c.Value
	}
	return ""
}

// authURL is an authorization request. Pairs replace the usual parameters; a
// value "-" takes one away.
func (w *world) authURL(c *party, pairs ...string) string {
	return w.Config.URLs.Public + "/oauth2/auth?" + w.authParams(c, pairs...).Encode()
}

func (w *world) authParams(c *party, pairs ...string) url.Values {
	p := url.Values{
		"client_id": {c.ID}, "response_type": {"code"}, "redirect_uri": {c.Redirect},
		"scope": {"a"}, "state": {"state-12345678"}, "nonce": {"nonce-12345678"},
	}
	for i := 0; i < len(pairs); i += 2 {
		p.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "-" {
			p.Del(pairs[i])
		}
	}
	return p
}

// location returns the address that the answer leads to.
func (r reply) location(t *testing.T) *url.URL {
	t.Helper()
	if r.Status != http.StatusFound {
		t.Fatalf("the answer is %d %q, want a redirect", r.Status, r.Body)
	}
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// leads returns a parameter of the address that the answer leads to, which
// must begin with page.
func (r reply) leads(t *testing.T, page, param string) string {
	t.Helper()
	u := r.location(t)
	if !strings.HasPrefix(u.String(), page) || !u.Query().Has(param) {
		t.Fatalf("the browser is sent to %q, want %s with %s", u, page, param)
	}
	return u.Query().Get(param)
}

func (r reply) challenge(t *testing.T) string {
	t.Helper()
	return r.leads(t, loginPage, "login_challenge")
}

func (r reply) consentChallenge(t *testing.T) string {
	t.Helper()
	return r.leads(t, consentPage, "consent_challenge")
}

// refused checks that the client learns of the error code, with its state.
func (r reply) refused(t *testing.T, code string) url.Values {
	t.Helper()
	u := r.location(t)
	q := u.Query()
	if !strings.HasPrefix(u.String(), "https://app.test/cb") && !strings.HasPrefix(u.String(), "com.example.app:/cb") || q.Get("error") != code || q.Has("code") || q.Get("state") != "state-12345678" || q.Get("iss") == "" {
		t.Fatalf("the browser is sent to %q, want the client with error %s and state", u, code)
	}
	return q
}

// shown checks that the user, and not the client, learns of the error code.
func (r reply) shown(t *testing.T, code string) url.Values {
	t.Helper()
	u := r.location(t)
	if !strings.HasPrefix(u.String(), errorPage) || u.Query().Get("error") != code {
		t.Fatalf("the browser is sent to %q, want the error page with %s", u, code)
	}
	return u.Query()
}

const (
	loginPath   = "/oauth2/auth/requests/login/"
	consentPath = "/oauth2/auth/requests/consent/"
)

// loginRequest is what the login app reads.
func (w *world) loginRequest(t *testing.T, challenge string) m {
	t.Helper()
	return w.call(t, "GET", loginPath+challenge, nil).object(t, 200)
}

func (w *world) consentRequest(t *testing.T, challenge string) m {
	t.Helper()
	return w.call(t, "GET", consentPath+challenge, nil).object(t, 200)
}

// put makes one of the four decisions and returns where the browser must go.
func (w *world) put(t *testing.T, path string, body any) string {
	t.Helper()
	to, _ := w.call(t, "PUT", path, body).object(t, 200)["redirect_to"].(string)
	if !strings.HasPrefix(to, w.Config.URLs.Public+"/oauth2/auth?") {
		t.Fatalf("redirect_to is %q", to)
	}
	return to
}

func (w *world) acceptLogin(t *testing.T, challenge string, body m) string {
	t.Helper()
	return w.put(t, loginPath+challenge+"/accept", body)
}

func (w *world) acceptConsent(t *testing.T, challenge string, body m) string {
	t.Helper()
	return w.put(t, consentPath+challenge+"/accept", body)
}

// toConsent brings the browser from an authorization request to the consent
// app and returns both challenges.
func (b *browser) toConsent(t *testing.T, c *party, login m, pairs ...string) (loginChallenge, consentChallenge string) {
	t.Helper()
	l := b.open(t, b.w.authURL(c, pairs...)).challenge(t)
	return l, b.open(t, b.w.acceptLogin(t, l, login)).consentChallenge(t)
}

// visit is the whole trip. A nil consent grants what the scope asks for.
func (b *browser) visit(t *testing.T, c *party, login, consent m, pairs ...string) (code string) {
	t.Helper()
	_, challenge := b.toConsent(t, c, login, pairs...)
	if consent == nil {
		consent = m{"grant_scope": strings.Fields(b.w.authParams(c, pairs...).Get("scope"))}
	}
	return b.open(t, b.w.acceptConsent(t, challenge, consent)).leads(t, c.Redirect, "code")
}

// token calls the token endpoint as the client.
func (w *world) token(t *testing.T, c *party, pairs ...string) reply {
	t.Helper()
	form := url.Values{"client_id": {c.ID}}
	if c.Secret != "" {
		form.Del("client_id")
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	headers := []string{"Content-Type: application/x-www-form-urlencoded"}
	if c.Secret != "" {
		r, err := http.NewRequest("POST", "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
		headers = append(headers, "Authorization: "+r.Header.Get("Authorization"))
	}
	return do(t, user, "POST", w.Public+"/oauth2/token", form.Encode(), headers...)
}

// exchange trades the code for tokens.
func (w *world) exchange(t *testing.T, c *party, code string) m {
	t.Helper()
	return w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect).object(t, 200)
}

// introspect asks what a token is worth.
func (w *world) introspect(t *testing.T, token any) m {
	t.Helper()
	form := url.Values{"token": {fmt.Sprint(token)}}
	return do(t, user, "POST", w.Admin+"/oauth2/introspect", form.Encode(), "Content-Type: application/x-www-form-urlencoded").object(t, 200)
}

func (w *world) active(t *testing.T, token any) bool {
	t.Helper()
	active, ok := w.introspect(t, token)["active"].(bool)
	if !ok {
		t.Fatal("the introspection has no member active")
	}
	return active
}

const sessionsPath = "/oauth2/auth/sessions/"

// consents lists the consent sessions of a subject.
func (w *world) consents(t *testing.T, subject string) []m {
	t.Helper()
	var out []m
	w.call(t, "GET", sessionsPath+"consent/"+url.PathEscape(subject), nil).json(t, 200, &out)
	return out
}

// status checks the status of a call to the admin API.
func (w *world) status(t *testing.T, want int, method, path string, body any) {
	t.Helper()
	if r := w.call(t, method, path, body); r.Status != want {
		t.Errorf("%s %s = %d %s, want %d", method, path, r.Status, r.Body, want)
	}
}

// equal compares what JSON decoded.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, errG := json.Marshal(got)
	w, errW := json.Marshal(want)
	if errG != nil || errW != nil || string(g) != string(w) {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

// unexpired makes a browser keep its cookies for ever.
func unexpired(b *browser) *browser {
	for _, c := range b.cookies {
		c.Expires = time.Time{}
	}
	return b
}

// payload reads the claims of a JWT, unverified.
func payload(t *testing.T, jwt any) m {
	t.Helper()
	text, _ := jwt.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%v is no JWT", jwt)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out m
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
