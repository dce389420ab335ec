package admin

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleCreateClient serves POST /clients.
func (h *Handler) handleCreateClient(g *generation, w http.ResponseWriter, r *http.Request) error {
	c, given, err := decodeClient(w, r)
	if err != nil {
		return err
	}
	plain, err := h.Clients.Create(r.Context(), c, given)
	if err != nil {
		return err
	}
	about(r.Context(), "client:"+escaped(c.ID))
	h.prepare(r.Context(), c)
	w.Header().Set("Location", g.prefix+"/clients/"+segment(c.ID))
	return web.WriteJSON(w, http.StatusCreated, g.client(c, plain))
}

// prepare makes the signing keys that a client's algorithms need, so that they
// are published before they sign. The client is registered in any case, and what
// failed here is made on first need.
func (h *Handler) prepare(ctx context.Context, c *oauth.Client) {
	if err := h.Tokens.PrepareKeys(ctx, c); err != nil {
		web.NoteError(ctx, err)
	}
}

// handleListClients serves GET /clients, in the byte order of the ids. The
// filter client_name was called name at first.
func (h *Handler) handleListClients(g *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	f := oauth.ClientFilter{Owner: q.Get("owner"), Name: cmp.Or(q.Get("client_name"), q.Get("name"))}
	p, err := h.page(g, r, q, "clients", f.Owner, f.Name)
	if err != nil {
		return err
	}
	var clients []*oauth.Client
	var next *place
	if p.limit > 0 {
		query := oauth.ClientQuery{ClientFilter: f, Offset: p.offset, Limit: p.limit + 1} // one more tells whether the list goes on
		if p.from != nil {
			query.After = &p.from.Client
		}
		if clients, err = h.Clients.List(r.Context(), query); err != nil {
			return err
		}
		if len(clients) > p.limit {
			clients = clients[:p.limit]
			next = &place{Client: clients[p.limit-1].ID}
		}
	}
	err = h.announce(w, r, p, len(clients), next, func() (int, error) { return h.Clients.Count(r.Context(), f) })
	if err != nil {
		return err
	}
	answer, err := h.texts.list(clients)
	if err != nil {
		return err
	}
	web.WriteEncoded(w, http.StatusOK, answer)
	return nil
}

// handleClient serves GET /clients/{id}.
func (h *Handler) handleClient(g *generation, w http.ResponseWriter, r *http.Request) error {
	c, err := h.Clients.Read(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	text, err := h.texts.of(c)
	if err != nil {
		return err
	}
	web.WriteEncoded(w, http.StatusOK, text)
	return nil
}

// handleUpdateClient serves PUT /clients/{id}, which replaces the client. An
// id in the body counts for nothing.
func (h *Handler) handleUpdateClient(g *generation, w http.ResponseWriter, r *http.Request) error {
	c, given, err := decodeClient(w, r)
	if err != nil {
		return err
	}
	plain, err := h.Clients.Update(r.Context(), r.PathValue("id"), c, given)
	if err != nil {
		return err
	}
	h.prepare(r.Context(), c)
	return web.WriteJSON(w, http.StatusOK, g.client(c, plain))
}

// handlePatchClient serves PATCH /clients/{id} (RFC 6902). The secret stays
// unless the patch sets one.
func (h *Handler) handlePatchClient(g *generation, w http.ResponseWriter, r *http.Request) error {
	patch, err := decodePatch(w, r)
	if err != nil {
		return err
	}
	c, plain, err := h.Clients.Edit(r.Context(), r.PathValue("id"), func(c *oauth.Client) (oauth.Secret, error) {
		return patchClient(c, patch)
	})
	if err != nil {
		return err
	}
	h.prepare(r.Context(), c)
	return web.WriteJSON(w, http.StatusOK, g.client(c, plain))
}

// handleLifespans serves PUT /clients/{id}/lifespans: the members replace all
// lifespans of the client, those that are missing are the server's again.
func (h *Handler) handleLifespans(g *generation, w http.ResponseWriter, r *http.Request) error {
	var body lifespansJSON
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	c, _, err := h.Clients.Edit(r.Context(), r.PathValue("id"), func(c *oauth.Client) (oauth.Secret, error) {
		c.Lifespans = (&clientJSON{lifespansJSON: body}).client().Lifespans
		return "", nil
	})
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, g.client(c, ""))
}

// handleDeleteTokens serves DELETE /oauth2/tokens?client_id=: the client's
// access tokens end, its refresh tokens and consents stay.
func (h *Handler) handleDeleteTokens(_ *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	id, err := required(q, "client_id")
	if err != nil {
		return err
	}
	if err := h.Clients.EndAccessTokens(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handleDeleteClient serves DELETE /clients/{id}; an id that never existed is
// as good as deleted.
func (h *Handler) handleDeleteClient(_ *generation, w http.ResponseWriter, r *http.Request) error {
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

// client encodes a client with its new secret, if it has one. A public client
// has none; older generations repeat what the request called so.
func (g *generation) client(c *oauth.Client, plain oauth.Secret) *clientJSON {
	if g.whole && c.IsPublic() {
		plain = ""
	}
	return encodeClient(c, plain)
}

// segment writes text as one segment of a path that no client resolves away.
func segment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}
