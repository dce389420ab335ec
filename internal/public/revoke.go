package public

import (
	"errors"
	"net/http"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleRevoke serves POST /oauth2/revoke (RFC 7009).
func (h *Handler) handleRevoke(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(w, r)
	if err != nil {
		return notRevoked(err)
	}
	c, err := h.authenticate(r, form)
	if err != nil {
		return notRevoked(err)
	}
	value := form.Get("token")
	if value == "" {
		return oauth.InvalidRequest.Hint("The parameter token is missing.")
	}
	if err := h.Tokens.Revoke(r.Context(), c, oauth.Secret(value)); err != nil {
		return err
	}
	web.NoStore(w)
	w.WriteHeader(http.StatusOK) // for unknown tokens, too: RFC 7009 §2.2
	return nil
}

// notRevoked says why a revocation did not come so far as to be tried. A
// request that is malformed, or empty, authenticates nobody (contract §3.3).
// When the server could not find out who calls, the client is told to try
// again, as it is when the revocation itself fails (RFC 7009 §2.2.1).
func notRevoked(err error) error {
	switch oauth.KindOf(err) {
	case oauth.ServerError:
		return oauth.TemporarilyUnavailable.Hint("The token could not be revoked now. Try again.").Because(err)
	case oauth.InvalidRequest:
		hint := "The request is malformed or has no credentials."
		if e, ok := errors.AsType[*oauth.Error](err); ok && e.Public != "" {
			hint = e.Public
		}
		return oauth.InvalidClient.Hint(hint).Because(err)
	}
	return err
}
