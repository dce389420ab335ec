package web

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Mux routes requests as contract §1.3 demands, on top of http.ServeMux. It
// matches the escaped path segment by segment, so a wildcard takes ids with a
// slash in them when they are sent as %2F. Handlers find r.PathValue, and
// r.Pattern without the method.
//
// Different from http.ServeMux: OPTIONS is answered with Allow on every path;
// HEAD is not GET, because some GETs of this protocol change something, and
// goes only where it was registered; a superfluous or missing slash at the
// end, and a wrong case of letters, are redirected.
type Mux struct {
	mux    http.ServeMux
	routes map[string]*route // by path pattern
	paths  []string          // the patterns in order of registration

	// literal has the routes of patterns without wildcards. ServeMux prefers
	// them to all others, so whoever asks for one needs no matching.
	literal map[string]*route
}

// route is what is registered for one path pattern.
type route struct {
	methods   map[string]http.Handler
	any       http.Handler
	allow     string
	wildcards []string // names of the path's segments that match anything
}

// http.ServeMux takes a segment that is nothing but an escaped slash for the
// end of the path. An id may be just that, so such a segment travels through
// it under a name that no id can have.
const loneSlash = "\x00/"

// markSlash returns r, or a copy whose path has no segment that is just "%2F".
func markSlash(r *http.Request) *http.Request {
	if !strings.Contains(r.URL.RawPath, "/%2") {
		return r
	}
	segments := strings.Split(r.URL.RawPath, "/")
	for i, s := range segments {
		if strings.EqualFold(s, "%2F") {
			segments[i] = "%00%2F"
		}
	}
	raw := strings.Join(segments, "/")
	plain, err := url.PathUnescape(raw)
	if err != nil || raw == r.URL.RawPath {
		return r
	}
	out := r.WithContext(r.Context())
	u := *r.URL
	u.Path, u.RawPath = plain, raw
	out.URL = &u
	return out
}

// Handle registers a handler for a pattern "METHOD /path/{wildcard}". Several
// methods are joined by commas; none stands for all. It panics when the
// pattern is malformed or contradicts another.
func (m *Mux) Handle(pattern string, h http.Handler) {
	methods, p, ok := strings.Cut(pattern, " ")
	if !ok {
		methods, p = "", pattern
	}
	rt := m.routes[p]
	if rt == nil {
		rt = &route{methods: map[string]http.Handler{}, wildcards: wildcards(p)}
		if m.routes == nil {
			m.routes = map[string]*route{}
		}
		m.routes[p] = rt
		m.paths = append(m.paths, p)
		m.mux.Handle(p, rt)
		if !strings.ContainsAny(p, "{%") && cleanPath(p) == p {
			if m.literal == nil {
				m.literal = map[string]*route{}
			}
			m.literal[p] = rt
		}
	}
	if methods == "" {
		rt.any = h
		return
	}
	for method := range strings.SplitSeq(methods, ",") {
		if rt.methods[method] != nil {
			panic("web: " + pattern + " is registered twice")
		}
		rt.methods[method] = h
	}
	names := []string{http.MethodOptions}
	for method := range rt.methods {
		names = append(names, method)
	}
	slices.Sort(names)
	rt.allow = strings.Join(slices.Compact(names), ", ")
}

// Patterns lists what was registered, "METHOD /path" each, sorted; a route for
// all methods has none. OPTIONS, which every route answers, is left out.
func (m *Mux) Patterns() []string {
	var out []string
	for path, rt := range m.routes {
		if rt.any != nil {
			out = append(out, path)
		}
		for method := range rt.methods {
			if method != http.MethodOptions {
				out = append(out, method+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// wildcards returns the names in a path pattern.
func wildcards(pattern string) []string {
	var names []string
	for s := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(s, "{") && s != "{$}" {
			names = append(names, strings.TrimSuffix(strings.Trim(s, "{}"), "..."))
		}
	}
	return names
}

// ServeHTTP serves the method that was registered for the path.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	noteRoute(r.Context(), r.Pattern)
	for _, name := range rt.wildcards {
		if r.PathValue(name) == loneSlash {
			r.SetPathValue(name, "/")
		}
	}
	h := rt.methods[r.Method]
	if h == nil {
		h = rt.any
	}
	switch {
	case h != nil:
		h.ServeHTTP(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", rt.allow)
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Allow", rt.allow)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	}
}

// ServeHTTP hands the request to the handler of its path.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rt := m.literal[r.URL.Path]; rt != nil && r.URL.RawPath == "" {
		r.Pattern = r.URL.Path
		rt.ServeHTTP(w, r)
		return
	}
	r = markSlash(r)
	asked := r.URL.EscapedPath()
	if m.takes(asked, r) {
		m.mux.ServeHTTP(w, r)
		return
	}
	if p, ok := m.correct(asked); ok {
		p = strings.ReplaceAll(p, "/%00%2F", "/%2F")
		if r.URL.RawQuery != "" {
			p += "?" + r.URL.RawQuery
		}
		status := http.StatusTemporaryRedirect
		if r.Method == http.MethodGet {
			status = http.StatusMovedPermanently
		}
		http.Redirect(w, r, p, status)
		return
	}
	http.NotFound(w, r)
}

// takes reports whether a pattern takes the escaped path of r as it is.
func (m *Mux) takes(escaped string, r *http.Request) bool {
	if escaped == "" || escaped[0] != '/' || cleanPath(escaped) != escaped {
		return false
	}
	h, _ := m.mux.Handler(r)
	_, ok := h.(*route) // else a redirect of ServeMux's own, or nothing
	return ok
}

// has is takes for a path that nobody has asked for yet.
func (m *Mux) has(escaped string) bool {
	u, err := url.ParseRequestURI(escaped)
	return err == nil && m.takes(escaped, &http.Request{Method: http.MethodGet, URL: u})
}

// correct returns the spelling of an escaped path that has a route: without
// empty and dot segments, with or without the slash at its end, in the right
// letters.
func (m *Mux) correct(escaped string) (string, bool) {
	p := cleanPath(escaped)
	other := strings.TrimSuffix(p, "/")
	if other == p {
		other = p + "/"
	}
	for _, candidate := range []string{p, other} {
		if m.has(candidate) {
			return candidate, true
		}
		for _, pattern := range m.paths {
			if q, ok := respell(pattern, candidate); ok && m.has(q) {
				return q, true
			}
		}
	}
	return "", false
}

// respell writes the literal segments of a path as the pattern has them, if
// they differ in nothing but the case of letters.
func respell(pattern, p string) (string, bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(p, "/")
	if len(want) != len(have) {
		return "", false
	}
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "{"):
		case strings.EqualFold(segment, have[i]):
			have[i] = segment
		default:
			return "", false
		}
	}
	return strings.Join(have, "/"), true
}

// cleanPath removes empty and dot segments and keeps a slash at the end.
func cleanPath(p string) string {
	if p == "" || p[0] != '/' {
		p = "/" + p
	}
	clean := path.Clean(p) // the same string when there is nothing to clean
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}
