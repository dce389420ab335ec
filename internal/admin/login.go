package admin

import (
	"encoding/json"
	"net/http"

	"hydra/internal/flow"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// loginRequestJSON is contract §4.2.
type loginRequestJSON struct {
	Challenge         string            `json:"challenge"`
	RequestedScope    []string          `json:"requested_scope"`
	RequestedAudience []string          `json:"requested_access_token_audience"`
	Skip              bool              `json:"skip"`
	Subject           string            `json:"subject"`
	OIDCContext       oauth.OIDCContext `json:"oidc_context"`
	Client            any               `json:"client"`
	RequestURL        string            `json:"request_url"`
	SessionID         string            `json:"session_id"`
}

// acceptLoginJSON is contract §4.4, with the members of later generations that
// mean something here already.
type acceptLoginJSON struct {
	Subject     string          `json:"subject"`
	Remember    bool            `json:"remember"`
	RememberFor int64           `json:"remember_for"`
	ACR         string          `json:"acr"`
	AMR         []string        `json:"amr"`
	Context     json.RawMessage `json:"context"`
	ForcedID    string          `json:"force_subject_identifier"`
}

// laterLogin names members that other generations know and that change
// nothing here.
var laterLogin = []string{"extend_session_lifespan", "identity_provider_session_id"}

// rejectJSON is contract §4.6.
type rejectJSON struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Hint        string `json:"error_hint"`
	Status      int    `json:"status_code"`
	Debug       string `json:"error_debug"`
}

// completedJSON is contract §4.7.
type completedJSON struct {
	RedirectTo string `json:"redirect_to"`
}

// handleLogin serves GET /oauth2/auth/requests/login/{challenge}.
func (h *Handler) handleLogin(w http.ResponseWriter, r *http.Request) error {
	l, err := h.Flows.Login(r.Context(), r.PathValue("challenge"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, loginRequestJSON{
		Challenge: l.Challenge, RequestedScope: list(l.Request.Scope), RequestedAudience: list(l.Request.Audience),
		Skip: l.Skip, Subject: l.Subject, OIDCContext: l.Request.OIDC, Client: ClientJSON(l.Client),
		RequestURL: l.URL, SessionID: idText(l.SessionID),
	})
}

// handleAcceptLogin serves PUT /oauth2/auth/requests/login/{challenge}/accept.
func (h *Handler) handleAcceptLogin(w http.ResponseWriter, r *http.Request) error {
	var in acceptLoginJSON
	if err := web.DecodeJSON(w, r, &in, web.JSONOptions{RefuseUnknown: true, Known: laterLogin}); err != nil {
		return err
	}
	to, err := h.Flows.AcceptLogin(r.Context(), r.PathValue("challenge"), flow.AcceptLogin{
		Subject: in.Subject, Remember: in.Remember, RememberFor: in.RememberFor,
		ACR: in.ACR, AMR: in.AMR, Context: given(in.Context), ForcedID: in.ForcedID,
	})
	return completed(w, to, err)
}

// handleRejectLogin serves PUT /oauth2/auth/requests/login/{challenge}/reject.
func (h *Handler) handleRejectLogin(w http.ResponseWriter, r *http.Request) error {
	in, err := decodeReject(w, r)
	if err != nil {
		return err
	}
	to, err := h.Flows.RejectLogin(r.Context(), r.PathValue("challenge"), in)
	return completed(w, to, err)
}

func decodeReject(w http.ResponseWriter, r *http.Request) (flow.Reject, error) {
	var in rejectJSON
	err := web.DecodeJSON(w, r, &in, web.JSONOptions{RefuseUnknown: true})
	return flow.Reject{Error: in.Error, Description: in.Description, Hint: in.Hint, Status: in.Status, Debug: in.Debug}, err
}

func completed(w http.ResponseWriter, to string, err error) error {
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, completedJSON{RedirectTo: to})
}

// given takes JSON null for absent.
func given(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// idText shows an id, and nothing for none.
func idText(id oauth.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
