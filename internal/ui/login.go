package ui

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// rememberFor is how long "remember" lasts, in seconds: a day.
const rememberFor = 24 * 60 * 60

type loginView struct {
	view
	Challenge string
	Request   loginRequest
	People    []person
	Picked    string // the subject whose button is set
	Typed     string // what stands in the text field
	Remember  bool
	Problem   string // what is wrong with the form
	Other     string // where a sign-in with another subject begins
}

// loginPage serves GET /dev/login, where the authorization endpoint sends the
// browser with a login_challenge.
func (u *UI) loginPage(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theChallenge(r.URL.Query(), "login_challenge")
	if err != nil {
		return err
	}
	l, err := u.admin.login(r.Context(), challenge)
	if err != nil {
		return err
	}
	switch {
	case l.Skip && l.Silent():
		return u.acceptLogin(w, r, challenge, acceptLogin{Subject: l.Subject, ACR: l.acr()})
	case l.Skip:
		u.render(w, http.StatusOK, "login_skip", loginView{view: u.view(), Challenge: challenge, Request: l, Other: u.otherSubject(l.RequestURL)})
	default:
		v := loginView{view: u.view(), Challenge: challenge, Request: l, People: people}
		v.Picked, v.Typed = preselect(l.Context.LoginHint)
		u.render(w, http.StatusOK, "login", v)
	}
	return nil
}

// preselect fills in the form by the client's login_hint (OpenID Connect Core
// §3.1.2.1): the hint is a proposal, not a decision.
func preselect(hint string) (picked, typed string) {
	for _, p := range people {
		if hint == p.Subject || hint == p.Email {
			return p.Subject, ""
		}
	}
	return people[0].Subject, hint
}

// loginDecision serves POST /dev/login.
func (u *UI) loginDecision(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theForm(r, "login_challenge")
	if err != nil {
		return err
	}
	if r.PostForm.Get("decision") == "deny" {
		return u.deny(w, r, "login", challenge, "The user did not want to sign in.")
	}
	l, err := u.admin.login(r.Context(), challenge)
	if err != nil {
		return err
	}
	if l.Skip {
		// The subject is not open to choice, and the remembering neither.
		return u.acceptLogin(w, r, challenge, acceptLogin{Subject: l.Subject, ACR: l.acr()})
	}
	// The subject is taken byte for byte; what was typed counts more than
	// the button that was set before anybody typed.
	picked, typed := r.PostForm.Get("pick"), r.PostForm.Get("subject")
	subject, remember := picked, r.PostForm.Get("remember") != ""
	if typed != "" {
		subject = typed
	}
	if strings.TrimSpace(subject) == "" || !utf8.ValidString(subject) {
		u.render(w, http.StatusBadRequest, "login", loginView{view: u.view(), Challenge: challenge, Request: l, People: people,
			Picked: picked, Remember: remember, Problem: "Pick somebody, or type a subject that is not blank."})
		return nil
	}
	body := acceptLogin{Subject: subject, Remember: remember, ACR: l.acr()}
	if remember {
		body.RememberFor = rememberFor
	}
	return u.acceptLogin(w, r, challenge, body)
}

func (u *UI) acceptLogin(w http.ResponseWriter, r *http.Request, challenge string, body acceptLogin) error {
	to, err := u.admin.decide(r.Context(), "login", challenge, "accept", body)
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// deny rejects a login or consent request; the server tells the client.
func (u *UI) deny(w http.ResponseWriter, r *http.Request, kind, challenge, why string) error {
	to, err := u.admin.decide(r.Context(), kind, challenge, "reject", reject{Error: "access_denied", Description: why})
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// otherSubject is the authorization request once more, with the demand to log
// in afresh; "" when the request did not come in by its URL.
func (u *UI) otherSubject(requestURL string) string {
	r, err := url.Parse(requestURL)
	if err != nil || !strings.HasPrefix(requestURL, u.public+"/") {
		return ""
	}
	q := r.Query()
	if q.Get("client_id") == "" || r.Path != u.base+"/oauth2/auth" {
		return "" // a device's user code cannot be typed twice
	}
	q.Set("prompt", strings.TrimSpace("login "+strings.ReplaceAll(q.Get("prompt"), "login", "")))
	r.RawQuery = q.Encode()
	return r.String()
}

// theForm reads the form of a decision and returns its challenge.
func theForm(r *http.Request, name string) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", &problem{Status: http.StatusBadRequest, Title: "This form cannot be read",
			Text: "It is too large, or not encoded as a form.", Next: goBack, Cause: err}
	}
	return theChallenge(r.PostForm, name)
}

func theChallenge(v url.Values, name string) (string, error) {
	c := v.Get(name)
	if c == "" {
		return "", &problem{Status: http.StatusBadRequest, Title: "Nothing is being signed in to",
			Text: "This page belongs to the middle of a sign-in: its address carries a " + name + ", and this one does not.",
			Next: "Begin where you want to sign in, or with the demo."}
	}
	return c, nil
}
