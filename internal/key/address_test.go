package key

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// Every address that is not somebody's public host is refused, in whatever
// form it comes.
func TestReachOfAddresses(t *testing.T) {
	t.Parallel()
	var strict Reach
	for name, list := range map[string]string{
		"this network, the loopback of Linux": "0.0.0.0 0.1.2.3 ::",
		"private, RFC 1918":                   "10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255",
		"carrier-grade NAT":                   "100.64.0.1 100.127.255.255",
		"loopback":                            "127.0.0.1 127.255.255.254 ::1",
		"link-local, cloud metadata":          "169.254.169.254 169.254.0.1 fe80::1 febf::1 fd00:ec2::254",
		"unique local":                        "fc00::1 fd12:3456:789a::1 fdff::1",
		"site-local, RFC 3879":                "fec0::1",
		"multicast":                           "224.0.0.1 239.255.255.250 ff02::1 ff0e::1",
		"broadcast and reserved":              "255.255.255.255 240.0.0.1 254.1.1.1",
		"protocol assignments":                "192.0.0.1 192.0.0.170 2001:1::1 2001:20::1",
		"documentation":                       "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1 3fff:fff::1",
		"benchmarks":                          "198.18.0.1 198.19.255.255",
		"6to4 relays":                         "192.88.99.1",
		"mapped":                              "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8",
		"compatible, RFC 4291 §2.5.5.1":       "::127.0.0.1 ::8.8.8.8",
		"NAT64":                               "64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::1",
		"6to4":                                "2002:7f00:1::1 2002:a00:1::1 2002:808:808::1",
		"Teredo":                              "2001:0:4136:e378:8000:63bf:3fff:fdd2",
		"discard, RFC 6666":                   "100::1",
		"segment routing, RFC 9602":           "5f00::1",
		"unassigned":                          "4000::1 8000::1 e000::1",
	} {
		for text := range strings.FieldsSeq(list) {
			if strict.permits(netip.MustParseAddr(text)) {
				t.Errorf("%s: %s is permitted", name, text)
			}
		}
	}
	for text := range strings.FieldsSeq("1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 " +
		"172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111 2a00:1450::1 2001:4860:4860::8888 2001:200::1") {
		if !strict.permits(netip.MustParseAddr(text)) {
			t.Errorf("the public address %s is refused", text)
		}
	}
}

func TestReachIsWidened(t *testing.T) {
	t.Parallel()
	lan := Reach{Networks: prefixes("10.1.0.0/16", "fd00::/8", "64:ff9b::/96", "2002::/16")}
	for text, want := range map[string]bool{
		"10.1.2.3":         true,
		"10.2.0.1":         false,
		"127.0.0.1":        false,
		"fd00::1":          true,
		"fe80::1":          false,
		"8.8.8.8":          true,
		"64:ff9b::808:808": true,
		// The gateway is allowed, not everything behind it.
		"64:ff9b::a02:1":   false,
		"64:ff9b::a01:1":   true,
		"64:ff9b::7f00:1":  false,
		"2002:a9fe:a9fe::": false,
		"2002:808:808::1":  true,
		"::ffff:10.1.2.3":  false,
	} {
		if got := lan.permits(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: permitted = %t, want %t", text, got, want)
		}
	}
	if all := (Reach{Any: true}); !all.permits(netip.MustParseAddr("169.254.169.254")) {
		t.Error("an operator who allows every address does not get it")
	}
}

// Hosts that some resolver takes for an address have no other form than the
// usual one.
func TestHostForms(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"2130706433", "0177.0.0.1", "0x7f.0.0.1", "127.0.0.0x1", "0x7f000001", "0x7F000001", "017700000001", "127.1", "127.0.1", "127.0.0.1.", "0", "0x",
		"127.0.0.256", "127.000.000.001", "1.2.3.4.5", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "fe80::1%eth0", "fe80::1%25eth0", "[::1]",
		"", ".", "a..", "１２７.0.0.1", "①②⑦.0.0.1", "loc\u200balhost", "a b", "a%2eb", "a/b", "a@b", "a:b", "a\x00b", "a\\b", strings.Repeat("a.", 130) + "example",
	} {
		if a, ok, err := literal(host); err == nil {
			t.Errorf("literal(%q) = %v, %t; want an error", host, a, ok)
		}
	}
	for host, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "::1": "::1", "2001:db8::1": "2001:db8::1",
		"keys.example": "", "Keys.Example.": "", "a_b.example": "", "localhost": "", "0x7f.example": "", "1.example": "", "xn--bcher-kva.example": "",
	} {
		a, ok, err := literal(host)
		if err != nil || ok != (want != "") || ok && a.String() != want {
			t.Errorf("literal(%q) = %v, %t, %v; want %q", host, a, ok, err, want)
		}
	}
}

func TestURLPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, url string
		want         bool
	}{
		{"https://keys.corp/jwks", "https://keys.corp/jwks", true},
		{"https://keys.corp/jwks", "https://KEYS.corp:443/jwks?v=1", true},
		{"https://keys.corp:443/jwks", "https://keys.corp/jwks", true},
		{"https://keys.corp:8443/jwks", "https://keys.corp/jwks", false},
		{"https://keys.corp/jwks", "http://keys.corp/jwks", false},
		{"https://keys.corp/jwks", "https://keys.corp/jwks/2", false},
		{"https://keys.corp/jwks", "https://keys.corp/JWKS", false},
		{"https://keys.corp", "https://keys.corp/", true},
		{"https://keys.corp", "https://keys.corp", true},
		{"https://keys.corp", "https://keys.corp/x", false},
		{"https://*.corp/**", "https://a.corp/b/c.json", true},
		{"https://*.corp/**", "https://a.b.corp/c", false},
		{"https://**.corp/**", "https://a.b.corp/c", true},
		{"https://*.corp/*", "https://a.corp/b/c", false},
		{"https://*.corp/*", "https://a.corp/b.json", false},
		{"https://app-?.corp/**", "https://app-1.corp/c", true},
		{"https://app-?.corp/**", "https://app-.1.corp/c", false},
		{"https://{a,b}.corp/**", "https://b.corp/c", true},
		{"https://{a,b}.corp/**", "https://c.corp/c", false},
		{"https://[fd00::1]/**", "https://[fd00::1]/c", true},
		// What a client chooses in path, query or user name is no host.
		{"https://**.corp/**", "https://evil.example/.corp/x", false},
		{"https://**.corp/**", "https://evil.example/x.corp/x", false},
		{"https://**.corp/**", "https://evil.example/?.corp/x", false},
		{"https://**.corp/**", "https://evil.example/#.corp/x", false},
		{"https://a.corp/**", "https://aXcorp/x", false},
		// Paths with a second spelling.
		{"https://a.corp/open/**", "https://a.corp/open/../secret", false},
		{"https://a.corp/open/**", "https://a.corp/open/%2e%2e/secret", false},
		{"https://a.corp/open/**", "https://a.corp/open//secret", false},
		{"https://a.corp/open/**", "https://a.corp/open/x", true},
	} {
		p, err := ParseURLPattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matches(u); got != test.want {
			t.Errorf("%s on %s: %t, want %t", test.pattern, test.url, got, test.want)
		}
	}
	for _, text := range []string{"", "**", "keys.corp/jwks", "ftp://a/", "https://", "https:///x", "https://{a/x", "https://a}/x", "HTTPS://a/"} {
		if _, err := ParseURLPattern(text); err == nil {
			t.Errorf("ParseURLPattern(%q) accepts", text)
		}
	}
}

// Whatever a client writes as a host: what is taken for an address is one, and
// what is taken for a name cannot be read as one.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "0x7f.1", "keys.example", "::1", "fe80::1%1", "1.example.", "１.1.1.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		a, ok, err := literal(host)
		if err != nil {
			return
		}
		direct, parseErr := netip.ParseAddr(strings.TrimSuffix(host, "."))
		if ok != (parseErr == nil) || ok && (direct != a || a.Is4In6() || a.Zone() != "") {
			t.Errorf("literal(%q) = %v, %t; netip reads %v, %v", host, a, ok, direct, parseErr)
		}
	})
}
