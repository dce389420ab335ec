package admin

import (
	"net/http"
	"time"

	"hydra/internal/web"
)

// logoutRequestJSON is the logout request of v1 and v2 (later generations
// §2.1).
type logoutRequestJSON struct {
	Challenge   string     `json:"challenge"`
	Subject     string     `json:"subject"`
	SessionID   string     `json:"sid"`
	RequestURL  string     `json:"request_url"`
	RPInitiated bool       `json:"rp_initiated"`
	Client      any        `json:"client"`
	RequestedAt *time.Time `json:"requested_at,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
}

// logoutRequests are the operations that v1 and v2 have; rc had no logout app.
func (h *Handler) logoutRequests() map[string]operation {
	return map[string]operation{
		"GET /oauth2/auth/requests/logout":        h.handleLogout,
		"PUT /oauth2/auth/requests/logout/accept": h.handleAcceptLogout,
		"PUT /oauth2/auth/requests/logout/reject": h.handleRejectLogout,
	}
}

// handleLogout serves GET /oauth2/auth/requests/logout.
func (h *Handler) handleLogout(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "logout")
	if err != nil {
		return err
	}
	l, err := h.Flows.LogoutRequest(r.Context(), challenge)
	if err != nil {
		return err
	}
	if err := g.late(l.Expired); err != nil {
		return err
	}
	out := logoutRequestJSON{
		Challenge: l.Challenge, Subject: l.Subject, SessionID: idText(l.SessionID), RequestURL: l.URL, RPInitiated: l.RPInitiated,
	}
	if l.Client != nil {
		out.Client = ClientJSON(l.Client)
	}
	if g.inTime {
		out.RequestedAt, out.ExpiresAt = seconds(l.RequestedAt), seconds(l.ExpiresAt)
	}
	return web.WriteJSON(w, http.StatusOK, out)
}

func seconds(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Second)
	return &t
}

// handleAcceptLogout serves PUT /oauth2/auth/requests/logout/accept. It has no
// body; some SDKs send an empty object.
func (h *Handler) handleAcceptLogout(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "logout")
	if err != nil {
		return err
	}
	to, err := h.Flows.AcceptLogout(r.Context(), challenge, g.inTime)
	return completed(w, to, err)
}

// handleRejectLogout serves PUT /oauth2/auth/requests/logout/reject. Whatever
// its body says, nobody is told: the user stays signed in.
func (h *Handler) handleRejectLogout(g *generation, w http.ResponseWriter, r *http.Request) error {
	challenge, err := g.challenge(r, "logout")
	if err != nil {
		return err
	}
	if err := h.Flows.RejectLogout(r.Context(), challenge, g.inTime); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
