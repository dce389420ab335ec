package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"hydra/internal/flow"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// consentRequestJSON is contract §4.3; what later generations added appears
// where it is set.
type consentRequestJSON struct {
	Challenge         string            `json:"challenge"`
	ID                string            `json:"consent_request_id"`
	RequestedScope    []string          `json:"requested_scope"`
	RequestedAudience []string          `json:"requested_access_token_audience"`
	Skip              bool              `json:"skip"`
	Subject           string            `json:"subject"`
	OIDCContext       oauth.OIDCContext `json:"oidc_context"`
	Client            any               `json:"client"`
	RequestURL        string            `json:"request_url"`
	LoginChallenge    string            `json:"login_challenge"`
	LoginSessionID    string            `json:"login_session_id"`
	ACR               string            `json:"acr"`
	AMR               []string          `json:"amr,omitempty"`
	Context           json.RawMessage   `json:"context,omitempty"`
}

// acceptConsentJSON is contract §4.5.
type acceptConsentJSON struct {
	GrantScope    []string        `json:"grant_scope"`
	GrantAudience []string        `json:"grant_access_token_audience"`
	Session       *sessionJSON    `json:"session"`
	Remember      bool            `json:"remember"`
	RememberFor   int64           `json:"remember_for"`
	Context       json.RawMessage `json:"context"`
}

// laterConsent names members that other generations know and that change
// nothing here.
var laterConsent = []string{"handled_at"}

// sessionJSON holds the claims that a consent adds to tokens.
type sessionJSON struct {
	AccessToken json.RawMessage `json:"access_token"`
	IDToken     json.RawMessage `json:"id_token"`
}

// consentSessionJSON is contract §4.8.
type consentSessionJSON struct {
	GrantScope     []string           `json:"grant_scope"`
	GrantAudience  []string           `json:"grant_access_token_audience"`
	Session        sessionJSON        `json:"session"`
	Remember       bool               `json:"remember"`
	RememberFor    int64              `json:"remember_for"`
	HandledAt      string             `json:"handled_at"`
	ConsentRequest consentRequestJSON `json:"consent_request"`
}

// handleConsent serves GET /oauth2/auth/requests/consent/{challenge}.
func (h *Handler) handleConsent(w http.ResponseWriter, r *http.Request) error {
	c, err := h.Flows.Consent(r.Context(), r.PathValue("challenge"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeConsentRequest(c))
}

func encodeConsentRequest(c *flow.ConsentRequest) consentRequestJSON {
	return consentRequestJSON{
		Challenge: c.Challenge, ID: c.ID.String(),
		RequestedScope: list(c.Request.Scope), RequestedAudience: list(c.Request.Audience),
		Skip: c.Skip, Subject: c.Subject, OIDCContext: c.Request.OIDC, Client: ClientJSON(c.Client),
		RequestURL: c.URL, LoginChallenge: c.LoginChallenge, LoginSessionID: idText(c.LoginSessionID),
		ACR: c.ACR, AMR: c.AMR, Context: c.Context,
	}
}

// handleAcceptConsent serves PUT /oauth2/auth/requests/consent/{challenge}/accept.
func (h *Handler) handleAcceptConsent(w http.ResponseWriter, r *http.Request) error {
	var in acceptConsentJSON
	if err := web.DecodeJSON(w, r, &in, web.JSONOptions{RefuseUnknown: true, Known: laterConsent}); err != nil {
		return err
	}
	a := flow.AcceptConsent{
		GrantScope: in.GrantScope, GrantAudience: in.GrantAudience,
		Remember: in.Remember, RememberFor: in.RememberFor, Context: given(in.Context),
	}
	if in.Session != nil {
		a.AccessClaims, a.IDClaims = given(in.Session.AccessToken), given(in.Session.IDToken)
	}
	if !isObject(a.AccessClaims) || !isObject(a.IDClaims) {
		return oauth.InvalidRequest.Hint("The members session.access_token and session.id_token must be JSON objects.")
	}
	to, err := h.Flows.AcceptConsent(r.Context(), r.PathValue("challenge"), a)
	return completed(w, to, err)
}

// isObject reports whether valid JSON is an object, or absent.
func isObject(raw json.RawMessage) bool {
	return raw == nil || bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
}

// handleRejectConsent serves PUT /oauth2/auth/requests/consent/{challenge}/reject.
func (h *Handler) handleRejectConsent(w http.ResponseWriter, r *http.Request) error {
	in, err := decodeReject(w, r)
	if err != nil {
		return err
	}
	to, err := h.Flows.RejectConsent(r.Context(), r.PathValue("challenge"), in)
	return completed(w, to, err)
}

// handleConsentSessions serves GET /oauth2/auth/sessions/consent/{user}.
func (h *Handler) handleConsentSessions(w http.ResponseWriter, r *http.Request) error {
	answer := []consentSessionJSON{}
	if offset, limit := page(r); limit > 0 {
		sessions, _, err := h.Flows.Consents(r.Context(), flow.ConsentQuery{Subject: r.PathValue("user"), Offset: offset, Limit: limit})
		if err != nil {
			return err
		}
		for _, s := range sessions {
			answer = append(answer, encodeConsentSession(s))
		}
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

func encodeConsentSession(s flow.ConsentSession) consentSessionJSON {
	return consentSessionJSON{
		GrantScope: list(s.Granted.GrantedScope), GrantAudience: list(s.Granted.GrantedAudience),
		Session:  sessionJSON{AccessToken: object(s.Granted.AccessClaims), IDToken: object(s.Granted.IDClaims)},
		Remember: s.Granted.Remember, RememberFor: s.Granted.RememberFor,
		HandledAt:      s.HandledAt.UTC().Format(time.RFC3339),
		ConsentRequest: encodeConsentRequest(s.Request),
	}
}

// object shows an absent map as an empty one.
func object(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("{}")
	}
	return raw
}
