package ui

import (
	"context"
	"net/http"
	"net/url"
)

// logoutRequest is what the server tells of a logout, as far as it is shown.
type logoutRequest struct {
	Subject string      `json:"subject"`
	Client  *clientInfo `json:"client"` // nil unless an application asked
}

const logoutPath = "/oauth2/auth/requests/logout"

func (a *admin) logout(ctx context.Context, challenge string) (l logoutRequest, err error) {
	return l, a.json(ctx, http.MethodGet, logoutPath+"?"+url.Values{"logout_challenge": {challenge}}.Encode(), nil, &l)
}

// acceptLogout returns where the browser goes.
func (a *admin) acceptLogout(ctx context.Context, challenge string) (redirectTo string, err error) {
	var done struct {
		RedirectTo string `json:"redirect_to"`
	}
	err = a.json(ctx, http.MethodPut, logoutPath+"/accept?"+url.Values{"logout_challenge": {challenge}}.Encode(), nil, &done)
	return done.RedirectTo, err
}

func (a *admin) rejectLogout(ctx context.Context, challenge string) error {
	return a.json(ctx, http.MethodPut, logoutPath+"/reject?"+url.Values{"logout_challenge": {challenge}}.Encode(), nil, nil)
}

type logoutView struct {
	view
	Challenge string
	Request   logoutRequest
}

// logoutPage serves GET /dev/logout, where the server sends the browser with a
// logout_challenge.
func (u *UI) logoutPage(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theChallenge(r.URL.Query(), "logout_challenge")
	if err != nil {
		return err
	}
	l, err := u.admin.logout(r.Context(), challenge)
	if isStatus(err, http.StatusGone) {
		return u.loggedOut(w, r)
	}
	if err != nil {
		return err
	}
	u.render(w, http.StatusOK, "logout", logoutView{u.view(), challenge, l})
	return nil
}

// logoutDecision serves POST /dev/logout.
func (u *UI) logoutDecision(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theForm(r, "logout_challenge")
	if err != nil {
		return err
	}
	if r.PostForm.Get("decision") != "accept" {
		if err := u.admin.rejectLogout(r.Context(), challenge); err != nil {
			return err
		}
		u.render(w, http.StatusOK, "logout_kept", u.view())
		return nil
	}
	to, err := u.admin.acceptLogout(r.Context(), challenge)
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// demoSignOut serves POST /demo/sign-out: the demo application forgets the
// sign-in and asks the server to end the session (OpenID Connect RP-Initiated
// Logout §2).
func (u *UI) demoSignOut(w http.ResponseWriter, r *http.Request) error {
	ask := url.Values{}
	id, err := theForm(r, "id")
	if err == nil {
		if s := u.memory.Find(id, u.key(r, id)); s != nil {
			s.mu.Lock()
			if hint := s.Tokens.IDToken; hint != "" {
				ask = url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {u.demo.signedOutURI}}
			}
			s.mu.Unlock()
			u.memory.Drop(id)
			http.SetCookie(w, u.cookie(cookiePrefix+id, "", -1))
		}
	}
	http.Redirect(w, r, u.public+"/oauth2/sessions/logout?"+ask.Encode(), http.StatusSeeOther)
	return nil
}
