package admin

import (
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// rc is the shape of v1.0.0-rc.6: challenges, subjects and clients are
// segments of the path.
var rc = generation{
	errors:  web.AdminErrors,
	strict:  true,
	nothing: oauth.NotFound.Hint("There is no consent to revoke."),
}

func (h *Handler) routesRC(mux *web.Mux) {
	h.serve(mux, &rc, rc.errors, map[string]operation{
		"GET /oauth2/auth/requests/login/{challenge}":          h.handleLogin,
		"PUT /oauth2/auth/requests/login/{challenge}/accept":   h.handleAcceptLogin,
		"PUT /oauth2/auth/requests/login/{challenge}/reject":   h.handleRejectLogin,
		"GET /oauth2/auth/requests/consent/{challenge}":        h.handleConsent,
		"PUT /oauth2/auth/requests/consent/{challenge}/accept": h.handleAcceptConsent,
		"PUT /oauth2/auth/requests/consent/{challenge}/reject": h.handleRejectConsent,

		"GET /oauth2/auth/sessions/consent/{user}":             h.handleConsentsOf,
		"DELETE /oauth2/auth/sessions/consent/{user}":          h.handleRevokeConsentsOf,
		"DELETE /oauth2/auth/sessions/consent/{user}/{client}": h.handleRevokeConsentsOf,
		"DELETE /oauth2/auth/sessions/login/{user}":            h.handleRevokeLoginsOf,
	})
}
