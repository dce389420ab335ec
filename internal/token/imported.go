package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Imports recognises refresh tokens of an ORY Hydra whose database was
// imported. Such a token is one spelling of a refresh token of ours: what it
// means is decided by the Grant, as for every other. The answer carries one of
// our own.
//
// A value that no imported system secret has signed costs no statement.
type Imports struct {
	Store  oauth.Imports
	Grants oauth.Grants
	Sealer *secret.Sealer
	Watch  *key.Watch // tells when another node has imported
	Now    func() time.Time

	mu      sync.Mutex
	loaded  bool
	version int64
	keys    []secret.ForeignKey
}

// The generations of an imported chain: that of its Grant, and that of tokens
// which had been replaced before.
const (
	importedCurrent = 1
	importedSpent   = 0
)

// Load reads the secrets that this node does not know yet.
func (i *Imports) Load(ctx context.Context) ([]secret.ForeignKey, error) {
	v, err := i.Watch.Current(ctx)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.loaded && i.version == v.Seal {
		return i.keys, nil
	}
	rows, err := i.Store.ImportedSecrets(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]secret.ForeignKey, 0, len(rows))
	for _, row := range rows {
		plain, err := i.Sealer.OpenRow("imported_secrets", "data", row.ID[:], row.Data)
		if err != nil || len(plain) != len(secret.ForeignKey{}) {
			return nil, fmt.Errorf("token: open the imported system secret %s: %w", row.ID, err)
		}
		keys = append(keys, secret.ForeignKey(plain))
	}
	i.keys, i.version, i.loaded = keys, v.Seal, true
	return keys, nil
}

// AddKey keeps a system secret of another server, from now on sealed here. It
// reports whether it was new.
func (i *Imports) AddKey(ctx context.Context, k secret.ForeignKey) (bool, error) {
	id := oauth.ID(i.Sealer.Index("imported secret", string(k[:])))
	data, err := i.Sealer.SealRow("imported_secrets", "data", id[:], k[:])
	if err != nil {
		return false, err
	}
	err = i.Store.AddImportedSecret(ctx, &oauth.ImportedSecret{ID: id, CreatedAt: i.Now(), Data: data})
	i.Watch.Forget()
	if errors.Is(err, oauth.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// open finds the refresh token of ours that a value stands for. errUnknown.
func (i *Imports) open(ctx context.Context, value string) (refreshPayload, error) {
	if i == nil {
		return refreshPayload{}, errUnknown
	}
	keys, err := i.Load(ctx)
	if err != nil {
		return refreshPayload{}, err
	}
	signature, ok := secret.ForeignSignature(keys, value)
	if !ok {
		return refreshPayload{}, errUnknown
	}
	row, err := i.Store.ImportedToken(ctx, importedID("token", signature))
	if errors.Is(err, oauth.ErrNotFound) {
		return refreshPayload{}, errUnknown
	}
	if err != nil {
		return refreshPayload{}, err
	}
	p := refreshPayload{Seed: i.seed(row.Chain), Generation: row.Generation}
	if row.Generation == importedCurrent {
		if oauth.Past(row.ExpiresAt, i.Now()) {
			return refreshPayload{}, errUnknown // others of its chain may end later
		}
		p.Rotation = i.rotation(row.Chain)
	}
	return p, nil
}

// seed is the secret of an imported chain's Grant. It follows from the chain,
// so that a second import meets the same Grant, by a hash that only this
// installation can compute.
func (i *Imports) seed(chain oauth.ID) oauth.Seed {
	return oauth.Seed(i.Sealer.Index("imported chain", string(chain[:])))
}

func (i *Imports) rotation(chain oauth.ID) (r [8]byte) {
	sum := i.Sealer.Index("imported rotation", string(chain[:]))
	copy(r[:], sum[:])
	return r
}

// importedID hashes a name of another server.
func importedID(kind, name string) oauth.ID {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	return oauth.ID(sum[:16])
}

// Chain is an imported chain of refresh tokens as rows.
type Chain struct {
	Seed       oauth.Seed
	Mark       oauth.ImportedToken // the chain's own row
	Tokens     []oauth.ImportedToken
	Generation int64
	Rotation   [8]byte
	ExpiresAt  time.Time // zero when none can
}

// Chain makes the rows of an authorization of another server. until is when
// its consent ends, which the chain's own row must outlive.
func (i *Imports) Chain(a *oauth.Authorization, until, now time.Time) Chain {
	id := importedID("chain", a.Chain)
	c := Chain{Seed: i.seed(id), Mark: oauth.ImportedToken{ID: id, Chain: id}}
	for _, t := range a.Tokens {
		if !t.Spent && !oauth.Past(t.ExpiresAt, now) {
			c.Generation, c.Rotation = importedCurrent, i.rotation(id)
			c.ExpiresAt = oauth.Later(c.ExpiresAt, t.ExpiresAt)
		}
	}
	c.Mark.ExpiresAt = oauth.Later(oauth.Later(c.ExpiresAt, until), now)
	if c.ExpiresAt.IsZero() {
		return c
	}
	for _, t := range a.Tokens {
		row := oauth.ImportedToken{ID: importedID("token", t.Signature), Chain: id, Generation: importedSpent, ExpiresAt: c.ExpiresAt}
		switch {
		case t.Spent:
		case oauth.Past(t.ExpiresAt, now):
			continue // neither usable nor stolen: unknown
		default:
			row.Generation, row.ExpiresAt = importedCurrent, t.ExpiresAt
		}
		c.Tokens = append(c.Tokens, row)
	}
	return c
}

// Moved reports whether a chain that was taken over before, and that nobody has
// used here since, has gone on over there: what could be used then and what can
// be used now is not the same.
func (i *Imports) Moved(ctx context.Context, c *Chain) (bool, error) {
	grant, err := i.Grants.Grant(ctx, c.Seed.GrantID())
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case grant.Dead() || grant.Generation != importedCurrent || oauth.Past(grant.RefreshExpiresAt, i.Now()):
		return false, nil
	case c.ExpiresAt.IsZero():
		return true, nil
	}
	for _, t := range c.Tokens {
		had, err := i.Store.ImportedToken(ctx, t.ID)
		if err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return false, err
		}
		current := err == nil && had.Generation == importedCurrent
		if current != (t.Generation == importedCurrent) {
			return true, nil
		}
	}
	return false, nil
}

// Known reports whether the chain was taken over before.
func (i *Imports) Known(ctx context.Context, a *oauth.Authorization) (bool, error) {
	_, err := i.Store.ImportedToken(ctx, importedID("chain", a.Chain))
	if errors.Is(err, oauth.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
