package flow

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
)

// Start takes an authorization request (RFC 6749 §4.1.1). params are its
// parameters, each at most once but for audience; rawQuery is the same as the
// client wrote it.
func (s *Service) Start(ctx context.Context, params url.Values, rawQuery string, b Browser) (Outcome, error) {
	client, err := s.Clients.Client(ctx, params.Get("client_id"))
	if err != nil {
		return Outcome{}, unknownClient(err)
	}
	params, query, err := s.unfold(ctx, client, params, withoutHint(rawQuery))
	if err != nil {
		return Outcome{}, err
	}
	r := &reading{s: s, client: client, params: params, req: oauth.Request{Query: query}}
	if err := run(r, shownChecks); err != nil {
		return Outcome{}, err
	}
	if err := run(r, redirectedChecks); err != nil {
		return s.refuse(&r.req, err), nil
	}

	f := &oauth.Flow{ClientUID: client.UID, ClientID: client.ID, RequestedAt: s.Now(), Query: r.req.Query}
	now := situation{request: r.req, public: client.IsPublic()}
	if err := s.remember(ctx, f, &now, b); err != nil {
		return Outcome{}, err
	}
	if fault, err := s.hint(ctx, client, f, &now, params.Get("id_token_hint")); err != nil {
		return Outcome{}, err
	} else if fault != nil {
		return s.refuse(&r.req, fault), nil
	}
	if wanted := r.req.Claims.Subjects(); len(wanted) > 0 {
		match := f.Had != nil && isWanted(wanted, s.told(client, &oauth.Login{Subject: f.Had.Subject})...)
		now.hintMatch = match && (!now.hinted || now.hintMatch)
		now.hinted = true
	}
	switch next(now) {
	case stepLoginRequired:
		return s.refuse(&r.req, loginRequired(now)), nil
	default:
		if !usableLogin(now) {
			f.Had = nil
		}
		return s.toLogin(ctx, f, registers(r.req.Prompt), b)
	}
}

func loginRequired(now situation) *oauth.Error {
	if now.hinted && now.remembered && !now.hintMatch {
		return oauth.LoginRequired.Hint("Another user than the one that the request names is signed in.")
	}
	return oauth.LoginRequired.Hint("The user must sign in, which the parameter prompt does not allow.")
}

// remember looks for a login that the browser remembers.
func (s *Service) remember(ctx context.Context, f *oauth.Flow, now *situation, b Browser) error {
	session, data, err := s.session(ctx, b.Session, f.RequestedAt)
	if err != nil || session == nil {
		return err
	}
	f.Had = &oauth.RememberedLogin{SessionID: session.ID, Subject: data.Subject, AuthTime: session.AuthenticatedAt}
	now.remembered = true
	now.age = f.RequestedAt.Sub(session.AuthenticatedAt)
	return nil
}

// hint verifies an id_token_hint (OpenID Connect Core §3.1.2.1). The first
// error is for the client.
func (s *Service) hint(ctx context.Context, client *oauth.Client, f *oauth.Flow, now *situation, raw string) (*oauth.Error, error) {
	if raw == "" {
		return nil, nil
	}
	h, err := s.Tokens.VerifyHint(ctx, raw)
	if err != nil {
		if oauth.KindOf(err) != oauth.InvalidRequest {
			return nil, err // a fault of ours says nothing about the token
		}
		return oauth.InvalidRequest.Hint("The parameter id_token_hint is not an ID token of this server.").Because(err), nil
	}
	f.HintClaims = h.Claims
	now.hinted = true
	if f.Had != nil {
		now.hintMatch, err = s.isHinted(ctx, client, h, f.Had.SessionID, f.Had.Subject, f.RequestedAt)
	}
	return nil, err
}

// toLogin draws the flow's secrets and sends the browser to the login app, or
// to the page that opens accounts.
func (s *Service) toLogin(ctx context.Context, f *oauth.Flow, newAccount bool, b Browser) (Outcome, error) {
	f.Seed = oauth.Seed(secret.NewID())
	value := base64.RawURLEncoding.EncodeToString(secret.Bytes(16))
	f.CookieHash = hashCookie(value)

	w := new(pack.Writer)
	appendRequest(w, f)
	challenge, _, err := s.seal(ctx, secret.LoginChallenge, w.B, f.RequestedAt, func() error {
		return s.quota.take(f.ClientID, b.Network, s.Options.MaxSealedChars == 0, f.RequestedAt)
	})
	if err != nil {
		return Outcome{}, err
	}
	page := s.Options.LoginURL
	if newAccount && s.Options.RegistrationURL != "" {
		page = s.Options.RegistrationURL
	}
	return Outcome{
		To: page, Params: url.Values{"login_challenge": {challenge}},
		SetFlow: suffix(f), SetValue: value, ClearFlows: surplus(b),
	}, nil
}

// withoutHint takes id_token_hint out of a query: it is long, it names a
// person, and its claims are kept. Everything else stays as it was written.
func withoutHint(rawQuery string) string {
	if !strings.Contains(rawQuery, "hint") && !strings.Contains(rawQuery, "%") {
		return rawQuery
	}
	pairs := slices.DeleteFunc(strings.Split(rawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		return err == nil && name == "id_token_hint"
	})
	return strings.Join(pairs, "&")
}

// session opens the session cookie. It returns nil when there is no live
// session behind it.
func (s *Service) session(ctx context.Context, cookie string, now time.Time) (*oauth.Session, *oauth.SessionData, error) {
	id, err := s.sessionID(ctx, cookie)
	if err != nil || id.IsZero() {
		return nil, nil, err
	}
	session, err := s.Store.Session(ctx, id)
	switch {
	case isNotFound(err):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case !session.Live(now):
		return nil, nil, nil
	}
	data, err := s.openSessionData(session)
	return session, data, err
}
