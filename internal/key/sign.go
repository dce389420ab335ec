package key

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// Verify checks a JWT against the keys of a set and of the one beside it,
// retired ones too. A token
// with a kid is checked with that key only, one without with all that its
// algorithm fits. It judges no claims. ErrInvalidJWT in one of its forms;
// any other error is the store's.
func (s *Service) Verify(ctx context.Context, set, jwt string) (Verified, error) {
	c, err := parseCompact(jwt)
	if err != nil {
		return Verified{}, err
	}
	v, err := s.verify(ctx, set, c)
	if errors.Is(err, ErrUnknownKey) && s.mayForce() {
		// Another node may have added the key within the staleness bound.
		s.Watch.Forget()
		v, err = s.verify(ctx, set, c)
	}
	return v, err
}

// verify looks into the set, and into the one beside it when the first does
// not know the key.
func (s *Service) verify(ctx context.Context, set string, c *compact) (Verified, error) {
	v, err := s.verifyIn(ctx, set, c)
	if !errors.Is(err, ErrInvalidJWT) || c.KID != "" && !errors.Is(err, ErrUnknownKey) {
		return v, err
	}
	beside, besideErr := s.verifyIn(ctx, ByAlgorithm(set), c)
	if errors.Is(besideErr, ErrUnknownKey) {
		return v, err // which says more, if the token names no key
	}
	return beside, besideErr
}

func (s *Service) verifyIn(ctx context.Context, set string, c *compact) (Verified, error) {
	ks, err := s.cached(ctx, set)
	if err != nil {
		return Verified{}, err
	}
	candidates := ks.all
	if c.KID != "" {
		candidates = ks.byKID[c.KID]
	}
	now := s.now()
	err = ErrUnknownKey
	for _, v := range candidates {
		if v.alg == "" || !now.Before(v.row.VerifyUntil) {
			continue
		}
		if c.KID == "" && v.alg != c.Alg {
			continue
		}
		if err = c.verify(v.public.Key, v.alg); err == nil {
			return c.verified(), nil
		}
	}
	return Verified{}, err
}

// forceEvery bounds how often unknown kids, which anybody can send, may ask
// the store past the cache.
const forceEvery = time.Second

func (s *Service) mayForce() bool {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.forced); age >= 0 && age < forceEvery {
		return false
	}
	s.forced = now
	return true
}

// published is an encoded public key set with what it was made from.
type published struct {
	version int64
	until   time.Time // then a key changes its state
	json    []byte
}

// PublicJWKS returns the public halves of the sets, and of those beside them,
// as one JSON Web Key Set (RFC 7517 §5): announced, active and recently retired
// keys, the signer of each set first. Each kid comes once, private and
// symmetric keys never. The result is shared: do not change it.
func (s *Service) PublicJWKS(ctx context.Context, sets ...string) ([]byte, error) {
	v, err := s.Watch.Current(ctx)
	if err != nil {
		return nil, err
	}
	name, now := strings.Join(sets, "\x00"), s.now()
	s.mu.Lock()
	p := s.jwks[name]
	s.mu.Unlock()
	if p != nil && p.version == v.Keys && now.Before(p.until) {
		return p.json, nil
	}
	p = &published{version: v.Keys, until: oauth.Never}
	seen := make(map[string]bool)
	var list [][]byte
	all := slices.Clone(sets)
	for _, set := range sets {
		all = append(all, ByAlgorithm(set))
	}
	for _, set := range all {
		ks, err := s.cached(ctx, set)
		if err != nil {
			return nil, err
		}
		p.version = min(p.version, ks.version)
		for _, one := range s.publishable(ks, now, &p.until) {
			if !seen[one.kid] {
				seen[one.kid] = true
				list = append(list, one.json)
			}
		}
	}
	p.json = append(append([]byte(`{"keys":[`), bytes.Join(list, []byte(","))...), "]}"...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jwks == nil {
		s.jwks = make(map[string]*published)
	}
	s.jwks[name] = p
	return p.json, nil
}

// publishable returns what of a set is published now, its signer first, and
// lowers until to the time when that changes.
func (s *Service) publishable(ks *keySet, now time.Time, until *time.Time) []*verifier {
	var out []*verifier
	for _, v := range ks.all {
		end := s.publishUntil(v.row)
		for _, t := range []time.Time{v.row.ActiveFrom, v.row.RetiredAt, end} {
			if now.Before(t) && t.Before(*until) {
				*until = t
			}
		}
		if now.Before(end) {
			out = append(out, v)
		}
	}
	if k := ks.signer(now); k != nil {
		kid := publishedKID(k.row.KID)
		slices.SortStableFunc(out, func(a, b *verifier) int { return isNot(a.kid, kid) - isNot(b.kid, kid) })
	}
	return out
}

func isNot(a, b string) int {
	if a == b {
		return 0
	}
	return 1
}

func (s *Service) publishUntil(row oauth.KeyRow) time.Time {
	if row.Use == "enc" && !row.RetiredAt.IsZero() {
		return row.RetiredAt // nobody is to encrypt to it any more
	}
	if row.RetiredAt.IsZero() || s.PublishFor <= 0 {
		return row.VerifyUntil
	}
	end := row.RetiredAt.Add(s.PublishFor)
	if row.VerifyUntil.Before(end) {
		return row.VerifyUntil
	}
	return end
}

// LeftHash returns the value of at_hash and c_hash for a token that goes with
// an ID token of the given algorithm: the left half of its hash, by the hash
// of the algorithm (OpenID Connect Core §3.1.3.6), for EdDSA SHA-512.
func LeftHash(alg, value string) string {
	var sum []byte
	switch {
	case alg == "EdDSA" || strings.HasSuffix(alg, "512"):
		h := sha512.Sum512([]byte(value))
		sum = h[:]
	case strings.HasSuffix(alg, "384"):
		h := sha512.Sum384([]byte(value))
		sum = h[:]
	default:
		h := sha256.Sum256([]byte(value))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
