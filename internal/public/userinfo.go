package public

import (
	"mime"
	"net/http"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleUserinfo serves GET and POST /userinfo (OpenID Connect Core §5.3).
func (h *Handler) handleUserinfo(w http.ResponseWriter, r *http.Request) error {
	value, err := bearer(w, r)
	if err != nil {
		return err
	}
	if value == "" {
		return oauth.RequestUnauthorized.Hint("The access token is missing: send it in the header Authorization, with the scheme Bearer.")
	}
	info, err := h.Tokens.Userinfo(r.Context(), value)
	if err != nil {
		return err
	}
	web.Note(r.Context(), "client_id", info.Client.ID)
	web.AllowOrigins(r.Context(), info.Client.AllowedCORSOrigins)
	web.NoStore(w)
	body, contentType := info.JSON, "application/json"
	if info.JWT != "" {
		body, contentType = []byte(info.JWT), "application/jwt"
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // the client hung up: nobody is left to tell
	return nil
}

// bearer takes the access token from the header (RFC 6750 §2.1) or from a form
// body (§2.2), and from one of them only. In the URL it is refused, because
// URLs are logged (§2.3, RFC 9700 §4.3.2).
func bearer(w http.ResponseWriter, r *http.Request) (oauth.Secret, error) {
	query, err := web.Query(r)
	if err != nil {
		return "", err
	}
	if query.Has("access_token") {
		return "", oauth.InvalidRequest.Hint("The access token must not be in the URL: send it in the header Authorization, with the scheme Bearer.")
	}
	header, err := web.Bearer(r)
	if err != nil || r.Method != http.MethodPost || header != "" && !isForm(r) {
		return header, err
	}
	form, err := web.Form(w, r)
	if err != nil {
		return "", err
	}
	posted := oauth.Secret(form.Get("access_token"))
	if header != "" && posted != "" {
		return "", oauth.InvalidRequest.Hint("The request has two access tokens: one in the header Authorization, one in the body.")
	}
	if posted != "" {
		return posted, nil
	}
	return header, nil
}

// isForm reports whether the body is said to hold form parameters.
func isForm(r *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mediaType == "application/x-www-form-urlencoded"
}
