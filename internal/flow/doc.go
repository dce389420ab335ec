// Package flow is the front channel: from the authorization request through
// login and consent to the authorization response, and the sessions that make
// the next trip shorter.
//
// A trip, called a Flow, keeps its state in the URL, sealed. Nothing is stored
// until the login app (a session) or the consent app (a Grant) was answered:
//
//	browser   GET /oauth2/auth                     Start   → login app, with a login challenge
//	login app GET, PUT accept or reject            Login, AcceptLogin, RejectLogin
//	browser   GET /oauth2/auth?login_verifier=…    Resume  → consent app, with a consent challenge
//	consent app GET, PUT accept or reject          Consent, AcceptConsent, RejectConsent
//	browser   GET /oauth2/auth?consent_verifier=…  Resume  → client, with a code
//
// An error that a function returns is for the user's eyes; one that the client
// must learn of comes back as an Outcome, because only this package knows the
// state and whether the redirect URI can be trusted (RFC 6749 §4.1.2.1).
package flow
