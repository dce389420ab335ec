//go:build !race

package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"hydra/internal/config"
	"hydra/internal/server"
)

// What a whole request may allocate, in number, from the socket to the store
// and back: the rows of docs/performance.md, from a server with the log, the
// store and the cache that the program has by default. Counts do not depend on
// the machine. A limit is about 15 % above what was measured; who needs more
// says in the commit what for. "bare handler" is what net/http allocates for a
// JSON answer of anybody. The race detector allocates by itself.
//
// Not parallel: testing.AllocsPerRun counts what the whole process allocates.
func TestAllocationBudgetsOfRequests(t *testing.T) {
	if os.Getenv("TEST_ENGINE") != "" {
		return // the counts of another driver say nothing about these
	}
	w := newWorkload(t)
	for _, step := range []struct {
		name  string
		limit float64
		do    func()
	}{
		{"bare handler", 25, func() { w.bare.ask(t, get200, "GET", "/", "", "") }},
		{"discovery", 43, func() { w.public.ask(t, get200, "GET", "/.well-known/openid-configuration", "", "") }},
		{"key set", 43, func() { w.public.ask(t, get200, "GET", "/.well-known/jwks.json", "", "") }},
		{"client credentials", 107, func() { w.token(t, machineBody) }},
		{"introspect, active", 121, func() { w.introspect(t, w.machine, "true") }},
		{"introspect, forged", 67, func() { w.introspect(t, w.forged, "false") }},
		{"userinfo", 227, func() { w.public.ask(t, get200, "GET", "/userinfo", "Authorization: Bearer "+w.user+"\r\n", "") }},
		{"client, get", 107, func() { w.admin.ask(t, get200, "GET", "/clients/"+w.client.ID, "", "") }},
		{"clients, list of 100", 1300, func() { w.admin.ask(t, get200, "GET", "/clients?limit=100", "", "") }},
		{"refresh with ID token", 540, func() { w.refresh(t) }},
		{"whole code flow", 1995, func() { w.flow(t) }},
	} {
		got := testing.AllocsPerRun(100, step.do)
		t.Logf("%s: %.0f allocations", step.name, got)
		if got > step.limit {
			t.Errorf("%s: %.0f allocations, the limit is %.0f", step.name, got, step.limit)
		}
	}
}

const (
	get200      = "HTTP/1.1 200"
	formLine    = "Content-Type: application/x-www-form-urlencoded\r\n"
	machineBody = "grant_type=client_credentials&scope=a"
)

// workload is a server as the program starts it, on SQLite in a file, with
// 100 clients, and one connection to each of its ports.
type workload struct {
	public, admin, bare *wire
	client              *party
	auth                string // the client's Authorization line
	machine, forged     string // access tokens of nobody
	user                string // an access token of somebody
	renew               string // a refresh token
}

func newWorkload(t *testing.T) *workload {
	t.Helper()
	i, err := startWith(t, func(o *server.Options) {
		o.Log = server.NewLogger(io.Discard, config.Log{Level: "info", Format: "text"})
	}, "OAUTH2_LOGIN_URL="+loginPage, "OAUTH2_CONSENT_URL="+consentPage, "KEYS_ID_TOKEN_ALG=ES256", "JANITOR_INTERVAL=0s")
	if err != nil {
		t.Fatal(err)
	}
	world := &world{instance: i}
	w := &workload{public: connect(t, i.Public), admin: connect(t, i.Admin), bare: connect(t, bareHandler(t))}
	for range 100 {
		w.client = world.client(t, nil)
	}
	w.auth = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(w.client.ID+":"+w.client.Secret)) + "\r\n" + formLine
	w.machine = w.token(t, machineBody).member(t, "access_token")
	w.forged = flip(w.machine)
	w.flow(t)
	return w
}

// bareHandler is the yardstick of bench/bare.go.
func bareHandler(t *testing.T) string {
	t.Helper()
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"issuer":"http://127.0.0.1/"}`)
	})}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

// token asks the token endpoint.
func (w *workload) token(t *testing.T, body string) answered {
	t.Helper()
	return w.public.ask(t, get200, "POST", "/oauth2/token", w.auth, body)
}

func (w *workload) introspect(t *testing.T, token, active string) {
	t.Helper()
	a := w.admin.ask(t, get200, "POST", "/oauth2/introspect", formLine, "token="+token)
	if !bytes.Contains(a.all, []byte(`"active":`+active)) {
		t.Fatalf("the introspection says %s", a.all)
	}
}

func (w *workload) refresh(t *testing.T) {
	t.Helper()
	w.renew = w.token(t, "grant_type=refresh_token&refresh_token="+w.renew).member(t, "refresh_token")
}

// flow is the code flow with both pages shown: eight requests. What it
// allocates itself is about 40 of the count.
func (w *workload) flow(t *testing.T) {
	t.Helper()
	const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 Appendix B
	const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	const moved, jsonType = "HTTP/1.1 302", "Content-Type: application/json\r\n"
	a := w.public.ask(t, moved, "GET", "/oauth2/auth?response_type=code&scope=openid+offline+a&state=state-12345678&nonce=nonce-12345678&client_id="+w.client.ID+
		"&redirect_uri="+url.QueryEscape(w.client.Redirect)+"&code_challenge_method=S256&code_challenge="+challenge, "", "")
	cookie := "Cookie: " + a.between("Set-Cookie: ", ";") + "\r\n"
	login := loginPath + a.between("login_challenge=", "\r")
	w.admin.ask(t, get200, "GET", login, "", "")
	a = w.admin.ask(t, get200, "PUT", login+"/accept", jsonType, `{"subject":"somebody"}`)
	a = w.public.ask(t, moved, "GET", w.path(a), cookie, "")
	consent := consentPath + a.between("consent_challenge=", "\r")
	w.admin.ask(t, get200, "GET", consent, "", "")
	a = w.admin.ask(t, get200, "PUT", consent+"/accept", jsonType, `{"grant_scope":["openid","offline","a"],"session":{"id_token":{"name":"A User"}}}`)
	a = w.public.ask(t, moved, "GET", w.path(a), cookie, "")
	a = w.token(t, "grant_type=authorization_code&code="+a.between("code=", "&")+"&code_verifier="+verifier+"&redirect_uri="+url.QueryEscape(w.client.Redirect))
	w.user, w.renew = a.member(t, "access_token"), a.member(t, "refresh_token")
}

// path is where the answer of an app's decision sends the browser.
func (w *workload) path(a answered) string {
	to := strings.ReplaceAll(a.between(`"redirect_to":"`, `"`), `\u0026`, "&")
	return to[strings.Index(to, "/oauth2/auth?"):]
}

// wire is a connection that is kept, and buffers that are used again.
type wire struct {
	conn net.Conn
	host string
	out  []byte
	in   [256 << 10]byte
}

// answered is what came back, good until the next question.
type answered struct{ all []byte }

func connect(t *testing.T, base string) *wire {
	t.Helper()
	host := strings.TrimPrefix(base, "http://")
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &wire{conn: conn, host: host}
}

// ask sends a request, reads the answer to its end, and checks how it begins.
func (c *wire) ask(t *testing.T, want, method, path, headers, body string) answered {
	t.Helper()
	c.out = fmt.Appendf(c.out[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, c.host, headers, len(body), body)
	if _, err := c.conn.Write(c.out); err != nil {
		t.Fatal(err)
	}
	read, end := 0, -1
	for end < 0 || read < end {
		n, err := c.conn.Read(c.in[read:])
		if err != nil {
			t.Fatalf("%s %s: %v after %q", method, path, err, c.in[:read])
		}
		read += n
		if end < 0 {
			end = endOf(c.in[:read])
		}
	}
	a := answered{c.in[:read]}
	if !strings.HasPrefix(string(a.all), want) {
		t.Fatalf("%s %s: %s", method, path, a.all)
	}
	return a
}

// endOf is the length of the answer that begins so, -1 when its head is not
// complete yet.
func endOf(b []byte) int {
	head, _, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return -1
	}
	_, rest, ok := bytes.Cut(head, []byte("Content-Length: "))
	if !ok {
		return len(head) + 4 // a redirect without a body
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return -1
	}
	return len(head) + 4 + n
}

// between returns the text between two others, the last one or the end of the
// line.
func (a answered) between(before, after string) string {
	_, rest, _ := bytes.Cut(a.all, []byte(before))
	text, _, _ := bytes.Cut(rest, []byte(after))
	line, _, _ := bytes.Cut(text, []byte("\r\n"))
	return string(line)
}

// member returns the text of a member of the answer's JSON object.
func (a answered) member(t *testing.T, name string) string {
	t.Helper()
	text := a.between(`"`+name+`":"`, `"`)
	if text == "" {
		t.Fatalf("no %s in %s", name, a.all)
	}
	return text
}
