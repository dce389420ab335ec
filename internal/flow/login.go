package flow

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/token"
)

// Bounds of what the apps may say, in bytes.
const (
	maxSubject = 1 << 10
	maxACR     = 1 << 10
	maxContext = 32 << 10
	maxClaims  = 64 << 10
	maxReason  = 2 << 10
)

// LoginRequest is what the login app is asked (contract §4.2).
type LoginRequest struct {
	Challenge string
	Request   oauth.Request
	Client    *oauth.Client
	URL       string // the authorization request
	Skip      bool   // a remembered login vouches for Subject
	Subject   string
	SessionID oauth.ID // of the remembered login; zero when there is none
	// Session is SessionID, or the session that this login may begin.
	Session oauth.ID
	Expired bool // the time for the flow is over
}

// AcceptLogin is what the login app says of the user (contract §4.4).
type AcceptLogin struct {
	Subject     string
	Remember    bool
	RememberFor int64 // seconds
	ACR         string
	AMR         []string
	Context     json.RawMessage
	ForcedID    string

	Persistent bool // a RememberFor of zero means as long as the server allows
	Extend     bool // a remembered login is remembered for longer
	MayDiffer  bool // Subject may be another user than the remembered one, who then has to sign in anew
	InTime     bool // refuse when the time for the flow is over
	// IdentityProviderSession is the login app's own name for its session.
	IdentityProviderSession string
}

// Reject is what an app says when it refuses (contract §4.6).
type Reject struct {
	Error, Description, Hint, Debug string
	Status                          int
	InTime                          bool // refuse when the time for the flow is over
}

// Login returns the request behind a login challenge. Errors: not_found for a
// challenge that is none of ours, conflict once its flow is over.
func (s *Service) Login(ctx context.Context, challenge string) (*LoginRequest, error) {
	c, err := s.openLogin(ctx, challenge)
	if err != nil {
		return nil, unknownChallenge(err)
	}
	if err := s.open(ctx, &c.Flow); err != nil {
		return nil, err
	}
	return s.loginRequest(ctx, challenge, &c.Flow)
}

// open fails when the flow's Grant shows that its decisions have been used.
func (s *Service) open(ctx context.Context, f *oauth.Flow) error {
	row, err := s.Store.Grant(ctx, f.Seed.GrantID())
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return err
	case row.PaidOut() || row.Dead():
		return s.handled("login", f)
	}
	return nil
}

func unknownChallenge(err error) error {
	if errors.Is(err, errUnknownValue) {
		return oauth.NotFound.Hint("The challenge is unknown.")
	}
	return err
}

func (s *Service) loginRequest(ctx context.Context, challenge string, f *oauth.Flow) (*LoginRequest, error) {
	client, req, err := s.request(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &LoginRequest{Challenge: challenge, Request: req, Client: client, URL: s.requestURL(f),
		Session: flowSession(f), Expired: s.expired(f, s.Now())}
	if f.Had != nil {
		out.Skip, out.Subject, out.SessionID = true, f.Had.Subject, f.Had.SessionID
	}
	return out, nil
}

// request reads the flow's request again, for the client as it is today.
func (s *Service) request(ctx context.Context, f *oauth.Flow) (*oauth.Client, oauth.Request, error) {
	client, err := s.clientOf(ctx, f)
	if oauth.KindOf(err) == oauth.InvalidClient {
		return nil, oauth.Request{}, oauth.NotFound.Hint("The client of this request has been deleted.")
	}
	if err != nil {
		return nil, oauth.Request{}, err
	}
	req, err := s.readFlow(client, f)
	req.OIDC.IDTokenHintClaims = f.HintClaims
	return client, req, err
}

// AcceptLogin takes the login app's word for who the user is. It returns where
// the app must send the browser. Errors: not_found, invalid_request, conflict.
func (s *Service) AcceptLogin(ctx context.Context, challenge string, a AcceptLogin) (string, error) {
	c, err := s.openLogin(ctx, challenge)
	if err != nil {
		return "", unknownChallenge(err)
	}
	now := s.Now()
	if err := s.tooLate(&c.Flow, a.InTime); err != nil {
		return "", err
	}
	if otherUser(&c.Flow, a) {
		return s.signInAnew(ctx, c)
	}
	if err := checkAcceptLogin(&c.Flow, a); err != nil {
		return "", err
	}
	c.Login = s.login(&c.Flow, a, now)
	if c.Login.Remember {
		err = s.putSession(ctx, &c.Flow, a.IdentityProviderSession, now)
	} else {
		var session *oauth.Session
		if session, err = s.lookUp(ctx, &c.Flow, now); err == nil {
			err = s.prolong(ctx, &c.Flow, session, a, now)
		}
	}
	if err != nil {
		return "", err
	}
	return s.verifierURL(ctx, secret.LoginVerifier, "login_verifier", c)
}

func checkAcceptLogin(f *oauth.Flow, a AcceptLogin) error {
	switch {
	case a.Subject == "":
		return oauth.InvalidRequest.Hint("The member subject must not be empty.")
	case f.Had != nil && f.Had.Subject != a.Subject:
		return oauth.InvalidRequest.Hint("The member subject must be that of the login request, because skip is true.")
	case len(a.Subject) > maxSubject || len(a.ForcedID) > maxSubject:
		return oauth.InvalidRequest.Hint("A subject has at most 1,024 bytes.")
	case len(a.IdentityProviderSession) > maxSubject:
		return oauth.InvalidRequest.Hint("The member identity_provider_session_id has at most 1,024 bytes.")
	case len(a.ACR) > maxACR || tooLong(a.AMR):
		return oauth.InvalidRequest.Hint("The members acr or amr are too long.")
	case len(a.Context) > maxContext:
		return oauth.InvalidRequest.Hint("The member context is larger than 32 KiB.")
	}
	return nil
}

// login is the login part of the flow. A skipped login keeps its session and
// its time; remember changes nothing there.
func (s *Service) login(f *oauth.Flow, a AcceptLogin, now time.Time) *oauth.Login {
	l := &oauth.Login{
		Subject: a.Subject, AuthTime: now, ACR: a.ACR, AMR: a.AMR, Context: a.Context, ForcedID: a.ForcedID,
		Remember: a.Remember, RememberFor: a.RememberFor, Session: f.Seed.SessionID(),
	}
	if (a.Persistent || a.Extend && f.Had != nil) && l.RememberFor == 0 {
		l.RememberFor = max(1, int64(s.Options.SessionTTL/time.Second))
	}
	if f.Had != nil {
		l.AuthTime, l.Session, l.Remember = f.Had.AuthTime, f.Had.SessionID, false
	}
	return l
}

// lookUp asks in one statement whether the flow is over, whether its session
// stands, and whether a remembered consent covers the request. The answer is
// sealed into the verifier, so that the returning browser costs no statement;
// what changes in between, the acceptance of the consent notices.
func (s *Service) lookUp(ctx context.Context, f *oauth.Flow, now time.Time) (*oauth.Session, error) {
	session := oauth.ID{}
	if f.Had != nil || f.Login.Remember {
		session = f.Login.Session
	}
	state, err := s.Store.LoginState(ctx, f.Seed.GrantID(), s.rememberKey(f.ClientUID, f.Login.Subject), session, now)
	if err != nil {
		return nil, err
	}
	if g := state.Flow; g != nil && (g.PaidOut() || g.Dead()) {
		return nil, s.handled("login", f)
	}
	if !session.IsZero() && (state.Session == nil || !state.Session.EndedAt.IsZero()) {
		return nil, errSessionEnded
	}
	f.Login.Looked = true
	f.Login.Parent, err = s.covering(f, state.Remembered)
	return state.Session, err
}

// covering finds the remembered consent whose scopes cover the request, the
// newest first. Granted scopes act as patterns.
func (s *Service) covering(f *oauth.Flow, remembered []oauth.Grant) (oauth.ID, error) {
	if len(remembered) == 0 {
		return oauth.ID{}, nil
	}
	params, err := url.ParseQuery(f.Query)
	if err != nil {
		return oauth.ID{}, err
	}
	wanted := oauth.Fields(params.Get("scope"))
	var claims oauth.ClaimsRequest
	if raw := params.Get("claims"); raw != "" {
		if claims, err = parseClaims(raw); err != nil {
			return oauth.ID{}, err
		}
	}
	for i := range remembered {
		data, err := s.Tokens.OpenData(&remembered[i])
		if err != nil {
			return oauth.ID{}, err
		}
		if s.Options.Scopes.Covers(data.GrantedScope, wanted) && !asksMore(claims, data, token.ScopeOfClaim) {
			return remembered[i].ID, nil
		}
	}
	return oauth.ID{}, nil
}

// verifierURL is where an app must send the browser: the endpoint where it
// began, with the client and the verifier and nothing else.
func (s *Service) verifierURL(ctx context.Context, k secret.Kind, name string, c *carried) (string, error) {
	text, _, err := s.seal(ctx, k, c.later(false), c.RequestedAt, func() error { return nil })
	if err != nil {
		return "", err
	}
	return s.endpoint(&c.Flow) + "?" + url.Values{"client_id": {c.ClientID}, name: {text}}.Encode(), nil
}

// RejectLogin takes the login app's refusal. Errors as AcceptLogin.
func (s *Service) RejectLogin(ctx context.Context, challenge string, r Reject) (string, error) {
	c, err := s.openLogin(ctx, challenge)
	if err != nil {
		return "", unknownChallenge(err)
	}
	if err := s.tooLate(&c.Flow, r.InTime); err != nil {
		return "", err
	}
	if c.Denied, err = denied(r); err != nil {
		return "", err
	}
	if err := s.open(ctx, &c.Flow); err != nil {
		return "", err
	}
	return s.verifierURL(ctx, secret.LoginVerifier, "login_verifier", c)
}

// denied checks the words of a refusal. An empty one is an invalid_request
// with that code's description (contract §4.6).
func denied(r Reject) (*oauth.Denied, error) {
	if len(r.Error)+len(r.Description)+len(r.Hint)+len(r.Debug) > maxReason {
		return nil, oauth.InvalidRequest.Hint("The rejection is longer than 2,048 bytes.")
	}
	if !validScope(r.Error) {
		return nil, oauth.InvalidRequest.Hint("The member error has characters that an error code must not have (RFC 6749 §4.1.2.1).")
	}
	return &oauth.Denied{Code: r.Error, Description: r.Description, Hint: r.Hint, Debug: r.Debug, Status: r.Status}, nil
}

// refusal is the error that the client learns.
func refusal(d *oauth.Denied) *oauth.Error {
	e := &oauth.Error{Kind: oauth.Kind(d.Code), Description: d.Description, Public: d.Hint, Debug: d.Debug, Status: d.Status}
	if d.Code == "" {
		e.Kind = oauth.InvalidRequest
	}
	return e
}
