package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// corsHeaders sends a request and returns the headers that CORS is about.
func corsHeaders(h http.Handler, method string, headers map[string]string) (http.Header, bool) {
	r := httptest.NewRequest(method, "/userinfo", nil)
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	out := http.Header{}
	for k, v := range w.Header() {
		if k == "Vary" || strings.HasPrefix(k, "Access-Control-") {
			out[k] = v
		}
	}
	return out, w.Header().Get("Served") != ""
}

var served = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Served", "yes") })

// clientList plays the part of the client look-up: Basic user name or bearer token.
func clientList(list map[string][]string) func(*http.Request) []string {
	return func(r *http.Request) []string { return list[r.Header.Get("Authorization")] }
}

// Contract §8.7, cases 233 to 239.
func TestCORSOfClients(t *testing.T) {
	t.Parallel()
	const foobar = "http://foobar.com"
	vary := http.Header{"Vary": {"Origin"}}
	echo := func(origin string) http.Header {
		return http.Header{"Vary": {"Origin"}, "Access-Control-Allow-Origin": {origin}}
	}
	clients := clientList(map[string][]string{
		"Basic other":   {"http://not-foobar.com"},
		"Basic exact":   {foobar},
		"Basic glob":    {"http://*.foobar.com"},
		"Basic any":     {"*"},
		"Basic bad":     {"http://[.foobar.com", "", "null"},
		"Bearer token1": {foobar},
	})
	for _, test := range []struct {
		name   string
		cors   CORS
		origin string
		auth   string
		want   http.Header
	}{
		{"233: disabled", CORS{Origins: []string{"*"}}, foobar, "Basic exact", http.Header{}},
		{"234: client unknown", CORS{Enabled: true}, foobar, "Basic unknown", vary},
		{"235: client allows another origin", CORS{Enabled: true}, foobar, "Basic other", vary},
		{"236: client allows it exactly", CORS{Enabled: true}, foobar, "Basic exact", echo(foobar)},
		{"236: client allows it by pattern", CORS{Enabled: true}, "http://a.foobar.com", "Basic glob", echo("http://a.foobar.com")},
		{"236: client allows all", CORS{Enabled: true}, foobar, "Basic any", echo(foobar)},
		{"237: global *", CORS{Enabled: true, Origins: []string{"*"}}, foobar, "", echo("*")},
		{"238: global pattern", CORS{Enabled: true, Origins: []string{"http://*.foobar.com"}}, "http://a.foobar.com", "", echo("http://a.foobar.com")},
		{"239: by bearer token", CORS{Enabled: true}, foobar, "Bearer token1", echo(foobar)},
		{"an empty list allows nobody here", CORS{Enabled: true, AllWhenEmpty: true}, foobar, "", vary},
		{"no origin", CORS{Enabled: true, Origins: []string{"*"}}, "", "", vary},
		{"letters of any case", CORS{Enabled: true, Origins: []string{"HTTP://FooBar.com"}}, foobar, "", echo(foobar)},
		{"null is never allowed", CORS{Enabled: true, Origins: []string{"null", "*"}}, "null", "", vary},
		{"null by a client", CORS{Enabled: true}, "null", "Basic bad", vary},
		{"suffix trick", CORS{Enabled: true, Origins: []string{"http://*.foobar.com", foobar}}, "http://evilfoobar.com", "", vary},
		{"prefix trick", CORS{Enabled: true, Origins: []string{foobar}}, "http://foobar.com.evil.com", "", vary},
		{"the pattern does not cross a dot", CORS{Enabled: true, Origins: []string{"http://*.foobar.com"}}, "http://a.b.foobar.com", "", vary},
		{"the pattern does not cross a port", CORS{Enabled: true, Origins: []string{"http://*.foobar.com"}}, "http://evil.com:80.foobar.com", "", vary},
		{"no userinfo", CORS{Enabled: true, Origins: []string{"*"}}, "http://foobar.com@evil.com", "", vary},
		{"unparsable pattern", CORS{Enabled: true}, foobar, "Basic bad", vary},
		{"credentials", CORS{Enabled: true, Credentials: true, Origins: []string{foobar}}, foobar, "",
			http.Header{"Vary": {"Origin"}, "Access-Control-Allow-Origin": {foobar}, "Access-Control-Allow-Credentials": {"true"}}},
		{"global * never reflects with credentials", CORS{Enabled: true, Credentials: true, Origins: []string{"*"}}, foobar, "", echo("*")},
		{"a client's * never reflects with credentials", CORS{Enabled: true, Credentials: true}, foobar, "Basic any", echo(foobar)},
		{"exposed headers", CORS{Enabled: true, Exposed: []string{"A", "B"}, Origins: []string{foobar}}, foobar, "",
			http.Header{"Vary": {"Origin"}, "Access-Control-Allow-Origin": {foobar}, "Access-Control-Expose-Headers": {"A, B"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			headers := map[string]string{}
			if test.origin != "" {
				headers["Origin"] = test.origin
			}
			if test.auth != "" {
				headers["Authorization"] = test.auth
			}
			got, reached := corsHeaders(test.cors.Clients(served, clients), http.MethodPost, headers)
			if diff := cmp.Diff(test.want, got); diff != "" || !reached {
				t.Errorf("reached %t, headers (-want +got):\n%s", reached, diff)
			}
		})
	}
}

// The caller's client may be known only after its token was looked up.
func TestAllowOrigins(t *testing.T) {
	t.Parallel()
	h := CORS{Enabled: true}.Clients(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		AllowOrigins(r.Context(), []string{"https://spa.example"})
		w.WriteHeader(http.StatusOK)
	}), nil)
	for origin, want := range map[string]string{"https://spa.example": "https://spa.example", "https://evil.example": ""} {
		got, _ := corsHeaders(h, http.MethodGet, map[string]string{"Origin": origin})
		if got.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("origin %s: %v", origin, got)
		}
	}
	AllowOrigins(t.Context(), []string{"*"}) // outside a request: nothing happens
}

func TestCORSPlain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		cors   CORS
		origin string
		want   string
	}{
		{"empty list", CORS{Enabled: true}, "http://a.com", ""},
		{"empty list as Hydra takes it", CORS{Enabled: true, AllWhenEmpty: true}, "http://a.com", "*"},
		{"*", CORS{Enabled: true, Origins: []string{"*"}}, "http://a.com", "*"},
		{"exact", CORS{Enabled: true, Origins: []string{"http://b.com", "http://a.com"}}, "http://a.com", "http://a.com"},
		{"pattern across labels", CORS{Enabled: true, Origins: []string{"http://*.a.com"}}, "http://x.y.a.com", "http://x.y.a.com"},
		{"port", CORS{Enabled: true, Origins: []string{"http://localhost:*"}}, "http://localhost:3000", "http://localhost:3000"},
		{"another port", CORS{Enabled: true, Origins: []string{"http://a.com"}}, "http://a.com:8080", ""},
		{"null", CORS{Enabled: true, AllWhenEmpty: true}, "null", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, reached := corsHeaders(test.cors.Plain(served), http.MethodGet, map[string]string{"Origin": test.origin})
			if got.Get("Access-Control-Allow-Origin") != test.want || !reached {
				t.Errorf("headers %v, reached %t", got, reached)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	vary := []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
	allowed := func(origin, method, headers string, more ...string) http.Header {
		h := http.Header{"Vary": vary, "Access-Control-Allow-Origin": {origin}, "Access-Control-Allow-Methods": {method}}
		if headers != "" {
			h.Set("Access-Control-Allow-Headers", headers)
		}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	nothing := http.Header{"Vary": vary}
	list := []string{"http://a.com"}
	for _, test := range []struct {
		name    string
		clients bool
		cors    CORS
		origin  string
		method  string
		headers string
		want    http.Header
	}{
		{"listed", false, CORS{Origins: list, MaxAge: 600}, "http://a.com", "POST", "content-type", allowed("http://a.com", "POST", "Content-Type", "Access-Control-Max-Age", "600")},
		{"not listed", false, CORS{Origins: list}, "http://b.com", "POST", "", nothing},
		{"PUT has to be configured", false, CORS{Origins: list}, "http://a.com", "PUT", "", nothing},
		{"PUT", false, CORS{Origins: list, Methods: []string{"put"}}, "http://a.com", "PUT", "", allowed("http://a.com", "PUT", "")},
		{"header not allowed", false, CORS{Origins: list}, "http://a.com", "POST", "Authorization", nothing},
		{"header list", false, CORS{Origins: list, Headers: []string{"X-A", "x-b"}}, "http://a.com", "POST", "x-a, X-B", allowed("http://a.com", "POST", "X-A, X-B")},
		{"any header", false, CORS{Origins: list, Headers: []string{"*"}}, "http://a.com", "POST", "x-a", allowed("http://a.com", "POST", "X-A")},
		{"any header, but a header", false, CORS{Origins: list, Headers: []string{"*"}}, "http://a.com", "POST", "x a<", nothing},
		{"null", true, CORS{Origins: []string{"*"}}, "null", "POST", "", nothing},
		{"credentials", false, CORS{Origins: list, Credentials: true}, "http://a.com", "GET", "", allowed("http://a.com", "GET", "", "Access-Control-Allow-Credentials", "true")},
		{"exposed headers are not for preflights", false, CORS{Origins: list, Exposed: []string{"A"}}, "http://a.com", "GET", "", allowed("http://a.com", "GET", "")},
		{"Q-43: which client calls is not known yet", true, CORS{}, "http://spa.example", "POST", "authorization", allowed("http://spa.example", "POST", "Authorization")},
		{"Q-43: never with credentials", true, CORS{Credentials: true}, "http://spa.example", "POST", "", allowed("http://spa.example", "POST", "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.cors.Enabled = true
			h := test.cors.Plain(served)
			if test.clients {
				h = test.cors.Clients(served, nil)
			}
			headers := map[string]string{"Origin": test.origin, "Access-Control-Request-Method": test.method}
			if test.headers != "" {
				headers["Access-Control-Request-Headers"] = test.headers
			}
			got, reached := corsHeaders(h, http.MethodOptions, headers)
			if diff := cmp.Diff(test.want, got); diff != "" || reached {
				t.Errorf("reached the handler: %t; headers (-want +got):\n%s", reached, diff)
			}
		})
	}
	if _, reached := corsHeaders(CORS{Enabled: true}.Plain(served), http.MethodOptions, map[string]string{"Origin": "http://a.com"}); !reached {
		t.Error("OPTIONS that is no preflight must reach the handler")
	}
}

func TestProperOrigin(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]bool{
		"http://a": true, "https://a.b-c.d": true, "https://a:8443": true, "http://[::1]": true, "http://[::1]:80": true,
		"chrome-extension://abc": true, "capacitor://localhost": true,
		"": false, "null": false, "a.com": false, "http://": false, "://a": false, "http://a/": false, "http://a/b": false,
		"http://a?b": false, "http://a#b": false, "http://u@a": false, "http://a:": false, "http://a:b": false, "http://a:123456": false,
		"http://a b": false, "http://[::1": false, "http://[]": false, "http://[::1]x": false, "http://a, http://b": false, "1http://a": false,
		"http://*.a": false, "http://" + strings.Repeat("a", 300): false,
	} {
		if got := properOrigin(origin); got != want {
			t.Errorf("properOrigin(%q) = %t, want %t", origin, got, want)
		}
	}
}

// A pattern with one star never allows a host outside of what surrounds it.
func FuzzMatchOrigin(f *testing.F) {
	for _, origin := range []string{"http://a.foobar.com", "http://evilfoobar.com", "http://a.b.foobar.com", "http://x/.foobar.com", "http://.foobar.com", "null", "HTTP://A.FOOBAR.COM"} {
		f.Add(origin)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		r := &http.Request{Header: http.Header{"Origin": {origin}}}
		got, ok := originOf(r)
		if !ok || !matchOrigins([]string{"http://*.foobar.com"}, got, true) {
			return
		}
		host, fine := strings.CutPrefix(got, "http://")
		label, rest, _ := strings.Cut(host, ".")
		if !fine || rest != "foobar.com" || label == "" || strings.ContainsAny(label, "/:@?#[]\\ ") {
			t.Fatalf("%q was allowed", origin)
		}
	})
}
