package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
	"hydra/internal/token"
)

// Imported tells what became of an authorization of another server.
type Imported int

// What can become of it.
const (
	ImportAdded Imported = iota // it was not here
	ImportKnown                 // it was taken over before, and is left as it is
	ImportOver                  // no refresh token lives, and no consent is remembered
	ImportMoved                 // it was taken over before, and has gone on over there since: its tokens are ended here
)

// Import writes the Grant of an authorization that another server gave, with
// what recognises its refresh tokens. With dry, nothing is written; the client
// then need not exist.
//
// Everything is written in one transaction: a chain is here whole, or not.
func (s *Service) Import(ctx context.Context, client *oauth.Client, a *oauth.Authorization, dry bool) (Imported, error) {
	now := s.Now()
	var until time.Time
	if a.Remember && !a.Skip {
		if until = rememberUntil(a.RequestedAt, a.RememberFor); oauth.Past(until, now) {
			until = time.Time{}
		}
	}
	chain := s.Tokens.Imports.Chain(a, until, now)
	over := chain.ExpiresAt.IsZero() && until.IsZero()
	known, err := s.Tokens.Imports.Known(ctx, a)
	switch {
	case err != nil:
		return 0, err
	case known:
		return s.importAgain(ctx, &chain, over, dry)
	case over:
		return ImportOver, nil
	case dry:
		return ImportAdded, nil
	}
	g, err := s.importedGrant(client, a, &chain, until, now)
	if err != nil {
		return 0, err
	}
	err = s.Store.Tx(ctx, func(store oauth.Store) error {
		if err := store.AddImportedToken(ctx, &chain.Mark); err != nil {
			return err
		}
		for i := range chain.Tokens {
			if err := store.AddImportedToken(ctx, &chain.Tokens[i]); err != nil {
				return err
			}
		}
		return store.AddGrant(ctx, g, oauth.Standing{Now: now})
	})
	if errors.Is(err, oauth.ErrExists) {
		return ImportKnown, nil // another import runs at the same time
	}
	return ImportAdded, err
}

// importAgain looks at a chain that is here already. One that went on over
// there has tokens that are not known here, and known ones that may be stolen
// by now or were revoked there: it must not go on here.
func (s *Service) importAgain(ctx context.Context, chain *token.Chain, over, dry bool) (Imported, error) {
	moved, err := s.Tokens.Imports.Moved(ctx, chain)
	switch {
	case err != nil:
		return 0, err
	case moved && dry:
		return ImportMoved, nil
	case moved:
		return ImportMoved, s.Store.EndGrant(ctx, chain.Seed.GrantID(), oauth.EndedByImport, s.Now())
	case over:
		return ImportOver, nil
	}
	return ImportKnown, nil
}

// importedGrant is the row of an authorization whose code was exchanged by the
// other server.
func (s *Service) importedGrant(client *oauth.Client, a *oauth.Authorization, chain *token.Chain, until, now time.Time) (*oauth.Grant, error) {
	id := chain.Seed.GrantID()
	g := &oauth.Grant{
		ID: id, ClientUID: client.UID, Kind: oauth.ConsentGrant, SubjectKey: s.subjectKey(a.Subject), Skip: a.Skip,
		RequestedAt: a.RequestedAt, HandledAt: a.HandledAt, CodeUsedAt: a.HandledAt,
		Generation: chain.Generation, RotationID: chain.Rotation, RefreshExpiresAt: chain.ExpiresAt,
		ExpiresAt: oauth.Later(chain.ExpiresAt, now), OpID: oauth.ID(secret.NewID()),
	}
	if !until.IsZero() {
		g.RememberKey, g.ConsentUntil = s.rememberKey(client.UID, a.Subject), until
	}
	g.PurgeAt = token.Appointment(oauth.Later(g.ExpiresAt, until), now)
	flow, err := s.importedFlow(client, a, chain.Seed)
	if err != nil {
		return nil, err
	}
	d := &oauth.GrantData{
		Subject: a.Subject, SubjectIdentifier: a.Identifier,
		GrantedScope: oauth.Unique(a.GrantedScope), GrantedAudience: oauth.Unique(a.GrantedAudience),
		RequestedScope: a.RequestedScope, RequestedAudience: a.RequestedAudience,
		AuthTime: a.AuthTime.Unix(), ACR: a.ACR, AMR: a.AMR,
		AccessClaims: a.AccessClaims, IDClaims: a.IDClaims, Context: a.Context,
		Remember: a.Remember, RememberFor: a.RememberFor, HandledAt: a.HandledAt.Unix(), Flow: flow,
	}
	if d.SubjectIdentifier == "" {
		// One that cannot be made any more stays the subject, as it was.
		d.SubjectIdentifier, _ = s.identifier(client, &oauth.Login{Subject: a.Subject})
	}
	g.Data, err = s.Tokens.SealData(id, d)
	return g, err
}

// importedFlow makes what the list of consents shows of the request.
func (s *Service) importedFlow(client *oauth.Client, a *oauth.Authorization, seed oauth.Seed) ([]byte, error) {
	_, query, _ := strings.Cut(a.RequestURL, "?")
	if query == "" {
		query = url.Values{"client_id": {client.ID}, "scope": {joined(a.RequestedScope)}}.Encode()
	}
	c := &carried{Flow: oauth.Flow{
		Seed: seed, ClientUID: client.UID, ClientID: client.ID, RequestedAt: a.RequestedAt, Query: query,
		Login: &oauth.Login{Subject: a.Subject, AuthTime: a.AuthTime, ACR: a.ACR, AMR: a.AMR, Context: a.Context, ForcedID: a.Identifier},
	}}
	w := new(pack.Writer)
	appendRequest(w, &c.Flow)
	c.first = w.B
	var err error
	if c.login, err = s.importedOrigin(secret.LoginChallenge, c.first); err != nil {
		return nil, err
	}
	c.consent, err = s.importedOrigin(secret.ConsentChallenge, c.later(false))
	return c.keep(), err
}

// importedOrigin lets a challenge be shown that nobody was sent.
func (s *Service) importedOrigin(k secret.Kind, payload []byte) (o origin, err error) {
	o.nonce, _ = s.identify(k, payload)
	o.kid, err = s.Sealer.Current(k)
	return o, err
}
