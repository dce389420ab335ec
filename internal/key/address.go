package key

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// Reach says which addresses a Fetcher may call beside public ones. The zero
// value is the strictest: none.
type Reach struct {
	Any      bool           // every address
	Networks []netip.Prefix // these, too
	URLs     []URLPattern   // these documents, wherever they are
}

// forbidden4 is what of IPv4 is not somebody's public host (IANA IPv4
// Special-Purpose Address Registry, RFC 6890).
var forbidden4 = prefixes(
	"0.0.0.0/8",       // this network; Linux takes it for the loopback
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // carrier-grade NAT, RFC 6598
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, and the metadata service of every cloud
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments, RFC 6890
	"192.0.2.0/24",    // documentation, RFC 5737
	"192.88.99.0/24",  // 6to4 relays, RFC 7526
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks, RFC 2544
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
)

// public6 is the only part of IPv6 that has public hosts (RFC 4291 §2.4), so
// that loopback, link-local, unique local, mapped and multicast addresses and
// the prefixes of NAT64 (RFC 6052, RFC 8215) lie outside. forbidden6 is what
// inside of it leads elsewhere.
var (
	public6    = netip.MustParsePrefix("2000::/3")
	forbidden6 = prefixes(
		"2001::/23",     // protocol assignments, Teredo (RFC 4380) among them
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4, RFC 3056
		"3fff::/20",     // documentation, RFC 9637
	)
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func isPublic(a netip.Addr) bool {
	if a.Is4() {
		return !within(a, forbidden4)
	}
	return public6.Contains(a) && !within(a, forbidden6)
}

// permits reports whether an address may be called. One that carries an IPv4
// address is judged by both: who allows the prefix of his NAT64 gateway has
// not allowed what lies behind it.
func (r *Reach) permits(a netip.Addr) bool {
	if r.Any {
		return true
	}
	if inner, ok := embedded(a); ok && !r.permits(inner) {
		return false
	}
	return isPublic(a) || within(a, r.Networks)
}

// embedded returns the IPv4 address that packets to an IPv6 address of these
// forms end up at.
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case a.Is4In6():
		return a.Unmap(), true
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// literal returns the address that a URL's host is; the second value is false
// for a name. What a resolver might take for an address though it has another
// form (octal, hexadecimal, one number, fewer than four parts, IPv4 mapped into
// IPv6) is an error, and so is what is no name in the DNS.
func literal(host string) (netip.Addr, bool, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || a.Is4In6() {
			return netip.Addr{}, false, errors.New("an address in a form that is not followed")
		}
		return a, true, nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "" || len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return netip.Addr{}, false, errors.New("a host that is no name in the DNS")
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		// No top-level domain is a number (RFC 3696 §2).
		return netip.Addr{}, false, errors.New("a host that is a number in disguise")
	}
	return netip.Addr{}, false, nil
}

// URLPattern describes URLs: * stands for any text without dots and slashes,
// ** for any text, ? for one character that is neither, {a,b} for a or b. Host
// and path are compared apart, so that nothing in a path passes for a host;
// query and fragment are not looked at.
type URLPattern struct {
	scheme     string
	host, path *regexp.Regexp
}

// ParseURLPattern reads a pattern, which begins with http:// or https://.
func ParseURLPattern(text string) (URLPattern, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	host, path, _ := strings.Cut(rest, "/")
	if (scheme != "http" && scheme != "https") || host == "" {
		return URLPattern{}, fmt.Errorf("key: the pattern %q does not begin with http:// or https:// and a host", text)
	}
	p := URLPattern{scheme: scheme}
	var errs [2]error
	p.host, errs[0] = compilePattern(withoutPort(scheme, strings.ToLower(host)))
	p.path, errs[1] = compilePattern("/" + path)
	if errors.Join(errs[:]...) != nil {
		return URLPattern{}, fmt.Errorf("key: the pattern %q has braces that do not match", text)
	}
	return p, nil
}

func compilePattern(text string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`\A(?s:`)
	depth := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '*' && strings.HasPrefix(text[i:], "**"):
			b.WriteString(`.*`)
			i++
		case c == '*':
			b.WriteString(`[^./]*`)
		case c == '?':
			b.WriteString(`[^./]`)
		case c == '{':
			depth++
			b.WriteString(`(?:`)
		case c == ',' && depth > 0:
			b.WriteString(`|`)
		case c == '}':
			depth--
			b.WriteString(`)`)
		default:
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		}
	}
	b.WriteString(`)\z`)
	return regexp.Compile(b.String())
}

// withoutPort cuts off the scheme's own port, which is the same as none.
func withoutPort(scheme, host string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// matches reports whether a URL is among those described. One whose path has
// several spellings is not: the host might read it as another.
func (p URLPattern) matches(u *url.URL) bool {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if strings.ContainsAny(path, `%\`) || strings.Contains(path, "/.") || strings.Contains(path, "//") {
		return false
	}
	return u.Scheme == p.scheme && p.host.MatchString(withoutPort(u.Scheme, strings.ToLower(u.Host))) && p.path.MatchString(path)
}

// exempts reports whether the operator named this very document.
func (r *Reach) exempts(u *url.URL) bool {
	for _, p := range r.URLs {
		if p.matches(u) {
			return true
		}
	}
	return false
}
