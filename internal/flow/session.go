package flow

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// sessionID opens the session cookie: zero for one that is not ours.
func (s *Service) sessionID(ctx context.Context, cookie string) (oauth.ID, error) {
	if cookie == "" {
		return oauth.ID{}, nil
	}
	o, err := s.Sealer.Open(ctx, cookie, secret.SessionCookie)
	switch {
	case errors.Is(err, secret.ErrUnknown):
		return oauth.ID{}, nil
	case err != nil:
		return oauth.ID{}, err
	case len(o.Payload) != len(oauth.ID{}):
		return oauth.ID{}, nil
	}
	return oauth.ID(o.Payload), nil
}

func (s *Service) openSessionData(session *oauth.Session) (*oauth.SessionData, error) {
	raw, err := s.Sealer.OpenRow("sessions", "data", session.ID[:], session.Data)
	if err != nil {
		return nil, err
	}
	data := new(oauth.SessionData)
	return data, json.Unmarshal(raw, data)
}

// Durations that remember_for may ask for at most, and the cookie's when it is
// negative (contract §2.4).
const (
	longestMemory = 10 * 365 * 24 * time.Hour
	cookieMemory  = 30 * 24 * time.Hour
)

// memory is how long a session lives on the server, and its cookie in the
// browser; 0 there means until the browser is closed.
func (s *Service) memory(rememberFor int64) (server, cookie time.Duration) {
	switch {
	case rememberFor > 0:
		d := min(time.Duration(min(rememberFor, int64(longestMemory/time.Second)))*time.Second, longestMemory)
		return d, d
	case rememberFor < 0:
		return s.Options.SessionTTL, cookieMemory
	default:
		return s.Options.SessionTTL, 0
	}
}

// putSession writes the session of a remembered login, while the flow may
// still use it.
func (s *Service) putSession(ctx context.Context, f *oauth.Flow, identityProvider string, now time.Time) error {
	l := f.Login
	raw, err := json.Marshal(oauth.SessionData{Subject: l.Subject, ACR: l.ACR, AMR: l.AMR, IdentityProviderSession: identityProvider})
	if err != nil {
		return err
	}
	data, err := s.Sealer.SealRow("sessions", "data", l.Session[:], raw)
	if err != nil {
		return err
	}
	life, _ := s.memory(l.RememberFor)
	err = s.Store.PutSession(ctx, &oauth.Session{
		ID: l.Session, SubjectKey: s.subjectKey(l.Subject), AuthenticatedAt: l.AuthTime, CreatedAt: now,
		ExpiresAt: now.Add(life), PurgeAt: now.Add(life + lag), Data: data,
	}, f.Seed.GrantID())
	if errors.Is(err, oauth.ErrUsed) {
		return s.handled("login", f)
	}
	return err
}

// RevokeLogins ends every remembered login of a subject and returns how many.
// Tokens and consents stay, and no client is told (later generations §1.2, row
// 13).
func (s *Service) RevokeLogins(ctx context.Context, subject string) (int, error) {
	n, err := s.Store.EndSessions(ctx, s.subjectKey(subject), s.Now())
	if n > 0 {
		s.Observe.Observe(ctx, oauth.Event{Name: "login_sessions_revoked"})
	}
	return n, err
}

// SignOut ends the session of the browser, if it has one. Clients learn of it
// by the back channel.
func (s *Service) SignOut(ctx context.Context, b Browser) error {
	id, err := s.sessionID(ctx, b.Session)
	if err != nil || id.IsZero() {
		return err
	}
	if _, err := s.endSession(ctx, id); err != nil {
		return err
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "login_session_ended", Detail: "A user signed out."})
	return nil
}

// replaceSession ends the session that another login takes the place of. The
// user has not signed out, so nobody is told.
func (s *Service) replaceSession(ctx context.Context, b Browser) error {
	id, err := s.sessionID(ctx, b.Session)
	if err == nil && !id.IsZero() {
		_, err = s.Store.EndSession(ctx, id, s.Now())
	}
	return err
}
