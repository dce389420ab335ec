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
		return asInvalidClient(err)
	}
	c, err := h.authenticate(r, form)
	if err != nil {
		return asInvalidClient(err)
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

// asInvalidClient answers a request that is malformed, or empty, as Hydra does:
// it authenticates nobody (contract §3.3). What is no fault of the request
// stays what it is.
func asInvalidClient(err error) error {
	if !errors.Is(err, oauth.InvalidRequest) {
		return err
	}
	hint := "The request is malformed or has no credentials."
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Public != "" {
		hint = e.Public
	}
	return oauth.InvalidClient.Hint(hint).Because(err)
}
