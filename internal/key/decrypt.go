package key

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// DecryptionAlgs are the algorithms with which others may encrypt for this
// server (RFC 7518 §4.1). RSA1_5 is not among them (RFC 8725 §3.2).
func DecryptionAlgs() []string {
	return []string{"RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}
}

// ContentEncryptions are the algorithms of the content (RFC 7518 §5.1).
func ContentEncryptions() []string {
	return []string{"A256GCM", "A128GCM", "A128CBC-HS256", "A256CBC-HS512"}
}

// pairKind is a kind of key pair that others encrypt to.
type pairKind struct {
	alg      string
	generate func(bits int) (any, error)
	is       func(material any) bool // whether it is the private half of one
}

// encryptionPairs are the kinds that a set has one of each of.
var encryptionPairs = []pairKind{
	{
		"RSA-OAEP-256",
		func(bits int) (any, error) { return rsa.GenerateKey(rand.Reader, bits) },
		func(m any) bool { _, ok := m.(*rsa.PrivateKey); return ok },
	},
	{
		"ECDH-ES",
		func(int) (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		func(m any) bool { _, ok := m.(*ecdsa.PrivateKey); return ok },
	},
}

// EnsureEncryption makes sure that a set has an RSA and an EC pair with use
// enc, to which others can encrypt. When many nodes ask at once, exactly one
// of each is made. It costs no statement once they are there.
func (s *Service) EnsureEncryption(ctx context.Context, set string) error {
	ks, err := s.cached(ctx, set)
	if err != nil || ks.hasPairs() {
		return err
	}
	// An RSA pair costs a second of a processor: one request of this node makes
	// it, the others wait.
	s.making.Lock()
	defer s.making.Unlock()
	for range startRounds {
		ks, err := s.cached(ctx, set)
		if err != nil {
			return err
		}
		rows, err := s.missingPairs(ctx, set, ks)
		if err != nil || len(rows) == 0 {
			return err
		}
		err = s.Store.AddKeys(ctx, rows)
		s.Watch.Forget()
		if err != nil && !errors.Is(err, oauth.ErrExists) {
			return err
		}
	}
	return fmt.Errorf("key: other nodes keep changing the set %q", set)
}

func (s *Service) missingPairs(ctx context.Context, set string, ks *keySet) ([]oauth.KeyRow, error) {
	var rows []oauth.KeyRow
	now := s.now()
	for _, pair := range encryptionPairs {
		if ks.encryption(pair.is) != nil {
			continue
		}
		fresh, err := s.encryptionPair(ctx, set, pair, ks, now)
		if err != nil {
			return nil, err
		}
		rows = append(rows, fresh...)
	}
	return rows, nil
}

func (ks *keySet) hasPairs() bool {
	for _, pair := range encryptionPairs {
		if ks.encryption(pair.is) == nil {
			return false
		}
	}
	return true
}

// encryptionPair makes a pair for a set as it was loaded, the public half first.
func (s *Service) encryptionPair(ctx context.Context, set string, pair pairKind, ks *keySet, now time.Time) ([]oauth.KeyRow, error) {
	var material any
	err := s.limit.do(ctx, func() (err error) {
		material, err = pair.generate(DefaultRSABits)
		return err
	})
	if err != nil {
		return nil, err
	}
	kid := secret.UUID()
	whole := jose.JSONWebKey{Key: material, Algorithm: pair.alg, Use: "enc", KeyID: privatePrefix + kid}
	public := whole.Public()
	public.KeyID = publicPrefix + kid
	var rows []oauth.KeyRow
	for i, k := range []jose.JSONWebKey{public, whole} {
		p, err := checkJWK(k)
		if err != nil {
			return nil, err
		}
		// The slot depends on what the set holds, as in Ensure.
		state := []string{"encryption", pair.alg, fmt.Sprint(i)}
		for _, have := range ks.keys {
			state = append(state, have.row.KID)
		}
		row, err := s.row(set, p, ks.after(now), now, digest(state...))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// IsEncrypted reports whether a text looks like a JWE in compact serialization
// (RFC 7516 §9).
func IsEncrypted(text string) bool { return strings.Count(text, ".") == 4 }

// Decrypt opens a JWE in compact serialization (RFC 7516 §3.1) with the keys
// of a set, and returns its content. Compressed content is refused: it could
// be endless. ErrInvalidJWT in one of its forms, oauth.TemporarilyUnavailable
// when too many private-key operations wait, or the store's error.
func (s *Service) Decrypt(ctx context.Context, set, text string) ([]byte, error) {
	kid, err := checkJWE(text)
	if err != nil {
		return nil, err
	}
	algs := make([]jose.KeyAlgorithm, 0, len(DecryptionAlgs()))
	for _, a := range DecryptionAlgs() {
		algs = append(algs, jose.KeyAlgorithm(a))
	}
	encs := make([]jose.ContentEncryption, 0, len(ContentEncryptions()))
	for _, e := range ContentEncryptions() {
		encs = append(encs, jose.ContentEncryption(e))
	}
	jwe, err := jose.ParseEncryptedCompact(text, algs, encs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	plain, err := s.open(ctx, set, kid, jwe)
	if errors.Is(err, ErrUnknownKey) && s.mayForce() {
		// Another node may have added the key within the staleness bound.
		s.Watch.Forget()
		plain, err = s.open(ctx, set, kid, jwe)
	}
	return plain, err
}

// open tries the keys of the set that fit.
func (s *Service) open(ctx context.Context, set, kid string, jwe *jose.JSONWebEncryption) ([]byte, error) {
	ks, err := s.cached(ctx, set)
	if err != nil {
		return nil, err
	}
	now := s.now()
	failed := error(ErrUnknownKey)
	for _, k := range ks.keys {
		if k.jwk.Use != "enc" || !k.private || k.symmetric || !now.Before(k.row.VerifyUntil) || kid != "" && publishedKID(k.row.KID) != kid {
			continue
		}
		var plain []byte
		err := s.limit.do(ctx, func() error {
			var openErr error
			if plain, openErr = jwe.Decrypt(k.jwk.Key); openErr != nil {
				failed = fmt.Errorf("%w: it does not open", ErrInvalidJWT)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if plain != nil {
			return plain, nil
		}
	}
	return nil, failed
}

// checkJWE holds the header to what a JWS header is held to, and returns its kid.
func checkJWE(text string) (kid string, err error) {
	if len(text) > maxJWT || !IsEncrypted(text) {
		return "", ErrMalformed
	}
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil {
		return "", ErrMalformed
	}
	members, err := StrictObject(raw)
	if err != nil {
		return "", fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	for _, name := range []string{"crit", "zip"} {
		if _, ok := members[name]; ok {
			return "", fmt.Errorf("%w: header: %s", ErrMalformed, name)
		}
	}
	if v, ok := members["kid"]; ok {
		if kid, err = String(v); err != nil || len(kid) > maxKID {
			return "", fmt.Errorf("%w: header: kid", ErrMalformed)
		}
	}
	return kid, nil
}
