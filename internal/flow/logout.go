package flow

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
	"hydra/internal/token"
)

// Bounds of a logout request, in bytes.
const (
	maxLogoutQuery = 8 << 10
	maxLogoutState = 4 << 10
)

// LogoutRequest is what the logout app is asked (later generations §2.1).
type LogoutRequest struct {
	Challenge   string
	Subject     string
	SessionID   oauth.ID
	URL         string
	RPInitiated bool
	Client      *oauth.Client // nil unless a client asked
	RequestedAt time.Time
	ExpiresAt   time.Time
	Expired     bool
}

// LogoutOutcome is what the browser is told.
type LogoutOutcome struct {
	// To is where the browser goes in the end.
	To string
	// Ask is the address of the logout app, which is to ask the user first.
	Ask string
	// Frames are the pages of clients that learn of the end of the session in
	// this browser, before it goes on (OpenID Connect Front-Channel Logout §2).
	Frames       []string
	ClearSession bool
}

// logout is a request to end a session, as challenge and verifier seal it.
type logout struct {
	requestedAt time.Time
	byClient    bool     // an id_token_hint came along (RP-initiated)
	session     oauth.ID // to end
	browser     oauth.ID // the browser's own, when it is another one of the same user; ends, too
	subject     string
	clientID    string
	clientUID   oauth.ID
	query       string // without the hint
}

func (l *logout) seal() []byte {
	w := new(pack.Writer)
	w.Byte(formatVersion)
	w.Time(l.requestedAt)
	w.Flags(l.byClient)
	w.Fixed(l.session[:])
	w.Fixed(l.browser[:])
	w.Text(l.subject)
	w.Text(l.clientID)
	w.Fixed(l.clientUID[:])
	w.Text(l.query)
	return w.B
}

func (s *Service) openLogout(ctx context.Context, k secret.Kind, text string) (*logout, error) {
	payload, _, err := s.content(ctx, k, text)
	if err != nil {
		return nil, err
	}
	r, l := pack.NewReader(payload), new(logout)
	if r.Byte() != formatVersion {
		return nil, errUnknownValue
	}
	l.requestedAt = r.Time()
	l.byClient = r.Flags(1)[0]
	r.Fixed(l.session[:])
	r.Fixed(l.browser[:])
	l.subject, l.clientID = r.Text(), r.Text()
	r.Fixed(l.clientUID[:])
	l.query = r.Text()
	return l, r.End()
}

// Logout takes a request to end the session (OpenID Connect RP-Initiated Logout
// §2), or a browser that the logout app has sent back with a verifier. params
// are its parameters, each at most once; rawQuery is the same as it was
// written. An error is for the user: on any doubt nobody is sent anywhere.
func (s *Service) Logout(ctx context.Context, params url.Values, rawQuery string, b Browser) (LogoutOutcome, error) {
	if v := params.Get("logout_verifier"); v != "" {
		return s.finishLogout(ctx, v, b)
	}
	l := &logout{requestedAt: s.Now(), query: withoutHint(rawQuery)}
	if len(l.query) > maxLogoutQuery || len(params.Get("state")) > maxLogoutState {
		return LogoutOutcome{}, oauth.InvalidRequest.Hint("The logout request is longer than 8 KiB, or its state than 4 KiB.")
	}
	own, data, err := s.session(ctx, b.Session, l.requestedAt)
	if err != nil {
		return LogoutOutcome{}, err
	}
	to := s.Options.LoggedOutURL
	if hint := params.Get("id_token_hint"); hint != "" {
		if to, err = s.hintedLogout(ctx, l, hint, params, own, data); err != nil {
			return LogoutOutcome{}, err
		}
	} else if params.Get("post_logout_redirect_uri") != "" {
		return LogoutOutcome{}, oauth.InvalidRequest.Hint("The parameter post_logout_redirect_uri needs an id_token_hint, which tells whose address it is.")
	} else if own != nil {
		l.session, l.subject = own.ID, data.Subject
	}
	if l.session.IsZero() {
		// Nobody is signed in: there is nothing to ask, and nobody to tell.
		return LogoutOutcome{To: to, ClearSession: b.Session != "" && own == nil}, nil
	}
	challenge, _, err := s.seal(ctx, secret.LogoutChallenge, l.seal(), l.requestedAt, func() error {
		return s.quota.take(l.clientID, b.Network, s.Options.MaxSealedChars == 0, l.requestedAt)
	})
	return LogoutOutcome{Ask: oauth.WithQuery(s.Options.LogoutURL, url.Values{"logout_challenge": {challenge}})}, err
}

// hintedLogout reads a request of a client, which an ID token vouches for, and
// returns where the browser goes in the end. The session is the token's; the
// one that this browser has beside it ends, too, if it is the same user's.
func (s *Service) hintedLogout(ctx context.Context, l *logout, raw string, params url.Values, own *oauth.Session, data *oauth.SessionData) (string, error) {
	hint, err := s.Tokens.VerifyHint(ctx, raw)
	if err != nil {
		return "", err
	}
	client, err := s.audience(ctx, hint, params.Get("client_id"))
	if err != nil {
		return "", err
	}
	to, err := s.afterLogout(client, params)
	if err != nil {
		return "", err
	}
	l.byClient, l.clientID, l.clientUID = true, client.ID, client.UID
	hinted, subject, err := s.hintedSession(ctx, hint, own, data, l.requestedAt)
	if err != nil {
		return "", err
	}
	if hinted != nil {
		l.session, l.subject = hinted.ID, subject
	}
	if own == nil || own.ID == l.session {
		return to, nil
	}
	if hinted != nil {
		if own.SubjectKey == hinted.SubjectKey {
			l.browser = own.ID
		}
		return to, nil
	}
	same, err := s.isHinted(ctx, client, hint, own.ID, data.Subject, l.requestedAt)
	if same {
		l.session, l.subject = own.ID, data.Subject
	}
	return to, err
}

// hintedSession finds the live session that the ID token names; nil when it is
// over.
func (s *Service) hintedSession(ctx context.Context, hint *token.Hint, own *oauth.Session, data *oauth.SessionData, now time.Time) (*oauth.Session, string, error) {
	id, err := oauth.ParseID(hint.SID)
	if err != nil || id.IsZero() {
		return nil, "", nil
	}
	if own != nil && own.ID == id {
		return own, data.Subject, nil
	}
	session, err := s.Store.Session(ctx, id)
	switch {
	case isNotFound(err):
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case !session.Live(now):
		return nil, "", nil
	}
	opened, err := s.openSessionData(session)
	if err != nil {
		return nil, "", err
	}
	return session, opened.Subject, nil
}

// audience is the client that the ID token was made for. One that is named
// beside it must be that one (RP-Initiated Logout §2).
func (s *Service) audience(ctx context.Context, hint *token.Hint, named string) (*oauth.Client, error) {
	if named != "" && !slices.Contains(hint.Audience, named) {
		return nil, oauth.InvalidRequest.Hint("The client_id is not the one that the id_token_hint was made for.")
	}
	if named == "" && len(hint.Audience) == 1 {
		named = hint.Audience[0]
	}
	if named == "" {
		return nil, oauth.InvalidRequest.Hint("The id_token_hint was made for several clients; the parameter client_id has to say which one asks.")
	}
	client, err := s.Clients.Client(ctx, named)
	if isNotFound(err) {
		return nil, oauth.InvalidRequest.Hint("The client of the id_token_hint is unknown.").Because(err)
	}
	return client, err
}

// afterLogout is where the browser goes in the end: the address of the request,
// which the client must have registered byte for byte, with its state.
func (s *Service) afterLogout(client *oauth.Client, params url.Values) (string, error) {
	to := params.Get("post_logout_redirect_uri")
	switch {
	case to == "":
		return s.Options.LoggedOutURL, nil
	case !slices.Contains(client.PostLogoutRedirectURIs, to):
		return "", oauth.InvalidRequest.Hint("The post_logout_redirect_uri is not one that the client has registered.")
	}
	if state := params.Get("state"); state != "" {
		to = oauth.WithQuery(to, url.Values{"state": {state}})
	}
	return to, nil
}

// LogoutRequest returns the request behind a logout challenge. Errors:
// not_found, conflict once its session has ended.
func (s *Service) LogoutRequest(ctx context.Context, challenge string) (*LogoutRequest, error) {
	l, err := s.openLogout(ctx, secret.LogoutChallenge, challenge)
	if err != nil {
		return nil, unknownChallenge(err)
	}
	session, err := s.Store.Session(ctx, l.session)
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	out := &LogoutRequest{
		Challenge: challenge, Subject: l.subject, SessionID: l.session, URL: s.logoutURL(l), RPInitiated: l.byClient,
		RequestedAt: l.requestedAt, ExpiresAt: l.requestedAt.Add(s.Options.FlowTTL),
	}
	if err != nil || !session.EndedAt.IsZero() {
		return nil, &Handled{out.URL, oauth.Conflict.Hint("The session of this logout request has ended already.")}
	}
	out.Expired = oauth.Past(out.ExpiresAt, s.Now())
	if out.Client, err = s.logoutClient(ctx, l); err != nil {
		return nil, err
	}
	return out, nil
}

// logoutClient is the client that asked, if it still is the same.
func (s *Service) logoutClient(ctx context.Context, l *logout) (*oauth.Client, error) {
	if !l.byClient {
		return nil, nil
	}
	client, err := s.Clients.Client(ctx, l.clientID)
	if isNotFound(err) || err == nil && client.UID != l.clientUID {
		return nil, nil
	}
	return client, err
}

func (s *Service) logoutURL(l *logout) string {
	address := s.Options.PublicURL + "/oauth2/sessions/logout"
	if l.query == "" {
		return address
	}
	return address + "?" + l.query
}

// AcceptLogout takes the logout app's word that the user wants it, and returns
// where the app must send the browser. It may be said twice. Errors: not_found.
func (s *Service) AcceptLogout(ctx context.Context, challenge string, inTime bool) (string, error) {
	l, err := s.decideLogout(ctx, challenge, inTime)
	if err != nil {
		return "", err
	}
	verifier, _, err := s.seal(ctx, secret.LogoutVerifier, l.seal(), l.requestedAt, func() error { return nil })
	if err != nil {
		return "", err
	}
	return s.Options.PublicURL + "/oauth2/sessions/logout?" + url.Values{"logout_verifier": {verifier}}.Encode(), nil
}

// RejectLogout takes the logout app's word that the user does not want it.
// Nothing happens. Errors: not_found.
func (s *Service) RejectLogout(ctx context.Context, challenge string, inTime bool) error {
	_, err := s.decideLogout(ctx, challenge, inTime)
	return err
}

func (s *Service) decideLogout(ctx context.Context, challenge string, inTime bool) (*logout, error) {
	l, err := s.openLogout(ctx, secret.LogoutChallenge, challenge)
	switch {
	case err != nil:
		return nil, unknownChallenge(err)
	case inTime && s.logoutExpired(l):
		return nil, errLogoutLate
	}
	return l, nil
}

func (s *Service) logoutExpired(l *logout) bool {
	return oauth.Past(l.requestedAt.Add(s.Options.FlowTTL), s.Now())
}

var errLogoutLate = oauth.RequestUnauthorized.Hint("The time for this logout is over. Start it again.")

// finishLogout takes the browser that comes back from the logout app: the
// session ends, and all who signed in with it learn of it. A verifier that is
// brought twice goes the same way and tells nobody.
func (s *Service) finishLogout(ctx context.Context, verifier string, b Browser) (LogoutOutcome, error) {
	l, err := s.openLogout(ctx, secret.LogoutVerifier, verifier)
	switch {
	case errors.Is(err, errUnknownValue):
		return LogoutOutcome{}, oauth.InvalidRequest.Hint("The logout_verifier is unknown.")
	case err != nil:
		return LogoutOutcome{}, err
	case s.logoutExpired(l):
		return LogoutOutcome{}, errLogoutLate
	}
	out, err := s.logoutTarget(ctx, l)
	if err != nil {
		return LogoutOutcome{}, err
	}
	own, err := s.sessionID(ctx, b.Session)
	if err != nil {
		return LogoutOutcome{}, err
	}
	if !l.byClient && own != l.session {
		// Another browser, or another user in it: a link that somebody was
		// sent must not sign him out.
		return out, nil
	}
	ids := []oauth.ID{l.session}
	if !l.browser.IsZero() && own == l.browser {
		ids = append(ids, l.browser)
	}
	out.ClearSession = slices.Contains(ids, own)
	for _, id := range ids {
		frames, err := s.endSession(ctx, id)
		if err != nil {
			return LogoutOutcome{}, err
		}
		out.Frames = append(out.Frames, frames...)
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "login_session_ended", ClientID: l.clientID, Detail: "A user signed out."})
	return out, nil
}

// logoutTarget is where the browser goes in the end, by what the client has
// registered today.
func (s *Service) logoutTarget(ctx context.Context, l *logout) (LogoutOutcome, error) {
	out := LogoutOutcome{To: s.Options.LoggedOutURL}
	client, err := s.logoutClient(ctx, l)
	if err != nil || client == nil {
		return out, err
	}
	params, err := url.ParseQuery(l.query)
	if err != nil {
		return out, err
	}
	if to, err := s.afterLogout(client, params); err == nil {
		out.To = to
	}
	return out, nil
}
