package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// kinds of flows, in the shares in which they come: of 100.
var kinds = func() (out []flowKind) {
	all := []flowKind{
		{"sign-in", 18, (*person).signIn}, {"refresh race", 25, (*person).refreshRace}, {"code race", 12, (*person).codeRace},
		{"revocation", 10, (*person).revocation}, {"consent revocation", 8, (*person).consentRevocation}, {"reuse", 5, (*person).reuse},
		{"remembered, then signed out", 6, (*person).signedOut}, {"device", 6, (*person).device}, {"machine", 6, (*person).machine},
		{"life of a client", 2, (*person).clientLife}, {"client update", 1, (*person).clientUpdate}, {"key rotation", 1, (*person).keyRotation},
	}
	for i := range 100 { // mixed, and each kind early
		k := &all[i*7%len(all)]
		for k.share == 0 {
			i++
			k = &all[i*7%len(all)]
		}
		k.share--
		out = append(out, *k)
	}
	return out
}()

type flowKind struct {
	name  string
	share int
	run   func(*person) error
}

// flow makes the flow with this number.
func (w *person) flow(n int) {
	k := kinds[n%len(kinds)]
	switch err := k.run(w); {
	case errors.Is(err, errLost):
		w.f.ledger.count("flows that lost an answer for good", 1)
	case err != nil:
		w.f.fault("flow %d, %s: %v", n, k.name, err)
	default:
		w.f.ledger.count(k.name, 1)
	}
}

// paid reads an answer of the token endpoint.
func (w *person) paid(p *permission, a *answer) (*tokens, error) {
	t := &tokens{Subject: p.subject}
	if err := json.Unmarshal(a.body, t); err != nil {
		return nil, err
	}
	p.given(t)
	if t.ID != "" {
		return t, w.verify(t.ID, p.subject)
	}
	return t, nil
}

// verify checks an ID token as a client does that keeps the key set until a
// key is missing from it.
func (w *person) verify(token, subject string) error {
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	kid := signed.Signatures[0].Header.KeyID
	if w.keys == nil || len(w.keys.Key(kid)) == 0 {
		out, err := w.ask(http.MethodGet, w.publicURL("/.well-known/jwks.json"), asking{status: http.StatusOK})
		if err != nil {
			return err
		}
		w.keys = &jose.JSONWebKeySet{}
		if err := json.Unmarshal(out.body, w.keys); err != nil {
			return err
		}
		if len(w.keys.Key(kid)) == 0 {
			return fmt.Errorf("an ID token is signed with key %s, which node %s does not publish", kid, out.node)
		}
	}
	payload, err := signed.Verify(w.keys.Key(kid)[0])
	if err != nil {
		return err
	}
	var claims struct{ Sub string }
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Sub != subject {
		return fmt.Errorf("an ID token is about %q, not %q", claims.Sub, subject)
	}
	return nil
}

func (w *person) token(c *app, node int, once bool, form url.Values) (*answer, error) {
	return w.ask(http.MethodPost, w.publicURL("/oauth2/token"), asking{form: form, app: c, node: node, once: once})
}

func codeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
}

// signedIn is a visit up to the tokens. When the answer to the code is lost,
// the client asks again; if the code was spent then, the permission is over.
func (w *person) signedIn(v visit) (*permission, *tokens, error) {
	p, code, err := w.code(v)
	if err != nil {
		return nil, nil, err
	}
	out, err := w.token(v.client, 0, false, codeForm(code))
	switch {
	case err != nil:
		return p, nil, err
	case out.status == http.StatusBadRequest && out.tries > 1:
		p.note("the answer to the code was lost")
		return p, nil, errLost
	case out.status != http.StatusOK:
		return p, nil, fmt.Errorf("node %s answers a fresh code with %d %s", out.node, out.status, out.body)
	}
	p.note("tokens by node %s", out.node)
	t, err := w.paid(p, out)
	return p, t, err
}

// active asks a node, or any for 0, about a token.
func (w *person) active(token string, node int) (bool, error) {
	out, err := w.ask(http.MethodPost, w.adminURL("/oauth2/introspect"), asking{form: url.Values{"token": {token}}, node: max(node, 0), status: http.StatusOK})
	if err != nil {
		return false, err
	}
	var got struct{ Active bool }
	return got.Active, json.Unmarshal(out.body, &got)
}

// everywhere checks a token on each node, at once.
func (w *person) everywhere(p *permission, token string, want bool) error {
	for i := range w.f.nodes {
		got, err := w.active(token, i+1)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("node %s says active = %t, want %t; the story: %s", w.f.nodes[i].name, got, want, strings.Join(p.story, ", "))
		}
	}
	return nil
}

func (w *person) signIn() error {
	p, t, err := w.signedIn(w.visit(w.f.client))
	if err != nil {
		return err
	}
	return w.everywhere(p, t.Access, true)
}

func (w *person) revoke(c *app, token string) (*answer, error) {
	return w.ask(http.MethodPost, w.publicURL("/oauth2/revoke"), asking{form: url.Values{"token": {token}}, app: c, status: http.StatusOK})
}

func (w *person) revocation() error {
	p, t, err := w.signedIn(w.visit(w.f.client))
	if err != nil {
		return err
	}
	token := t.Access
	if w.random.IntN(2) == 0 {
		token = t.Refresh
	}
	out, err := w.revoke(p.client, token)
	if err != nil {
		return err
	}
	p.end("revoked by node " + out.node)
	return errors.Join(w.everywhere(p, t.Access, false), w.everywhere(p, t.Refresh, false))
}

func (w *person) consentRevocation() error {
	p, t, err := w.signedIn(w.visit(w.f.client))
	if err != nil {
		return err
	}
	out, err := w.ask(http.MethodDelete, w.adminURL("/oauth2/auth/sessions/consent?"+url.Values{"subject": {p.subject}, "client": {p.client.id}}.Encode()), asking{status: http.StatusNoContent})
	if err != nil {
		return err
	}
	p.end("consent revoked by node " + out.node)
	return errors.Join(w.everywhere(p, t.Access, false), w.everywhere(p, t.Refresh, false))
}

// signedOut comes twice with a remembered login, is signed out, and is not
// known any more. The tokens live on.
func (w *person) signedOut() error {
	v := w.visit(w.f.client)
	v.remember = true
	for range 2 {
		if _, _, err := w.signedIn(v); err != nil {
			return err
		}
	}
	if _, err := w.ask(http.MethodDelete, w.adminURL("/oauth2/auth/sessions/login?subject="+v.subject), asking{status: http.StatusNoContent}); err != nil {
		return err
	}
	for i := range w.f.nodes {
		out, err := w.ask(http.MethodGet, w.authURL(v.client, callback, "none"), asking{jar: v.jar, node: i + 1})
		if err != nil {
			return err
		}
		if e, err := out.leads(callback, "error"); err != nil || e != "login_required" {
			return fmt.Errorf("after the sign-out node %s answers %q, %v", out.node, e, err)
		}
	}
	return nil
}

// machine gets a token without a Grant, and revokes it.
func (w *person) machine() error {
	w.made++
	p := w.f.ledger.open(fmt.Sprintf("machine-%d-%d", w.id, w.made), "", w.f.client)
	p.deleted = true // it has no row
	out, err := w.token(p.client, 0, false, url.Values{"grant_type": {"client_credentials"}})
	if err != nil {
		return err
	}
	if out.status != http.StatusOK {
		return fmt.Errorf("node %s answers %d %s", out.node, out.status, out.body)
	}
	t, err := w.paid(p, out)
	if err != nil {
		return err
	}
	if err := w.everywhere(p, t.Access, true); err != nil || w.random.IntN(2) == 0 {
		return err
	}
	if _, err := w.revoke(p.client, t.Access); err != nil {
		return err
	}
	p.end("revoked")
	return w.everywhere(p, t.Access, false)
}

// clientLife loses its access tokens first, then itself.
func (w *person) clientLife() error {
	c := w.register(nil)
	p, t, err := w.signedIn(w.visit(c))
	if err != nil {
		return err
	}
	if _, err := w.ask(http.MethodDelete, w.adminURL("/oauth2/tokens?client_id="+c.id), asking{status: http.StatusNoContent}); err != nil {
		return err
	}
	p.note("access tokens ended")
	p.tokens[t.Access] = false
	if err := w.everywhere(p, t.Access, false); err != nil {
		return err
	}
	if t, err = w.refreshed(p, t, false); err != nil {
		return err
	}
	p.deleted = true
	out, err := w.ask(http.MethodDelete, w.adminURL("/clients/"+c.id), asking{})
	if err != nil {
		return err
	}
	if out.status != http.StatusNoContent && !(out.status == http.StatusNotFound && out.tries > 1) {
		return fmt.Errorf("node %s answers the deletion of a client with %d", out.node, out.status)
	}
	p.end("client deleted by node " + out.node)
	return errors.Join(w.everywhere(p, t.Access, false), w.everywhere(p, t.Refresh, false))
}

// clientUpdate changes an address, which every node knows when the staleness
// is over.
func (w *person) clientUpdate() error {
	const another = callback + "/new"
	c := w.register(nil)
	for i := range w.f.nodes { // all have it in their caches
		if _, err := w.ask(http.MethodGet, w.authURL(c, callback, ""), asking{node: i + 1, jar: newJar()}); err != nil {
			return err
		}
	}
	if _, err := w.ask(http.MethodPatch, w.adminURL("/clients/"+c.id), asking{status: http.StatusOK, json: []map[string]any{{"op": "replace", "path": "/redirect_uris", "value": []string{another}}}}); err != nil {
		return err
	}
	time.Sleep(3 * time.Second) // cache.staleness, and as long as the query for the versions may be under way
	for i := range w.f.nodes {
		for redirect, want := range map[string]string{callback: pages + "error", another: pages + "login"} {
			out, err := w.ask(http.MethodGet, w.authURL(c, redirect, ""), asking{node: i + 1, jar: newJar()})
			if err != nil {
				return err
			}
			if out.location == nil || !strings.HasPrefix(out.location.String(), want) {
				return fmt.Errorf("after the update node %s leads a request with %s to %v", out.node, redirect, out.location)
			}
		}
	}
	return nil
}

// keyRotation adds a signing key. The ID tokens of all other flows show
// whether anybody signs with a key that is not published everywhere.
func (w *person) keyRotation() error {
	if w.f.rotations.Add(1) > 45 { // a set holds 100 keys, which are 50 pairs
		return w.signIn()
	}
	_, err := w.ask(http.MethodPost, w.adminURL("/keys/hydra.openid.id-token"), asking{json: map[string]any{"alg": "ES256", "use": "sig", "kid": ""}, status: http.StatusCreated})
	return err
}
