package key

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Import adds a key of another server to a set and reports whether it did: one
// that is there with the same material changes nothing. With dry, nothing is
// written.
//
// With signing, the set is one that signs. A private key then goes on signing
// where the set has none that does, so that relying parties know it already:
// give the newest one first. All others are retired: they are published and
// verify, for as long as keys do that this server has retired now.
//
// oauth.Conflict when the set has another key of that kid,
// oauth.InvalidRequest when the key cannot be used here or the set is full.
func (s *Service) Import(ctx context.Context, set, kid string, raw json.RawMessage, created time.Time, signing, dry bool) (bool, error) {
	if !goodName(set) || !goodName(kid) {
		return false, errName
	}
	p, err := parseForeign(raw)
	if err != nil {
		return false, err
	}
	if p.jwk.KeyID != kid {
		p.jwk.KeyID = kid
		if p, err = checkJWK(p.jwk); err != nil {
			return false, err
		}
	}
	ks, err := s.load(ctx, set)
	if err != nil {
		return false, err
	}
	if before := ks.key(kid); before != nil {
		if before.private == p.private && before.sameMaterial(p) {
			return false, nil
		}
		return false, oauth.Conflict.Hint("The set has another key with this kid.")
	}
	if len(ks.keys) >= MaxKeys {
		return false, oauth.InvalidRequest.Hintf("A key set holds at most %d keys.", MaxKeys)
	}
	now := s.now()
	if created.IsZero() || created.After(now) {
		created = now
	}
	row, err := s.row(set, p, created.UTC().Truncate(time.Microsecond), created, secret.NewID())
	if err != nil || dry {
		return err == nil, err
	}
	if signing && (ks.newest() != nil || !p.private) {
		row.RetiredAt, row.VerifyUntil = now, now.Add(VerifyFor)
	}
	err = s.Store.AddKeys(ctx, []oauth.KeyRow{row})
	s.Watch.Forget()
	if errors.Is(err, oauth.ErrExists) {
		return false, oauth.Conflict.Hint("The set has another key with this kid.").Because(err)
	}
	return err == nil, err
}
