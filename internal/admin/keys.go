package admin

import (
	"encoding/json"
	"net/http"

	"hydra/internal/key"
	"hydra/internal/web"
)

// keySetJSON is a JWK Set (RFC 7517 §5), with private parts: the admin API
// shows keys in full.
type keySetJSON struct {
	Keys []json.RawMessage `json:"keys"`
}

func encodeKeys(keys ...key.JWK) keySetJSON {
	set := keySetJSON{Keys: make([]json.RawMessage, len(keys))}
	for i, k := range keys {
		set.Keys[i] = k.JSON
	}
	return set
}

// handleGenerateKeys serves POST /keys/{set}: new keys join the set.
func (h *Handler) handleGenerateKeys(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Alg string `json:"alg"`
		Use string `json:"use"`
		KID string `json:"kid"`
	}
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	set := r.PathValue("set")
	keys, err := h.Keys.Generate(r.Context(), set, body.Alg, body.Use, body.KID)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/keys/"+segment(set))
	return web.WriteJSON(w, http.StatusCreated, encodeKeys(keys...))
}

// handleKeySet serves GET /keys/{set}.
func (h *Handler) handleKeySet(w http.ResponseWriter, r *http.Request) error {
	keys, err := h.Keys.Set(r.Context(), r.PathValue("set"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeKeys(keys...))
}

// handleKey serves GET /keys/{set}/{kid}: a set with one key.
func (h *Handler) handleKey(w http.ResponseWriter, r *http.Request) error {
	k, err := h.Keys.Key(r.Context(), r.PathValue("set"), r.PathValue("kid"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeKeys(k))
}

// handlePutKeySet serves PUT /keys/{set}, which replaces the set and answers
// with what is stored.
func (h *Handler) handlePutKeySet(w http.ResponseWriter, r *http.Request) error {
	var body json.RawMessage
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	keys, err := h.Keys.ReplaceSet(r.Context(), r.PathValue("set"), body)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeKeys(keys...))
}

// handlePutKey serves PUT /keys/{set}/{kid} and answers with the key, not a
// set.
func (h *Handler) handlePutKey(w http.ResponseWriter, r *http.Request) error {
	var body json.RawMessage
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	k, err := h.Keys.PutKey(r.Context(), r.PathValue("set"), r.PathValue("kid"), body)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, k.JSON)
}

// handleDeleteKeySet serves DELETE /keys/{set}.
func (h *Handler) handleDeleteKeySet(w http.ResponseWriter, r *http.Request) error {
	if err := h.Keys.DeleteSet(r.Context(), r.PathValue("set")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handleDeleteKey serves DELETE /keys/{set}/{kid}.
func (h *Handler) handleDeleteKey(w http.ResponseWriter, r *http.Request) error {
	if err := h.Keys.DeleteKey(r.Context(), r.PathValue("set"), r.PathValue("kid")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
