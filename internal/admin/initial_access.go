package admin

import (
	"net/http"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// Initial access tokens let their bearers register clients (RFC 7591 §3). No
// release of Hydra has these operations.
const initialPath = "/oauth2/register/tokens"

// initialAccess are the operations on initial access tokens.
func (h *Handler) initialAccess() map[string]operation {
	return map[string]operation{
		"POST " + initialPath:             h.handleAddInitialAccess,
		"GET " + initialPath:              h.handleInitialAccess,
		"DELETE " + initialPath + "/{id}": h.handleDeleteInitialAccess,
	}
}

// initialJSON is an initial access token. Its value is shown once, when it is
// created.
type initialJSON struct {
	ID        string     `json:"id"`
	Token     string     `json:"token,omitempty"`
	Note      string     `json:"note,omitempty"`
	CreatedAt timestamp  `json:"created_at"`
	ExpiresAt *timestamp `json:"expires_at,omitempty"` // absent: never
	UsesLeft  *int64     `json:"uses_left,omitempty"`  // absent: any number
}

func encodeInitial(t oauth.InitialAccessToken, value oauth.Secret) initialJSON {
	out := initialJSON{ID: t.ID.String(), Token: string(value), Note: t.Note, CreatedAt: timestamp(t.CreatedAt)}
	if !oauth.IsNever(t.ExpiresAt) {
		out.ExpiresAt = (*timestamp)(&t.ExpiresAt)
	}
	if t.UsesLeft <= oauth.UnlimitedUses/2 { // what is unlimited is counted down all the same
		out.UsesLeft = &t.UsesLeft
	}
	return out
}

// handleAddInitialAccess serves POST. The body and all members are optional:
// expires_at (else it lasts), uses (else any number), and a note.
func (h *Handler) handleAddInitialAccess(g *generation, w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ExpiresAt time.Time `json:"expires_at"`
		Uses      int64     `json:"uses"`
		Note      string    `json:"note"`
	}
	in.Uses = oauth.UnlimitedUses
	if err := web.DecodeJSON(w, r, &in, web.JSONOptions{Optional: true, RefuseUnknown: true}); err != nil {
		return err
	}
	value, t, err := h.Clients.AddInitialAccessToken(r.Context(), in.Note, in.Uses, in.ExpiresAt)
	if err != nil {
		return err
	}
	about(r.Context(), "initial_access_token:"+t.ID.String())
	w.Header().Set("Location", g.prefix+initialPath+"/"+t.ID.String())
	return web.WriteJSON(w, http.StatusCreated, encodeInitial(t, value))
}

// maxInitial is how many tokens a list shows at once.
const maxInitial = 500

// handleInitialAccess serves GET, in the order of the ids, behind the one that
// the parameter after names.
func (h *Handler) handleInitialAccess(_ *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	var after oauth.ID
	if text := q.Get("after"); text != "" {
		if after, err = oauth.ParseID(text); err != nil {
			return oauth.InvalidRequest.Hint("The parameter after is no id.")
		}
	}
	list, err := h.Clients.InitialAccessTokens(r.Context(), after, maxInitial)
	if err != nil {
		return err
	}
	answer := []initialJSON{}
	for _, t := range list {
		answer = append(answer, encodeInitial(t, ""))
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// handleDeleteInitialAccess serves DELETE. Clients that the token registered stay.
func (h *Handler) handleDeleteInitialAccess(_ *generation, w http.ResponseWriter, r *http.Request) error {
	id, err := oauth.ParseID(r.PathValue("id"))
	if err != nil {
		id = oauth.ID{} // which no token has
	}
	if err := h.Clients.DeleteInitialAccessToken(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
