package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleCreateClient serves POST /clients.
func (h *Handler) handleCreateClient(w http.ResponseWriter, r *http.Request) error {
	c, given, err := decodeClient(w, r)
	if err != nil {
		return err
	}
	plain, err := h.Clients.Create(r.Context(), c, given)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/clients/"+segment(c.ID))
	return web.WriteJSON(w, http.StatusCreated, encodeClient(c, plain))
}

// handleListClients serves GET /clients, in the byte order of the ids.
func (h *Handler) handleListClients(w http.ResponseWriter, r *http.Request) error {
	answer := []*clientJSON{}
	if offset, limit := page(r); limit > 0 {
		clients, err := h.Clients.List(r.Context(), oauth.ClientQuery{Offset: offset, Limit: limit})
		if err != nil {
			return err
		}
		for _, c := range clients {
			answer = append(answer, encodeClient(c, ""))
		}
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// handleClient serves GET /clients/{id}.
func (h *Handler) handleClient(w http.ResponseWriter, r *http.Request) error {
	c, err := h.Clients.Read(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeClient(c, ""))
}

// handleUpdateClient serves PUT /clients/{id}, which replaces the client. An
// id in the body counts for nothing.
func (h *Handler) handleUpdateClient(w http.ResponseWriter, r *http.Request) error {
	c, given, err := decodeClient(w, r)
	if err != nil {
		return err
	}
	plain, err := h.Clients.Update(r.Context(), r.PathValue("id"), c, given)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeClient(c, plain))
}

// handleDeleteClient serves DELETE /clients/{id}; an id that never existed is
// as good as deleted.
func (h *Handler) handleDeleteClient(w http.ResponseWriter, r *http.Request) error {
	if err := h.Clients.Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func decodeClient(w http.ResponseWriter, r *http.Request) (*oauth.Client, oauth.Secret, error) {
	var body clientJSON
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return nil, "", err
	}
	return body.client(), oauth.Secret(body.Secret), nil
}

// Bounds of a page of a list.
const (
	defaultLimit = 100
	maxLimit     = 500
)

// page reads limit and offset. What is no number counts as absent, what is
// negative as 0, as it always did.
func page(r *http.Request) (offset, limit int) {
	number := func(name string, absent int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil {
			return absent
		}
		return max(n, 0)
	}
	return number("offset", 0), min(number("limit", defaultLimit), maxLimit)
}

// segment writes text as one segment of a path that no client resolves away.
func segment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}
