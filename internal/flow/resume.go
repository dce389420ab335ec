package flow

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Resume takes a browser that an app has sent back with a verifier. When it
// brings both, the login verifier counts.
func (s *Service) Resume(ctx context.Context, params url.Values, b Browser) (Outcome, error) {
	kind, text, then := secret.LoginVerifier, params.Get("login_verifier"), s.afterLogin
	if text == "" {
		kind, text, then = secret.ConsentVerifier, params.Get("consent_verifier"), s.afterConsent
	}
	c, err := s.openLater(ctx, kind, text)
	if errors.Is(err, errUnknownValue) {
		return s.unknownVerifier(ctx, params)
	}
	if err != nil {
		return Outcome{}, err
	}
	if err := contradicts(params, &c.Flow); err != nil {
		return Outcome{}, err
	}
	client, err := s.clientOf(ctx, &c.Flow)
	if err != nil {
		return Outcome{}, err
	}
	req, err := s.readFlow(client, &c.Flow)
	if err != nil {
		return Outcome{}, err // the client has changed meanwhile: nothing that it may not have today is sent to it
	}
	return then(ctx, c, client, &req, b)
}

// Resumes reports whether the parameters are those of a returning browser.
func Resumes(params url.Values) bool {
	return params.Get("login_verifier") != "" || params.Get("consent_verifier") != ""
}

// contradicts refuses parameters beside the verifier that say something else
// than the sealed request: otherwise one client's consent could be shown
// around as another's.
func contradicts(params url.Values, f *oauth.Flow) error {
	sealed, err := url.ParseQuery(f.Query)
	if err != nil {
		return err
	}
	for name, values := range params {
		switch name {
		case "login_verifier", "consent_verifier", "device_verifier", "id_token_hint":
			continue
		}
		if !slices.Equal(values, sealed[name]) {
			return oauth.InvalidRequest.Hint("A parameter beside the verifier contradicts the authorization request that it belongs to.")
		}
	}
	return nil
}

// unknownVerifier answers a verifier that is none of ours. The client learns
// of it if the rest makes a request; else the user does.
func (s *Service) unknownVerifier(ctx context.Context, params url.Values) (Outcome, error) {
	fault := oauth.AccessDenied.Hint("The login_verifier or consent_verifier is unknown.")
	client, err := s.Clients.Client(ctx, params.Get("client_id"))
	if isNotFound(err) {
		return Outcome{}, fault
	}
	if err != nil {
		return Outcome{}, err
	}
	r := &reading{s: s, client: client, params: params}
	if params.Get("redirect_uri") == "" || run(r, shownChecks) != nil {
		return Outcome{}, fault
	}
	return s.refuse(&r.req, fault), nil
}

// afterLogin takes the browser on to the consent app.
func (s *Service) afterLogin(ctx context.Context, c *carried, client *oauth.Client, req *oauth.Request, b Browser) (Outcome, error) {
	now := s.Now()
	mine := owns(b, &c.Flow)
	switch {
	case c.Denied != nil:
		return s.afterDenial(ctx, c, req, mine, now)
	case !mine:
		return s.strayed(ctx, &c.Flow, b)
	case s.expired(&c.Flow, now):
		return s.timeOut(&c.Flow, req), nil
	}
	if !c.Login.Looked {
		// The session of a remembered login was begun in between.
		if _, err := s.lookUp(ctx, &c.Flow, now); oauth.KindOf(err) == oauth.Conflict {
			return s.startOver(&c.Flow), nil
		} else if err != nil {
			return Outcome{}, err
		}
	}
	if _, err := s.identifier(client, c.Login); err != nil {
		out := s.refuse(req, err)
		out.ClearFlows = []string{suffix(&c.Flow)}
		return out, nil
	}
	switch next(s.situation(c, client, req)) {
	case stepLoginRequired:
		return s.wrongUser(ctx, c, req, now)
	case stepUnmet:
		out := s.refuse(req, oauth.UnmetAuthentication.Hint("The user has signed in, but not in one of the ways (acr) that the parameter claims demands."))
		out.ClearFlows = []string{suffix(&c.Flow)}
		return out, nil
	case stepConsentRequired:
		return s.refuse(req, oauth.ConsentRequired.Hint("The user must consent, which the parameter prompt does not allow.")), nil
	case stepConsent:
		c.Login.Parent = oauth.ID{}
	}
	return s.toConsent(ctx, c, b, now)
}

func (s *Service) situation(c *carried, client *oauth.Client, req *oauth.Request) situation {
	return situation{
		request: *req, public: client.IsPublic(),
		loggedIn: true, loginUnmet: unmetACR(req, c.Login),
		loginMatch: s.matchesHint(client, &c.Flow) && isWanted(req.Claims.Subjects(), s.told(client, c.Login)...),
		covered:    !c.Login.Parent.IsZero(),
	}
}

// wrongUser answers a login that is not the one that was asked for. A session
// that this login began must not stay.
func (s *Service) wrongUser(ctx context.Context, c *carried, req *oauth.Request, now time.Time) (Outcome, error) {
	out := s.refuse(req, oauth.LoginRequired.Hint("Another user than the one that the request names has signed in."))
	out.ClearFlows = []string{suffix(&c.Flow)}
	if c.Login.Remember {
		if _, err := s.Store.EndSession(ctx, c.Login.Session, now); err != nil {
			return Outcome{}, err
		}
		out.ClearSession = true
	}
	return out, nil
}

// toConsent seals the consent challenge and settles the session cookie.
func (s *Service) toConsent(ctx context.Context, c *carried, b Browser, now time.Time) (Outcome, error) {
	challenge, _, err := s.seal(ctx, secret.ConsentChallenge, c.later(false), c.RequestedAt, func() error { return nil })
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{To: s.Options.ConsentURL, Params: url.Values{"consent_challenge": {challenge}}}
	switch {
	case c.Login.Remember || c.Login.Extended:
		out.SetSession, err = s.Sealer.Seal(secret.SessionCookie, c.Login.Session[:])
		out.BrowserState = s.browserState(c.Login.Session)
		_, out.SessionMaxAge = s.memory(c.Login.RememberFor)
	case c.Had == nil && b.Session != "":
		// Somebody signed in and did not want to be remembered: what this
		// browser remembered before is over (contract §2.4).
		out.ClearSession = true
		err = s.replaceSession(ctx, b)
	}
	return out, err
}

// timeOut tells the client that the user took too long.
func (s *Service) timeOut(f *oauth.Flow, req *oauth.Request) Outcome {
	out := s.refuse(req, oauth.RequestUnauthorized.Hint("The sign-in took too long. Start it again."))
	out.ClearFlows = []string{suffix(f)}
	return out
}

// afterDenial tells the client what an app said. In the browser in which the
// flow began the refusal is final: it leaves a tombstone, so that an
// acceptance that is brought later meets it.
func (s *Service) afterDenial(ctx context.Context, c *carried, req *oauth.Request, mine bool, now time.Time) (Outcome, error) {
	if mine {
		if err := s.bury(ctx, &c.Flow, now); errors.Is(err, oauth.ErrUsed) {
			return s.afterBurial(ctx, c, req)
		} else if err != nil {
			return Outcome{}, err
		}
	}
	return s.denial(c, req), nil
}

func (s *Service) denial(c *carried, req *oauth.Request) Outcome {
	out := s.refuse(req, refusal(c.Denied))
	out.AppsWords = true
	out.ClearFlows = []string{suffix(&c.Flow)}
	return out
}

// afterBurial tells a refusal that is brought twice from one that came after
// the tokens were paid.
func (s *Service) afterBurial(ctx context.Context, c *carried, req *oauth.Request) (Outcome, error) {
	row, err := s.Store.Grant(ctx, c.Seed.GrantID())
	if err != nil && !isNotFound(err) {
		return Outcome{}, err
	}
	if err == nil && row.EndReason != oauth.EndedByRejecter {
		return s.startOver(&c.Flow), nil
	}
	return s.denial(c, req), nil
}

func (s *Service) bury(ctx context.Context, f *oauth.Flow, now time.Time) error {
	end := f.RequestedAt.Add(s.Options.FlowTTL)
	if end.Before(now) {
		end = now
	}
	if f.ForDevice() {
		end = oauth.Later(end, f.DeviceUntil) // until then it asks
	}
	return s.Store.RejectGrant(ctx, &oauth.Grant{
		ID: f.Seed.GrantID(), ClientUID: f.ClientUID, Kind: kindOf(f),
		RequestedAt: f.RequestedAt, HandledAt: now, FlowExpiresAt: end, CodeExpiresAt: codeUntil(f, end),
		EndedAt: now, EndReason: oauth.EndedByRejecter, RevokedAt: now,
		ExpiresAt: end, PurgeAt: end.Add(lag),
	}, oauth.ID(secret.NewID()))
}

// afterConsent takes the browser back to the client.
func (s *Service) afterConsent(ctx context.Context, c *carried, client *oauth.Client, req *oauth.Request, b Browser) (Outcome, error) {
	now := s.Now()
	mine := owns(b, &c.Flow)
	switch {
	case !mine && c.Denied == nil:
		return s.strayed(ctx, &c.Flow, b)
	case s.expired(&c.Flow, now):
		return s.timeOut(&c.Flow, req), nil
	case c.Denied != nil:
		return s.afterDenial(ctx, c, req, mine, now)
	}
	if c.ForDevice() {
		return s.connect(ctx, c, now)
	}
	row, err := s.Store.Grant(ctx, c.Seed.GrantID())
	switch {
	case isNotFound(err):
		return s.startOver(&c.Flow), nil
	case err != nil:
		return Outcome{}, err
	case !row.Client.Exists:
		return Outcome{}, oauth.InvalidClient.Hint("The client of this request has been deleted.")
	case row.EndReason == oauth.EndedByRejecter:
		return s.refusedBefore(c, req), nil
	case row.PaidOut() || row.Dead() || row.SessionEnded:
		return s.startOver(&c.Flow), nil
	}
	data, err := s.Tokens.OpenData(&row.Grant)
	if err != nil {
		return Outcome{}, err
	}
	return s.respond(ctx, c, client, req, row, data, now)
}

// refusedBefore answers an acceptance that the browser brings after a refusal.
func (s *Service) refusedBefore(c *carried, req *oauth.Request) Outcome {
	out := s.refuse(req, oauth.AccessDenied.Hint("The request has been refused before."))
	out.ClearFlows = []string{suffix(&c.Flow)}
	return out
}
