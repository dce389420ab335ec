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
	HandledAt     looseTime       `json:"handled_at"`
}

// looseTime is a time that SDKs send whether somebody has set it or not: what
// is no time counts as absent.
type looseTime time.Time

// UnmarshalJSON reads RFC 3339.
func (t *looseTime) UnmarshalJSON(raw []byte) error {
	var at time.Time
	if at.UnmarshalJSON(raw) == nil && at.Unix() > 0 {
		*t = looseTime(at)
	}
	return nil
}

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
	ID             string             `json:"consent_request_id"`
	Context        json.RawMessage    `json:"context,omitempty"`
	ConsentRequest consentRequestJSON `json:"consent_request"`
}

// handleConsent serves GET /oauth2/auth/requests/consent.
func (h *Handler) handleConsent(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "consent")
	if err != nil {
		return err
	}
	c, err := h.Flows.Consent(r.Context(), challenge)
	if err != nil {
		return err
	}
	if err := g.late(c.Expired); err != nil {
		return err
	}
	client, err := h.texts.of(c.Client)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, g.consentRequest(c, client))
}

func (g *generation) consentRequest(c *flow.ConsentRequest, client any) consentRequestJSON {
	return consentRequestJSON{
		Challenge: c.Challenge, ID: c.ID.String(),
		RequestedScope: list(c.Request.Scope), RequestedAudience: list(c.Request.Audience),
		Skip: c.Skip, Subject: c.Subject, OIDCContext: c.Request.OIDC, Client: client,
		RequestURL: c.URL, LoginChallenge: c.LoginChallenge, LoginSessionID: g.session(c.LoginSessionID, c.Session),
		ACR: c.ACR, AMR: c.AMR, Context: c.Context,
	}
}

// handleAcceptConsent serves PUT /oauth2/auth/requests/consent/accept.
func (h *Handler) handleAcceptConsent(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "consent")
	if err != nil {
		return err
	}
	var in acceptConsentJSON
	if err := web.DecodeJSON(w, r, &in, g.json()); err != nil {
		return err
	}
	a := flow.AcceptConsent{
		GrantScope: in.GrantScope, GrantAudience: in.GrantAudience,
		Remember: in.Remember, RememberFor: in.RememberFor, Context: given(in.Context),
		HandledAt: time.Time(in.HandledAt), InTime: g.inTime,
	}
	if in.Session != nil {
		a.AccessClaims, a.IDClaims = given(in.Session.AccessToken), given(in.Session.IDToken)
	}
	if !isObject(a.AccessClaims) || !isObject(a.IDClaims) {
		return oauth.InvalidRequest.Hint("The members session.access_token and session.id_token must be JSON objects.")
	}
	to, err := h.Flows.AcceptConsent(r.Context(), challenge, a)
	aboutClient(r.Context(), to)
	return completed(w, to, err)
}

// isObject reports whether valid JSON is an object, or absent.
func isObject(raw json.RawMessage) bool {
	return raw == nil || bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
}

// handleRejectConsent serves PUT /oauth2/auth/requests/consent/reject.
func (h *Handler) handleRejectConsent(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, in, err := g.reject(w, r, "consent")
	if err != nil {
		return err
	}
	to, err := h.Flows.RejectConsent(r.Context(), challenge, in)
	aboutClient(r.Context(), to)
	return completed(w, to, err)
}

func (g *generation) consentSession(s flow.ConsentSession) consentSessionJSON {
	return consentSessionJSON{
		GrantScope: list(s.Granted.GrantedScope), GrantAudience: list(s.Granted.GrantedAudience),
		Session:  sessionJSON{AccessToken: object(s.Granted.AccessClaims), IDToken: object(s.Granted.IDClaims)},
		Remember: s.Granted.Remember, RememberFor: s.Granted.RememberFor,
		HandledAt:      s.HandledAt.UTC().Format(time.RFC3339),
		ID:             s.Request.ID.String(),
		Context:        s.Granted.Context,
		ConsentRequest: g.consentRequest(s.Request, ClientJSON(s.Request.Client)),
	}
}

// object shows an absent map as an empty one.
func object(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("{}")
	}
	return raw
}
