package ui

import (
	"net/http"
	"slices"
)

// scopeMeaning says what the well-known scopes are for.
var scopeMeaning = map[string]string{
	"openid":         "know who you are (an ID token)",
	"offline":        "stay signed in while you are away (a refresh token)",
	"offline_access": "stay signed in while you are away (a refresh token)",
	"profile":        "see your name",
	"email":          "see your e-mail address",
	"address":        "see your postal address",
	"phone":          "see your telephone number",
}

type scopeChoice struct{ Name, Meaning string }

type consentView struct {
	view
	Challenge string
	Request   consentRequest
	Scopes    []scopeChoice
}

// consentPage serves GET /dev/consent, where the authorization endpoint sends
// the browser with a consent_challenge.
func (u *UI) consentPage(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theChallenge(r.URL.Query(), "consent_challenge")
	if err != nil {
		return err
	}
	c, err := u.admin.consent(r.Context(), challenge)
	if err != nil {
		return err
	}
	if c.Skip && c.Silent() {
		return u.acceptConsent(w, r, challenge, c, c.Scope, c.Audience, false)
	}
	v := consentView{view: u.view(), Challenge: challenge, Request: c}
	for _, s := range c.Scope {
		v.Scopes = append(v.Scopes, scopeChoice{s, scopeMeaning[s]})
	}
	u.render(w, http.StatusOK, "consent", v)
	return nil
}

// consentDecision serves POST /dev/consent.
func (u *UI) consentDecision(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theForm(r, "consent_challenge")
	if err != nil {
		return err
	}
	if r.PostForm.Get("decision") == "deny" {
		return u.deny(w, r, "consent", challenge, "The user did not allow it.")
	}
	c, err := u.admin.consent(r.Context(), challenge)
	if err != nil {
		return err
	}
	if c.Skip {
		return u.acceptConsent(w, r, challenge, c, c.Scope, c.Audience, false)
	}
	// What was asked for and ticked. The admin API believes its login app, so
	// a form that somebody has written into must not get more.
	scope := both(c.Scope, r.PostForm["scope"])
	audience := both(c.Audience, r.PostForm["audience"])
	return u.acceptConsent(w, r, challenge, c, scope, audience, r.PostForm.Get("remember") != "")
}

func both(asked, ticked []string) []string {
	out := []string{}
	for _, a := range asked {
		if slices.Contains(ticked, a) {
			out = append(out, a)
		}
	}
	return out
}

// acceptConsent sends the session's claims every time: nothing is copied from
// a remembered consent.
func (u *UI) acceptConsent(w http.ResponseWriter, r *http.Request, challenge string, c consentRequest, scope, audience []string, remember bool) error {
	body := acceptConsent{GrantScope: scope, GrantAudience: audience, Remember: remember}
	if remember {
		body.RememberFor = rememberFor
	}
	body.Session.IDToken = claims(c.Subject, scope, c.asked())
	to, err := u.admin.decide(r.Context(), "consent", challenge, "accept", body)
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
