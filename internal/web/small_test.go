package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCookies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		cookies Cookies
		maxAge  int
		want    string
	}{
		{"https", Cookies{Secure: true, SameSite: http.SameSiteNoneMode}, 3600, "__Host-sid=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=None"},
		{"browser session", Cookies{Secure: true, SameSite: http.SameSiteLaxMode}, 0, "__Host-sid=v; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"http", Cookies{SameSite: http.SameSiteStrictMode}, 60, "sid=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"},
		{"None needs Secure", Cookies{SameSite: http.SameSiteNoneMode}, 60, "sid=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"},
		{"domain", Cookies{Secure: true, Domain: "example.com"}, 60, "sid=v; Path=/; Domain=example.com; Max-Age=60; HttpOnly; Secure"},
		{"path", Cookies{Secure: true, Path: "/auth"}, 60, "sid=v; Path=/auth; Max-Age=60; HttpOnly; Secure"},
	} {
		w := httptest.NewRecorder()
		test.cookies.Set(w, "sid", "v", test.maxAge)
		if got := w.Header().Get("Set-Cookie"); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", test.cookies.Name("sid")+"=v")
		if got, ok := test.cookies.Read(r, "sid"); !ok || got != "v" {
			t.Errorf("%s: Read() = %q, %t", test.name, got, ok)
		}
	}
	w := httptest.NewRecorder()
	Cookies{Secure: true}.Clear(w, "sid")
	if got, want := w.Header().Get("Set-Cookie"), "__Host-sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; Secure"; got != want {
		t.Errorf("Clear() sends %q, want %q", got, want)
	}
}

// A sibling domain can plant "sid", but not "__Host-sid".
func TestCookiesReadTheirOwnNameOnly(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", "sid=planted; flow_a=1; __Host-flow_b=2; __Host-flow_c=3; __Host-flow_b=4; __Host-other=5")
	c := Cookies{Secure: true}
	if got, ok := c.Read(r, "sid"); ok {
		t.Errorf("Read() = %q", got)
	}
	if got := c.Names(r, "flow_"); !slices.Equal(got, []string{"flow_b", "flow_c"}) {
		t.Errorf("Names() = %q", got)
	}
	if got := (Cookies{}).Names(r, "flow_"); !slices.Equal(got, []string{"flow_a"}) {
		t.Errorf("Names() = %q", got)
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l := &Limiter{Rate: 0.5, Burst: 2, Keys: 2, Now: func() time.Time { return now }}
	for i, want := range []int{0, 0, 2, 2} {
		if ok, retry := l.Allow("a"); ok != (want == 0) || retry != want {
			t.Errorf("request %d: Allow() = %t, %d, want retry %d", i, ok, retry, want)
		}
	}
	if ok, _ := l.Allow("b"); !ok {
		t.Error("one key's flood must not hurt another")
	}
	now = now.Add(time.Second)
	if ok, retry := l.Allow("a"); ok || retry != 1 {
		t.Errorf("after a second: Allow() = %t, %d, want retry 1", ok, retry)
	}
	now = now.Add(time.Second)
	if ok, _ := l.Allow("a"); !ok {
		t.Error("a token has come in")
	}
	for i := range 100 {
		l.Allow(fmt.Sprint(i))
	}
	if len(l.buckets) != 2 || l.order.Len() != 2 {
		t.Errorf("%d keys are remembered, want 2", len(l.buckets))
	}
	if ok, retry := (&Limiter{}).Allow("a"); ok || retry < 1 {
		t.Errorf("zero limiter: Allow() = %t, %d", ok, retry)
	}
}

func TestLimiterIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	l := &Limiter{Rate: 1e-9, Burst: 10, Keys: 100}
	var mu sync.Mutex
	allowed := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				ok, _ := l.Allow("k")
				mu.Lock()
				if ok {
					allowed++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if allowed != 10 {
		t.Errorf("%d allowed, want 10", allowed)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	down := func(context.Context) error { return errors.New("dial tcp 10.0.0.5:5432: refused") }
	up := func(context.Context) error { return nil }
	for _, test := range []struct {
		name   string
		h      http.Handler
		status int
		body   string
	}{
		{"alive", Alive(), 200, `{"status":"ok"}`},
		{"ready", Ready(up, false), 200, `{"status":"ok"}`},
		{"not ready, public", Ready(down, false), 503, `{"errors":{"database":"The database does not answer as it should; the log of the server says more."}}`},
		{"not ready, admin", Ready(down, true), 503, `{"errors":{"database":"dial tcp 10.0.0.5:5432: refused"}}`},
		{"version", Version("v1.2.3"), 200, `{"version":"v1.2.3"}`},
	} {
		w := httptest.NewRecorder()
		test.h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != test.status || w.Body.String() != test.body || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %q %q", test.name, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

func TestReadinessDoesNotHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := httptest.NewRecorder()
		Ready(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, false).
			ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if took := time.Since(begin); w.Code != 503 || took != readyTimeout {
			t.Errorf("%d after %s", w.Code, took)
		}
	})
}

func TestChainAndHeaders(t *testing.T) {
	t.Parallel()
	var order []string
	mark := func(name string) Middleware {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, name)
				h.ServeHTTP(w, r)
			})
		}
	}
	var read error
	h := Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, read = io.ReadAll(r.Body) }),
		mark("outer"), SecurityHeaders, LimitBody(10), mark("inner"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("more than ten")))
	if !slices.Equal(order, []string{"outer", "inner"}) {
		t.Errorf("order %q", order)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](read); !ok {
		t.Errorf("reading gave %v", read)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Slowloris: whoever never ends his headers is cut off after 5 seconds.
func TestSlowHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		s := NewServer(served)
		go func() { _ = s.Serve(&oneConn{conn: server, closed: make(chan struct{})}) }()
		defer s.Close()
		begin := time.Now()
		go func() { _, _ = client.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")) }()
		_, err := io.ReadAll(client)
		if took := time.Since(begin); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("cut off after %s (%v), want 5s", took, err)
		}
	})
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// A server that waits for others answers as long as they may take, and tells
// its handler a little before it could not any more.
func TestExtend(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]func(*http.Protocols, bool){"HTTP/1": (*http.Protocols).SetHTTP1, "HTTP/2": (*http.Protocols).SetUnencryptedHTTP2} {
		for _, test := range []struct {
			more, takes time.Duration
			status      int // 0: none
		}{
			{0, 14 * time.Second, 200},
			{0, 16 * time.Second, 0},
			{20 * time.Second, 31 * time.Second, 200},
			{20 * time.Second, time.Hour, 503},
		} {
			synctest.Test(t, func(t *testing.T) {
				s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(test.takes):
					case <-r.Context().Done():
						w.WriteHeader(http.StatusServiceUnavailable)
					}
				}))
				if test.more > 0 {
					Extend(s, test.more)
				}
				s.Protocols = new(http.Protocols)
				protocol(s.Protocols, true)
				if status, err := submit(t, s); status != test.status {
					t.Errorf("%s, with %s more: a handler of %s gives %d, %v, want %d", name, test.more, test.takes, status, err, test.status)
				}
			})
		}
	}
}

// submit asks the server over a connection of its own.
func submit(t *testing.T, s *http.Server) (status int, err error) {
	t.Helper()
	client, server := net.Pipe()
	go func() { _ = s.Serve(&oneConn{conn: server, closed: make(chan struct{})}) }()
	defer s.Close()
	transport := &http.Transport{Protocols: s.Protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://a/", strings.NewReader("a body"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestServerLimits(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(served)
	s.Config = NewServer(s.Config.Handler)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	get := func(header int) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("X-Long", strings.Repeat("a", header))
		resp, err := s.Client().Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	if status, err := get(20 << 10); status != 200 || err != nil {
		t.Errorf("20 KiB of headers: %d, %v", status, err)
	}
	if status, err := get(200 << 10); err == nil && status != 431 {
		t.Errorf("200 KiB of headers: %d, want 431", status)
	}
}
