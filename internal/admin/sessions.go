package admin

import (
	"net/http"

	"hydra/internal/oauth"
)

// handleRevokeConsents serves DELETE /oauth2/auth/sessions/consent/{user} and
// …/{user}/{client}. Nothing to revoke is a 404 in this generation.
func (h *Handler) handleRevokeConsents(w http.ResponseWriter, r *http.Request) error {
	n, err := h.Flows.RevokeConsents(r.Context(), r.PathValue("user"), r.PathValue("client"))
	if err != nil {
		return err
	}
	if n == 0 {
		return oauth.NotFound.Hint("There is no consent to revoke.")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handleRevokeLogins serves DELETE /oauth2/auth/sessions/login/{user}.
func (h *Handler) handleRevokeLogins(w http.ResponseWriter, r *http.Request) error {
	if _, err := h.Flows.RevokeLogins(r.Context(), r.PathValue("user")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
