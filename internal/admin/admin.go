// Package admin serves the administrative API of the admin port: clients,
// JSON Web Keys, login and consent requests, sessions, introspection and
// clean-up, in the shapes of three generations of Hydra at once. Its handlers
// decode, call a service once, and encode; the quirks of Hydra's API end here.
package admin

import (
	"context"
	"net/http"

	"hydra/internal/client"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/secret"
	"hydra/internal/token"
	"hydra/internal/web"
)

// Handler serves the admin API. Its fields are set before Routes is called.
type Handler struct {
	Clients *client.Service
	Keys    *key.Service
	Tokens  *token.Service
	Flows   *flow.Service
	Calls   *token.LogoutCalls
	Sealer  *secret.Sealer // of page tokens
	Errors  *web.Errors
	Access  *Access // nil: nobody is asked who they are
	// Audit is told of every change, also of those that were refused. nil: nobody.
	Audit func(context.Context, Change)

	// OldIntrospection answers on the path without /admin in the form of
	// v1.0.0-rc.6, which v1.9 left: nothing else tells the two apart.
	OldIntrospection bool

	texts clientTexts
}

// Routes adds the API to the mux. Path parameters match one segment of the
// escaped path, so that a subject may hold slashes; a literal segment comes
// before a parameter.
func (h *Handler) Routes(mux *web.Mux) {
	h.routesRC(mux)
	h.routesV1(mux)
	h.routesV2(mux)
	h.routesDevice(mux)
	h.serve(mux, &v1, v1.errors, h.logoutRequests())
	h.serve(mux, &v2, v2.errors, h.logoutRequests())
	h.serve(mux, &v2, v2.errors, h.logoutCalls())
	h.serve(mux, &v1, v1.errors, h.trust())
	h.serve(mux, &v2, v2.errors, h.trust())
	h.serve(mux, &v1, v1.errors, h.initialAccess())
	h.serve(mux, &v2, v2.errors, h.initialAccess())
}

// uncached keeps answers out of every cache: they carry secrets, keys and what
// is known about people (RFC 7591 §3.2.1 demands it of a new client's).
func uncached(f web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		web.NoStore(w)
		return f(w, r)
	}
}
