package oauth

import (
	"net"
	"net/url"
	"slices"
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
	host = authority
	if h, port, err := net.SplitHostPort(authority); err == nil {
		if !isPort(port) {
			return "", "", false
		}
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	if host != "127.0.0.1" && host != "[::1]" && host != "localhost" {
		return "", "", false
	}
	return "http://" + host + tail, host, true
}

func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// CheckRedirectURI tells what is wrong with a URI that a client wants to
// register, in a sentence fit for the public, or returns "".
func CheckRedirectURI(uri string) string {
	switch {
	case len(uri) > 2000:
		return "A redirect URI has at most 2,000 characters."
	case strings.Contains(uri, "#"):
		return "A redirect URI must not contain a fragment (RFC 6749 §3.1.2)."
	case strings.Contains(uri, `\`) || strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "A redirect URI must not contain a backslash, white space or control characters."
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return "A redirect URI must be absolute (RFC 6749 §3.1.2)."
	case u.User != nil:
		return "A redirect URI must not contain user information."
	}
	switch u.Scheme {
	case "http", "https":
		if u.Hostname() == "" {
			return "A redirect URI with scheme http or https needs a host."
		}
	case "javascript", "data", "file", "vbscript", "about", "blob", "view-source", "ftp", "mailto":
		return "This scheme cannot be used in a redirect URI."
	}
	return ""
}
