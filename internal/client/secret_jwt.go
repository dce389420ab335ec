package client

import (
	"fmt"
	"slices"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// An HMAC can only be checked by whoever has the secret, so that clients with
// client_secret_jwt (OpenID Connect Core §9), and they alone, have theirs
// sealed beside its hash.

// newSecret returns the secret in clear and as it is stored. A generated one
// needs no slow hash: nobody can guess it. A given one was hashed a moment ago,
// so that this node recognises it from now on.
func (s *Service) newSecret(c *oauth.Client, given oauth.Secret, now time.Time) (oauth.Secret, oauth.ClientSecret, error) {
	row := oauth.ClientSecret{ID: oauth.ID(secret.NewID()), ClientUID: c.UID, CreatedAt: now, ExpiresAt: oauth.Never}
	plain := given
	switch {
	case given != "":
		row.Hash = secret.HashChosen(string(given), s.iterations())
		s.start()
		s.hashes.remember(c.UID, row.Hash, given, s.Now())
	case c.AuthMethod == oauth.AuthSecretJWT:
		plain = oauth.Secret(secret.MACSecret())
		row.Hash = secret.HashGenerated(string(plain))
	default:
		plain = oauth.Secret(secret.ClientSecret())
		row.Hash = secret.HashGenerated(string(plain))
	}
	if c.AuthMethod != oauth.AuthSecretJWT {
		return plain, row, nil
	}
	var err error
	row.Sealed, err = s.Sealer.SealRow("client_secret_copies", "sealed", placeOf(&row), []byte(plain))
	return plain, row, err
}

// placeOf is the primary key of a secret, to which its copy is bound.
func placeOf(row *oauth.ClientSecret) []byte { return slices.Concat(row.ClientUID[:], row.ID[:]) }

// lacksSecret reports whether a client has no secret of the kind that it
// authenticates with.
func lacksSecret(c *oauth.Client, rows []oauth.ClientSecret) bool {
	switch c.AuthMethod {
	case oauth.AuthPrivateKeyJWT:
		return false
	case oauth.AuthSecretJWT:
		return !recoverable(rows)
	}
	return len(rows) == 0
}

// holds reports whether the secret is one of those that a client authenticates
// with, so that whoever describes a client anew with the secret that it has
// leaves those alone that were added for a rotation.
func holds(c *oauth.Client, given oauth.Secret, rows []oauth.ClientSecret) bool {
	if c.AuthMethod == oauth.AuthSecretJWT {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r oauth.ClientSecret) bool { return r.Sealed == nil })
	}
	return known(given, rows)
}

func recoverable(rows []oauth.ClientSecret) bool {
	return slices.ContainsFunc(rows, func(r oauth.ClientSecret) bool { return r.Sealed != nil })
}

// forgotten are the same secrets as hashes alone.
func forgotten(rows []oauth.ClientSecret) []oauth.ClientSecret {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Sealed = nil
	}
	return rows
}

// verifyMAC checks a JWT with the client's secrets that have not expired. Only
// the registered algorithm counts, if there is one. key.ErrInvalidJWT.
func (s *Service) verifyMAC(l loaded, jwt, registered string) (key.Verified, error) {
	algs := key.SecretAlgs()
	if registered != "" {
		algs = []string{registered}
	}
	now := s.Now()
	failed := error(key.ErrUnknownKey)
	for _, row := range l.secrets {
		if row.Sealed == nil || oauth.Past(row.ExpiresAt, now) {
			continue
		}
		plain, err := s.Sealer.OpenRow("client_secret_copies", "sealed", placeOf(&row), row.Sealed)
		if err != nil {
			return key.Verified{}, fmt.Errorf("client: a secret of %s: %w", l.client.UID, err)
		}
		verified, err := key.VerifyMAC(plain, jwt, algs)
		if err == nil {
			return verified, nil
		}
		failed = err
	}
	return key.Verified{}, failed
}
