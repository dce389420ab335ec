package loadtest

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"http://127.0.0.1:4444":     "127.0.0.1:4444 ",
		"http://127.9.0.1:1/realm/": "127.9.0.1:1 /realm",
		"http://localhost:4444/":    "127.0.0.1:4444 ",
		"http://[::1]:4444":         "[::1]:4444 ",
		"https://127.0.0.1":         "127.0.0.1:443 ",
		"http://127.0.0.1":          "127.0.0.1:80 ",
		"http://10.0.0.1:80":        "",
		"http://0.0.0.0:80":         "",
		"http://[::]:80":            "",
		"http://example.org:80":     "",
		"http://localhost.:80":      "", // names are not looked up
		"http://a@127.0.0.1:80":     "",
		"ftp://127.0.0.1:80":        "",
		"127.0.0.1:80":              "",
		"http://[::1":               "",
	} {
		r, err := Endpoint{URL: base}.route(false)
		if (err == nil) != (want != "") || err == nil && r.addr+" "+r.prefix != want {
			t.Errorf("%q: %+v, %v; want %q", base, r, err, want)
		}
	}
	r, err := Endpoint{URL: "https://example.org/x"}.route(true)
	if err != nil || r.addr != "example.org:443" || r.prefix != "/x" || r.tls.ServerName != "example.org" {
		t.Errorf("%+v, %v", r, err)
	}
}

// options are for a server of the test.
func options(s *httptest.Server) Options {
	e := Endpoint{URL: s.URL}
	return Options{Target: "bare", Public: e, Admin: e, Scenario: "bare_get", Workers: 4, Time: time.Minute, Timeout: time.Minute, Ops: 50, Pool: 1}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	for what, change := range map[string]func(*Options){
		"no workers":         func(o *Options) { o.Workers = 0 },
		"too many workers":   func(o *Options) { o.Workers = MaxWorkers + 1 },
		"no time":            func(o *Options) { o.Time = 0 },
		"too long":           func(o *Options) { o.Time, o.Warmup = MaxTime, 1 },
		"a negative warm-up": func(o *Options) { o.Warmup = -1 },
		"no operations":      func(o *Options) { o.Ops = 0 },
		"too many":           func(o *Options) { o.Ops = MaxOps + 1 },
		"no pool":            func(o *Options) { o.Pool = 0 },
		"a huge pool":        func(o *Options) { o.Pool = maxPool + 1 },
		"another machine":    func(o *Options) { o.Public.URL = "http://192.0.2.1:80" },
		"another admin":      func(o *Options) { o.Admin.URL = "http://192.0.2.1:80" },
		"negative requests":  func(o *Options) { o.Requests = -1 },
		"too fast":           func(o *Options) { o.Rate = MaxRate + 1 },
		"a weight of none":   func(o *Options) { o.Mix = []Share{{"bare_get", 0}} },
		"a heavy mix":        func(o *Options) { o.Mix, o.ClientID = []Share{{"bare_get", 999}, {"bare_post", 2}}, "a" },
		"a mix of nobody":    func(o *Options) { o.Mix = []Share{{"bare_get", 1}, {"bare_post", 1}} },
		"no such scenario":   func(o *Options) { o.Scenario = "x" },
		"no such target":     func(o *Options) { o.Target = "x" },
		"a flow of oidc":     func(o *Options) { o.Target, o.Scenario = "oidc", "code_flow" },
	} {
		o := options(s)
		change(&o)
		if r, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: %v", what, r)
		}
	}
}

func TestEndsByCount(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	r, err := Run(t.Context(), options(s))
	if err != nil {
		t.Fatal(err)
	}
	if n := served.Load(); r.Ops != 50 || r.Requests != 50 || r.Errors != 0 || n < 50 || r.Seconds > 30 {
		t.Errorf("%v, and %d requests came", r, n)
	}
	if r.P50 <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.Max || r.OpsPerSec <= 0 {
		t.Errorf("latencies: %v", r)
	}
}

func TestEndsByTime(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	o := options(s)
	o.Time, o.Ops = 20*time.Millisecond, MaxOps
	if r, err := Run(t.Context(), o); err != nil || r.Seconds < .02 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	o := options(s)
	o.Ops = MaxOps
	if r, err := Run(ctx, o); err != nil || r.Seconds > 30 {
		t.Errorf("%v, %v", r, err)
	}
}

// A wrong answer is an error, however fast it came.
func TestWrongAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]http.HandlerFunc{
		"a wrong status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"a wrong body":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") },
		"no answer":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		s := httptest.NewServer(answer)
		t.Cleanup(s.Close)
		o := options(s)
		o.Time = 50 * time.Millisecond
		if r, err := Run(t.Context(), o); err != nil || r.Ops != 0 || r.Errors == 0 || r.Error == "" || !strings.Contains(r.String(), r.Error) {
			t.Errorf("%s: %v, %v", what, r, err)
		}
	}
}

// Every way to end an answer that HTTP/1.1 has, RFC 9112 section 6.3.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/chunked":
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "end")
		case "/redirect":
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			http.Redirect(w, r, "/there?x=1", http.StatusFound)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/close":
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "bye")
		default:
			_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.Header.Get("Content-Type"), body)
		}
	}))
	t.Cleanup(s.Close)
	r0, err := Endpoint{URL: s.URL}.route(false)
	if err != nil {
		t.Fatal(err)
	}
	c := r0.conn(time.Minute)
	t.Cleanup(c.close)
	for _, tt := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"GET", "/chunked", "", strings.Repeat("x", 10_000) + "end", 200},
		{"GET", "/empty", "", "", 204},
		{"GET", "/close", "", "bye", 200},
		{"POST", "/echo", "a=b", "POST application/x-www-form-urlencoded a=b", 200},
		{"PUT", "/echo", "", "PUT application/x-www-form-urlencoded ", 200},
	} {
		r, err := c.do(tt.method, tt.path, formType, []byte(tt.body))
		if err != nil || r.status != tt.status || string(r.body) != tt.want {
			t.Fatalf("%s %s: %+v, %v", tt.method, tt.path, r, err)
		}
	}
	r, err := c.do("GET", "/redirect", "", nil)
	if err != nil || r.status != 302 || r.location != "/there?x=1" || len(r.cookies) != 1 || r.cookies[0] != "a=b" {
		t.Errorf("redirect: %+v, %v", r, err)
	}
	s.CloseClientConnections() // as an idle one may be: it is dialled again
	if r, err = c.do("GET", "/echo", "", nil); err != nil || r.status != 200 {
		t.Errorf("after a cut: %+v, %v", r, err)
	}
	if c.sent != 7 {
		t.Errorf("%d answers were counted", c.sent)
	}
}

// What is no answer is an error and neither a panic nor an endless read.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"", "x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
	} {
		c := &conn{br: bufio.NewReader(strings.NewReader(answer))}
		if err := c.readResponse(); err == nil && len(c.resp.body) == 0 {
			t.Errorf("%q is taken for an answer: %+v", answer, c.resp)
		}
	}
}

func TestSignedAsWanted(t *testing.T) {
	t.Parallel()
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + ".e30.x"
	for _, tt := range []struct {
		token, alg string
		ok         bool
	}{{token, "", true}, {token, "ES256", true}, {token, "RS256", false}, {"%%.x.y", "RS256", false}, {"e30.x.y", "RS256", false}} {
		w := &worker{bench: &bench{opt: Options{SigningAlg: tt.alg}}}
		if err := w.signedAsWanted(tt.token); (err == nil) != tt.ok {
			t.Errorf("%s as %q: %v", tt.token, tt.alg, err)
		}
	}
}

func TestWaitReadyGivesUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := WaitReady(t.Context(), Endpoint{URL: "http://" + addr}, "/", time.Millisecond); err == nil {
		t.Error("nobody listens there")
	}
}
