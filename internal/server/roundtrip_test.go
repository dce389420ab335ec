package server_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hydra/internal/server"
)

// rig is a running server with a clock that the test moves, and a login and
// consent app that accepts what it is told to.
type rig struct {
	*instance
	t       *testing.T
	own     string   // where the public port is, whatever the issuer says
	environ []string // what it was started with
	clock   *clock

	mu     sync.Mutex
	issued map[string]string // every secret value that came by → what it is
}

const (
	loginApp   = "https://apps.test/login"
	consentApp = "https://apps.test/consent"
	callback   = "https://client.test/callback"
)

// newRig starts a server of its own, which sees every change at once and
// signs with a key as soon as it is in its set.
func newRig(t *testing.T, environ ...string) *rig {
	t.Helper()
	r := &rig{t: t, issued: map[string]string{}, clock: new(clock)}
	r.clock.microseconds.Store(time.Now().UnixMicro())
	environ = append(onServer(t, environ), environ...)
	i, err := startWith(t, func(o *server.Options) { o.Now = r.clock.Now }, append([]string{
		"URLS_LOGIN=" + loginApp, "URLS_CONSENT=" + consentApp, "CACHE_STALENESS=0s", "KEYS_ANNOUNCE_FOR=0s",
	}, environ...)...)
	if err != nil {
		t.Fatal(err)
	}
	r.instance, r.environ = i, environ
	r.own, r.Public = i.Public, i.Config.URLs.Public // where apps send browsers back to
	return r
}

// beside starts another node on the same database. It has its own clock, and
// its public port is called directly.
func (r *rig) beside(environ ...string) *rig {
	r.t.Helper()
	same := []string{"DATA_DIR=" + r.Config.DataDir, "URLS_SELF_ISSUER=" + r.Config.URLs.Issuer}
	for _, e := range r.environ {
		if strings.HasPrefix(e, "DSN=") || strings.HasPrefix(e, "SYSTEM_SECRET=") {
			same = append(same, e)
		}
	}
	n := newRig(r.t, append(same, environ...)...)
	n.Public = n.own
	return n
}

// wait lets time pass on the server.
func (r *rig) wait(d time.Duration) { r.clock.Advance(d) }

// keep notes a value that nobody but its owner may ever see.
func (r *rig) keep(what, value string) string {
	if value != "" {
		r.mu.Lock()
		r.issued[value] = what
		r.mu.Unlock()
	}
	return value
}

// app is a registered client.
type app struct {
	id, secret, method string
}

// client registers a client that may do everything; change replaces members.
func (r *rig) client(change m) app {
	r.t.Helper()
	c := m{
		"scope": "openid offline_access foo.* read", "audience": []string{"https://api.test/"},
		"redirect_uris": []string{callback}, "response_types": []string{"code"},
		"grant_types": []string{"authorization_code", "refresh_token", "client_credentials"},
	}
	maps.Copy(c, change)
	got := r.admin("POST", "/clients", c).is(201, "")
	a := app{id: got.text("client_id"), secret: r.keep("client_secret", got.text("client_secret")), method: got.text("token_endpoint_auth_method")}
	if a.method == "" {
		a.method = "client_secret_basic"
	}
	return a
}

// answer is a reply whose body can be read as JSON.
type answer struct {
	t *testing.T
	reply
}

func (a answer) fields() m {
	a.t.Helper()
	var out m
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		a.t.Fatalf("%d %q is no JSON object: %v", a.Status, a.Body, err)
	}
	return out
}

func (a answer) text(name string) string {
	a.t.Helper()
	s, _ := a.fields()[name].(string)
	return s
}

// is fails the test unless status and error code are these.
func (a answer) is(status int, code string) answer {
	a.t.Helper()
	if a.Status != status || code != "" && a.text("error") != code {
		a.t.Fatalf("%d %s, want %d %s", a.Status, a.Body, status, code)
	}
	return a
}

// admin sends JSON to the admin port.
func (r *rig) admin(method, path string, body any) answer {
	r.t.Helper()
	text := ""
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		text = string(data)
	}
	return answer{r.t, do(r.t, client, method, r.Admin+path, text, "Content-Type: application/json")}
}

const formType = "Content-Type: application/x-www-form-urlencoded"

// form joins name, value, name, value ….
func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// basic is the Authorization header of a client (RFC 6749 §2.3.1).
func basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// call posts a form to the public port as the client, by its method.
func (r *rig) call(path string, c app, pairs ...string) answer {
	r.t.Helper()
	f, headers := form(pairs...), []string{formType}
	switch c.method {
	case "client_secret_basic":
		headers = append(headers, basic(c.id, c.secret))
	case "client_secret_post":
		f.Set("client_id", c.id)
		f.Set("client_secret", c.secret)
	case "none":
		f.Set("client_id", c.id)
	}
	a := answer{r.t, do(r.t, client, "POST", r.Public+path, f.Encode(), headers...)}
	if a.Status == 200 && path == "/oauth2/token" {
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			r.keep(name, a.text(name))
		}
	}
	return a
}

func (r *rig) token(c app, pairs ...string) answer {
	r.t.Helper()
	return r.call("/oauth2/token", c, pairs...)
}

// exchange redeems a code that was asked for with the usual redirect URI.
func (r *rig) exchange(c app, code string, pairs ...string) answer {
	r.t.Helper()
	return r.token(c, append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}, pairs...)...)
}

func (r *rig) refresh(c app, value string, pairs ...string) answer {
	r.t.Helper()
	return r.token(c, append([]string{"grant_type", "refresh_token", "refresh_token", value}, pairs...)...)
}

func (r *rig) introspect(value string, pairs ...string) answer {
	r.t.Helper()
	f := form(append([]string{"token", value}, pairs...)...)
	return answer{r.t, do(r.t, client, "POST", r.Admin+"/oauth2/introspect", f.Encode(), formType)}
}

func (r *rig) active(value string) bool {
	r.t.Helper()
	return r.introspect(value).is(200, "").fields()["active"] == true
}

func (r *rig) userinfo(value string) answer {
	r.t.Helper()
	return answer{r.t, get(r.t, r.Public+"/userinfo", "Authorization: Bearer "+value)}
}

// sign is how a user signs in: what is asked for, and what the apps accept.
type sign struct {
	params         url.Values // of the authorization request, besides the usual ones
	login, consent m          // replace what the apps accept
	browser        *http.Client
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *client
	c.Jar = jar
	return &c
}

// visit fetches a page that redirects, and returns where to.
func (r *rig) visit(browser *http.Client, address string) *url.URL {
	r.t.Helper()
	a := do(r.t, browser, "GET", address, "")
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		r.keep("cookie "+c.Name, c.Value)
	}
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Status != 302 || to.Host == "" {
		r.t.Fatalf("GET %s = %d %s to %q", address, a.Status, a.Body, a.Header.Get("Location"))
	}
	for _, name := range []string{"login_challenge", "consent_challenge", "code"} {
		r.keep(name, to.Query().Get(name))
	}
	return to
}

// authorize sends the request, has both apps accept, and returns where the
// browser ends: at the client, or at an error page.
func (r *rig) authorize(c app, s sign) *url.URL {
	r.t.Helper()
	params := url.Values{
		"client_id": {c.id}, "response_type": {"code"}, "redirect_uri": {callback},
		"scope": {"openid offline_access read"}, "state": {"state-of-the-test"},
	}
	maps.Copy(params, s.params)
	return r.follow(r.Public+"/oauth2/auth?"+params.Encode(), s)
}

// follow is authorize for a request that a client has written.
func (r *rig) follow(address string, s sign) *url.URL {
	r.t.Helper()
	if s.browser == nil {
		s.browser = newBrowser(r.t)
	}
	request, err := url.Parse(address)
	if err != nil {
		r.t.Fatal(err)
	}
	to := r.visit(s.browser, address)
	challenge := to.Query().Get("login_challenge")
	if challenge == "" {
		return to
	}
	login := m{"subject": "alice"}
	maps.Copy(login, s.login)
	to = r.visit(s.browser, r.accept("login", challenge, login))
	challenge = to.Query().Get("consent_challenge")
	if challenge == "" {
		return to
	}
	consent := m{
		"grant_scope":                 strings.Fields(request.Query().Get("scope")),
		"grant_access_token_audience": request.Query()["audience"],
	}
	maps.Copy(consent, s.consent)
	return r.visit(s.browser, r.accept("consent", challenge, consent))
}

// accept answers a challenge as the app would, and returns where the browser
// has to go.
func (r *rig) accept(kind, challenge string, body m) string {
	r.t.Helper()
	to := r.admin("PUT", "/oauth2/auth/requests/"+kind+"/"+challenge+"/accept", body).is(200, "").text("redirect_to")
	u, err := url.Parse(to)
	if err != nil {
		r.t.Fatal(err)
	}
	r.keep(kind+"_verifier", u.Query().Get(kind+"_verifier"))
	return to
}

// code signs a user in and returns the authorization code.
func (r *rig) code(c app, s sign) string {
	r.t.Helper()
	to := r.authorize(c, s)
	code := to.Query().Get("code")
	if code == "" {
		r.t.Fatalf("no code in %s", to)
	}
	return code
}

// tokens signs a user in and redeems the code.
func (r *rig) tokens(c app, s sign) answer {
	r.t.Helper()
	return r.exchange(c, r.code(c, s)).is(200, "")
}

// claims reads a JWT's payload, without verifying it.
func (r *rig) claims(jwt string) m {
	r.t.Helper()
	return payload(r.t, jwt)
}
