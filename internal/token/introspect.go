package token

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// Introspection is what RFC 7662 tells of a token. Only Active counts when it
// is false: why a token is dead is nobody's business.
type Introspection struct {
	Active            bool
	Use               string // "access_token" or "refresh_token"
	Scope             []string
	ClientID          string
	Subject           string // the real one, never pairwise
	ObfuscatedSubject string // what the client knows, when it differs
	IssuedAt          time.Time
	ExpiresAt         time.Time // oauth.Never for a refresh token without an end
	Audience          []string
	Issuer            string
	Extra             json.RawMessage // the consent's access_token claims; nil when there are none
}

// ScopeText writes the scope as RFC 6749 §3.3 does.
func (in *Introspection) ScopeText() string { return strings.Join(in.Scope, " ") }

// Introspect judges a token of any kind. scope, if any, must be covered by
// what was granted, whose entries act as patterns. The hint of RFC 7662 §2.1
// changes nothing: a value tells its kind by itself.
//
// It costs one look-up, and none for a token that is forged or expired. An
// error is a fault of the server and says nothing about the token.
func (s *Service) Introspect(ctx context.Context, value oauth.Secret, _ string, scope []string) (*Introspection, error) {
	now := s.Now()
	c, err := s.read(ctx, value, now)
	if err != nil {
		return inactive(err)
	}
	st, err := s.look(ctx, c, now)
	if err != nil {
		return inactive(err)
	}
	in := &Introspection{
		Active: true, Use: c.use, ClientID: st.client.ID, Issuer: s.Options.Issuer,
		IssuedAt: c.issued, ExpiresAt: c.expires,
	}
	if c.machine != nil {
		in.Scope, in.Audience, in.Subject = c.machine.Scope, c.machine.Audience, c.machine.Subject
		if in.Subject == "" {
			in.Subject = st.client.ID
		}
		in.Extra = c.machine.Session
	} else if err := s.describe(in, st); err != nil {
		return nil, err
	}
	if !s.Options.scopes().Covers(in.Scope, scope) {
		return &Introspection{}, nil
	}
	return in, nil
}

// inactive keeps a fault of the database from looking like a dead token.
func inactive(err error) (*Introspection, error) {
	if refused(err) {
		return &Introspection{}, nil
	}
	return nil, err
}

func (s *Service) describe(in *Introspection, st *standing) error {
	d, err := s.openPaid(&st.row.Grant)
	if err != nil {
		return err
	}
	in.Scope, in.Audience = st.scope.pick(d.GrantedScope), st.audience.pick(d.GrantedAudience)
	in.Subject = d.Subject
	if d.SubjectIdentifier != "" && d.SubjectIdentifier != d.Subject {
		in.ObfuscatedSubject = d.SubjectIdentifier
	}
	session, err := members(d.AccessClaims)
	if err != nil {
		return err
	}
	if len(session) > 0 {
		in.Extra = d.AccessClaims
	}
	if st.use == useRefresh {
		in.ExpiresAt = st.row.RefreshExpiresAt
		in.IssuedAt = st.row.RefreshedAt
		if in.IssuedAt.IsZero() {
			in.IssuedAt = st.row.CodeUsedAt
		}
	}
	return nil
}
