package key

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

// RotateEncryption replaces the pairs of a set that others encrypt to (use
// enc). A new pair is published at once and the one before it no more, but that
// one opens what was encrypted to it for PublishFor: others may know the old
// set for a while, or have encrypted long ago. Then it goes, with the next
// rotation. A set that has no pair yet is left alone.
//
// Of two rotations at once one wins for both pairs.
func (s *Service) RotateEncryption(ctx context.Context, set string) ([]Rotated, error) {
	return s.rotateEncryption(ctx, set, func(*stored) bool { return true })
}

// RotateEncryptionOlder is RotateEncryption for pairs at least as old as the age.
func (s *Service) RotateEncryptionOlder(ctx context.Context, set string, age time.Duration) ([]Rotated, error) {
	now := s.now()
	return s.rotateEncryption(ctx, set, func(k *stored) bool { return !now.Before(k.row.CreatedAt.Add(age)) })
}

func (s *Service) rotateEncryption(ctx context.Context, set string, due func(*stored) bool) ([]Rotated, error) {
	ks, err := s.load(ctx, set)
	if err != nil {
		return nil, err
	}
	now := s.now()
	defer s.Watch.Forget()
	for _, k := range ks.keys {
		if k.row.RetiredAt.IsZero() || now.Before(k.row.VerifyUntil) {
			continue
		}
		if _, err := s.Store.DeleteKey(ctx, set, k.row.KID); err != nil {
			return nil, err
		}
	}
	var rows []oauth.KeyRow
	var done []Rotated
	var old []string
	for _, pair := range encryptionPairs {
		newest := ks.encryption(pair.is)
		if newest == nil || !due(newest) {
			continue
		}
		fresh, err := s.encryptionPair(ctx, set, pair, ks, now)
		if err != nil {
			return nil, err
		}
		rows = append(rows, fresh...)
		done = append(done, Rotated{Set: set, KID: publishedKID(fresh[0].KID), Alg: pair.alg, ActiveFrom: now})
		old = append(old, ks.unretired(pair.is)...)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	switch err := s.Store.AddKeys(ctx, rows); {
	case errors.Is(err, oauth.ErrExists):
		return nil, nil // somebody else was faster
	case err != nil:
		return nil, err
	}
	until := oauth.Never
	if s.PublishFor > 0 {
		until = now.Add(s.PublishFor)
	}
	return done, s.Store.RetireKeys(ctx, set, old, now, until)
}

// encryption returns the newest private key of a kind that is for encryption
// and not retired, or nil.
func (ks *keySet) encryption(is func(any) bool) *stored {
	for _, k := range ks.keys {
		if k.jwk.Use == "enc" && is(k.jwk.Key) && k.row.RetiredAt.IsZero() {
			return k
		}
	}
	return nil
}

// unretired lists the keys of the pairs of a kind, both halves.
func (ks *keySet) unretired(is func(any) bool) []string {
	pairs := map[string]bool{} // by published kid
	for _, k := range ks.keys {
		if k.jwk.Use == "enc" && is(k.jwk.Key) {
			pairs[publishedKID(k.row.KID)] = true
		}
	}
	var kids []string
	for _, k := range ks.keys {
		if pairs[publishedKID(k.row.KID)] && k.row.RetiredAt.IsZero() {
			kids = append(kids, k.row.KID)
		}
	}
	return kids
}
