package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"hydra/internal/flow"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// generation is one of the three API shapes that releases of Hydra have had,
// with what is different in each. The path of a request tells which one its
// sender was written for:
//
//	/oauth2/auth/requests/login/{challenge}              rc (rc.go)
//	/oauth2/auth/requests/login?login_challenge=…        v1 (v1.go)
//	/admin/oauth2/auth/requests/login?login_challenge=…  v2 (v2.go)
//
// Paths that rc and v1 share are served as v1. Handlers ask their generation
// and do not branch themselves.
type generation struct {
	// prefix stands before every path.
	prefix string
	// errors is how errors are written.
	errors web.Style
	// gone answers a request for a challenge that was handled with 410 and
	// where the browser starts over; else it is a conflict.
	gone bool
	// strict refuses JSON members that no generation knows.
	strict bool
	// named says which query parameter holds the challenge; else it is a
	// segment of the path.
	named bool
	// ownSession shows the session that a login may begin, not only the
	// remembered one.
	ownSession bool
	// denied completes the error code of a rejection that has none.
	denied string
	// login is what an accepted login means beyond its members.
	login flow.AcceptLogin
	// inTime refuses decisions on requests whose time is over.
	inTime bool
	// nothing answers a revocation that found nothing to revoke.
	nothing error
	// places pages lists by place unless the request asks otherwise.
	places bool
	// totals adds links and the length of the list to pages by offset.
	totals bool
	// whole shows a key pair as one key and a client's secret only where it
	// can be used.
	whole bool
}

// operation serves a request of a generation.
type operation func(g *generation, w http.ResponseWriter, r *http.Request) error

// serve adds operations of a generation to the mux.
func (h *Handler) serve(mux *web.Mux, g *generation, style web.Style, operations map[string]operation) {
	for pattern, f := range operations {
		method, path, _ := strings.Cut(pattern, " ")
		d := deedOf(pattern)
		changed := h.audited(d.event, func(w http.ResponseWriter, r *http.Request) error { return f(g, w, r) })
		handler := h.Errors.Handle(style, uncached(func(w http.ResponseWriter, r *http.Request) error {
			return g.settle(w, changed(w, r))
		}))
		mux.Handle(method+" "+g.prefix+path, h.Access.Needs(d.scope, style, handler))
	}
}

// settle answers for errors that are no errors in this generation.
func (g *generation) settle(w http.ResponseWriter, err error) error {
	handled, ok := errors.AsType[*flow.Handled](err)
	if !ok || !g.gone {
		return err
	}
	return web.WriteJSON(w, http.StatusGone, completedJSON{RedirectTo: handled.RequestURL})
}

// json is how bodies are read; known are members of other generations.
func (g *generation) json(known ...string) web.JSONOptions {
	if g.strict {
		return web.JSONOptions{RefuseUnknown: true, Known: known}
	}
	return web.JSONOptions{}
}

// challenge returns the challenge of a request, which says of what: "login" or
// "consent". The parameter had the plain name challenge at first, which every
// later release still understands.
func (g *generation) challenge(r *http.Request, what string) (string, error) {
	if !g.named {
		return r.PathValue("challenge"), nil
	}
	q, err := web.Query(r)
	if err != nil {
		return "", err
	}
	for _, name := range []string{what + "_challenge", "challenge"} {
		if c := q.Get(name); c != "" {
			return c, nil
		}
	}
	return "", oauth.InvalidRequest.Hintf("The parameter %s_challenge is missing.", what)
}

// late is the error of a request whose time is over.
func (g *generation) late(expired bool) error {
	if expired && g.inTime {
		return oauth.RequestUnauthorized.Hint("The time for this request is over. The user has to start again from the application.")
	}
	return nil
}

// session is the login session that a request shows.
func (g *generation) session(remembered, own oauth.ID) string {
	if g.ownSession {
		return idText(own)
	}
	return idText(remembered)
}

// required returns a parameter that must not be missing.
func required(q url.Values, name string) (string, error) {
	if v := q.Get(name); v != "" {
		return v, nil
	}
	return "", oauth.InvalidRequest.Hintf("The parameter %s is missing.", name)
}
