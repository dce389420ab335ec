package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// AllowsRedirectURI reports whether the client registered the redirect URI.
// URIs are compared byte for byte (RFC 9700 §4.1.3); only the port of a
// loopback IP literal with scheme http may differ (RFC 8252 §7.3), and that of
// "localhost" where the client asked for it.
func (c *Client) AllowsRedirectURI(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	bare, host, ok := withoutLoopbackPort(uri)
	if !ok || (host == "localhost" && !c.LocalhostAnyPort) {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(r string) bool {
		b, _, ok := withoutLoopbackPort(r)
		return ok && b == bare
	})
}

// withoutLoopbackPort takes the port out of an http URI on the loopback
// interface. It works on the text, so that everything else is still compared
// byte for byte.
func withoutLoopbackPort(uri string) (bare, host string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	// An IPv6 literal has colons of its own, but they stand before the bracket.
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		if !isPort(authority[i+1:]) {
			return "", "", false
		}
		host = authority[:i]
	}
	if host != "127.0.0.1" && host != "[::1]" && host != "localhost" {
		return "", "", false
	}
	return "http://" + host + tail, host, true
}

// isPort reports whether s is a port number as one writes it: 1 to 65535, no
// leading zero.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// Schemes that a browser or an operating system acts upon itself, or hands to
// whatever program asked for them: a code must not travel there.
var refusedSchemes = []string{
	"about", "blob", "data", "file", "filesystem", "ftp", "ftps", "intent", "jar", "javascript", "livescript",
	"mailto", "resource", "sftp", "sms", "tel", "vbscript", "view-source", "ws", "wss",
}

// CheckRedirectURI tells what is wrong with a URI that a client wants to
// register, in a sentence fit for the public, or returns "". Whether a
// private-use scheme needs a dot (RFC 8252 §7.1) is the caller's to judge.
func CheckRedirectURI(uri string) string {
	switch {
	case len(uri) > 2000:
		return "A redirect URI has at most 2,000 characters."
	case strings.Contains(uri, "#"):
		return "A redirect URI must not contain a fragment (RFC 6749 §3.1.2)."
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }):
		return "A redirect URI consists of visible ASCII characters without a backslash (RFC 3986 §2)."
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return "A redirect URI must be absolute (RFC 6749 §3.1.2)."
	case u.User != nil:
		return "A redirect URI must not contain user information."
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() == "":
		return "A redirect URI with scheme http or https needs a host."
	case slices.Contains(refusedSchemes, u.Scheme):
		return "This scheme cannot be used in a redirect URI."
	}
	return ""
}
