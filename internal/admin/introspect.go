package admin

import (
	"encoding/json"
	"net/http"

	"hydra/internal/oauth"
	"hydra/internal/token"
	"hydra/internal/web"
)

// introspectionRCJSON is the answer of introspection for a live token in the
// form of v1.0.0-rc.6 (contract §4.13).
type introspectionRCJSON struct {
	Active            bool            `json:"active"`
	Scope             string          `json:"scope,omitempty"`
	ClientID          string          `json:"client_id,omitempty"`
	Subject           string          `json:"sub,omitempty"`
	ObfuscatedSubject string          `json:"obfuscated_subject,omitempty"`
	ExpiresAt         int64           `json:"exp,omitempty"`
	IssuedAt          int64           `json:"iat,omitempty"`
	Audience          []string        `json:"aud,omitempty"`
	Issuer            string          `json:"iss,omitempty"`
	TokenType         string          `json:"token_type,omitempty"`
	TokenUse          string          `json:"token_use,omitempty"`
	Extra             json.RawMessage `json:"ext,omitempty"`
}

// introspectionJSON is that of RFC 7662 §2.2, and of v1.9 and later:
// token_type is how the token is used (RFC 6749 §7.1), and most members are
// always there.
type introspectionJSON struct {
	Active            bool            `json:"active"`
	Scope             string          `json:"scope,omitempty"`
	ClientID          string          `json:"client_id"`
	Subject           string          `json:"sub"`
	ObfuscatedSubject string          `json:"obfuscated_subject,omitempty"`
	ExpiresAt         int64           `json:"exp,omitempty"` // absent for a token without an end
	IssuedAt          int64           `json:"iat"`
	NotBefore         int64           `json:"nbf"`
	Audience          []string        `json:"aud"`
	Issuer            string          `json:"iss"`
	TokenType         string          `json:"token_type"`
	TokenUse          string          `json:"token_use"`
	Extra             json.RawMessage `json:"ext,omitempty"`
}

// handleIntrospect serves POST /oauth2/introspect (RFC 7662).
func (h *Handler) handleIntrospect(g *generation, w http.ResponseWriter, r *http.Request) error {
	form, err := web.FormOrMultipart(w, r)
	if err != nil {
		return err
	}
	if len(form) == 0 {
		return oauth.InvalidRequest.Hint("The body is empty; the parameter token belongs into it, form-encoded.")
	}
	scope := oauth.Fields(form.Get("scope"))
	in, err := h.Tokens.Introspect(r.Context(), oauth.Secret(form.Get("token")), form.Get("token_type_hint"), scope)
	if err != nil {
		return err
	}
	contentType, answer := "application/json", any(struct {
		Active bool `json:"active"`
	}{})
	if in.Active {
		web.Note(r.Context(), "client_id", in.ClientID)
		encode := introspectionOf
		if h.OldIntrospection && g == &v1 {
			encode = introspectionRC
		}
		contentType, answer = "application/json;charset=UTF-8", encode(in)
	}
	return writeLine(w, contentType, answer)
}

// introspectionRC is the form of v1.0.0-rc.6, where token_type tells access
// tokens from refresh tokens; what later generations call that stands beside.
func introspectionRC(in *token.Introspection) any {
	issued, expires := times(in)
	return introspectionRCJSON{
		Active:            true,
		Scope:             in.ScopeText(),
		ClientID:          in.ClientID,
		Subject:           in.Subject,
		ObfuscatedSubject: in.ObfuscatedSubject,
		Audience:          in.Audience,
		Issuer:            in.Issuer,
		ExpiresAt:         expires,
		IssuedAt:          issued,
		TokenType:         in.Use,
		TokenUse:          in.Use,
		Extra:             in.Extra,
	}
}

func introspectionOf(in *token.Introspection) any {
	issued, expires := times(in)
	return introspectionJSON{
		Active:            true,
		Scope:             in.ScopeText(),
		ClientID:          in.ClientID,
		Subject:           in.Subject,
		ObfuscatedSubject: in.ObfuscatedSubject,
		ExpiresAt:         expires,
		IssuedAt:          issued,
		NotBefore:         issued,
		Audience:          list(in.Audience),
		Issuer:            in.Issuer,
		TokenType:         "Bearer",
		TokenUse:          in.Use,
		Extra:             in.Extra,
	}
}

// times are a token's in Unix seconds, 0 for none.
func times(in *token.Introspection) (issued, expires int64) {
	if !in.IssuedAt.IsZero() {
		issued = in.IssuedAt.Unix()
	}
	if !oauth.IsNever(in.ExpiresAt) {
		expires = in.ExpiresAt.Unix()
	}
	return issued, expires
}

// writeLine answers 200 with v as JSON and a newline, as Hydra's introspection does.
func writeLine(w http.ResponseWriter, contentType string, v any) error {
	w.Header().Set("Content-Type", contentType)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
