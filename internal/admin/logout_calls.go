package admin

import (
	"net/http"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/token"
	"hydra/internal/web"
)

// callsPath is below /admin. No generation of Hydra has it.
const callsPath = "/oauth2/logout/calls"

// logoutCallJSON is a call that tells a client of the end of a session.
type logoutCallJSON struct {
	ID        string     `json:"id"`
	State     string     `json:"state"` // pending or failed
	ClientID  string     `json:"client_id"`
	Subject   string     `json:"subject"` // as the client knows it
	SessionID string     `json:"sid"`
	Attempts  int64      `json:"attempts"`
	LastError string     `json:"last_error,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	NextAt    *time.Time `json:"next_attempt_at,omitempty"`
	GiveUpAt  time.Time  `json:"give_up_at"`
	FailedAt  *time.Time `json:"failed_at,omitempty"`
}

// logoutCalls are the operations on the outbox.
func (h *Handler) logoutCalls() map[string]operation {
	return map[string]operation{
		"GET " + callsPath:                  h.handleLogoutCalls,
		"POST " + callsPath + "/{id}/retry": h.handleRetryLogoutCall,
		"DELETE " + callsPath + "/{id}":     h.handleDropLogoutCall,
	}
}

// handleLogoutCalls serves GET /admin/oauth2/logout/calls: calls that wait and
// those that were given up, or with state=pending or state=failed one of them.
func (h *Handler) handleLogoutCalls(g *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	state := q.Get("state")
	query := oauth.LogoutCallQuery{Pending: state != "failed", Failed: state != "pending"}
	if state != "" && query.Pending == query.Failed {
		return oauth.InvalidRequest.Hint("The parameter state is pending or failed.")
	}
	p, err := h.page(g, r, q, "logout calls", state)
	if err != nil {
		return err
	}
	if p.offset > 0 {
		return oauth.InvalidRequest.Hint("This list has pages by page_size and page_token.")
	}
	if p.from != nil {
		if query.After, err = oauth.ParseID(p.from.ID); err != nil {
			return err
		}
	}
	query.Limit = p.limit + 1
	calls, err := h.Calls.List(r.Context(), query)
	if err != nil {
		return err
	}
	var next *place
	if len(calls) > p.limit {
		calls = calls[:p.limit]
		if p.limit > 0 {
			next = &place{ID: calls[p.limit-1].ID.String()}
		}
	}
	answer := make([]logoutCallJSON, len(calls))
	for i := range calls {
		answer[i] = logoutCall(&calls[i])
	}
	if p.byPlace {
		if err := h.announcePlaces(w, r, p, next); err != nil {
			return err
		}
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

func logoutCall(c *token.ListedCall) logoutCallJSON {
	out := logoutCallJSON{
		ID: c.ID.String(), State: "pending", ClientID: c.ClientID, Subject: c.Subject, SessionID: c.SessionID.String(), Attempts: c.Attempts,
		LastError: c.Note, CreatedAt: *seconds(c.CreatedAt), GiveUpAt: *seconds(c.GiveUpAt),
	}
	if c.FailedAt.IsZero() {
		out.NextAt = seconds(c.DueAt)
	} else {
		out.State, out.FailedAt = "failed", seconds(c.FailedAt)
	}
	return out
}

// handleRetryLogoutCall serves POST /admin/oauth2/logout/calls/{id}/retry: the
// call is due now, and is tried as long as a new one.
func (h *Handler) handleRetryLogoutCall(_ *generation, w http.ResponseWriter, r *http.Request) error {
	id, err := callID(r)
	if err == nil {
		err = h.Calls.Retry(r.Context(), id)
	}
	if err != nil {
		return err
	}
	if h.Flows.CallsWait != nil {
		h.Flows.CallsWait()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handleDropLogoutCall serves DELETE /admin/oauth2/logout/calls/{id}.
func (h *Handler) handleDropLogoutCall(_ *generation, w http.ResponseWriter, r *http.Request) error {
	id, err := callID(r)
	if err == nil {
		err = h.Calls.Drop(r.Context(), id)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func callID(r *http.Request) (oauth.ID, error) {
	id, err := oauth.ParseID(r.PathValue("id"))
	if err != nil {
		return id, oauth.NotFound.Hint("There is no such call.")
	}
	return id, nil
}
