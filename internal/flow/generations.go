package flow

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// What generations of the admin API see differently. Which generation asks is
// the admin API's business; here each difference has a name of its own.

// Handled says that a request has been decided and its outcome was used. It is
// an oauth.Conflict. RequestURL is where the browser starts over.
type Handled struct {
	RequestURL string
	cause      *oauth.Error
}

func (h *Handled) Error() string { return h.cause.Error() }

// Unwrap lets the error be known as the oauth.Conflict that it is.
func (h *Handled) Unwrap() error { return h.cause }

func (s *Service) handled(what string, f *oauth.Flow) error {
	return &Handled{s.requestURL(f), oauth.Conflict.Hintf("This %s request has been handled already.", what)}
}

// tooLate refuses a decision on a flow whose time is over.
func (s *Service) tooLate(f *oauth.Flow, inTime bool) error {
	if inTime && s.expired(f, s.Now()) {
		return oauth.RequestUnauthorized.Hint("The time for this request is over. The user has to start again from the application.")
	}
	return nil
}

// otherUser reports whether the login app names another user than the one whom
// the remembered login vouches for, and may.
func otherUser(f *oauth.Flow, a AcceptLogin) bool {
	return a.MayDiffer && f.Had != nil && a.Subject != "" && a.Subject != f.Had.Subject
}

// signInAnew answers a login app that names another user than the remembered
// one: that user has to sign in. A request that forbids to show a page learns
// that it needs one (OpenID Connect Core §3.1.2.6).
func (s *Service) signInAnew(ctx context.Context, c *carried) (string, error) {
	if err := s.open(ctx, &c.Flow); err != nil {
		return "", err
	}
	if !c.ForDevice() {
		_, req, err := s.request(ctx, &c.Flow)
		if err != nil {
			return "", err
		}
		if req.Prompt.None() {
			c.Denied = &oauth.Denied{Code: string(oauth.LoginRequired)}
			return s.verifierURL(ctx, secret.LoginVerifier, "login_verifier", c)
		}
	}
	return s.loginAgain(ctx, &c.Flow)
}

// loginAgain is the flow's request once more, now with a login that must be
// shown (OpenID Connect Core §3.1.2.1, prompt).
func (s *Service) loginAgain(ctx context.Context, f *oauth.Flow) (string, error) {
	if f.ForDevice() {
		return s.deviceLoginAgain(ctx, f)
	}
	pairs := slices.DeleteFunc(strings.Split(f.Query, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		return pair == "" || err == nil && name == "prompt"
	})
	return s.authURL() + "?" + strings.Join(append(pairs, "prompt=login"), "&"), nil
}

// flowSession is the login session of the flow: the remembered one, or the one
// that may begin here.
func flowSession(f *oauth.Flow) oauth.ID {
	if f.Had != nil {
		return f.Had.SessionID
	}
	return f.Seed.SessionID()
}

// prolong keeps a remembered login for longer, and notes what the login app
// says of its own session. The session is never cut short.
func (s *Service) prolong(ctx context.Context, f *oauth.Flow, session *oauth.Session, a AcceptLogin, now time.Time) error {
	if f.Had == nil || session == nil {
		return nil
	}
	data, err := s.openSessionData(session)
	if err != nil {
		return err
	}
	life, _ := s.memory(f.Login.RememberFor)
	end := now.Add(life)
	later := a.Extend && session.ExpiresAt.Before(end)
	named := a.IdentityProviderSession != "" && a.IdentityProviderSession != data.IdentityProviderSession
	if !later && !named {
		return nil
	}
	changed := *session
	if later {
		changed.ExpiresAt, changed.PurgeAt = end, end.Add(lag)
	}
	if named {
		data.IdentityProviderSession = a.IdentityProviderSession
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if changed.Data, err = s.Sealer.SealRow("sessions", "data", changed.ID[:], raw); err != nil {
		return err
	}
	err = s.Store.ExtendSession(ctx, &changed)
	if errors.Is(err, oauth.ErrUsed) {
		return errSessionEnded
	}
	f.Login.Extended = later
	return err
}

var errSessionEnded = oauth.Conflict.Hint("The login session of this request has ended.")

// RevokeLogin ends one remembered login. Tokens and consents stay, and clients
// learn of it by the back channel. One that is unknown has ended.
func (s *Service) RevokeLogin(ctx context.Context, id oauth.ID) error {
	if _, err := s.endSession(ctx, id); err != nil {
		return err
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "login_session_revoked"})
	return nil
}

// RevokeConsent takes back one consent, and those that rest on it, with all
// tokens that came out of them. It returns how many.
func (s *Service) RevokeConsent(ctx context.Context, id oauth.ID) (int, error) {
	n, err := s.Store.RevokeGrant(ctx, id, s.Now())
	if n > 0 {
		s.Observe.Observe(ctx, oauth.Event{Name: "consents_revoked"})
	}
	return n, err
}
