package server_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/web"
)

// Attacks on the transport, over HTTP against the whole program.

// endless is a body that never ends, and counts what is taken from it.
type endless struct {
	head  io.Reader
	taken atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	if n, err := e.head.Read(p); n > 0 || err == nil {
		return n, err
	}
	for i := range p {
		p[i] = 'x'
	}
	e.taken.Add(int64(len(p)))
	return len(p), nil
}

// Attack: multipart/form-data with a file part without an end.
func TestAttackMultipartWithHugeFile(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	r := newRig(t)
	for _, address := range []string{
		r.Public + "/oauth2/token", r.Public + "/oauth2/revoke", r.Public + "/userinfo", r.Public + "/oauth2/auth",
		r.Admin + "/oauth2/introspect", r.Admin + "/clients", r.Admin + "/oauth2/flush", r.Admin + "/keys/foo",
	} {
		body := &endless{head: strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n")}
		req, err := http.NewRequestWithContext(t.Context(), "POST", address, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		res, err := client.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode < 400 && res.StatusCode != 302 || res.StatusCode >= 500 { // 302: to the error page
				t.Errorf("%s = %d", address, res.StatusCode)
			}
		}
		// An answer may get lost when the connection is cut in the middle of the request.
		if taken := body.taken.Load(); taken > 32<<20 {
			t.Errorf("%s took %d bytes", address, taken)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files: %v, %v", left, err)
	}
	if a := get(t, r.Admin+"/health/ready"); a.Status != 200 {
		t.Errorf("readiness = %d %s", a.Status, a.Body)
	}
}

// Attacks: 10,000 parameters, a parameter of 1 MB, 10,000 scopes, and the same
// parameter twice, which two readers could read as two requests.
func TestAttackParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	access := r.tokens(c, sign{}).text("access_token")
	const grant = "grant_type=client_credentials"
	endpoints := map[string]struct {
		address, body string
		headers       []string
	}{
		"token":      {r.Public + "/oauth2/token", grant, []string{formType, basic(c.id, c.secret)}},
		"introspect": {r.Admin + "/oauth2/introspect", "token=" + access, []string{formType}},
		"userinfo":   {r.Public + "/userinfo", "access_token=" + access, []string{formType}},
	}
	bad := map[string]string{
		"10,000 parameters": strings.Repeat("&a=b", 10_000),
		"1 MB parameter":    "&x=" + strings.Repeat("x", 1_000_000),
		"twice":             "&scope=foo.x&scope=foo.y",
		"twice, empty":      "&scope=&scope=",
		"NUL":               "&scope=%00",
		"broken UTF-8":      "&scope=%ff",
		"overlong UTF-8":    "&scope=%c0%af",
		"surrogate":         "&scope=%ed%a0%80",
		"bad escape":        "&scope=%zz",
	}
	for name, e := range endpoints {
		if a := do(t, client, "POST", e.address, e.body, e.headers...); a.Status != 200 {
			t.Fatalf("%s = %d %s", name, a.Status, a.Body)
		}
		for what, more := range bad {
			a := do(t, client, "POST", e.address, e.body+more, e.headers...)
			if a.Status != 400 || !strings.Contains(a.Body, "invalid_request") {
				t.Errorf("%s, %s: %d %.200s", name, what, a.Status, a.Body)
			}
		}
		first, _, _ := strings.Cut(e.body, "=")
		if a := do(t, client, "POST", e.address, e.body+"&"+first+"=other", e.headers...); a.Status != 400 {
			t.Errorf("%s, %s twice: %d %s", name, first, a.Status, a.Body)
		}
	}
	// Revocation says so in its own way (contract §3.3).
	r.call("/oauth2/revoke", c, "token", access, "token", "x").is(401, "invalid_client")
	for what, scope := range map[string]string{"10,000 scopes": strings.Repeat("foo.x ", 10_000), "10,000 different": numbered(10_000)} {
		if a := r.token(c, "grant_type", "client_credentials", "scope", scope); a.Status != 400 {
			t.Errorf("%s: %d %.200s", what, a.Status, a.Body)
		}
	}
	for what, scope := range map[string]string{"RTL override": "foo.\u202ex", "control": "foo.\x01", "NFKC twin": "ｒead", "quote": `foo."x`} {
		if a := r.token(c, "grant_type", "client_credentials", "scope", scope); a.Status != 400 || a.text("error") != "invalid_scope" {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	if !r.active(access) {
		t.Error("the token is dead")
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "foo.%d ", i)
	}
	return b.String()
}

// Attacks on JSON: depth, sheer number, duplicates, numbers beyond all
// measure, and text that another parser would read otherwise.
func TestAttackJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	to := r.visit(newBrowser(t), r.Public+"/oauth2/auth?"+form("client_id", c.id, "response_type", "code", "redirect_uri", callback, "scope", "openid", "state", "12345678").Encode())
	challenge := to.Query().Get("login_challenge")
	bad := map[string]string{
		"100,000 arrays":        `{"client_name":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}",
		"100,000 objects":       strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"100,000 opened":        strings.Repeat("[", 100_000),
		"duplicate":             `{"subject":"a","subject":"b","client_id":"a","client_id":"b","alg":"RS256","alg":"HS256","notAfter":null,"notAfter":null}`,
		"duplicate by case":     `{"subject":"a","Subject":"b","client_id":"a","Client_ID":"b","alg":"RS256","ALG":"HS256","notAfter":null,"NOTAFTER":null}`,
		"duplicate by escape":   `{"subject":"a","\u0073ubject":"b","client_id":"a","\u0063lient_id":"b","alg":"a","\u0061lg":"b","notAfter":null,"\u006eotAfter":null}`,
		"duplicate deep inside": `{"context":{"a":[{"b":1,"b":2}]},"metadata":{"a":1,"a":2},"client_secret_expires_at":0}`,
		"huge number":           `{"remember_for":1e400,"client_secret_expires_at":1e400,"context":1e400,"use":1e400,"notAfter":1e400}`,
		"long number":           `{"remember_for":` + strings.Repeat("9", 100_000) + `,"client_secret_expires_at":` + strings.Repeat("9", 100_000) + `,"use":1,"notAfter":1}`,
		"NaN":                   `{"remember_for":NaN}`,
		"NUL":                   `{"subject":"a\u0000b","client_name":"a\u0000b","kid":"a\u0000b","notAfter":"\u0000"}`,
		"raw NUL":               "{\"subject\":\"a\x00b\"}",
		"lone surrogate":        `{"subject":"\ud800","client_name":"\ud800","kid":"\udc00x","notAfter":"\ud800"}`,
		"broken UTF-8":          "{\"subject\":\"\xff\",\"client_name\":\"\xff\",\"kid\":\"\xff\",\"notAfter\":\"\xff\"}",
		"two values":            `{} {}`,
		"no object":             `[]`,
		"cut off":               `{"subject":"a`,
		"nothing":               ``,
		"form":                  "subject=alice&client_id=x&alg=RS256",
	}
	begin := time.Now()
	for _, e := range []struct{ method, path string }{
		{"POST", "/clients"}, {"PUT", "/clients/" + c.id}, {"POST", "/keys/foo"}, {"POST", "/oauth2/flush"},
		{"PUT", "/oauth2/auth/requests/login/" + challenge + "/accept"}, {"PUT", "/oauth2/auth/requests/login/" + challenge + "/reject"},
	} {
		for what, body := range bad {
			if a := do(t, client, e.method, r.Admin+e.path, body, "Content-Type: application/json"); a.Status != 400 {
				t.Errorf("%s %.40s, %s: %d %.200s", e.method, e.path, what, a.Status, a.Body)
			}
		}
	}
	if took := time.Since(begin); took > 5*time.Minute {
		t.Errorf("the refusals took %v", took)
	}
	r.accept("login", challenge, m{"subject": "alice"}) // the flow is unharmed
	if a := r.admin("GET", "/clients/"+c.id, nil); a.Status != 200 {
		t.Errorf("the client: %d %s", a.Status, a.Body)
	}
}

// Attacks: another method than the one that is meant, by HEAD, OPTIONS or a
// header that tunnels it, has no effect.
func TestAttackVerbs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	a := r.tokens(c, sign{})
	access := a.text("access_token")
	for _, method := range []string{"HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
		for _, address := range []string{
			r.Public + "/oauth2/auth/sessions/login/revoke", r.Public + "/oauth2/revoke", r.Admin + "/clients/" + c.id,
			r.Admin + "/oauth2/auth/sessions/consent/alice", r.Admin + "/oauth2/flush", r.Admin + "/keys/hydra.openid.id-token",
		} {
			got, err := try(t, client, method, address, "", formType, "Authorization: Bearer "+access)
			if err == nil && (got.Status >= 500 || got.Status != 405 && got.Status >= 200 && got.Status < 400 && method != "OPTIONS" || got.Body != "" && method == "OPTIONS") {
				t.Errorf("%s %s = %d %s", method, address, got.Status, got.Body)
			}
			if got.Header.Get("Set-Cookie")+got.Header.Get("Location") != "" {
				t.Errorf("%s %s has effects: %v", method, address, got.Header)
			}
		}
	}
	for _, header := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"} {
		for _, path := range []string{"/clients/" + c.id, "/oauth2/auth/sessions/consent/alice", "/clients/" + c.id + "?_method=DELETE"} {
			if got := get(t, r.Admin+path, header); got.Status != 200 {
				t.Errorf("GET %s with %s = %d %s", path, header, got.Status, got.Body)
			}
		}
	}
	if !r.active(access) {
		t.Error("the token is dead")
	}
	if got := r.token(c, "grant_type", "client_credentials"); got.Status != 200 {
		t.Errorf("the client: %d %s", got.Status, got.Body)
	}
}

// Attack: slowloris. Every phase of a request has an end, and streams, headers
// and pings are bounded.
func TestAttackSlowloris(t *testing.T) {
	t.Parallel()
	s := web.NewServer(http.NotFoundHandler())
	for what, limit := range map[string]struct{ is, most time.Duration }{
		"the headers":      {s.ReadHeaderTimeout, 10 * time.Second},
		"the body":         {s.ReadTimeout, 30 * time.Second},
		"the answer":       {s.WriteTimeout, time.Minute},
		"an idle client":   {s.IdleTimeout, 3 * time.Minute},
		"a dead HTTP/2":    {s.HTTP2.PingTimeout, time.Minute},
		"a stalled HTTP/2": {s.HTTP2.WriteByteTimeout, time.Minute},
	} {
		if limit.is <= 0 || limit.is > limit.most {
			t.Errorf("%s may take %v", what, limit.is)
		}
	}
	if s.HTTP2.MaxConcurrentStreams <= 0 || s.HTTP2.MaxConcurrentStreams > 250 || s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 1<<20 {
		t.Errorf("%d streams, %d bytes of headers", s.HTTP2.MaxConcurrentStreams, s.MaxHeaderBytes)
	}
}

// Attacks on CORS: nobody but the listed origins, no credentials for
// everybody, and nothing at all where cookies count.
func TestAttackCORS(t *testing.T) {
	t.Parallel()
	r := newRig(t, "CORS_ENABLED=true", "CORS_ALLOWED_ORIGINS=https://good.com,https://*.app.test", "CORS_ALLOWED_CREDENTIALS=true")
	wild := newRig(t, "CORS_ENABLED=true", "CORS_ALLOWED_ORIGINS=*", "CORS_ALLOWED_CREDENTIALS=true")
	const doc = "/.well-known/openid-configuration"
	if got := get(t, r.Public+doc, "Origin: https://good.com").Header; got.Get("Access-Control-Allow-Origin") != "https://good.com" {
		t.Fatalf("the good origin gets %v", got)
	}
	for _, origin := range []string{
		"null", "https://evilgood.com", "https://good.com.evil.test", "http://good.com", "https://good.com:8443", "https://good.com/", "https://GOOD.com@evil.test",
		"https://a.b.app.test", "https://app.test", "https://.app.test", "https://evil.test#.app.test", "https://evil.test/.app.test", "https://x.app.test.evil.test", "file://", "",
	} {
		for _, address := range []string{r.Public + doc, r.Public + "/oauth2/token", r.Public + "/userinfo"} {
			for _, method := range []string{"GET", "POST"} {
				if got := do(t, client, method, address, "", "Origin: "+origin, formType); got.Header.Get("Access-Control-Allow-Origin") != "" || got.Header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %s, %q: %v", method, address, origin, got.Header)
				}
			}
			got := do(t, client, "OPTIONS", address, "", "Origin: "+origin, "Access-Control-Request-Method: POST")
			if got.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("preflight %s, %q: %v", address, origin, got.Header)
			}
		}
	}
	if got := get(t, wild.Public+doc, "Origin: https://evil.test").Header; got.Get("Access-Control-Allow-Origin") != "*" || got.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("with *: %v", got)
	}
	for _, path := range []string{"/oauth2/auth", "/oauth2/auth/sessions/login/revoke", "/oauth2/fallbacks/error"} {
		for _, one := range []*rig{r, wild} {
			for _, method := range []string{"GET", "OPTIONS"} {
				if got := do(t, client, method, one.Public+path, "", "Origin: https://good.com", "Access-Control-Request-Method: GET"); got.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s %s: %v", method, path, got.Header)
				}
			}
		}
	}
}

// Attack: a flood of wrong secrets for one client, from one network. The
// client still signs in from another, and nobody waits for ever.
func TestAttackFloodOfWrongSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t, "URLS_SELF_ISSUER=https://id.example.com", "HTTPS_ALLOW_TERMINATION_FROM=127.0.0.0/8")
	public := "http://127.0.0.1:" + fmt.Sprint(r.Config.Serve.Public.Port)
	created := do(t, client, "POST", r.Admin+"/clients", `{"client_id":"app","client_secret":"chosen by a person","grant_types":["client_credentials"]}`, "X-Forwarded-Proto: https")
	if created.Status != 201 {
		t.Fatalf("%d %s", created.Status, created.Body)
	}
	ask := func(secret, network string) (reply, error) {
		return try(t, client, "POST", public+"/oauth2/token", "grant_type=client_credentials", formType, basic("app", secret), "X-Forwarded-Proto: https", "X-Forwarded-For: "+network)
	}
	statuses := make(chan reply, 200)
	stop := make(chan struct{})
	for range 4 {
		go func() {
			for i := range 50 {
				a, err := ask(fmt.Sprintf("wrong %d", i), "192.0.2.1")
				if err == nil {
					statuses <- a
				} else {
					statuses <- reply{}
				}
			}
			stop <- struct{}{}
		}()
	}
	a, err := ask("chosen by a person", "198.51.100.1") // while it goes on
	if err != nil || a.Status != 200 {
		t.Errorf("the client itself: %d %s %v", a.Status, a.Body, err)
	}
	for range 4 {
		<-stop
	}
	close(statuses)
	shed := 0
	for a := range statuses {
		switch {
		case a.Status == 503 && a.Header.Get("Retry-After") != "":
			shed++
		case a.Status != 401:
			t.Errorf("a wrong secret: %d %s", a.Status, a.Body)
		}
	}
	if shed == 0 {
		t.Error("200 wrong secrets in a row were all hashed")
	}
}
