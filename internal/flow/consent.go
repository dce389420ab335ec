package flow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/token"
)

// ConsentRequest is what the consent app is asked (contract §4.3).
type ConsentRequest struct {
	Challenge      string
	ID             oauth.ID // consent_request_id
	Request        oauth.Request
	Client         *oauth.Client
	URL            string
	Skip           bool // a remembered consent covers the request
	Subject        string
	LoginChallenge string
	LoginSessionID oauth.ID // the session that existed before this login; zero when there was none
	Session        oauth.ID // LoginSessionID, or the session that this login began
	ACR            string
	AMR            []string
	Context        json.RawMessage
	Expired        bool // the time for the flow is over
}

// AcceptConsent is what the consent app grants (contract §4.5).
type AcceptConsent struct {
	GrantScope    []string
	GrantAudience []string
	AccessClaims  json.RawMessage // session.access_token, a JSON object
	IDClaims      json.RawMessage // session.id_token, a JSON object
	Remember      bool
	RememberFor   int64 // seconds
	Context       json.RawMessage
	HandledAt     time.Time // when the user decided, as the list shows it; zero: now
	InTime        bool      // refuse when the time for the flow is over
}

// Consent returns the request behind a consent challenge. Errors: not_found
// for a challenge that is none of ours or whose consent was revoked, conflict
// once it has been used.
func (s *Service) Consent(ctx context.Context, challenge string) (*ConsentRequest, error) {
	c, err := s.openLater(ctx, secret.ConsentChallenge, challenge)
	if err != nil {
		return nil, unknownChallenge(err)
	}
	row, err := s.Store.Grant(ctx, c.Seed.GrantID())
	switch {
	case isNotFound(err):
	case err != nil:
		return nil, err
	case row.EndReason == oauth.EndedByRejecter:
		return nil, s.handled("consent", &c.Flow)
	case !row.RevokedAt.IsZero():
		return nil, oauth.NotFound.Hint("The consent of this request has been revoked.")
	case row.PaidOut() || row.Dead():
		return nil, s.handled("consent", &c.Flow)
	}
	client, req, err := s.request(ctx, &c.Flow)
	if err != nil {
		return nil, err
	}
	return s.consentRequest(challenge, c, client, req), nil
}

func (s *Service) consentRequest(challenge string, c *carried, client *oauth.Client, req oauth.Request) *ConsentRequest {
	out := &ConsentRequest{
		Challenge: challenge, ID: c.Seed.GrantID(), Request: req, Client: client, URL: s.requestURL(&c.Flow),
		Skip: !c.Login.Parent.IsZero(), Subject: c.Login.Subject, LoginChallenge: s.loginChallenge(c),
		ACR: c.Login.ACR, AMR: c.Login.AMR, Context: c.Login.Context,
		Session: c.Login.Session, Expired: s.expired(&c.Flow, s.Now()),
	}
	if c.Had != nil {
		out.LoginSessionID = c.Had.SessionID
	}
	return out
}

// AcceptConsent writes the Grant, or replaces it while nothing was paid out:
// the last call wins. Errors: not_found, invalid_request, conflict.
func (s *Service) AcceptConsent(ctx context.Context, challenge string, a AcceptConsent) (string, error) {
	c, err := s.openLater(ctx, secret.ConsentChallenge, challenge)
	if err != nil {
		return "", unknownChallenge(err)
	}
	if err := s.tooLate(&c.Flow, a.InTime); err != nil {
		return "", err
	}
	if err := checkAcceptConsent(a); err != nil {
		return "", err
	}
	if err := s.Tokens.Options.CheckClaims(a.IDClaims); err != nil {
		return "", err
	}
	client, req, err := s.request(ctx, &c.Flow)
	if err != nil {
		return "", err
	}
	s.Clients.Used(ctx, client)
	now := s.Now()
	g, err := s.grant(c, client, &req, a, now)
	if err != nil {
		return "", err
	}
	if err := s.write(ctx, c, g, now); err != nil {
		return "", err
	}
	c.Flow.Consent = &oauth.Consent{Skip: g.Skip}
	return s.verifierURL(ctx, secret.ConsentVerifier, "consent_verifier", c)
}

func checkAcceptConsent(a AcceptConsent) error {
	switch {
	case len(a.AccessClaims)+len(a.IDClaims) > maxClaims:
		return oauth.InvalidRequest.Hint("The member session is larger than 64 KiB.")
	case len(a.Context) > maxContext:
		return oauth.InvalidRequest.Hint("The member context is larger than 32 KiB.")
	case len(joined(a.GrantScope)) > maxScope || len(joined(a.GrantAudience)) > maxScope:
		return oauth.InvalidRequest.Hint("The members grant_scope or grant_access_token_audience are too long.")
	case slices.ContainsFunc(a.GrantScope, func(t string) bool { return t == "" || strings.Contains(t, " ") || !validScope(t) }):
		return oauth.InvalidRequest.Hint("The member grant_scope holds a value that is no scope (RFC 6749 §3.3).")
	case slices.ContainsFunc(a.GrantAudience, func(t string) bool { return t == "" || strings.ContainsAny(t, " \t\r\n") }):
		return oauth.InvalidRequest.Hint("The member grant_access_token_audience holds an empty value or one with white space.")
	}
	return nil
}

// grant makes the row of an accepted consent.
func (s *Service) grant(c *carried, client *oauth.Client, req *oauth.Request, a AcceptConsent, now time.Time) (*oauth.Grant, error) {
	id := c.Seed.GrantID()
	data := s.grantData(c, req, a)
	var err error
	if data.SubjectIdentifier, err = s.identifier(client, c.Login); err != nil {
		return nil, err
	}
	flowEnd := c.RequestedAt.Add(s.Options.FlowTTL)
	if flowEnd.Before(now) {
		flowEnd = now
	}
	g := &oauth.Grant{
		ID: id, ClientUID: c.ClientUID, Kind: kindOf(&c.Flow),
		SubjectKey: s.subjectKey(c.Login.Subject), SessionID: c.Login.Session,
		Parent: c.Login.Parent, Skip: !c.Login.Parent.IsZero(),
		RequestedAt: c.RequestedAt, HandledAt: now, FlowExpiresAt: flowEnd, CodeExpiresAt: codeUntil(&c.Flow, flowEnd.Add(s.Options.CodeTTL)),
		OpID: oauth.ID(secret.NewID()),
	}
	if a.Remember && !g.Skip {
		g.RememberKey = s.rememberKey(c.ClientUID, c.Login.Subject)
		g.ConsentUntil = rememberUntil(c.RequestedAt, a.RememberFor)
	}
	g.ExpiresAt = oauth.Later(oauth.Later(g.CodeExpiresAt, flowEnd), c.DeviceUntil) // of its values; the consent's own end stands beside it
	g.PurgeAt = token.Appointment(oauth.Later(g.ExpiresAt, g.ConsentUntil), now)
	g.Data, err = s.Tokens.SealData(id, data)
	return g, err
}

// rememberUntil counts from the moment in which the browser first came
// (contract §2.4). Zero and less is no limit.
func rememberUntil(requestedAt time.Time, seconds int64) time.Time {
	if seconds <= 0 || seconds > int64(longestMemory/time.Second) {
		return oauth.Never
	}
	return requestedAt.Add(time.Duration(seconds) * time.Second)
}

func (s *Service) grantData(c *carried, req *oauth.Request, a AcceptConsent) *oauth.GrantData {
	l := c.Login
	d := &oauth.GrantData{
		Subject: l.Subject, GrantedScope: oauth.Unique(a.GrantScope), GrantedAudience: oauth.Unique(a.GrantAudience),
		RedirectURI: req.RedirectURISent, CodeChallenge: req.CodeChallenge, Nonce: req.Nonce,
		AuthTime: l.AuthTime.Unix(), ACR: l.ACR, AMR: l.AMR,
		AccessClaims: a.AccessClaims, IDClaims: a.IDClaims, Context: a.Context,
		Remember: a.Remember, RememberFor: a.RememberFor, Flow: c.keep(),
	}
	d.WantedInIDToken, d.WantedAtUserinfo = req.Claims.Names()
	if !slices.Equal(d.GrantedScope, req.Scope) {
		d.RequestedScope = req.Scope
	}
	if !slices.Equal(d.GrantedAudience, req.Audience) {
		d.RequestedAudience = req.Audience
	}
	if d.ACR == "" && len(req.OIDC.ACRValues) > 0 {
		d.ACR = "0" // asked for and not given: ISO 29115 level 0 (OpenID Connect Core §2)
	}
	if d.Context == nil {
		d.Context = l.Context
	}
	if !a.HandledAt.IsZero() {
		d.HandledAt = a.HandledAt.Unix()
	}
	return d
}

// write adds the Grant if everything that it rests on stands: the client, the
// remembered consent of a skipped one, the session of a remembered login.
func (s *Service) write(ctx context.Context, c *carried, g *oauth.Grant, now time.Time) error {
	must := oauth.Standing{Parent: g.Parent, Now: now}
	if c.Had != nil || c.Login.Remember {
		must.Session = c.Login.Session
	}
	err := s.Store.AddGrant(ctx, g, must)
	if errors.Is(err, oauth.ErrExists) {
		err = s.Store.UpdateOpenGrant(ctx, g, must)
	}
	switch {
	case errors.Is(err, oauth.ErrUsed):
		return s.handled("consent", &c.Flow)
	case errors.Is(err, oauth.ErrGone):
		return oauth.Conflict.Hint("What this consent rests on has ended meanwhile: the client, the login session or the remembered consent.")
	}
	return err
}

// RejectConsent takes the consent app's refusal. Errors as AcceptConsent.
func (s *Service) RejectConsent(ctx context.Context, challenge string, r Reject) (string, error) {
	c, err := s.openLater(ctx, secret.ConsentChallenge, challenge)
	if err != nil {
		return "", unknownChallenge(err)
	}
	if err := s.tooLate(&c.Flow, r.InTime); err != nil {
		return "", err
	}
	if c.Denied, err = denied(r); err != nil {
		return "", err
	}
	row, err := s.Store.Grant(ctx, c.Seed.GrantID())
	switch {
	case err == nil && (row.PaidOut() || row.Dead()):
		return "", s.handled("consent", &c.Flow)
	case err != nil && !isNotFound(err):
		return "", err
	}
	return s.verifierURL(ctx, secret.ConsentVerifier, "consent_verifier", c)
}

func joined(list []string) string { return strings.Join(list, " ") }
