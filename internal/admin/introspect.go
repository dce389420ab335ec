package admin

import (
	"encoding/json"
	"net/http"

	"hydra/internal/oauth"
	"hydra/internal/token"
	"hydra/internal/web"
)

// introspectionJSON is the answer of introspection for a live token (RFC 7662
// §2.2; contract §4.13).
type introspectionJSON struct {
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

// tokenType says what the member token_type of an introspection means: the
// generations of the API differ.
type tokenType func(use string) string

// rcTokenType is that of v1.0.0-rc.6, where the member tells access tokens
// from refresh tokens. Later generations moved that to token_use.
func rcTokenType(use string) string { return use }

// handleIntrospect serves POST /oauth2/introspect (RFC 7662).
func (h *Handler) handleIntrospect(w http.ResponseWriter, r *http.Request) error {
	return h.introspect(w, r, rcTokenType)
}

func (h *Handler) introspect(w http.ResponseWriter, r *http.Request, typeOf tokenType) error {
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
		contentType, answer = "application/json;charset=UTF-8", encodeIntrospection(in, typeOf)
	}
	web.NoStore(w)
	return writeLine(w, contentType, answer)
}

func encodeIntrospection(in *token.Introspection, typeOf tokenType) introspectionJSON {
	out := introspectionJSON{
		Active:            true,
		Scope:             in.ScopeText(),
		ClientID:          in.ClientID,
		Subject:           in.Subject,
		ObfuscatedSubject: in.ObfuscatedSubject,
		Audience:          in.Audience,
		Issuer:            in.Issuer,
		TokenType:         typeOf(in.Use),
		TokenUse:          in.Use,
		Extra:             in.Extra,
	}
	if !in.IssuedAt.IsZero() {
		out.IssuedAt = in.IssuedAt.Unix()
	}
	if !oauth.IsNever(in.ExpiresAt) {
		out.ExpiresAt = in.ExpiresAt.Unix()
	}
	return out
}

// writeLine answers 200 with v as JSON and a newline, as Hydra's introspection does.
func writeLine(w http.ResponseWriter, contentType string, v any) error {
	w.Header().Set("Content-Type", contentType)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
