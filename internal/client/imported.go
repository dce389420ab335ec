package client

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Imported tells what became of a client of another server.
type Imported int

// What can become of it.
const (
	ImportAdded     Imported = iota // it was not here
	ImportUnchanged                 // it is here as it was there
	ImportDiffers                   // another one, or one with another secret, is here with the same id, and stays
	ImportReplaced                  // another one was here with the same id
)

// Import registers a client of another server with the hash of its secret, and
// returns it as it is stored. One that is here with the same id and other
// members or another secret is left as it is, unless replace is set. With dry,
// nothing is written.
//
// The error is oauth.InvalidRequest when the client breaks a rule, or when its
// secret could not be checked here.
func (s *Service) Import(ctx context.Context, c *oauth.Client, hash string, replace, dry bool) (*oauth.Client, Imported, error) {
	if err := s.settle(ctx, c, ""); err != nil {
		return nil, 0, err
	}
	now := s.now()
	rows := []oauth.ClientSecret{}
	switch {
	case c.IsPublic() || c.AuthMethod == oauth.AuthPrivateKeyJWT && hash == "":
	case secret.ReadableHash(hash):
		rows = append(rows, oauth.ClientSecret{ID: importedSecretID(hash), Hash: hash, CreatedAt: now, ExpiresAt: oauth.Never})
	default:
		return nil, 0, oauth.InvalidRequest.Hint("The hash of the client's secret has a form that cannot be checked here.")
	}
	old, secrets, err := s.Store.Client(ctx, c.ID)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		c.UID, c.ExpiresAt = oauth.ID(secret.NewID()), oauth.Never
		if c.CreatedAt.IsZero() {
			c.CreatedAt = now
		}
		if c.UpdatedAt.IsZero() {
			c.UpdatedAt = c.CreatedAt
		}
		if !dry {
			err = s.Store.AddClient(ctx, c, owned(rows, c.UID))
			s.changed(c.ID)
		} else {
			err = nil
		}
		return c, ImportAdded, err
	case err != nil:
		return nil, 0, err
	case sameMembers(old, c) && sameSecret(secrets, rows):
		return old, ImportUnchanged, nil
	case !replace:
		return old, ImportDiffers, nil
	}
	c.UID, c.Epoch, c.Version, c.RegistrationGeneration = old.UID, old.Epoch, old.Version, old.RegistrationGeneration
	c.CreatedAt, c.UpdatedAt, c.ExpiresAt = old.CreatedAt, now, old.ExpiresAt
	if !dry {
		err = s.Store.UpdateClient(ctx, c, owned(rows, c.UID))
		s.changed(c.ID)
	}
	return c, ImportReplaced, err
}

// importedSecretID names a secret by its hash over there. The name stays when
// the hash is replaced by a better one at the first use.
func importedSecretID(hash string) oauth.ID {
	sum := sha256.Sum256([]byte("imported secret\x00" + hash))
	return oauth.ID(sum[:16])
}

// sameSecret reports whether the secret of an import, if it has one, is among
// those that are here.
func sameSecret(here, imported []oauth.ClientSecret) bool {
	return len(imported) == 0 || slices.ContainsFunc(here, func(s oauth.ClientSecret) bool { return s.ID == imported[0].ID })
}

func owned(rows []oauth.ClientSecret, uid oauth.ID) []oauth.ClientSecret {
	for i := range rows {
		rows[i].ClientUID = uid
	}
	return rows
}

// sameMembers reports whether two clients differ in nothing that is registered.
func sameMembers(a, b *oauth.Client) bool {
	return reflect.DeepEqual(registered(a), registered(b))
}

// registered is the client as its members are stored, whatever the spelling of
// the JSON in them.
func registered(c *oauth.Client) (v any) {
	raw, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		return nil
	}
	return v
}
