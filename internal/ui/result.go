package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// resultView is the result page: everything that came out of a sign-in, as
// the server's own endpoints tell it at this moment.
type resultView struct {
	view
	ID            string
	Title         string
	Note          string
	NoteBad       bool
	HasRefresh    bool
	TokenResponse string
	HasIDToken    bool
	Header        string
	Claims        string
	Verified      bool
	Verification  string
	Checks        []check
	Userinfo      string
	Introspection string
}

// demoResult serves GET /demo/result/{id}.
func (u *UI) demoResult(w http.ResponseWriter, r *http.Request) error {
	s, err := u.signIn(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.Failure != nil {
		p := asProblem(s.Failure)
		return &problem{Status: http.StatusBadRequest, Title: "The sign-in ended without tokens",
			Text: p.Text, Code: p.Code, Next: "This is what an application learns when it is denied. Begin again with the demo."}
	}
	v := resultView{view: u.view(), ID: s.ID, Note: s.Note, NoteBad: s.NoteBad,
		HasRefresh: s.Tokens.RefreshToken != "", TokenResponse: pretty(s.Tokens.Raw)}
	u.judge(r.Context(), s, &v)
	v.Userinfo = told(u.server.userinfo(r.Context(), s.Tokens.AccessToken))
	v.Introspection = told(u.admin.introspect(r.Context(), s.Tokens.AccessToken))
	u.render(w, http.StatusOK, "result", v)
	return nil
}

// judge takes the ID token apart and says in words what is true of it.
func (u *UI) judge(ctx context.Context, s *signIn, v *resultView) {
	v.Title = "Signed in"
	if s.Tokens.IDToken == "" {
		return
	}
	v.HasIDToken = true
	t, err := parseJWS(s.Tokens.IDToken)
	if err != nil {
		v.Verification = "The ID token cannot be read: " + err.Error() + "."
		return
	}
	v.Header, v.Claims = pretty(t.Header), pretty(t.Claims)
	var who struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(t.Claims, &who) == nil && who.Subject != "" {
		v.Title = "Signed in as " + who.Subject
	}
	jwks, err := u.server.keys(ctx)
	if err != nil {
		v.Verification = "Not verified: " + jwksPath + " could not be read."
		return
	}
	k, err := t.verify(jwks)
	if err != nil {
		v.Verification = "Signature not verified: " + err.Error() + "."
		return
	}
	v.Verified = true
	v.Verification = fmt.Sprintf("Signature verified with key %s (%s) from %s.", k.KID, t.Alg, jwksPath)
	v.Checks = t.checkClaims(expected{Issuer: u.issuer, ClientID: demoClientID, Nonce: s.Nonce,
		AccessToken: s.Tokens.AccessToken, Now: u.now(), Refreshed: s.Refreshed > 0})
}

// told is an answer as text, whether it is a yes or a no.
func told(answer []byte, err error) string {
	if err != nil {
		p := asProblem(err)
		if p.Code != "" {
			return fmt.Sprintf("%d %s\n%s", p.Status, p.Code, p.Text)
		}
		return p.Title
	}
	return pretty(answer)
}

// signIn returns this browser's finished sign-in with its mutex held.
func (u *UI) signIn(r *http.Request, id string) (*signIn, error) {
	s := u.memory.Find(id, u.key(r, id))
	if s == nil {
		return nil, resultGone()
	}
	s.mu.Lock()
	if !s.Done {
		s.mu.Unlock()
		return nil, resultGone()
	}
	return s, nil
}

// act finds the sign-in that a button of the result page belongs to, does
// something with it, and shows the page again.
func (u *UI) act(w http.ResponseWriter, r *http.Request, do func(context.Context, *signIn) error) error {
	id, err := theForm(r, "id")
	if err != nil {
		return resultGone()
	}
	s, err := u.signIn(r, id)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := do(context.WithoutCancel(r.Context()), s); err != nil {
		p := asProblem(err)
		s.Note, s.NoteBad = "Refused: "+p.Code+". "+p.Text, true
		if p.Code == "" {
			s.Note = p.Title + "."
		}
	}
	http.Redirect(w, r, u.base+"/demo/result/"+id, http.StatusSeeOther)
	return nil
}

// demoRefresh serves POST /demo/refresh (RFC 6749 §6).
func (u *UI) demoRefresh(w http.ResponseWriter, r *http.Request) error {
	return u.act(w, r, func(ctx context.Context, s *signIn) error {
		t, err := u.server.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.Tokens.RefreshToken}})
		if err != nil {
			return err
		}
		s.Tokens = t
		s.Refreshed++
		s.Note, s.NoteBad = fmt.Sprintf("Refreshed (%d). All tokens below are new; the ones before are spent.", s.Refreshed), false
		return nil
	})
}

// demoRevoke serves POST /demo/revoke (RFC 7009).
func (u *UI) demoRevoke(w http.ResponseWriter, r *http.Request) error {
	return u.act(w, r, func(ctx context.Context, s *signIn) error {
		token := s.Tokens.RefreshToken
		if token == "" {
			token = s.Tokens.AccessToken
		}
		if err := u.server.revoke(ctx, token); err != nil {
			return err
		}
		s.Note, s.NoteBad = "Revoked. Introspection and userinfo below know it already; the ID token cannot be taken back.", false
		return nil
	})
}
