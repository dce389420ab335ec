package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// HookCall sends a JSON body to a service of the operator and returns its
// status and answer. The error says why there is none.
type HookCall func(ctx context.Context, body []byte) (status int, reply []byte, err error)

// Hooks ask the operator's services before tokens are paid out. Their method
// BeforeSpend is for Service.BeforeSpend: nothing is written yet, so that a
// refusal costs the user nothing, and no transaction waits for them.
//
// A service answers 200 with {"session": {"access_token": {…}, "id_token":
// {…}}}, which takes the place of both maps of claims, in this answer and in
// later ones; 204 to change nothing; 403 to refuse. Anything else, and no
// answer, is a failure of the server, and its reason is for the log alone.
type Hooks struct {
	Options *Options
	Token   HookCall // every grant type; nil: none
	Refresh HookCall // the refresh grant only, before Token; nil: none
	// Count, if set, is told how each call ended: "replaced", "kept",
	// "denied", "failed", or "busy" when too many were under way.
	Count func(hook, outcome string)
}

// The names of the hooks, as metrics and the log have them.
const (
	tokenHook   = "token_hook"
	refreshHook = "refresh_token_hook"
)

// BeforeSpend asks each hook that concerns the payout. The second one sees
// what the first one said.
func (h *Hooks) BeforeSpend(ctx context.Context, p *Payout) error {
	if h.Refresh != nil && p.GrantType == oauth.GrantRefreshToken {
		if err := h.ask(ctx, refreshHook, h.Refresh, p, h.refreshBody(p)); err != nil {
			return err
		}
	}
	if h.Token != nil {
		return h.ask(ctx, tokenHook, h.Token, p, h.tokenBody(p))
	}
	return nil
}

func (h *Hooks) ask(ctx context.Context, name string, call HookCall, p *Payout, question any) error {
	outcome, err := h.answer(ctx, name, call, p, question)
	if h.Count != nil {
		h.Count(name, outcome)
	}
	return err
}

func (h *Hooks) answer(ctx context.Context, name string, call HookCall, p *Payout, question any) (outcome string, err error) {
	body, err := encodeJSON(question)
	if err != nil {
		return "failed", err
	}
	status, reply, err := call(ctx, body)
	switch {
	case errors.Is(err, oauth.TemporarilyUnavailable):
		return "busy", err
	case err != nil:
		return "failed", fmt.Errorf("token: %s: %w", name, err)
	}
	switch status {
	case 200:
		access, id, err := readHookReply(reply)
		if err != nil {
			return "failed", fmt.Errorf("token: %s: %w", name, err)
		}
		p.Data.AccessClaims, p.Data.IDClaims, p.Replaced = access, id, true
		return "replaced", nil
	case 204:
		return "kept", nil
	case 403:
		return "denied", oauth.AccessDenied.Hint("A service of the operator denied the request.")
	}
	return "failed", fmt.Errorf("token: %s: answered with status %d", name, status)
}

// readHookReply returns the two maps of an answer. A map that is not there is
// an empty one; null is none.
func readHookReply(reply []byte) (access, id json.RawMessage, err error) {
	body, err := key.StrictObject(reply)
	if err != nil {
		return nil, nil, fmt.Errorf("the answer: %w", err)
	}
	session, err := hookObject(body, "session")
	if err != nil {
		return nil, nil, err
	}
	if access, err = hookMap(session, "access_token"); err != nil {
		return nil, nil, err
	}
	id, err = hookMap(session, "id_token")
	return access, id, err
}

func hookMap(session map[string]json.RawMessage, name string) (json.RawMessage, error) {
	claims, err := hookObject(session, name)
	if err != nil || len(claims) == 0 {
		return nil, err
	}
	return session[name], nil
}

// hookObject reads a member that is an object, null or absent.
func hookObject(in map[string]json.RawMessage, name string) (out map[string]json.RawMessage, err error) {
	raw, ok := in[name]
	if !ok {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("the answer: %s is no object", name)
	}
	return out, nil
}

// The bodies that Hydra's hooks know.
type (
	hookSession struct {
		IDToken          hookIDToken `json:"id_token"`
		Extra            claimSet    `json:"extra"`
		ClientID         string      `json:"client_id"`
		ConsentChallenge string      `json:"consent_challenge"` // the id of the consent, which rebuilds nothing
		ExcludeNotBefore bool        `json:"exclude_not_before_claim"`
		TopLevelClaims   []string    `json:"allowed_top_level_claims"`
	}
	hookIDToken struct {
		Claims   hookIDClaims `json:"id_token_claims"`
		Headers  hookHeaders  `json:"headers"`
		Username string       `json:"username"`
		Subject  string       `json:"subject"` // the real one, never pairwise
	}
	hookIDClaims struct {
		JTI      string   `json:"jti"`
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience []string `json:"aud"`
		Nonce    string   `json:"nonce"`
		AuthTime int64    `json:"auth_time,omitempty"`
		AtHash   string   `json:"at_hash"`
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		CHash    string   `json:"c_hash"`
		Ext      claimSet `json:"ext"`
	}
	hookHeaders struct {
		Extra struct{} `json:"extra"`
	}
	hookRequest struct {
		ClientID        string              `json:"client_id"`
		RequestedScopes []string            `json:"requested_scopes"`
		GrantedScopes   []string            `json:"granted_scopes"`
		GrantedAudience []string            `json:"granted_audience"`
		GrantTypes      []string            `json:"grant_types"`
		Payload         map[string][]string `json:"payload"`
	}
	hookRequester struct {
		ClientID        string   `json:"client_id"`
		GrantedScopes   []string `json:"granted_scopes"`
		GrantedAudience []string `json:"granted_audience"`
		GrantTypes      []string `json:"grant_types"`
	}
)

// tokenBody is what the token hook is asked with. Of the parameters only the
// assertion is in it: no secret of the client or the user.
func (h *Hooks) tokenBody(p *Payout) any {
	requested := p.Data.RequestedScope
	if requested == nil {
		requested = p.Data.GrantedScope
	}
	payload := map[string][]string{}
	if p.Assertion != "" {
		payload["assertion"] = []string{string(p.Assertion)}
	}
	return struct {
		Session hookSession `json:"session"`
		Request hookRequest `json:"request"`
	}{h.session(p), hookRequest{
		p.Client.ID, orEmpty(requested), orEmpty(p.Scope), orEmpty(p.Data.GrantedAudience), []string{p.GrantType}, payload,
	}}
}

// refreshBody is what the refresh hook is asked with.
func (h *Hooks) refreshBody(p *Payout) any {
	scope, audience := orEmpty(p.Scope), orEmpty(p.Data.GrantedAudience)
	return struct {
		Subject         string        `json:"subject"`
		Session         hookSession   `json:"session"`
		Requester       hookRequester `json:"requester"`
		ClientID        string        `json:"client_id"`
		GrantedScopes   []string      `json:"granted_scopes"`
		GrantedAudience []string      `json:"granted_audience"`
	}{
		p.Data.Subject, h.session(p), hookRequester{p.Client.ID, scope, audience, []string{p.GrantType}},
		p.Client.ID, scope, audience,
	}
}

func (h *Hooks) session(p *Payout) hookSession {
	d := p.Data
	s := hookSession{
		IDToken: hookIDToken{
			Claims: hookIDClaims{
				Issuer: h.Options.Issuer, Subject: subjectIdentifier(d), Audience: []string{p.Client.ID},
				AuthTime: d.AuthTime, ACR: d.ACR, AMR: orEmpty(d.AMR), Ext: shown(d.IDClaims),
			},
			Subject: d.Subject,
		},
		Extra: shown(d.AccessClaims), ClientID: p.Client.ID,
		ExcludeNotBefore: h.Options.ExcludeNotBefore, TopLevelClaims: orEmpty(h.Options.TopLevelClaims),
	}
	if p.Grant != nil {
		s.ConsentChallenge = p.Grant.ID.String()
	}
	if p.GrantType == oauth.GrantAuthorizationCode {
		s.IDToken.Claims.Nonce = d.Nonce // a refreshed ID token has none
	}
	return s
}

// shown are claims as an object, also where there are none. What was stored is
// an object.
func shown(raw json.RawMessage) claimSet {
	claims, err := members(raw)
	if err != nil {
		return claimSet{}
	}
	return claims
}
