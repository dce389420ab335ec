// Package admin serves the administrative API of the admin port: clients,
// JSON Web Keys, login and consent requests, sessions, introspection and
// clean-up, in the shape of Hydra v1.0.0-rc.6. Its handlers decode, call a
// service once, and encode; the quirks of Hydra's API end here.
package admin

import (
	"net/http"

	"hydra/internal/client"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/token"
	"hydra/internal/web"
)

// Handler serves the admin API. Its fields are set before Routes is called.
type Handler struct {
	Clients *client.Service
	Keys    *key.Service
	Tokens  *token.Service
	Flows   *flow.Service
	Errors  *web.Errors
}

// Routes adds the API to the mux. Path parameters match one segment of the
// escaped path, so that a subject may hold slashes.
func (h *Handler) Routes(mux *web.Mux) {
	for pattern, f := range map[string]web.HandlerFunc{
		"POST /clients":        h.handleCreateClient,
		"GET /clients":         h.handleListClients,
		"GET /clients/{id}":    h.handleClient,
		"PUT /clients/{id}":    h.handleUpdateClient,
		"DELETE /clients/{id}": h.handleDeleteClient,

		"POST /keys/{set}":         h.handleGenerateKeys,
		"GET /keys/{set}":          h.handleKeySet,
		"PUT /keys/{set}":          h.handlePutKeySet,
		"DELETE /keys/{set}":       h.handleDeleteKeySet,
		"GET /keys/{set}/{kid}":    h.handleKey,
		"PUT /keys/{set}/{kid}":    h.handlePutKey,
		"DELETE /keys/{set}/{kid}": h.handleDeleteKey,

		"GET /oauth2/auth/requests/login/{challenge}":          h.handleLogin,
		"PUT /oauth2/auth/requests/login/{challenge}/accept":   h.handleAcceptLogin,
		"PUT /oauth2/auth/requests/login/{challenge}/reject":   h.handleRejectLogin,
		"GET /oauth2/auth/requests/consent/{challenge}":        h.handleConsent,
		"PUT /oauth2/auth/requests/consent/{challenge}/accept": h.handleAcceptConsent,
		"PUT /oauth2/auth/requests/consent/{challenge}/reject": h.handleRejectConsent,

		"GET /oauth2/auth/sessions/consent/{user}":             h.handleConsentSessions,
		"DELETE /oauth2/auth/sessions/consent/{user}":          h.handleRevokeConsents,
		"DELETE /oauth2/auth/sessions/consent/{user}/{client}": h.handleRevokeConsents,
		"DELETE /oauth2/auth/sessions/login/{user}":            h.handleRevokeLogins,

		"POST /oauth2/flush": h.handleFlush,
	} {
		mux.Handle(pattern, h.Errors.Handle(web.AdminErrors, uncached(f)))
	}
	for pattern, f := range h.trustRoutes() {
		mux.Handle(pattern, h.Errors.Handle(web.AdminErrors, uncached(f)))
	}
	mux.Handle("POST /oauth2/introspect", h.Errors.Handle(web.OAuthErrors, h.handleIntrospect))
}

// uncached keeps answers out of every cache: they carry secrets, keys and what
// is known about people (RFC 7591 §3.2.1 demands it of a new client's).
func uncached(f web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		web.NoStore(w)
		return f(w, r)
	}
}
