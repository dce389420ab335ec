package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// keySetJSON is a JWK Set (RFC 7517 §5), with private parts: the admin API
// shows keys in full.
type keySetJSON struct {
	Keys []json.RawMessage `json:"keys"`
}

// keys encodes keys as the generation shows them. A pair that this server made
// is stored as two keys, "public:x" and "private:x", as rc and v1 show it; v2
// shows it as one key x with its private part.
func (g *generation) keys(keys ...key.JWK) (keySetJSON, error) {
	set := keySetJSON{Keys: make([]json.RawMessage, 0, len(keys))}
	has := map[string]bool{}
	for _, k := range keys {
		has[k.KID] = true
	}
	for _, k := range keys {
		public, isPublic := strings.CutPrefix(k.KID, "public:")
		private, isPrivate := strings.CutPrefix(k.KID, "private:")
		switch {
		case !g.whole:
		case isPublic && has["private:"+public]:
			continue // its other half says all
		case isPrivate && k.Private && !has[private]:
			var err error
			if k.JSON, err = renamed(k.JSON, private); err != nil {
				return set, err
			}
		}
		set.Keys = append(set.Keys, k.JSON)
	}
	return set, nil
}

// renamed is a JSON Web Key with another kid.
func renamed(raw json.RawMessage, kid string) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	name, err := json.Marshal(kid)
	if err != nil {
		return nil, err
	}
	members["kid"] = name
	return json.Marshal(members)
}

// writeKeys answers with keys.
func (g *generation) writeKeys(w http.ResponseWriter, status int, keys ...key.JWK) error {
	set, err := g.keys(keys...)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, status, set)
}

// names are the kids under which the key of a path is stored.
func (g *generation) names(kid string) []string {
	if g.whole {
		return []string{kid, "private:" + kid, "public:" + kid}
	}
	return []string{kid}
}

// handleGenerateKeys serves POST /keys/{set}: new keys join the set.
func (h *Handler) handleGenerateKeys(g *generation, w http.ResponseWriter, r *http.Request) error {
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
	w.Header().Set("Location", g.prefix+"/keys/"+segment(set))
	return g.writeKeys(w, http.StatusCreated, keys...)
}

// handleKeySet serves GET /keys/{set}.
func (h *Handler) handleKeySet(g *generation, w http.ResponseWriter, r *http.Request) error {
	keys, err := h.Keys.Set(r.Context(), r.PathValue("set"))
	if err != nil {
		return err
	}
	return g.writeKeys(w, http.StatusOK, keys...)
}

// handleKey serves GET /keys/{set}/{kid}: a set with one key.
func (h *Handler) handleKey(g *generation, w http.ResponseWriter, r *http.Request) error {
	var k key.JWK
	var err error
	for _, kid := range g.names(r.PathValue("kid")) {
		k, err = h.Keys.Key(r.Context(), r.PathValue("set"), kid)
		if !errors.Is(err, oauth.NotFound) {
			break
		}
	}
	if err != nil {
		return err
	}
	return g.writeKeys(w, http.StatusOK, k)
}

// handlePutKeySet serves PUT /keys/{set}, which replaces the set and answers
// with what is stored.
func (h *Handler) handlePutKeySet(g *generation, w http.ResponseWriter, r *http.Request) error {
	var body json.RawMessage
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	keys, err := h.Keys.ReplaceSet(r.Context(), r.PathValue("set"), body, key.Naming(g.whole))
	if err != nil {
		return err
	}
	return g.writeKeys(w, http.StatusOK, keys...)
}

// handlePutKey serves PUT /keys/{set}/{kid} and answers with the key, not a
// set.
func (h *Handler) handlePutKey(g *generation, w http.ResponseWriter, r *http.Request) error {
	var body json.RawMessage
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	k, err := h.Keys.PutKey(r.Context(), r.PathValue("set"), r.PathValue("kid"), body, key.Naming(g.whole))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, k.JSON)
}

// handleDeleteKeySet serves DELETE /keys/{set}.
func (h *Handler) handleDeleteKeySet(_ *generation, w http.ResponseWriter, r *http.Request) error {
	if err := h.Keys.DeleteSet(r.Context(), r.PathValue("set")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handleDeleteKey serves DELETE /keys/{set}/{kid}.
func (h *Handler) handleDeleteKey(g *generation, w http.ResponseWriter, r *http.Request) error {
	for _, kid := range g.names(r.PathValue("kid")) {
		if err := h.Keys.DeleteKey(r.Context(), r.PathValue("set"), kid); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
