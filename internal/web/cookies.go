package web

import (
	"net/http"
	"strings"
	"time"
)

// Cookies sets and reads cookies with the operator's attributes. They are
// HttpOnly unless a page of this server has to read them.
type Cookies struct {
	Secure   bool
	Domain   string        // empty: this host only
	Path     string        // empty: "/"
	SameSite http.SameSite // None without Secure is sent as Lax: browsers refuse it
	Readable bool          // scripts of this server's pages read it
}

// Name returns the name on the wire. On https, without a domain and for all
// paths it begins with __Host-, which no other host of the same domain can
// plant (RFC 6265bis §4.1.3.2).
func (c Cookies) Name(name string) string {
	if c.Secure && c.Domain == "" && c.path() == "/" {
		return "__Host-" + name
	}
	return name
}

func (c Cookies) path() string {
	if c.Path == "" {
		return "/"
	}
	return c.Path
}

// Set sends a cookie that lives for maxAge seconds, or with 0 as long as the
// browser session.
func (c Cookies) Set(w http.ResponseWriter, name, value string, maxAge int) {
	cookie := c.cookie(name, value)
	cookie.MaxAge = max(maxAge, 0)
	http.SetCookie(w, cookie)
}

// Clear tells the browser to forget the cookie.
func (c Cookies) Clear(w http.ResponseWriter, name string) {
	cookie := c.cookie(name, "")
	cookie.MaxAge = -1 // written as Max-Age=0
	cookie.Expires = time.Unix(1, 0).UTC()
	http.SetCookie(w, cookie)
}

func (c Cookies) cookie(name, value string) *http.Cookie {
	sameSite := c.SameSite
	if sameSite == http.SameSiteNoneMode && !c.Secure {
		sameSite = http.SameSiteLaxMode
	}
	return &http.Cookie{
		Name:     c.Name(name),
		Value:    value,
		Path:     c.path(),
		Domain:   c.Domain,
		Secure:   c.Secure,
		HttpOnly: !c.Readable,
		SameSite: sameSite,
	}
}

// Read returns the cookie's value. Of several with one name the first counts:
// browsers send the one with the longest path first.
func (c Cookies) Read(r *http.Request, name string) (string, bool) {
	for _, cookie := range r.CookiesNamed(c.Name(name)) {
		if cookie.Value != "" {
			return cookie.Value, true
		}
	}
	return "", false
}

// Names returns the names, as Set takes them, of the request's cookies that
// begin with prefix, in the order of the request and each once.
func (c Cookies) Names(r *http.Request, prefix string) []string {
	var names []string
	seen := map[string]bool{}
	wire := c.Name(prefix)
	for _, cookie := range r.Cookies() {
		rest, ok := strings.CutPrefix(cookie.Name, wire)
		if ok && !seen[rest] {
			seen[rest] = true
			names = append(names, prefix+rest)
		}
	}
	return names
}
