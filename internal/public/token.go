package public

import (
	"net/http"
	"net/url"

	"hydra/internal/oauth"
	"hydra/internal/token"
	"hydra/internal/web"
)

// tokenJSON is the answer of the token endpoint (RFC 6749 §5.1), in the order
// that Hydra's has: that of the names.
type tokenJSON struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in"`
	IDToken      string `json:"id_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	TokenType    string `json:"token_type"`
}

// handleToken serves POST /oauth2/token (RFC 6749 §3.2).
func (h *Handler) handleToken(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(w, r, "audience", "resource")
	if err != nil {
		return err
	}
	if form.Get("grant_type") == "" {
		return oauth.InvalidRequest.Hint("The parameter grant_type is missing; parameters belong into the body, form-encoded.")
	}
	c, err := h.authenticate(r, form)
	if err != nil {
		return err
	}
	res, err := h.Tokens.Exchange(r.Context(), c, form)
	if err != nil {
		return err
	}
	web.NoStore(w)
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	return web.WriteJSON(w, http.StatusOK, encodeToken(res))
}

func encodeToken(res *token.Response) tokenJSON {
	return tokenJSON{
		AccessToken:  string(res.AccessToken),
		ExpiresIn:    res.ExpiresIn,
		IDToken:      string(res.IDToken),
		RefreshToken: string(res.RefreshToken),
		Scope:        res.Scope,
		TokenType:    res.TokenType,
	}
}

// authenticate finds out which client calls, and lets its pages see the answer.
func (h *Handler) authenticate(r *http.Request, form url.Values) (*oauth.Client, error) {
	credentials, err := web.Credentials(r, form)
	if err != nil {
		return nil, err
	}
	c, err := h.Clients.Authenticate(r.Context(), credentials)
	if err != nil {
		return nil, err
	}
	web.Note(r.Context(), "client_id", c.ID)
	web.AllowOrigins(r.Context(), c.AllowedCORSOrigins)
	return c, nil
}
