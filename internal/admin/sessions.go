package admin

import (
	"net/http"
	"net/url"

	"hydra/internal/flow"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleConsentsOf serves GET /oauth2/auth/sessions/consent/{user}.
func (h *Handler) handleConsentsOf(g *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	return h.consents(g, w, r, flow.ConsentQuery{Subject: r.PathValue("user")}, q)
}

// handleConsents serves GET /oauth2/auth/sessions/consent?subject=.
func (h *Handler) handleConsents(g *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	query := flow.ConsentQuery{}
	if query.Subject, err = required(q, "subject"); err != nil {
		return err
	}
	if id := q.Get("login_session_id"); id != "" {
		if query.Session, err = oauth.ParseID(id); err != nil || query.Session.IsZero() {
			// Nothing belongs to a session that cannot be.
			return web.WriteJSON(w, http.StatusOK, []consentSessionJSON{})
		}
	}
	return h.consents(g, w, r, query, q)
}

func (h *Handler) consents(g *generation, w http.ResponseWriter, r *http.Request, query flow.ConsentQuery, q url.Values) error {
	p, err := h.page(g, r, q, "consents", query.Subject, idText(query.Session))
	if err != nil {
		return err
	}
	query.Offset, query.Limit = p.offset, p.limit
	if query.After, err = p.from.consent(); err != nil {
		return err
	}
	answer := []consentSessionJSON{}
	var next *place
	if p.limit > 0 {
		sessions, behind, err := h.Flows.Consents(r.Context(), query)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			answer = append(answer, g.consentSession(s))
		}
		if behind != nil {
			next = &place{At: behind.RequestedAt.UnixMicro(), ID: behind.ID.String()}
		}
	}
	err = h.announce(w, r, p, len(answer), next, func() (int, error) { return h.Flows.CountConsents(r.Context(), query) })
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// handleRevokeConsentsOf serves DELETE /oauth2/auth/sessions/consent/{user}
// and …/{user}/{client}.
func (h *Handler) handleRevokeConsentsOf(g *generation, w http.ResponseWriter, r *http.Request) error {
	n, err := h.Flows.RevokeConsents(r.Context(), r.PathValue("user"), r.PathValue("client"))
	return g.revoked(w, n, err)
}

// handleRevokeConsents serves DELETE /oauth2/auth/sessions/consent. One
// forgotten parameter must not revoke everything, so a request says what it
// means: a client, all=true, or one consent.
func (h *Handler) handleRevokeConsents(g *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	subject, client, one, all := q.Get("subject"), q.Get("client"), q.Get("consent_request_id"), q.Get("all") == "true"
	var n int
	switch {
	case one != "" && subject == "" && client == "" && !all:
		if id, parseErr := oauth.ParseID(one); parseErr == nil {
			n, err = h.Flows.RevokeConsent(r.Context(), id)
		}
	case one != "":
		return oauth.InvalidRequest.Hint("The parameter consent_request_id stands alone: it names one consent.")
	case subject == "":
		return oauth.InvalidRequest.Hint("The parameter subject or consent_request_id is missing.")
	case client != "" && all:
		return oauth.InvalidRequest.Hint("The parameter client means one client and all=true means every client; send one of them.")
	case client == "" && !all:
		return oauth.InvalidRequest.Hint("To revoke the consents for every client, send all=true; else name the client.")
	default:
		n, err = h.Flows.RevokeConsents(r.Context(), subject, client)
	}
	return g.revoked(w, n, err)
}

// revoked answers a revocation of n consents.
func (g *generation) revoked(w http.ResponseWriter, n int, err error) error {
	if err == nil && n == 0 {
		err = g.nothing
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handleRevokeLoginsOf serves DELETE /oauth2/auth/sessions/login/{user}.
func (h *Handler) handleRevokeLoginsOf(_ *generation, w http.ResponseWriter, r *http.Request) error {
	return h.revokeLogins(w, r, r.PathValue("user"))
}

// handleRevokeLogins serves DELETE /oauth2/auth/sessions/login, for one
// session by its sid or for all of a subject. The narrower one counts.
func (h *Handler) handleRevokeLogins(_ *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	if sid := q.Get("sid"); sid != "" {
		if id, err := oauth.ParseID(sid); err == nil {
			if err := h.Flows.RevokeLogin(r.Context(), id); err != nil {
				return err
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	subject, err := required(q, "subject")
	if err != nil {
		return oauth.InvalidRequest.Hint("The parameter subject or sid is missing.")
	}
	return h.revokeLogins(w, r, subject)
}

func (h *Handler) revokeLogins(w http.ResponseWriter, r *http.Request, subject string) error {
	if _, err := h.Flows.RevokeLogins(r.Context(), subject); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
