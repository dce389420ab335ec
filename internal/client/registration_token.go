package client

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Both tokens of registration are sealed values of one kind; their first byte
// tells them apart.
const (
	ofClient  = 1 // a registration access token: uid and generation
	ofInitial = 2 // an initial access token: its id
)

var (
	errRegistration = oauth.InvalidToken.Hint("The registration access token is not that of this client, or the client is gone.")
	errInitial      = oauth.InvalidToken.Hint("The initial access token is unknown, has expired, or has been used as often as it may.")
)

// registrationToken makes the token of a client's present generation.
func (s *Service) registrationToken(c *oauth.Client) (oauth.Secret, error) {
	payload := append([]byte{ofClient}, c.UID[:]...)
	text, err := s.Sealer.Seal(secret.Registration, binary.AppendUvarint(payload, uint64(c.RegistrationGeneration))) //nolint:gosec // never negative
	return oauth.Secret(text), err
}

// openToken opens a token of registration and returns what follows its first
// byte. A forged one costs no statement. The error is bad for all that is not
// genuine.
func (s *Service) openToken(ctx context.Context, token oauth.Secret, kind byte, bad *oauth.Error) ([]byte, error) {
	o, err := s.Sealer.Open(ctx, string(token), secret.Registration)
	switch {
	case errors.Is(err, secret.ErrUnknown):
		return nil, bad.Because(err)
	case err != nil:
		return nil, err
	case len(o.Payload) < 17 || o.Payload[0] != kind:
		return nil, bad
	}
	return o.Payload[1:], nil
}

// registered returns the client that a token is for, past the cache.
func (s *Service) registered(ctx context.Context, id string, token oauth.Secret) (*oauth.Client, []oauth.ClientSecret, error) {
	if s.Registrations == nil || s.Options.Registration.Access == "" {
		return nil, nil, oauth.NotFound.Hint("Clients cannot be registered here.")
	}
	if token == "" {
		return nil, nil, oauth.RequestUnauthorized.Hint("The registration access token is missing: send it in the header Authorization, with the scheme Bearer.")
	}
	payload, err := s.openToken(ctx, token, ofClient, errRegistration)
	if err != nil {
		return nil, nil, err
	}
	generation, n := binary.Uvarint(payload[16:])
	if n != len(payload)-16 || len(id) > maxClientID {
		return nil, nil, errRegistration
	}
	c, secrets, err := s.Store.Client(ctx, id)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return nil, nil, errRegistration.Because(err)
	case err != nil:
		return nil, nil, err
	case c.UID != oauth.ID(payload[:16]) || uint64(c.RegistrationGeneration) != generation || lapsed(c, s.Now()): //nolint:gosec // never negative
		return nil, nil, errRegistration
	}
	return c, secrets, nil
}

// openInitial returns the id of an initial access token that may be used now.
func (s *Service) openInitial(ctx context.Context, token oauth.Secret) (oauth.ID, error) {
	payload, err := s.openToken(ctx, token, ofInitial, errInitial)
	if err != nil {
		return oauth.ID{}, err
	}
	if len(payload) != 16 {
		return oauth.ID{}, errInitial
	}
	t, err := s.Registrations.InitialAccessToken(ctx, oauth.ID(payload))
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return oauth.ID{}, errInitial.Because(err)
	case err != nil:
		return oauth.ID{}, err
	case t.UsesLeft <= 0 || oauth.Past(t.ExpiresAt, s.Now()):
		return oauth.ID{}, errInitial
	}
	return t.ID, nil
}

// maxNote is the length of the note of an initial access token, in bytes.
const maxNote = 1 << 10

// AddInitialAccessToken makes an initial access token (RFC 7591 §3) and
// returns its value, which is shown once. A zero end means never,
// oauth.UnlimitedUses any number. oauth.InvalidRequest.
func (s *Service) AddInitialAccessToken(ctx context.Context, note string, uses int64, end time.Time) (oauth.Secret, oauth.InitialAccessToken, error) {
	t := oauth.InitialAccessToken{ID: oauth.ID(secret.NewID()), CreatedAt: s.now(), ExpiresAt: oauth.Never, UsesLeft: uses, Note: note}
	switch {
	case len(note) > maxNote || !plain(note):
		return "", t, oauth.InvalidRequest.Hint("The note is longer than 1,024 bytes or contains control characters.")
	case uses < 1 || uses > oauth.UnlimitedUses:
		return "", t, oauth.InvalidRequest.Hint("The number of uses must be above 0, or absent.")
	case !end.IsZero() && oauth.Past(end, s.Now()):
		return "", t, oauth.InvalidRequest.Hint("The end of the token has passed already.")
	}
	if !end.IsZero() {
		t.ExpiresAt = end.UTC().Truncate(time.Second)
	}
	value, err := s.Sealer.Seal(secret.Registration, append([]byte{ofInitial}, t.ID[:]...))
	if err != nil {
		return "", t, err
	}
	return oauth.Secret(value), t, s.Registrations.AddInitialAccessToken(ctx, t)
}

// InitialAccessTokens lists at most limit tokens behind one, without values.
func (s *Service) InitialAccessTokens(ctx context.Context, after oauth.ID, limit int) ([]oauth.InitialAccessToken, error) {
	return s.Registrations.InitialAccessTokens(ctx, after, limit)
}

// DeleteInitialAccessToken ends a token. Clients that it registered stay.
// oauth.NotFound.
func (s *Service) DeleteInitialAccessToken(ctx context.Context, id oauth.ID) error {
	err := s.Registrations.DeleteInitialAccessToken(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		return oauth.NotFound.Hint("There is no initial access token with this id.").Because(err)
	}
	return err
}
