package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"hydra/internal/oauth"
)

// maxSecrets is how many secrets a client may hold at once: a wrong one is
// compared with each.
const maxSecrets = 5

// SecretRequest describes a further secret of a client.
type SecretRequest struct {
	Secret       oauth.Secret // "": one is generated
	ExpiresAt    time.Time    // zero: never
	OthersExpire time.Time    // zero: the others stay as they are; else none of them lasts longer
}

// Secrets lists the secrets of a client as they are stored, oldest first.
// Those that have expired are not in it. oauth.NotFound.
func (s *Service) Secrets(ctx context.Context, id string) ([]oauth.ClientSecret, error) {
	_, rows, err := s.Store.Client(ctx, id)
	if err != nil {
		return nil, unknown(err)
	}
	return live(rows, s.Now()), nil
}

func live(rows []oauth.ClientSecret, now time.Time) []oauth.ClientSecret {
	return slices.DeleteFunc(slices.Clone(rows), func(r oauth.ClientSecret) bool { return oauth.Past(r.ExpiresAt, now) })
}

// AddSecret gives a client one more secret, so that it can change over without
// a gap, and returns it in clear and as it is stored. oauth.NotFound;
// oauth.InvalidRequest for a client that does not use secrets, for a secret
// against the rules and for an end that has passed; oauth.Conflict for too many.
func (s *Service) AddSecret(ctx context.Context, id string, r SecretRequest) (plain oauth.Secret, added oauth.ClientSecret, err error) {
	err = s.changeSecrets(ctx, id, func(c *oauth.Client, rows []oauth.ClientSecret, now time.Time) ([]oauth.ClientSecret, error) {
		switch {
		case !slices.Contains([]string{oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthSecretJWT}, c.AuthMethod):
			return nil, oauth.InvalidRequest.Hint("The client does not authenticate with a secret.")
		case !r.ExpiresAt.IsZero() && oauth.Past(r.ExpiresAt, now):
			return nil, oauth.InvalidRequest.Hint("The end of the secret has passed already.")
		case len(rows) >= maxSecrets:
			return nil, oauth.Conflict.Hintf("A client holds at most %d secrets; delete one first.", maxSecrets)
		}
		if hint := secretForm(draft{Client: c, secret: r.Secret}); hint != "" {
			return nil, oauth.InvalidRequest.Hint(hint)
		}
		for i := range rows {
			if end := r.OthersExpire; !end.IsZero() && end.Before(rows[i].ExpiresAt) {
				rows[i].ExpiresAt = end
			}
		}
		var err error
		if plain, added, err = s.newSecret(c, r.Secret, now); err != nil {
			return nil, err
		}
		if !r.ExpiresAt.IsZero() {
			added.ExpiresAt = r.ExpiresAt
		}
		return append(rows, added), nil
	})
	if err != nil {
		return "", oauth.ClientSecret{}, err
	}
	return plain, added, nil
}

// DeleteSecret ends one secret of a client. One that is unknown is as good as
// deleted. oauth.NotFound for an unknown client, oauth.Conflict when it is the
// last that lasts: the client would be locked out.
func (s *Service) DeleteSecret(ctx context.Context, id string, secretID oauth.ID) error {
	return s.changeSecrets(ctx, id, func(_ *oauth.Client, rows []oauth.ClientSecret, _ time.Time) ([]oauth.ClientSecret, error) {
		if len(rows) == 1 && rows[0].ID == secretID {
			return nil, oauth.Conflict.Hint("This is the client's only secret; create another one first.")
		}
		return slices.DeleteFunc(rows, func(r oauth.ClientSecret) bool { return r.ID == secretID }), nil
	})
}

// changeSecrets hands the secrets that have not expired to the function and
// stores what it returns. The function may run more than once.
func (s *Service) changeSecrets(ctx context.Context, id string, change func(*oauth.Client, []oauth.ClientSecret, time.Time) ([]oauth.ClientSecret, error)) error {
	for range updates {
		c, rows, err := s.Store.Client(ctx, id)
		if err != nil {
			return unknown(err)
		}
		now := s.now()
		rows, err = change(c, live(rows, s.Now()), now)
		if err != nil {
			return err
		}
		c.UpdatedAt = now
		if rows == nil {
			rows = []oauth.ClientSecret{} // nil would leave them
		}
		err = s.Store.UpdateClient(ctx, c, rows)
		if err == nil {
			s.changed(id)
		}
		if !errors.Is(err, oauth.ErrUsed) {
			return err
		}
	}
	return contended
}
