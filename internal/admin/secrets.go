package admin

import (
	"net/http"
	"time"

	"hydra/internal/client"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// A client may hold several secrets at once, so that one can be exchanged for
// another without a gap. These operations are our own; no release of Hydra has
// them.

// secretJSON is one secret of a client. Its value is shown once, when it is
// created.
type secretJSON struct {
	ID        string     `json:"id"`
	Secret    string     `json:"client_secret,omitempty"`
	CreatedAt timestamp  `json:"created_at"`
	ExpiresAt *timestamp `json:"expires_at,omitempty"` // absent: never
}

func encodeSecret(s oauth.ClientSecret, plain oauth.Secret) secretJSON {
	out := secretJSON{ID: s.ID.String(), Secret: string(plain), CreatedAt: timestamp(s.CreatedAt)}
	if !oauth.IsNever(s.ExpiresAt) {
		out.ExpiresAt = (*timestamp)(&s.ExpiresAt)
	}
	return out
}

// handleSecrets serves GET /clients/{id}/secrets, oldest first.
func (h *Handler) handleSecrets(_ *generation, w http.ResponseWriter, r *http.Request) error {
	rows, err := h.Clients.Secrets(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	answer := []secretJSON{}
	for _, s := range rows {
		answer = append(answer, encodeSecret(s, ""))
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// handleAddSecret serves POST /clients/{id}/secrets. The body and all members
// are optional: client_secret (else one is generated), expires_at (else it lasts), and
// others_expire_at, when the secrets that the client has so far end.
func (h *Handler) handleAddSecret(g *generation, w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Secret       oauth.Secret `json:"client_secret"`
		ExpiresAt    time.Time    `json:"expires_at"`
		OthersExpire time.Time    `json:"others_expire_at"`
	}
	if err := web.DecodeJSON(w, r, &in, web.JSONOptions{Optional: true, RefuseUnknown: true}); err != nil {
		return err
	}
	id := r.PathValue("id")
	plain, added, err := h.Clients.AddSecret(r.Context(), id, client.SecretRequest{
		Secret: in.Secret, ExpiresAt: in.ExpiresAt, OthersExpire: in.OthersExpire,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", g.prefix+"/clients/"+segment(id)+"/secrets/"+added.ID.String())
	return web.WriteJSON(w, http.StatusCreated, encodeSecret(added, plain))
}

// handleDeleteSecret serves DELETE /clients/{id}/secrets/{secret}.
func (h *Handler) handleDeleteSecret(_ *generation, w http.ResponseWriter, r *http.Request) error {
	secret, err := oauth.ParseID(r.PathValue("secret"))
	if err != nil {
		secret = oauth.ID{} // which no secret has
	}
	if err := h.Clients.DeleteSecret(r.Context(), r.PathValue("id"), secret); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
