package ui

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hydra/internal/secret"
)

// demoPage serves GET /demo, the page that everything begins with.
func (u *UI) demoPage(w http.ResponseWriter, _ *http.Request) error {
	v := struct {
		view
		Scopes []scopeChoice
	}{view: u.view()}
	for _, s := range demoScopes {
		v.Scopes = append(v.Scopes, scopeChoice{s, scopeMeaning[s]})
	}
	u.render(w, http.StatusOK, "start", v)
	return nil
}

// demoSignIn serves GET /demo/sign-in: it sends the browser off with an
// authorization request (RFC 6749 §4.1.1 with RFC 7636).
//
// Query: scope (repeated; all of them when absent, none when empty) and prompt.
func (u *UI) demoSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := u.demo.Ensure(r.Context()); err != nil {
		return err
	}
	in := r.URL.Query()
	scope := both(demoScopes, in["scope"])
	if len(in["scope"]) == 0 {
		scope = demoScopes
	}
	id, key := newID(), base64.RawURLEncoding.EncodeToString(secret.Bytes(32))
	challenge := sha256.Sum256([]byte(derive(key, "code_verifier")))
	q := url.Values{
		"client_id": {demoClientID}, "response_type": {"code"}, "redirect_uri": {u.demo.redirectURI},
		"state": {id}, "nonce": {derive(key, "nonce")},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	if len(scope) > 0 {
		q.Set("scope", strings.Join(scope, " "))
	}
	if p := in.Get("prompt"); slices.Contains([]string{"none", "login", "consent", "select_account"}, p) {
		q.Set("prompt", p)
	}
	u.setCookie(w, r, id, key)
	http.Redirect(w, r, u.public+"/oauth2/auth?"+q.Encode(), http.StatusFound)
	return nil
}

func newID() string {
	id := secret.NewID()
	return hex.EncodeToString(id[:])
}

// derive makes the values of one sign-in out of the key in its cookie: nonce
// and PKCE verifier need no place of their own, and survive a restart.
func derive(key, label string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(label))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Each sign-in has a cookie of its own, hydra_demo_<state>, so tabs do not
// overwrite one another. Its value is the time it was set and the key.
const (
	cookiePrefix  = "hydra_demo_"
	cookieMaximum = 16 // sign-ins that one browser keeps
)

func (u *UI) cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: u.base + "/demo", MaxAge: age, HttpOnly: true, Secure: u.secure, SameSite: http.SameSiteLaxMode}
}

// setCookie adds the cookie of a sign-in and takes back the oldest ones when
// the browser has too many.
func (u *UI) setCookie(w http.ResponseWriter, r *http.Request, id, key string) {
	var old []*http.Cookie
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, cookiePrefix) {
			old = append(old, c)
		}
	}
	slices.SortFunc(old, func(a, b *http.Cookie) int { return strings.Compare(b.Value, a.Value) })
	for i := cookieMaximum - 1; i < len(old); i++ {
		http.SetCookie(w, u.cookie(old[i].Name, "", -1))
	}
	value := strconv.FormatInt(u.now().Unix(), 10) + "." + key
	http.SetCookie(w, u.cookie(cookiePrefix+id, value, int(signInLifetime/time.Second)))
}

// key returns the key that this browser holds for the sign-in, or "".
func (u *UI) key(r *http.Request, id string) string {
	c, err := r.Cookie(cookiePrefix + id)
	if err != nil {
		return ""
	}
	_, key, _ := strings.Cut(c.Value, ".")
	return key
}

// demoCallback serves GET /demo/callback, the demo client's redirect URI.
func (u *UI) demoCallback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	id := q.Get("state")
	key := u.key(r, id)
	if key == "" {
		return &problem{Status: http.StatusBadRequest, Title: "This browser did not start this sign-in",
			Text: "The state in the address belongs to no sign-in that began here within the last hour (RFC 6749 §10.12). Cookies may be switched off.",
			Next: "Begin again with the demo."}
	}
	if iss := q.Get("iss"); iss != u.issuer {
		return &problem{Status: http.StatusBadRequest, Title: "The answer names another issuer",
			Text: "Its iss is not this server's issuer identifier, so it was not used (RFC 9207 §2.4).", Next: "Begin again with the demo."}
	}
	s := u.memory.Begin(id, key)
	if s == nil {
		return resultGone()
	}
	if err := u.redeem(r.Context(), s, key, q); err != nil {
		return err
	}
	http.Redirect(w, r, u.base+"/demo/result/"+id, http.StatusSeeOther)
	return nil
}

// redeem exchanges the code, once: a callback that is loaded again shows what
// the first one got, for a code used twice ends its tokens (RFC 6749 §4.1.2).
func (u *UI) redeem(ctx context.Context, s *signIn, key string, q url.Values) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Done {
		return nil
	}
	s.Nonce = derive(key, "nonce")
	if code := q.Get("error"); code != "" {
		s.Done, s.Failure = true, &refusal{Status: http.StatusBadRequest, Code: code, Description: q.Get("error_description"), Hint: q.Get("error_hint")}
		return nil
	}
	// The browser may be gone before the answer is here; the tokens are kept
	// for when it comes back.
	t, err := u.server.token(context.WithoutCancel(ctx), url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")},
		"redirect_uri": {u.demo.redirectURI}, "code_verifier": {derive(key, "code_verifier")},
	})
	if no := asProblem(err); err != nil && no.Status >= http.StatusInternalServerError {
		return err // not the code's fault: the same address may be loaded again
	}
	s.Done, s.Tokens, s.Failure = true, t, err
	return nil
}

func resultGone() error {
	return &problem{Status: http.StatusNotFound, Title: "This result is not here any more",
		Text: "Results are kept in memory, for an hour, and shown only to the browser that signed in.", Next: "Begin again with the demo."}
}
