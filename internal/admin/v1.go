package admin

import (
	"hydra/internal/web"
)

// v1 is the shape of v1.0 to v1.11: challenges and subjects are query
// parameters. What rc and v1 cannot be told apart in is here, too.
var v1 = generation{
	errors:     web.AdminErrors,
	gone:       true,
	named:      true,
	ownSession: true,
	denied:     " request denied",
	totals:     true,
}

func (h *Handler) routesV1(mux *web.Mux) {
	h.serve(mux, &v1, v1.errors, h.byQuery())
	h.serve(mux, &v1, v1.errors, h.shared())
	h.serve(mux, &v1, v1.errors, map[string]operation{"POST /oauth2/flush": h.handleFlush})
	h.serve(mux, &v1, web.OAuthErrors, map[string]operation{"POST /oauth2/introspect": h.handleIntrospect})
}

// byQuery are the operations that v1 and v2 have in common and rc has in
// another shape.
func (h *Handler) byQuery() map[string]operation {
	return map[string]operation{
		"GET /oauth2/auth/requests/login":          h.handleLogin,
		"PUT /oauth2/auth/requests/login/accept":   h.handleAcceptLogin,
		"PUT /oauth2/auth/requests/login/reject":   h.handleRejectLogin,
		"GET /oauth2/auth/requests/consent":        h.handleConsent,
		"PUT /oauth2/auth/requests/consent/accept": h.handleAcceptConsent,
		"PUT /oauth2/auth/requests/consent/reject": h.handleRejectConsent,

		"GET /oauth2/auth/sessions/consent":    h.handleConsents,
		"DELETE /oauth2/auth/sessions/consent": h.handleRevokeConsents,
		"DELETE /oauth2/auth/sessions/login":   h.handleRevokeLogins,
	}
}

// shared are the operations whose shape is the same in every generation, but
// for the prefix.
func (h *Handler) shared() map[string]operation {
	return map[string]operation{
		"POST /clients":               h.handleCreateClient,
		"GET /clients":                h.handleListClients,
		"GET /clients/{id}":           h.handleClient,
		"PUT /clients/{id}":           h.handleUpdateClient,
		"PATCH /clients/{id}":         h.handlePatchClient,
		"DELETE /clients/{id}":        h.handleDeleteClient,
		"PUT /clients/{id}/lifespans": h.handleLifespans,
		"DELETE /oauth2/tokens":       h.handleDeleteTokens,

		"GET /clients/{id}/secrets":             h.handleSecrets,
		"POST /clients/{id}/secrets":            h.handleAddSecret,
		"DELETE /clients/{id}/secrets/{secret}": h.handleDeleteSecret,

		"POST /keys/{set}":         h.handleGenerateKeys,
		"GET /keys/{set}":          h.handleKeySet,
		"PUT /keys/{set}":          h.handlePutKeySet,
		"DELETE /keys/{set}":       h.handleDeleteKeySet,
		"GET /keys/{set}/{kid}":    h.handleKey,
		"PUT /keys/{set}/{kid}":    h.handlePutKey,
		"DELETE /keys/{set}/{kid}": h.handleDeleteKey,
	}
}
