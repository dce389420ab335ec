package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CORS lets pages of other origins call this server (the Fetch standard,
// §3.3; contract §1.5). The request of an origin that is not allowed is served
// all the same, without the headers that would let the page see the answer.
//
// A pattern for origins may hold "*" for a part of a host name: within one
// label in AllowOrigins of Clients, across labels in Plain. The pattern "*"
// alone stands for all origins. The origin "null" is never allowed: every
// sandboxed page has it.
type CORS struct {
	Enabled     bool
	Origins     []string
	Methods     []string // empty: GET, POST, HEAD
	Headers     []string // request headers; empty: the harmless ones, in Clients also Authorization
	Exposed     []string
	Credentials bool
	MaxAge      int // seconds; 0 leaves it to the browser
	// AllWhenEmpty makes Plain take an empty list for "*", as Hydra did.
	AllWhenEmpty bool
}

var (
	defaultMethods = []string{http.MethodGet, http.MethodPost, http.MethodHead}
	defaultHeaders = []string{"Origin", "Accept", "Content-Type", "X-Requested-With"}
)

// Plain is the middleware of the admin port: the configured list decides.
func (c CORS) Plain(h http.Handler) http.Handler {
	if len(c.Origins) == 0 && c.AllWhenEmpty {
		c.Origins = []string{"*"}
	}
	return c.wrap(h, nil, false)
}

// Clients is the middleware of the public port: the configured list decides,
// then the calling client's own. Origins returns that list if the request's
// headers say who the client is; it may be nil. A handler that learns it later
// calls AllowOrigins. A preflight names no client (the Fetch standard sends no
// credentials with it), so it is answered to every origin, without
// Access-Control-Allow-Credentials; what the page may see is decided with the
// request itself.
func (c CORS) Clients(h http.Handler, origins func(*http.Request) []string) http.Handler {
	if origins == nil {
		origins = func(*http.Request) []string { return nil }
	}
	if len(c.Headers) == 0 {
		c.Headers = append(slices.Clone(defaultHeaders), "Authorization")
	}
	return c.wrap(h, origins, true)
}

func (c CORS) wrap(h http.Handler, origins func(*http.Request) []string, clients bool) http.Handler {
	if !c.Enabled {
		return h
	}
	if len(c.Methods) == 0 {
		c.Methods = defaultMethods
	}
	if len(c.Headers) == 0 {
		c.Headers = defaultHeaders
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			noteRoute(r.Context(), "(preflight)")
			c.preflight(w, r, clients)
			return
		}
		header := w.Header()
		header.Add("Vary", "Origin")
		origin, ok := originOf(r)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		c.allow(header, origin, clients)
		if clients && header.Get("Access-Control-Allow-Origin") == "" {
			s := &corsState{cors: c, header: header, origin: origin}
			s.allow(origins(r))
			r = r.WithContext(context.WithValue(r.Context(), corsKey{}, s))
		}
		h.ServeHTTP(w, r)
	})
}

// allow sets the headers of an actual request if the configured list covers
// the origin.
func (c CORS) allow(header http.Header, origin string, oneLabel bool) {
	switch {
	case slices.Contains(c.Origins, "*"):
		// Browsers refuse "*" together with credentials, and the way around it,
		// to echo whoever asks, would hand every site the user's session.
		header.Set("Access-Control-Allow-Origin", "*")
	case matchOrigins(c.Origins, origin, oneLabel):
		c.echo(header, origin, c.Credentials)
		return
	default:
		return
	}
	c.expose(header)
}

func (c CORS) echo(header http.Header, origin string, credentials bool) {
	header.Set("Access-Control-Allow-Origin", origin)
	if credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	c.expose(header)
}

func (c CORS) expose(header http.Header) {
	if len(c.Exposed) > 0 {
		header.Set("Access-Control-Expose-Headers", strings.Join(c.Exposed, ", "))
	}
}

// preflight answers whether a request may be sent.
func (c CORS) preflight(w http.ResponseWriter, r *http.Request, clients bool) {
	header := w.Header()
	header.Add("Vary", "Origin")
	header.Add("Vary", "Access-Control-Request-Method")
	header.Add("Vary", "Access-Control-Request-Headers")
	defer w.WriteHeader(http.StatusOK)
	origin, ok := originOf(r)
	method := r.Header.Get("Access-Control-Request-Method")
	asked, fine := c.headersOf(r)
	if !ok || !fine || !slices.ContainsFunc(c.Methods, func(m string) bool { return strings.EqualFold(m, method) }) {
		return
	}
	c.allow(header, origin, clients)
	header.Del("Access-Control-Expose-Headers") // belongs to actual responses only
	if header.Get("Access-Control-Allow-Origin") == "" {
		if !clients {
			return
		}
		header.Set("Access-Control-Allow-Origin", origin)
	}
	header.Set("Access-Control-Allow-Methods", strings.ToUpper(method))
	if len(asked) > 0 {
		header.Set("Access-Control-Allow-Headers", strings.Join(asked, ", "))
	}
	if c.MaxAge > 0 {
		header.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
}

// headersOf returns the header names that the preflight asks for, and whether
// all of them are allowed.
func (c CORS) headersOf(r *http.Request) ([]string, bool) {
	var asked []string
	for name := range strings.SplitSeq(strings.Join(r.Header.Values("Access-Control-Request-Headers"), ","), ",") {
		name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
		if name == "" {
			continue
		}
		allowed := slices.ContainsFunc(c.Headers, func(h string) bool {
			return h == "*" && validToken(name) || strings.EqualFold(h, name)
		})
		if !allowed || len(asked) == 64 {
			return nil, false
		}
		asked = append(asked, name)
	}
	return asked, true
}

func validToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

type corsKey struct{}

// corsState is the answer of a request whose client is not known yet.
type corsState struct {
	cors   CORS
	header http.Header
	origin string
}

func (s *corsState) allow(origins []string) {
	if s.header.Get("Access-Control-Allow-Origin") != "" {
		return
	}
	switch {
	case slices.Contains(origins, "*"):
		s.cors.echo(s.header, s.origin, false) // anybody, so nobody's session
	case matchOrigins(origins, s.origin, true):
		s.cors.echo(s.header, s.origin, s.cors.Credentials)
	}
}

// AllowOrigins lets pages of these origins see the answer of the request that
// ctx belongs to. A handler calls it, before it writes, with the list of the
// client that it found to be the caller.
func AllowOrigins(ctx context.Context, origins []string) {
	if s, ok := ctx.Value(corsKey{}).(*corsState); ok {
		s.allow(origins)
	}
}

// originOf returns the origin of the page that sends the request, in lower
// case, if it has a proper one.
func originOf(r *http.Request) (string, bool) {
	values := r.Header.Values("Origin")
	if len(values) != 1 || !properOrigin(strings.ToLower(values[0])) {
		return "", false
	}
	return strings.ToLower(values[0]), true
}

// properOrigin reports whether s is a scheme, a host and perhaps a port (RFC
// 6454 §6.2), in lower case and nothing besides.
func properOrigin(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || len(s) > 300 || scheme == "" || rest == "" {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; (c < 'a' || c > 'z') && (i == 0 || c != '+' && c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	host, port, hasPort := rest, "", false
	if strings.HasPrefix(rest, "[") {
		var after string
		host, after, ok = strings.Cut(rest[1:], "]")
		if !ok || host == "" || strings.Trim(host, "0123456789abcdef:.") != "" || after != "" && after[0] != ':' {
			return false
		}
		port, hasPort = strings.TrimPrefix(after, ":"), after != ""
	} else {
		host, port, hasPort = strings.Cut(rest, ":")
		if !hostText(host, true) {
			return false
		}
	}
	return !hasPort || port != "" && len(port) <= 5 && strings.Trim(port, "0123456789") == ""
}

// hostText reports whether s is a part of a host name that is not empty.
func hostText(s string, dots bool) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '.' || !dots) {
			return false
		}
	}
	return s != ""
}

func matchOrigins(patterns []string, origin string, oneLabel bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return matchOrigin(strings.ToLower(p), origin, oneLabel)
	})
}

// matchOrigin compares an origin with a pattern. Each "*" stands for at least
// one character of a host name; with oneLabel it does not cross a dot.
func matchOrigin(pattern, origin string, oneLabel bool) bool {
	before, after, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == origin
	}
	rest, ok := strings.CutPrefix(origin, before)
	if !ok || strings.Count(pattern, "*") > 4 {
		return false
	}
	for n := 1; n <= len(rest); n++ {
		if !hostText(rest[:n], !oneLabel) {
			return false
		}
		if matchOrigin(after, rest[n:], oneLabel) {
			return true
		}
	}
	return false
}
