package web

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// Contract §1.2 and cases 240, 241, 249; quirks fixed.
func TestPlainHTTPGuard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		optional bool
		trusted  []netip.Prefix
		peer     string
		tls      bool
		path     string
		proto    []string
		want     int
	}{
		{"over TLS", false, nil, "192.0.2.1:1", true, "/clients", nil, 200},
		{"HTTPS not required", true, nil, "192.0.2.1:1", false, "/clients", nil, 200},
		{"case 240: termination disabled", false, nil, "10.1.1.1:1", false, "/clients", []string{"https"}, 502},
		{"case 241: right", false, proxies, "10.1.1.1:1", false, "/clients", []string{"https"}, 200},
		{"case 241: header missing", false, proxies, "10.1.1.1:1", false, "/clients", nil, 502},
		{"case 241: http", false, proxies, "10.1.1.1:1", false, "/clients", []string{"http"}, 502},
		{"case 241: wrong IP", false, proxies, "192.0.2.1:1", false, "/clients", []string{"https"}, 502},
		{"IPv6 proxy", false, proxies, "[fd00::1]:1", false, "/clients", []string{"https"}, 200},
		{"IPv4 in IPv6", false, proxies, "[::ffff:10.0.0.1]:1", false, "/clients", []string{"https"}, 200},
		{"Q-44: a chain of proxies", false, proxies, "10.1.1.1:1", false, "/clients", []string{"https, https"}, 200},
		{"Q-44: in two lines", false, proxies, "10.1.1.1:1", false, "/clients", []string{"https", "https"}, 200},
		{"one hop was plain", false, proxies, "10.1.1.1:1", false, "/clients", []string{"http, https"}, 502},
		{"one hop was plain, in two lines", false, proxies, "10.1.1.1:1", false, "/clients", []string{"https", "http"}, 502},
		{"empty member", false, proxies, "10.1.1.1:1", false, "/clients", []string{"https,"}, 502},
		{"empty header", false, proxies, "10.1.1.1:1", false, "/clients", []string{""}, 502},
		{"probes come from anywhere", false, nil, "192.0.2.1:1", false, "/health/alive", nil, 200},
		{"readiness too", false, proxies, "192.0.2.1:1", false, "/health/ready", nil, 200},
		{"and as v2 spells it", false, proxies, "192.0.2.1:1", false, "/admin/health/ready", nil, 200},
		{"the path is exact", false, proxies, "192.0.2.1:1", false, "/health/alive/", nil, 502},
		{"Q-40: unix socket", false, nil, "@", false, "/clients", nil, 200},
		{"unix socket without a name", false, nil, "", false, "/clients", nil, 200},
		{"an address that is none", false, proxies, "garbage", false, "/clients", []string{"https"}, 502},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			edge := &Edge{RequireHTTPS: !test.optional, Trusted: test.trusted, Errors: &Errors{}}
			r := httptest.NewRequest(http.MethodGet, test.path, nil)
			r.RemoteAddr = test.peer
			if test.tls {
				r.TLS = &tls.ConnectionState{}
			}
			r.Header["X-Forwarded-Proto"] = test.proto
			w := httptest.NewRecorder()
			edge.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
			if test.want == 502 && !strings.Contains(w.Body.String(), `"status_code":502,"request_id":""}`) {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

// Only what trusted proxies wrote is believed; the rest of X-Forwarded-For is
// the caller's own fiction.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.7:1", nil, "192.0.2.7"},
		{"a stranger's header", "192.0.2.7:1", []string{"198.51.100.1"}, "192.0.2.7"},
		{"through the proxy", "10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"through two proxies", "10.0.0.1:1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"with an invented hop before", "10.0.0.1:1", []string{"203.0.113.9", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"garbage before", "10.0.0.1:1", []string{"garbage, 198.51.100.1"}, "198.51.100.1"},
		{"garbage at the end", "10.0.0.1:1", []string{"198.51.100.1, garbage"}, "10.0.0.1"},
		{"with a port", "10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"the proxy itself", "10.0.0.1:1", nil, "10.0.0.1"},
		{"IPv6: one customer has a /64", "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2::/64"},
		{"IPv6 through the proxy", "10.0.0.1:1", []string{"[2001:db8:1:2::9]:80"}, "2001:db8:1:2::/64"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.7]:1", nil, "192.0.2.7"},
		{"a zone does not matter", "[fe80::1%eth0]:1", nil, "fe80::/64"},
		{"unix socket", "@", nil, "local"},
		{"through a proxy on a unix socket", "@", []string{"198.51.100.1"}, "198.51.100.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.peer
			r.Header["X-Forwarded-For"] = test.forwarded
			var got string
			edge, events := &Edge{Trusted: proxies}, &Events{}
			events.Wrap(edge.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = Network(r) }))).
				ServeHTTP(httptest.NewRecorder(), r)
			if got != test.want {
				t.Errorf("Network() = %q, want %q", got, test.want)
			}
		})
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	if got := Network(r); got != "10.0.0.1" {
		t.Errorf("without Edge nobody is trusted: Network() = %q", got)
	}
}
