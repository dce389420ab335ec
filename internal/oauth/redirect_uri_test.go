package oauth

import (
	"net"
	"net/url"
	"strings"
	"testing"
)

// Each line is an attack or a rule; the client has registered one URI, and the
// request brings another (RFC 9700 §4.1, RFC 8252 §7.3).
func TestAllowsRedirectURI(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, registered, sent string
		want                   bool
	}{
		{"the same bytes", "https://app.example/cb", "https://app.example/cb", true},
		{"the same bytes with a query", "https://app.example/cb?tenant=1", "https://app.example/cb?tenant=1", true},
		{"private-use scheme", "com.example.app:/cb", "com.example.app:/cb", true},
		{"scheme without a dot", "custom://redirection-scheme/path", "custom://redirection-scheme/path", true},

		{"unregistered URI", "https://app.example/cb", "https://evil.example/cb", false},
		{"nothing", "https://app.example/cb", "", false},
		{"case of the path", "https://app.example/cb", "https://app.example/CB", false},
		{"case of the host", "https://app.example/cb", "https://APP.example/cb", false},
		{"case of the scheme", "https://app.example/cb", "HTTPS://app.example/cb", false},
		{"trailing slash", "https://app.example/cb", "https://app.example/cb/", false},
		{"missing trailing slash", "https://app.example/cb/", "https://app.example/cb", false},
		{"root slash", "https://app.example", "https://app.example/", false},
		{"extra query", "https://app.example/cb", "https://app.example/cb?next=https://evil.example", false},
		{"empty query", "https://app.example/cb", "https://app.example/cb?", false},
		{"extra parameter in the query", "https://app.example/cb?a=1", "https://app.example/cb?a=1&b=2", false},
		{"fragment", "https://app.example/cb", "https://app.example/cb#x", false},
		{"encoded dot", "https://app.example/cb", "https://app%2eexample/cb", false},
		{"encoded letter in the path", "https://app.example/cb", "https://app.example/%63b", false},
		{"decoded once", "https://app.example/a%2Fb", "https://app.example/a/b", false},
		{"encoded twice", "https://app.example/a b", "https://app.example/a%20b", false},
		{"default port", "https://app.example/cb", "https://app.example:443/cb", false},
		{"other port", "https://app.example/cb", "https://app.example:8443/cb", false},
		{"user information", "https://app.example/cb", "https://app.example@evil.example/cb", false},
		{"user information before the host", "https://app.example/cb", "https://good@app.example/cb", false},
		{"backslash", "https://app.example/cb", `https://app.example\@evil.example/cb`, false},
		{"tab inside", "https://app.example/cb", "https://app.\texample/cb", false},
		{"newline at the end", "https://app.example/cb", "https://app.example/cb\n", false},
		{"NUL at the end", "https://app.example/cb", "https://app.example/cb\x00", false},
		{"space in front", "https://app.example/cb", " https://app.example/cb", false},
		{"path parameter traversal", "https://app.example/cb", "https://app.example/cb/..;/evil", false},
		{"dot segments", "https://app.example/cb", "https://app.example/cb/../evil", false},
		{"dot segments that cancel out", "https://app.example/cb", "https://app.example/x/../cb", false},
		{"encoded slash traversal", "https://app.example/cb", "https://app.example/cb%2f..%2fevil", false},
		{"registered URI as a prefix", "https://app.example/cb", "https://app.example/cb.evil", false},
		{"registered host as a prefix", "https://app.example", "https://app.example.evil.org", false},
		{"regular expression character is text", "https://app.example/cb", "https://appxexample/cb", false},
		{"asterisk is text", "https://*.example/cb", "https://app.example/cb", false},
		{"other scheme", "https://app.example/cb", "http://app.example/cb", false},
		{"unicode twin", "https://app.example/caf\u00e9", "https://app.example/cafe\u0301", false},

		// RFC 8252 §7.3: any port of a loopback IP literal, nothing else.
		{"loopback with a port", "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true},
		{"loopback with another port", "http://127.0.0.1:8080/cb", "http://127.0.0.1:49152/cb", true},
		{"loopback without its port", "http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true},
		{"IPv6 loopback with a port", "http://[::1]/cb", "http://[::1]:49152/cb", true},
		{"IPv6 loopback without its port", "http://[::1]:8080/cb?x=1", "http://[::1]/cb?x=1", true},
		{"loopback without a path", "http://127.0.0.1", "http://127.0.0.1:1", true},
		{"highest port", "http://127.0.0.1/cb", "http://127.0.0.1:65535/cb", true},
		{"loopback, other path", "http://127.0.0.1/cb", "http://127.0.0.1:49152/evil", false},
		{"loopback, extra query", "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb?x=1", false},
		{"loopback, dot segments", "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb/../evil", false},
		{"loopback, fragment", "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb#x", false},
		{"loopback, https", "https://127.0.0.1/cb", "https://127.0.0.1:49152/cb", false},
		{"loopback, case of the scheme", "http://127.0.0.1/cb", "HTTP://127.0.0.1:49152/cb", false},
		{"the other family", "http://127.0.0.1/cb", "http://[::1]:49152/cb", false},
		{"port zero", "http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false},
		{"port beyond 65535", "http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false},
		{"port with a leading zero", "http://127.0.0.1/cb", "http://127.0.0.1:080/cb", false},
		{"empty port", "http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},
		{"signed port", "http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false},
		{"port in other digits", "http://127.0.0.1/cb", "http://127.0.0.1:\u0668\u0660/cb", false},
		{"two ports", "http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb", false},
		{"port as password", "http://127.0.0.1/cb", "http://127.0.0.1:8080@evil.example/cb", false},
		{"user information before loopback", "http://127.0.0.1/cb", "http://evil.example@127.0.0.1:8080/cb", false},
		{"backslash after the port", "http://127.0.0.1/cb", `http://127.0.0.1:8080\@evil.example/cb`, false},
		{"loopback as a subdomain", "http://127.0.0.1/cb", "http://127.0.0.1.evil.example:80/cb", false},
		{"other loopback address", "http://127.0.0.1/cb", "http://127.0.0.2:80/cb", false},
		{"loopback in octal", "http://127.0.0.1/cb", "http://0177.0.0.1:80/cb", false},
		{"loopback as a number", "http://127.0.0.1/cb", "http://2130706433:80/cb", false},
		{"IPv6 loopback written out", "http://[::1]/cb", "http://[0:0:0:0:0:0:0:1]:80/cb", false},
		{"IPv6 with a zone", "http://[::1]/cb", "http://[::1%25lo]:80/cb", false},
		{"mapped address", "http://[::1]/cb", "http://[::ffff:127.0.0.1]:80/cb", false},
		{"IPv4 in brackets", "http://127.0.0.1/cb", "http://[127.0.0.1]:80/cb", false},
		{"IPv6 without brackets", "http://[::1]/cb", "http://::1:80/cb", false},
		{"no loopback at all", "http://192.0.2.1/cb", "http://192.0.2.1:80/cb", false},

		// A name can be given another address, so it needs the client's word.
		{"localhost with a port, not opted in", "http://localhost/cb", "http://localhost:49152/cb", false},
		{"localhost as registered", "http://localhost:3000/cb", "http://localhost:3000/cb", true},
		{"localhost for an IP", "http://127.0.0.1/cb", "http://localhost:49152/cb", false},
		{"IP for localhost", "http://localhost/cb", "http://127.0.0.1:49152/cb", false},
		{"localhost in brackets", "http://localhost/cb", "http://[localhost]:80/cb", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := &Client{RedirectURIs: []string{test.registered}}
			if got := c.AllowsRedirectURI(test.sent); got != test.want {
				t.Errorf("registered %q: AllowsRedirectURI(%q) = %t, want %t", test.registered, test.sent, got, test.want)
			}
		})
	}
}

func TestAllowsRedirectURIOnLocalhostByChoice(t *testing.T) {
	t.Parallel()
	c := &Client{RedirectURIs: []string{"http://localhost/cb"}, LocalhostAnyPort: true}
	for _, test := range []struct {
		sent string
		want bool
	}{
		{"http://localhost:49152/cb", true},
		{"http://localhost/cb", true},
		{"http://localhost:49152/evil", false},
		{"https://localhost:49152/cb", false},
		{"http://LOCALHOST:49152/cb", false},
		{"http://localhost.evil.example:80/cb", false},
		{"http://evil.localhost:80/cb", false},
		{"http://[localhost]:80/cb", false},
		{"http://localhost:80@evil.example/cb", false},
		{"http://127.0.0.1:49152/cb", false},
	} {
		if got := c.AllowsRedirectURI(test.sent); got != test.want {
			t.Errorf("AllowsRedirectURI(%q) = %t, want %t", test.sent, got, test.want)
		}
	}
}

func TestAllowsRedirectURIOfSeveral(t *testing.T) {
	t.Parallel()
	c := &Client{RedirectURIs: []string{"https://a.example/cb", "http://127.0.0.1/native", "https://b.example/cb"}}
	for _, uri := range []string{"https://a.example/cb", "https://b.example/cb", "http://127.0.0.1:5000/native"} {
		if !c.AllowsRedirectURI(uri) {
			t.Errorf("AllowsRedirectURI(%q) = false", uri)
		}
	}
	for _, uri := range []string{"https://a.example/native", "http://127.0.0.1:5000/cb", "https://a.example/cbhttps://b.example/cb"} {
		if c.AllowsRedirectURI(uri) {
			t.Errorf("AllowsRedirectURI(%q) = true", uri)
		}
	}
	if new(Client).AllowsRedirectURI("https://a.example/cb") {
		t.Error("a client without redirect URIs was allowed one")
	}
}

func TestCheckRedirectURI(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, uri string
		ok        bool
	}{
		{"https", "https://app.example/cb", true},
		{"https with port and query", "https://app.example:8443/cb?tenant=1", true},
		{"https without a path", "https://app.example", true},
		{"http", "http://app.example/cb", true},
		{"loopback", "http://127.0.0.1:8080/cb", true},
		{"IPv6 loopback", "http://[::1]/cb", true},
		{"private-use scheme", "com.example.app:/cb", true},
		{"scheme without a dot, contract case 13", "custom://redirection-scheme/path", true},
		{"percent-encoded", "https://app.example/caf%C3%A9", true},

		{"empty", "", false},
		{"relative", "/cb", false},
		{"without a scheme", "app.example/cb", false},
		{"scheme-relative", "//app.example/cb", false},
		{"fragment", "https://app.example/cb#x", false},
		{"empty fragment", "https://app.example/cb#", false},
		{"user information", "https://good@evil.example/", false},
		{"user and password", "https://good:pw@evil.example/", false},
		{"empty user information", "https://@evil.example/", false},
		{"backslash", `https://good\@evil.example`, false},
		{"backslash for a slash", `https:\\evil.example`, false},
		{"tab inside", "https://app.ex\tample/cb", false},
		{"newline inside", "https://app.example/cb\nSet-Cookie: x=y", false},
		{"carriage return", "https://app.example/\rcb", false},
		{"NUL", "https://app.example/\x00", false},
		{"DEL", "https://app.example/\x7f", false},
		{"space", "https://app.example/a b", false},
		{"leading space", " https://app.example/", false},
		{"not ASCII", "https://\u0430pp.example/cb", false},
		{"right-to-left override", "https://app.example/\u202ebc", false},
		{"C1 control", "https://app.example/\u0085", false},
		{"invalid UTF-8", "https://app.example/\xff", false},
		{"no host", "https:///cb", false},
		{"port without a host", "https://:443/cb", false},
		{"opaque https", "https:app.example/cb", false},
		{"broken escape", "https://app.example/%zz", false},
		{"broken IPv6", "http://[::1/cb", false},
		{"javascript", "javascript:alert(1)", false},
		{"javascript in capitals", "JavaScript://app.example/%0aalert(1)", false},
		{"data", "data:text/html,x", false},
		{"file", "file:///etc/passwd", false},
		{"vbscript", "vbscript:x", false},
		{"blob", "blob:https://app.example/1", false},
		{"view-source", "view-source:https://app.example/", false},
		{"intent", "intent://app.example/#Intent;end", false},
		{"mailto", "mailto:a@example.com", false},
		{"2,001 characters", "https://app.example/" + strings.Repeat("a", 1981), false},
		{"2,000 characters", "https://app.example/" + strings.Repeat("a", 1980), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hint := CheckRedirectURI(test.uri)
			if (hint == "") != test.ok {
				t.Errorf("CheckRedirectURI(%q) = %q, want ok = %t", test.uri, hint, test.ok)
			}
			if hint != "" && !strings.HasSuffix(hint, ".") {
				t.Errorf("the hint %q is no sentence", hint)
			}
			if test.uri != "" && strings.Contains(hint, test.uri) {
				t.Errorf("the hint %q repeats the input", hint)
			}
		})
	}
}

// What may be registered is an absolute URI that leads to one place only, and
// matches itself.
func FuzzCheckRedirectURI(f *testing.F) {
	for _, s := range []string{"https://app.example/cb", "http://[::1]:80/", "custom:x", "https://a@b/", "JAVASCRIPT:x", `https:\\x`, "http://%41/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if CheckRedirectURI(uri) != "" {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || !u.IsAbs() || u.User != nil || u.Fragment != "" {
			t.Errorf("%q was accepted: %v, %v", uri, u, err)
		}
		for _, b := range []byte(uri) {
			if b <= ' ' || b >= 0x7f {
				t.Errorf("%q was accepted with byte %#x", uri, b)
			}
		}
		if c := (&Client{RedirectURIs: []string{uri}}); !c.AllowsRedirectURI(uri) {
			t.Errorf("%q does not match itself", uri)
		}
	})
}

// What is allowed beyond the same bytes differs in the port of a loopback
// literal and in nothing else, as net/url reads it.
func FuzzAllowsRedirectURI(f *testing.F) {
	for _, s := range [][2]string{
		{"http://127.0.0.1/cb", "http://127.0.0.1:1/cb"},
		{"http://[::1]:2/cb?x", "http://[::1]:1/cb?x"},
		{"http://127.0.0.1", "http://127.0.0.1:80@evil"},
		{"http://127.0.0.1/", "http://[127.0.0.1]:80/"},
		{"http://localhost/", "http://localhost:1/"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, registered, sent string) {
		c := &Client{RedirectURIs: []string{registered}}
		if !c.AllowsRedirectURI(sent) || registered == sent || CheckRedirectURI(registered) != "" {
			return
		}
		a, errA := url.Parse(registered)
		b, errB := url.Parse(sent)
		if errA != nil || errB != nil {
			t.Fatalf("%q allows %q: %v, %v", registered, sent, errA, errB)
		}
		if ip := net.ParseIP(b.Hostname()); ip == nil || !ip.IsLoopback() || b.Scheme != "http" {
			t.Errorf("%q allows %q: not on the loopback interface", registered, sent)
		}
		if a.Hostname() != b.Hostname() {
			t.Errorf("%q allows %q: other host", registered, sent)
		}
		a.Host, b.Host = "", ""
		if a.String() != b.String() {
			t.Errorf("%q allows %q: more than the port differs", registered, sent)
		}
	})
}
