package web

import (
	"net/http"
	"slices"

	"hydra/internal/oauth"
)

// SameSite refuses requests that change something and that a page of another
// site sends through somebody's browser: an operator's browser often reaches
// the admin port although strangers do not. Programs send no Origin and no
// Sec-Fetch-Site and pass. Origins that CORS allows pass too.
func (c CORS) SameSite(h http.Handler, e *Errors) http.Handler {
	if len(c.Origins) == 0 && c.AllWhenEmpty {
		c.Origins = []string{"*"}
	}
	var guard http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard.Check(r); err != nil && !c.trusts(r) {
			e.Write(w, r, AdminErrors, oauth.RequestForbidden.Hint("A page of another site must not call this endpoint.").Because(err))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// trusts reports whether CORS lets the page that sends the request in.
func (c CORS) trusts(r *http.Request) bool {
	origin, ok := originOf(r)
	return c.Enabled && ok && (slices.Contains(c.Origins, "*") || matchOrigins(c.Origins, origin, false))
}
