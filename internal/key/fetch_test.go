package key

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
)

// publicHost is where the tests' names point to.
var publicHost = netip.MustParseAddr("93.184.215.14")

// site is a TLS host on this machine, and a fetcher that believes it to be a
// public one: every name has the address publicHost, every connection ends
// here. Its certificate is for example.com.
type site struct {
	*Fetcher
	server *httptest.Server

	mu       sync.Mutex
	resolved []string
	dialled  []string
}

func newSite(t *testing.T, h http.HandlerFunc) *site {
	t.Helper()
	s := &site{server: httptest.NewUnstartedServer(h)}
	s.server.Config.ErrorLog = nil
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.server.Certificate())
	s.Fetcher = &Fetcher{Roots: roots, Resolve: s.resolve, Dial: s.connect}
	return s
}

func (s *site) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolved = append(s.resolved, host)
	return []netip.Addr{publicHost}, nil
}

func (s *site) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	s.mu.Lock()
	s.dialled = append(s.dialled, to.String())
	s.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", s.server.Listener.Addr().String())
}

func answer(header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		name, value, _ := strings.Cut(header, ": ")
		if name != "" {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, body)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{"Accept-Encoding": "identity", "User-Agent": "hydra", "Cookie": "", "Authorization": "", "Referer": ""} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("the request has %s %q, want %q", name, got, want)
			}
		}
		if r.Method != "GET" || r.Host != "example.com" || r.URL.String() != "/jwks?a=b" {
			t.Errorf("the request is %s %s of %s", r.Method, r.URL, r.Host)
		}
		w.Header().Set("Content-Type", "Application/JWK-Set+JSON; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=90")
		w.Header().Set("Set-Cookie", "a=b")
		_, _ = io.WriteString(w, "{}")
	})
	for range 2 {
		body, meta, err := s.Get(t.Context(), "https://example.com/jwks?a=b#fragment", FetchLimits{Types: JSONTypes()})
		if err != nil || string(body) != "{}" || meta != (Fetched{"application/jwk-set+json", 90 * time.Second}) {
			t.Errorf("Get() = %q, %+v, %v", body, meta, err)
		}
	}
	if fmt.Sprint(s.dialled) != "[93.184.215.14:443 93.184.215.14:443]" || fmt.Sprint(s.resolved) != "[example.com example.com]" {
		t.Errorf("resolved %q, dialled %q", s.resolved, s.dialled)
	}
}

// A host needs a certificate of an authority that we know, for its own name.
func TestFetchChecksCertificates(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", "{}"))
	if _, _, err := s.Get(t.Context(), "https://another.test/", FetchLimits{}); !errors.Is(err, ErrFetch) {
		t.Errorf("the certificate of another name: %v", err)
	}
	s.Roots = x509.NewCertPool()
	if _, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{}); !errors.Is(err, ErrFetch) {
		t.Errorf("the certificate of an unknown authority: %v", err)
	}
}

// What an address is refused for, by itself or as that of a name; nothing is
// dialled.
func TestFetchRefusesAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", "inside"))
	for _, literal := range []string{
		"127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
		"[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]",
		"2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "127.1", "127.0.0.1.",
	} {
		if body, _, err := s.Get(t.Context(), "https://"+literal+"/", FetchLimits{}); !errors.Is(err, ErrFetch) {
			t.Errorf("%s: %q, %v", literal, body, err)
		}
	}
	for _, list := range [][]string{
		{"127.0.0.1"}, {"::ffff:127.0.0.1"}, {"::1"}, {"169.254.169.254"}, {"fe80::1%eth0"}, {"64:ff9b::a00:1"},
		{"93.184.215.14", "10.0.0.1"}, {"10.0.0.1", "93.184.215.14"}, {},
	} {
		s.Resolve = func(context.Context, string) (addrs []netip.Addr, _ error) {
			for _, a := range list {
				addrs = append(addrs, netip.MustParseAddr(a))
			}
			return addrs, nil
		}
		if body, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{}); !errors.Is(err, ErrFetch) {
			t.Errorf("a name with the addresses %q: %q, %v", list, body, err)
		}
	}
	if len(s.dialled) > 0 {
		t.Errorf("dialled %q", s.dialled)
	}
}

func TestFetchRefusesURLs(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", "inside"))
	for _, u := range []string{
		"http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "unix:/run/x", "//example.com/", "example.com", "",
		"https://", "https:///x", "https://user:secret@example.com/", "https://example.com:0/", "https://example.com:65536/", "https://example.com:x/",
		"https://exa mple.com/", "https://example.com/\x00", "https://example。com/", "https://%31%32%37.0.0.1/", "HTTP://example.com/",
		"https://example.com/" + strings.Repeat("a", maxFetchURL),
	} {
		_, _, err := s.Get(t.Context(), u, FetchLimits{})
		if !errors.Is(err, ErrFetch) {
			t.Errorf("%.80q: %v", u, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats a password: %v", u, err)
		}
	}
	if len(s.dialled) > 0 {
		t.Errorf("dialled %q", s.dialled)
	}
}

// DNS rebinding: the name is looked up once for each call, what was judged is
// what is dialled, and the next call judges anew.
func TestFetchDialsWhatItResolved(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", "ok"))
	var lookups int
	s.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		lookups++
		return [][]netip.Addr{{publicHost}, {netip.MustParseAddr("127.0.0.1")}}[lookups-1], nil
	}
	if body, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{}); err != nil || string(body) != "ok" {
		t.Fatalf("Get() = %q, %v", body, err)
	}
	if lookups != 1 || fmt.Sprint(s.dialled) != "[93.184.215.14:443]" {
		t.Errorf("%d look-ups, dialled %q", lookups, s.dialled)
	}
	if _, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{}); !errors.Is(err, ErrFetch) || lookups != 2 || len(s.dialled) != 1 {
		t.Errorf("after the name was bound to the loopback: %v, %d look-ups, dialled %q", err, lookups, s.dialled)
	}
}

// The second address is tried when the first does not answer.
func TestFetchTriesAddresses(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", "ok"))
	s.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("2a00::1"), netip.MustParseAddr("::ffff:93.184.215.14")}, nil
	}
	s.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		if to.Addr().Is6() {
			return nil, errors.New("no route to host")
		}
		return s.connect(ctx, to)
	}
	if body, _, err := s.Get(t.Context(), "https://example.com:8443/", FetchLimits{}); err != nil || string(body) != "ok" || fmt.Sprint(s.dialled) != "[93.184.215.14:8443]" {
		t.Errorf("Get() = %q, %v, dialled %q", body, err, s.dialled)
	}
}

// What the operator allows.
func TestFetchReach(t *testing.T) {
	t.Parallel()
	pattern := func(text string) []URLPattern {
		p, err := ParseURLPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		return []URLPattern{p}
	}
	plain := httptest.NewServer(answer("", "plain"))
	t.Cleanup(plain.Close)
	s := newSite(t, answer("", "tls"))
	s.Dial, s.Resolve = nil, nil // the real ones
	for _, test := range []struct {
		name      string
		url       string
		reach     Reach
		plainHTTP bool
		want      string // empty: refused
	}{
		{"strict", s.server.URL, Reach{}, false, ""},
		{"network", s.server.URL, Reach{Networks: prefixes("127.0.0.0/8")}, false, "tls"},
		{"another network", s.server.URL, Reach{Networks: prefixes("10.0.0.0/8")}, false, ""},
		{"any", s.server.URL, Reach{Any: true}, false, "tls"},
		{"a pattern", s.server.URL + "/a", Reach{URLs: pattern(s.server.URL + "/*")}, false, "tls"},
		{"a pattern for others", s.server.URL + "/b/c", Reach{URLs: pattern(s.server.URL + "/*")}, false, ""},
		{"http in an allowed network", plain.URL, Reach{Networks: prefixes("127.0.0.0/8")}, false, ""},
		{"http with any address", plain.URL, Reach{Any: true}, false, ""},
		{"http by a pattern", plain.URL + "/a", Reach{URLs: pattern(plain.URL + "/*")}, false, "plain"},
		{"http in development", plain.URL, Reach{Networks: prefixes("127.0.0.0/8")}, true, "plain"},
		{"http in development, strict", plain.URL, Reach{}, true, ""},
	} {
		f := &Fetcher{Roots: s.Roots, Reach: test.reach, PlainHTTP: test.plainHTTP}
		body, _, err := f.Get(t.Context(), test.url, FetchLimits{})
		if string(body) != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v", test.name, body, err)
		}
	}
}

func TestFetchRefusesAnswers(t *testing.T) {
	t.Parallel()
	bomb := func() string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(make([]byte, 10<<20))
		_ = w.Close()
		return b.String()
	}()
	var inside atomic.Int64
	for name, h := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/inside" {
				inside.Add(1)
				return
			}
			http.Redirect(w, r, "/inside", http.StatusFound)
		},
		"redirect with a document": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://127.0.0.1/inside")
			w.WriteHeader(http.StatusPermanentRedirect)
			_, _ = io.WriteString(w, "{}")
		},
		"not found":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); _, _ = io.WriteString(w, "{}") },
		"other 2xx":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(203); _, _ = io.WriteString(w, "{}") },
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"failure":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, "{}") },
		"a page":       answer("Content-Type: text/html", "{}"),
		"bad type":     answer("Content-Type: application/json; =", "{}"),
		"gzip":         answer("Content-Encoding: gzip", bomb),
		"brotli":       answer("Content-Encoding: br", "{}"),
		"twice gzip":   answer("Content-Encoding: identity, gzip", bomb),
		"announced":    answer("Content-Length: 5000", strings.Repeat(" ", 5000)),
		"one too many": answer("Content-Type: application/json", strings.Repeat(" ", 1001)),
		"never-ending": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		},
		"never-ending header": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = fmt.Fprintf(conn, "A: %s\r\n", strings.Repeat("a", 1000))
			}
		},
		"another protocol": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.9 "+strings.Repeat("x", 1000)+"\r\n")
				_ = conn.Close()
			}
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
				_ = conn.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, h)
			body, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{Bytes: 1000, Types: JSONTypes()})
			if !errors.Is(err, ErrFetch) || body != nil {
				t.Errorf("Get() = %.100q, %v", body, err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the host writes %d bytes to our log", len(err.Error()))
			}
		})
	}
	t.Cleanup(func() {
		if n := inside.Load(); n > 0 {
			t.Errorf("the redirect was followed %d times", n)
		}
	})
}

// Exactly as much as allowed is allowed.
func TestFetchLimitIsExact(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", strings.Repeat(" ", 1000)))
	if body, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{Bytes: 1000}); err != nil || len(body) != 1000 {
		t.Errorf("Get() = %d bytes, %v", len(body), err)
	}
}

// A slow host is left in time, whether it says nothing or a little at a time.
func TestFetchTime(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, h := range map[string]http.HandlerFunc{
		"no header": hang,
		"no body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		},
		"a byte now and then": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for r.Context().Err() == nil {
				<-tick.C
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, h)
			if _, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{Time: time.Second}); !errors.Is(err, ErrFetch) {
				t.Errorf("Get() = %v", err)
			}
		})
	}
	t.Run("dial", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, hang)
		s.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		if _, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{Time: time.Second}); !errors.Is(err, ErrFetch) {
			t.Errorf("Get() = %v", err)
		}
	})
	t.Run("look-up", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, hang)
		s.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) { <-ctx.Done(); return nil, ctx.Err() }
		if _, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{Time: time.Second}); !errors.Is(err, ErrFetch) {
			t.Errorf("Get() = %v", err)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, hang)
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		s.Dial = func(context.Context, netip.AddrPort) (net.Conn, error) { return ours, nil }
		if _, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{Time: time.Second}); !errors.Is(err, ErrFetch) {
			t.Errorf("Get() = %v", err)
		}
	})
	t.Run("the caller leaves", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, hang)
		ctx, cancel := context.WithCancel(t.Context())
		s.Dial = func(context.Context, netip.AddrPort) (net.Conn, error) { cancel(); return nil, ctx.Err() }
		if _, _, err := s.Get(ctx, "https://example.com/", FetchLimits{}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrFetch) {
			t.Errorf("Get() = %v, want the context's error", err)
		}
	})
}

// The proxy that the environment names is not asked.
func TestFetchUsesNoProxy(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.1:3128")
	}
	s := newSite(t, answer("", "ok"))
	if body, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{}); err != nil || string(body) != "ok" || fmt.Sprint(s.dialled) != "[93.184.215.14:443]" {
		t.Errorf("Get() = %q, %v, dialled %q", body, err, s.dialled)
	}
}

// A host that never answers takes few places, all hosts together a bounded
// number, and afterwards there is room again.
func TestFetchAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, answer("", "ok"))
	inside, stay := make(chan struct{}), make(chan struct{})
	s.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		select {
		case inside <- struct{}{}:
		case <-ctx.Done(): // nobody waits for one that should not be here
			return nil, ctx.Err()
		}
		<-stay
		return s.connect(ctx, to)
	}
	var done sync.WaitGroup
	call := func(url string) {
		done.Go(func() {
			_, _, _ = s.Get(context.Background(), url, FetchLimits{Time: time.Minute})
		})
		<-inside
	}
	busyWith := func(url string) {
		t.Helper()
		_, _, err := s.Get(t.Context(), url, FetchLimits{Time: time.Nanosecond})
		if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Kind != oauth.TemporarilyUnavailable || e.RetryAfter == 0 {
			t.Errorf("%s: %v, want temporarily_unavailable", url, err)
		}
	}
	for range fetchPerHost {
		call("https://tarpit.example/")
	}
	busyWith("https://TARPIT.example/other")
	for i := range fetchAtOnce - fetchPerHost {
		call(fmt.Sprintf("https://h%d.example/", i))
	}
	busyWith("https://one-more.example/")
	close(stay)
	done.Wait()
	s.Dial = s.connect
	for range fetchAtOnce + 1 {
		if body, _, err := s.Get(t.Context(), "https://example.com/", FetchLimits{}); err != nil || string(body) != "ok" {
			t.Fatalf("when all have gone: %q, %v", body, err)
		}
	}
	if len(s.hosts) > 0 {
		t.Errorf("hosts are remembered: %v", s.hosts)
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"": -1, "public": -1, "max-age=60": time.Minute, "Max-Age=60": time.Minute, `max-age="60"`: time.Minute, "private, max-age=5, must-revalidate": 5 * time.Second,
		"max-age=0": 0, "no-store": 0, "max-age=60, no-cache": 0, "max-age=60, max-age=5": 5 * time.Second,
		"max-age=-1": -1, "max-age=x": -1, "max-age=99999999999999999999": -1, "max-age": -1, "s-maxage=9": -1,
	} {
		if got := maxAge([]string{value}); got != want {
			t.Errorf("maxAge(%q) = %v, want %v", value, got, want)
		}
	}
}
