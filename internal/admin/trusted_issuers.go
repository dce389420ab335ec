package admin

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

const trustPath = "/trust/grants/jwt-bearer/issuers"

// trust are the operations on trusted issuers (RFC 7523), which came with v1.
func (h *Handler) trust() map[string]operation {
	return map[string]operation{
		"POST " + trustPath:             h.handleTrust,
		"GET " + trustPath:              h.handleTrustedIssuers,
		"GET " + trustPath + "/{id}":    h.handleTrustedIssuer,
		"DELETE " + trustPath + "/{id}": h.handleDistrust,
	}
}

// trustRequest is the body that makes a trusted issuer.
type trustRequest struct {
	Issuer          string          `json:"issuer"`
	Subject         string          `json:"subject"`
	AllowAnySubject bool            `json:"allow_any_subject"`
	Scope           []string        `json:"scope"`
	JWK             json.RawMessage `json:"jwk"`
	ExpiresAt       time.Time       `json:"expires_at"`
}

// trustJSON is a trusted issuer as the API shows it.
type trustJSON struct {
	ID              string         `json:"id"`
	Issuer          string         `json:"issuer"`
	Subject         string         `json:"subject"`
	AllowAnySubject bool           `json:"allow_any_subject"`
	Scope           []string       `json:"scope"`
	PublicKey       trustPublicKey `json:"public_key"`
	CreatedAt       time.Time      `json:"created_at"`
	ExpiresAt       time.Time      `json:"expires_at"`
}

// trustPublicKey names the key; its set has the name of the issuer.
type trustPublicKey struct {
	Set string `json:"set"`
	KID string `json:"kid"`
}

func encodeTrust(t *oauth.TrustedIssuer) trustJSON {
	return trustJSON{
		ID: uuid(t.ID), Issuer: t.Issuer, Subject: t.Subject, AllowAnySubject: t.AllowAnySubject,
		Scope: append([]string{}, t.Scope...), PublicKey: trustPublicKey{t.Issuer, t.KID},
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
}

// handleTrust serves POST on the list of trusted issuers.
func (h *Handler) handleTrust(g *generation, w http.ResponseWriter, r *http.Request) error {
	var body trustRequest
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	if string(body.JWK) == "null" {
		body.JWK = nil
	}
	t := &oauth.TrustedIssuer{
		Issuer: body.Issuer, Subject: body.Subject, AllowAnySubject: body.AllowAnySubject,
		Scope: body.Scope, JWK: body.JWK, ExpiresAt: body.ExpiresAt.Truncate(time.Microsecond),
	}
	if err := h.Tokens.Trust(r.Context(), t); err != nil {
		return err
	}
	about(r.Context(), "trusted_issuer:"+uuid(t.ID))
	w.Header().Set("Location", g.prefix+trustPath+"/"+uuid(t.ID))
	return web.WriteJSON(w, http.StatusCreated, encodeTrust(t))
}

// handleTrustedIssuers serves GET on the list of trusted issuers, in the order
// of their ids. The parameter issuer keeps those of one issuer.
func (h *Handler) handleTrustedIssuers(g *generation, w http.ResponseWriter, r *http.Request) error {
	q, err := web.Query(r)
	if err != nil {
		return err
	}
	issuer := q.Get("issuer")
	p, err := h.page(g, r, q, "trusted issuers", issuer)
	if err != nil {
		return err
	}
	answer := []trustJSON{}
	var next *place
	if p.limit > 0 {
		query := oauth.TrustQuery{Issuer: issuer, Offset: p.offset, Limit: p.limit + 1} // one more tells whether the list goes on
		if p.from != nil {
			if query.After, err = oauth.ParseID(p.from.ID); err != nil {
				return err
			}
		}
		list, err := h.Tokens.TrustedIssuers(r.Context(), query)
		if err != nil {
			return err
		}
		if len(list) > p.limit {
			list = list[:p.limit]
			next = &place{ID: list[p.limit-1].ID.String()}
		}
		for _, t := range list {
			answer = append(answer, encodeTrust(&t))
		}
	}
	err = h.announce(w, r, p, len(answer), next, func() (int, error) { return h.Tokens.CountTrustedIssuers(r.Context(), issuer) })
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// handleTrustedIssuer serves GET on one trusted issuer.
func (h *Handler) handleTrustedIssuer(_ *generation, w http.ResponseWriter, r *http.Request) error {
	id, err := trustID(r)
	if err != nil {
		return err
	}
	t, err := h.Tokens.TrustedIssuer(r.Context(), id)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, encodeTrust(t))
}

// handleDistrust serves DELETE on one trusted issuer.
func (h *Handler) handleDistrust(_ *generation, w http.ResponseWriter, r *http.Request) error {
	id, err := trustID(r)
	if err != nil {
		return err
	}
	if err := h.Tokens.Distrust(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func trustID(r *http.Request) (oauth.ID, error) {
	text := r.PathValue("id")
	id, err := oauth.ParseID(strings.ReplaceAll(text, "-", ""))
	if err != nil || uuid(id) != text {
		return oauth.ID{}, oauth.NotFound.Hint("There is no trusted issuer with this id.")
	}
	return id, nil
}

// uuid writes an id in the form of RFC 9562 §4, which the API's schema asks for.
func uuid(id oauth.ID) string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
