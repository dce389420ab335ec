package flow

import (
	"time"

	"hydra/internal/oauth"
)

// step is what the browser does now.
type step int

const (
	stepLogin           step = iota // show the login app
	stepLoginRequired               // tell the client (OpenID Connect Core §3.1.2.6)
	stepConsent                     // show the consent app, which is to ask
	stepConsentSkip                 // show the consent app, which need not ask
	stepConsentRequired             // tell the client (OpenID Connect Core §3.1.2.6)
	stepUnmet                       // tell the client (OpenID Connect Core §5.5.1.1)
	stepDeny                        // tell the client what the apps said
	stepRespond                     // answer the client
)

// situation is all that the decision rests on. It holds no clock: whether a
// remembered login is fresh was compared with the time of the request, on the
// node that took it.
type situation struct {
	request oauth.Request
	public  bool // the client cannot keep a secret

	denied bool

	remembered bool          // the browser has a live session
	age        time.Duration // of its login, at the time of the request
	hinted     bool          // the request names its user, by an id_token_hint or the claim sub
	hintMatch  bool          // … and the remembered user is that one

	loggedIn   bool // the login app accepted, now
	loginMatch bool // the user who logged in is the wanted one, or any will do
	loginUnmet bool // the client demands an acr that the login does not have

	covered   bool // a remembered consent covers the request
	consented bool // the consent app accepted, now
}

// next decides where the browser goes: the whole policy of login and consent.
func next(s situation) step {
	silent := s.request.Prompt.None()
	switch {
	case s.denied:
		return stepDeny
	case s.consented:
		return stepRespond
	case !s.loggedIn:
		return beforeLogin(s, silent)
	case !s.loginMatch:
		return stepLoginRequired // OpenID Connect Core §3.1.2.1, id_token_hint; §5.5, sub
	case s.loginUnmet:
		return stepUnmet
	case s.covered && mayReuseConsent(s):
		return stepConsentSkip
	case silent:
		return stepConsentRequired
	default:
		return stepConsent
	}
}

func beforeLogin(s situation, silent bool) step {
	usable := usableLogin(s)
	switch {
	case usable && s.hinted && !s.hintMatch:
		return stepLoginRequired // somebody else is signed in; asking again would not help
	case silent && !usable:
		return stepLoginRequired
	default:
		return stepLogin
	}
}

// usableLogin reports whether the login app may be told to skip.
func usableLogin(s situation) bool {
	return s.remembered && !asksAnew(s.request.Prompt) && freshEnough(s)
}

// freshEnough compares the age of the remembered login with max_age. Zero asks
// for a new login (OpenID Connect Core §3.1.2.1).
func freshEnough(s situation) bool {
	m := s.request.MaxAge
	return m == nil || (*m > 0 && s.age <= time.Duration(*m)*time.Second)
}

// mayReuseConsent reports whether a remembered consent may stand for asking
// again: not when the client demands the question, nor for a client that
// anybody can impersonate because it keeps no secret and its redirect URI is
// not bound to a host (RFC 6749 §10.2).
func mayReuseConsent(s situation) bool {
	if s.request.Prompt.Has("consent") {
		return false
	}
	return !s.public || hasHTTPS(s.request.RedirectURI)
}
