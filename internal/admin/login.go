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
	Extend      bool            `json:"extend_session_lifespan"`
	Provider    string          `json:"identity_provider_session_id"`
}

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

// handleLogin serves GET /oauth2/auth/requests/login.
func (h *Handler) handleLogin(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "login")
	if err != nil {
		return err
	}
	l, err := h.Flows.Login(r.Context(), challenge)
	if err != nil {
		return err
	}
	if err := g.late(l.Expired); err != nil {
		return err
	}
	client, err := h.texts.of(l.Client)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, loginRequestJSON{
		Challenge: l.Challenge, RequestedScope: list(l.Request.Scope), RequestedAudience: list(l.Request.Audience),
		Skip: l.Skip, Subject: l.Subject, OIDCContext: l.Request.OIDC, Client: client,
		RequestURL: l.URL, SessionID: g.session(l.SessionID, l.Session),
	})
}

// handleAcceptLogin serves PUT /oauth2/auth/requests/login/accept.
func (h *Handler) handleAcceptLogin(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "login")
	if err != nil {
		return err
	}
	var in acceptLoginJSON
	if err := web.DecodeJSON(w, r, &in, g.json()); err != nil {
		return err
	}
	a := g.login
	a.Subject, a.Remember, a.RememberFor, a.Extend = in.Subject, in.Remember, in.RememberFor, in.Extend
	a.ACR, a.AMR, a.Context, a.ForcedID, a.IdentityProviderSession = in.ACR, in.AMR, given(in.Context), in.ForcedID, in.Provider
	about(r.Context(), SubjectObject(in.Subject))
	to, err := h.Flows.AcceptLogin(r.Context(), challenge, a)
	return completed(w, to, err)
}

// handleRejectLogin serves PUT /oauth2/auth/requests/login/reject.
func (h *Handler) handleRejectLogin(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, in, err := g.reject(w, r, "login")
	if err != nil {
		return err
	}
	to, err := h.Flows.RejectLogin(r.Context(), challenge, in)
	aboutClient(r.Context(), to)
	return completed(w, to, err)
}

// reject reads the challenge and the words of a rejection. Since v1 one
// without an error code has a code that names what was rejected.
func (g *generation) reject(w http.ResponseWriter, r *http.Request, what string) (challenge string, out flow.Reject, err error) {
	if challenge, err = g.challenge(r, what); err != nil {
		return "", out, err
	}
	var in rejectJSON
	if err := web.DecodeJSON(w, r, &in, g.json()); err != nil {
		return "", out, err
	}
	if in.Error == "" && g.denied != "" {
		in.Error = what + g.denied
	}
	out = flow.Reject{Error: in.Error, Description: in.Description, Hint: in.Hint, Status: in.Status, Debug: in.Debug, InTime: g.inTime}
	return challenge, out, nil
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
