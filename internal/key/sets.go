package key

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

var (
	errNoSet = oauth.NotFound.Hint("There is no such key set.")
	errNoKey = oauth.NotFound.Hint("There is no such key in the set.")
	errFull  = oauth.InvalidRequest.Hintf("A key set holds at most %d keys.", MaxKeys)
)

// Naming says what a caller means by the kid of a key.
type Naming bool

const (
	// Halves is the key that is stored under the kid.
	Halves Naming = false
	// Whole is that key, too, and where the set has none, the pair
	// "public:{kid}" and "private:{kid}" if it has one of them.
	Whole Naming = true
)

// kids are those under which the set stores what a caller calls kid.
func (ks *keySet) kids(kid string, n Naming) []string {
	pair := []string{publicPrefix + kid, privatePrefix + kid}
	if n == Whole && ks.key(kid) == nil && slices.ContainsFunc(pair, ks.has) {
		return pair
	}
	return []string{kid}
}

func (ks *keySet) has(kid string) bool { return ks.key(kid) != nil }

// Set returns the keys of a set with their private parts, newest first and of
// a pair the public half first. oauth.NotFound when it has none.
func (s *Service) Set(ctx context.Context, set string) ([]JWK, error) {
	if !goodName(set) {
		return nil, errNoSet
	}
	ks, err := s.load(ctx, set)
	if err != nil {
		return nil, err
	}
	if len(ks.keys) == 0 {
		return nil, errNoSet
	}
	all := make([]*parsed, len(ks.keys))
	for i, k := range ks.keys {
		all[i] = k.parsed
	}
	return shown(all), nil
}

// Key returns one key with its private part. oauth.NotFound.
func (s *Service) Key(ctx context.Context, set, kid string) (JWK, error) {
	if !goodName(set) || !goodName(kid) {
		return JWK{}, errNoKey
	}
	ks, err := s.load(ctx, set)
	if err != nil {
		return JWK{}, err
	}
	if k := ks.key(kid); k != nil {
		return shown([]*parsed{k.parsed})[0], nil
	}
	return JWK{}, errNoKey
}

func (ks *keySet) key(kid string) *stored {
	for _, k := range ks.keys {
		if k.row.KID == kid {
			return k
		}
	}
	return nil
}

// ReplaceSet puts a JSON Web Key Set (RFC 7517 §5) in place of what the set
// holds, and returns the keys as they are stored. A key that was in the set
// before, with the same kid and material, keeps its age and state. Of the new
// ones the first in the body counts as the newest; they are announced first if
// a key that signs remains. A key that means a pair is stored as one, unless
// the body has a half of it, too. oauth.InvalidRequest when the body is not a
// set of readable keys with a kid each, all different, or there are too many.
func (s *Service) ReplaceSet(ctx context.Context, set string, raw json.RawMessage, n Naming) ([]JWK, error) {
	if !goodName(set) {
		return nil, errName
	}
	keys, err := parseSet(raw)
	if err != nil {
		return nil, err
	}
	old, err := s.load(ctx, set)
	if err != nil {
		return nil, err
	}
	if keys, err = old.split(keys, n); err != nil {
		return nil, err
	}
	remaining := &keySet{}
	for _, p := range keys {
		if before := old.key(p.jwk.KeyID); before != nil && before.sameMaterial(p) {
			remaining.keys = append(remaining.keys, &stored{parsed: p, row: before.row})
		}
	}
	now := s.now()
	active := s.activeFrom(remaining, now)
	rows := make([]oauth.KeyRow, len(keys))
	for i, p := range keys {
		created := old.after(now).Add(time.Duration(len(keys)-i) * time.Microsecond)
		if rows[i], err = s.row(set, p, created, active, secret.NewID()); err != nil {
			return nil, err
		}
		if k := remaining.key(p.jwk.KeyID); k != nil {
			keepState(&rows[i], k.row)
		}
	}
	err = s.Store.ReplaceKeySet(ctx, set, rows)
	s.Watch.Forget()
	if err != nil {
		return nil, err
	}
	return shown(keys), nil
}

// split takes apart those keys of a body that mean a pair of the set.
func (ks *keySet) split(keys []*parsed, n Naming) ([]*parsed, error) {
	given := make(map[string]bool)
	for _, p := range keys {
		given[p.jwk.KeyID] = true
	}
	var out []*parsed
	for _, p := range keys {
		kids := ks.kids(p.jwk.KeyID, n)
		if len(kids) == 1 || slices.ContainsFunc(kids, func(kid string) bool { return given[kid] }) {
			out = append(out, p)
			continue
		}
		halves, err := p.halves()
		if err != nil {
			return nil, err
		}
		out = append(out, halves...)
	}
	if len(out) > MaxKeys {
		return nil, errFull
	}
	return out, nil
}

func keepState(row *oauth.KeyRow, before oauth.KeyRow) {
	row.Slot, row.CreatedAt, row.ActiveFrom = before.Slot, before.CreatedAt, before.ActiveFrom
	row.RetiredAt, row.VerifyUntil = before.RetiredAt, before.VerifyUntil
}

// PutKey adds a key to the set, or replaces what has the same kid, be it a key
// or a pair, and returns it under that kid. The kid in the body is that of the
// path or empty. oauth.InvalidRequest when it is another, the key is
// unreadable, or the set is full.
func (s *Service) PutKey(ctx context.Context, set, kid string, raw json.RawMessage, n Naming) (JWK, error) {
	if !goodName(set) || !goodName(kid) {
		return JWK{}, errName
	}
	p, err := parseForeign(raw)
	if err != nil {
		return JWK{}, err
	}
	switch p.jwk.KeyID {
	case kid:
	case "":
		p.jwk.KeyID = kid
		if p, err = checkJWK(p.jwk); err != nil {
			return JWK{}, err
		}
	default:
		return JWK{}, oauth.InvalidRequest.Hint("The kid in the body is not the one in the path.")
	}
	ks, err := s.load(ctx, set)
	if err != nil {
		return JWK{}, err
	}
	replaced, keys := ks.kids(kid, n), []*parsed{p}
	if len(replaced) > 1 {
		if keys, err = p.halves(); err != nil {
			return JWK{}, err
		}
	}
	others := &keySet{}
	for _, k := range ks.keys {
		if !slices.Contains(replaced, k.row.KID) {
			others.keys = append(others.keys, k)
		}
	}
	if len(others.keys)+len(keys) > MaxKeys {
		return JWK{}, errFull
	}
	now := s.now()
	rows := make([]oauth.KeyRow, len(keys))
	for i, p := range keys {
		rows[i], err = s.row(set, p, ks.after(now), s.activeFrom(others, now), secret.NewID())
		if err != nil {
			return JWK{}, err
		}
		if before := ks.key(p.jwk.KeyID); before != nil && before.sameMaterial(p) {
			keepState(&rows[i], before.row)
		}
	}
	err = s.Store.ReplaceKeys(ctx, set, replaced, rows)
	s.Watch.Forget()
	if err != nil {
		return JWK{}, err
	}
	return shown([]*parsed{p})[0], nil
}

// DeleteSet removes all keys of a set. It is no error when there are none.
func (s *Service) DeleteSet(ctx context.Context, set string) error {
	if !goodName(set) {
		return nil
	}
	_, err := s.Store.DeleteKeySet(ctx, set)
	s.Watch.Forget()
	return err
}

// DeleteKey removes one key. It is no error when it does not exist.
func (s *Service) DeleteKey(ctx context.Context, set, kid string) error {
	if !goodName(set) || !goodName(kid) {
		return nil
	}
	_, err := s.Store.DeleteKey(ctx, set, kid)
	s.Watch.Forget()
	return err
}

// parseSet reads a JSON Web Key Set from an API call. oauth.InvalidRequest.
func parseSet(raw json.RawMessage) ([]*parsed, error) {
	if len(raw) > MaxJSON {
		return nil, oauth.InvalidRequest.Hint("The key set is too long.")
	}
	members, err := StrictObject(raw)
	if err != nil {
		return nil, oauth.InvalidRequest.Hint("The key set is not a JSON object, or has a member twice.").Because(err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(members["keys"], &list); err != nil {
		return nil, oauth.InvalidRequest.Hint("The key set has no array \"keys\".").Because(err)
	}
	if len(list) > MaxKeys {
		return nil, errFull
	}
	seen := make(map[string]bool)
	keys := make([]*parsed, len(list))
	for i, one := range list {
		if keys[i], err = parseForeign(one); err != nil {
			return nil, err
		}
		kid := keys[i].jwk.KeyID
		if kid == "" {
			return nil, oauth.InvalidRequest.Hint("Each key of a set needs a kid.")
		}
		if seen[kid] {
			return nil, oauth.InvalidRequest.Hint("Two keys of the set have the same kid.")
		}
		seen[kid] = true
	}
	return keys, nil
}

// parseForeign reads a key from an API call. oauth.InvalidRequest.
func parseForeign(raw json.RawMessage) (*parsed, error) {
	if len(raw) > MaxJSON {
		return nil, oauth.InvalidRequest.Hint("The key is too long.")
	}
	p, err := parseJWK(raw)
	if err != nil {
		return nil, oauth.InvalidRequest.Hint("A key is not a readable JSON Web Key of type RSA (2,048 to 4,096 bits), EC (P-256, P-384, P-521), OKP (Ed25519) or oct.").Because(err)
	}
	k := p.jwk
	if !goodText(k.KeyID) || !goodText(k.Use) || !goodText(k.Algorithm) {
		return nil, errName
	}
	return p, nil
}
