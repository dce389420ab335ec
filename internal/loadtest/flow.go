package loadtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// codeFlow is a sign-in with both pages shown, in eight requests.
func (w *worker) codeFlow() error {
	t, err := w.flow()
	w.refresh = t.Refresh
	return err
}

func (w *worker) flow() (t tokenSet, err error) {
	var rnd [48]byte
	_, _ = rand.Read(rnd[:]) // never fails
	verifier := base64.RawURLEncoding.EncodeToString(rnd[:32])
	sum := sha256.Sum256([]byte(verifier))
	state := base64.RawURLEncoding.EncodeToString(rnd[32:])
	clear(w.cookies)

	q := url.Values{"client_id": {w.client.id}, "response_type": {"code"}, "redirect_uri": {redirectURI},
		"scope": {"openid offline read"}, "state": {state}, "nonce": {state + state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	loc, err := w.browse(w.pub.prefix + w.auth + "?" + q.Encode())
	if err != nil {
		return t, err
	}
	login := fmt.Sprintf(`{"subject":"user-%d-%d","remember":%t,"remember_for":3600,"acr":"1"}`, w.id, w.n, w.opt.Remember)
	consent := fmt.Sprintf(`{"grant_scope":["openid","offline","read"],"remember":%t,"remember_for":3600,`+
		`"session":{"access_token":{},"id_token":{"name":"A User"}}}`, w.opt.Remember)
	w.n++
	for _, step := range [...]struct{ kind, accept string }{{"login", login}, {"consent", consent}} {
		ch := loc.Query().Get(step.kind + "_challenge")
		if ch == "" {
			return t, fmt.Errorf("no %s_challenge in %s", step.kind, plain(loc.String()))
		}
		if loc, err = w.decide(step.kind, ch, step.accept); err != nil {
			return t, err
		}
	}
	code := loc.Query().Get("code")
	if code == "" || loc.Query().Get("state") != state {
		return t, fmt.Errorf("no code or another state in %s", plain(loc.String()))
	}
	r, err := w.tokenRequest([]byte(url.Values{"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {redirectURI}, "code_verifier": {verifier}}.Encode()), `"access_token"`)
	if err != nil {
		return t, err
	}
	if t = parseTokens(r.body); strings.Count(t.ID, ".") != 2 || t.Access == "" || t.Refresh == "" {
		return t, fmt.Errorf("tokens are missing: %s", r.summary())
	}
	return t, w.signedAsWanted(t.ID)
}

// signedAsWanted keeps a run that is labelled ES256 from measuring RS256.
func (w *worker) signedAsWanted(idToken string) error {
	if w.opt.SigningAlg == "" {
		return nil
	}
	head, _, _ := strings.Cut(idToken, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return fmt.Errorf("header of the ID token: %w", err)
	}
	var h struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(raw, &h); err != nil || h.Alg != w.opt.SigningAlg {
		return fmt.Errorf("the ID token is signed with %q, not %s (%v)", h.Alg, w.opt.SigningAlg, err)
	}
	return nil
}

// decide does what a login or consent app does: read the request, accept it,
// and send the browser on. It returns where the browser gets to from there.
func (w *worker) decide(kind, challenge, accept string) (*url.URL, error) {
	if _, err := w.call(w.adm, "GET", w.request(kind, challenge), "", nil, 200, `"challenge"`); err != nil {
		return nil, err
	}
	r, err := w.call(w.adm, "PUT", w.accept(kind, challenge), jsonType, []byte(accept), 200, `"redirect_to"`)
	if err != nil {
		return nil, err
	}
	var to struct {
		URL string `json:"redirect_to"`
	}
	if err := json.Unmarshal(r.body, &to); err != nil {
		return nil, err
	}
	u, err := parseURL(to.URL)
	if err != nil {
		return nil, err
	}
	return w.browse(u.RequestURI())
}

// browse follows one hop as the user's browser with the flow's cookies.
func (w *worker) browse(path string) (*url.URL, error) {
	var b strings.Builder
	for k, v := range w.cookies {
		if b.Len() == 0 {
			b.WriteString("Cookie: ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(k + "=" + v)
	}
	if b.Len() > 0 {
		b.WriteString("\r\n")
	}
	r, err := w.pub.do("GET", path, b.String(), nil)
	if err != nil {
		return nil, err
	}
	if r.status == 503 || r.status == 429 {
		return nil, errShed
	}
	if r.status < 300 || r.status > 399 || r.location == "" || strings.Contains(r.location, "error=") {
		return nil, fmt.Errorf("GET %s: wanted a redirect, got %s", plain(path), r.summary())
	}
	for _, sc := range r.cookies {
		pair, attrs, _ := strings.Cut(sc, ";")
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || strings.Contains(attrs, "Max-Age=0") {
			delete(w.cookies, name)
		} else {
			w.cookies[name] = value
		}
	}
	return parseURL(r.location)
}
