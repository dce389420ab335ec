package key

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

const (
	// DefaultRSABits is the length of new RSA keys.
	DefaultRSABits = 2048
	// VerifyFor is how long a retired key verifies id_token_hints.
	VerifyFor = 400 * 24 * time.Hour

	// MaxKeys is how many keys a set may hold.
	MaxKeys = 100
	// MaxJSON is the greatest length of a key set as JSON, in bytes.
	MaxJSON = 1 << 20

	maxName = 512 // bytes of a set's name or a kid
)

// Service keeps JSON Web Key sets, and signs and verifies with them.
//
// A key is announced, then active, then retired. The states are not stored:
// each node computes them from the times in the row. The signer of a set is
// its newest active private key, which thus decides the set's algorithm.
//
// Beside each set that signs there is another, named as ByAlgorithm says, with
// the keys for those who asked for an algorithm by name. They are kept apart so
// that a client's wish does not change what the others get. What is published
// and what verifies are the keys of both.
type Service struct {
	Store  oauth.Keys
	Sealer *secret.Sealer
	Watch  *Watch
	Now    func() time.Time
	// AnnounceFor is how long a key that is added to a set with a signer is
	// published before it signs, so that whoever caches the published set
	// knows it by then. 0: it signs at once.
	AnnounceFor time.Duration
	// PublishFor is how long a retired key stays published: the longest life
	// of what it signed. 0: as long as it verifies.
	PublishFor time.Duration
	// RSABits is the length of new RSA keys; 0: DefaultRSABits.
	RSABits int
	// Algs holds for each set the algorithm of the pair that is made when the
	// set is to sign and has no signer, because somebody deleted it; RS256
	// where there is none.
	Algs map[string]string

	limit  Limiter
	making sync.Mutex // held while a missing key is made
	mu     sync.Mutex
	sets   map[string]*keySet
	jwks   map[string]*published
	forced time.Time // when an unknown kid last bypassed the cache
}

// Generate adds a new key to the set, which is made when missing. Asymmetric
// algorithms make a pair "public:{kid}" and "private:{kid}", symmetric ones a
// single key {kid}; an empty kid becomes a UUID. The public half comes first.
//
// oauth.InvalidRequest for an algorithm that is not offered and for a bad or
// full set; oauth.Conflict, with nothing stored, when a resulting kid is taken.
func (s *Service) Generate(ctx context.Context, set, alg, use, kid string) ([]JWK, error) {
	if kid == "" {
		kid = secret.UUID()
	}
	if !goodName(set) || !goodName(kid) || !goodText(use) {
		return nil, errName
	}
	fresh, err := s.make(ctx, alg, use, kid)
	if err != nil {
		return nil, err
	}
	if err := s.add(ctx, set, fresh); err != nil {
		return nil, err
	}
	return shown(fresh), nil
}

// add stores fresh keys beside those that the set has. They are announced
// first when the set has a signer already.
func (s *Service) add(ctx context.Context, set string, fresh []*parsed) error {
	ks, err := s.load(ctx, set)
	if err != nil {
		return err
	}
	if len(ks.keys)+len(fresh) > MaxKeys {
		return errFull
	}
	now := s.now()
	rows := make([]oauth.KeyRow, len(fresh))
	for i, p := range fresh {
		rows[i], err = s.row(set, p, ks.after(now), s.activeFrom(ks, now), secret.NewID())
		if err != nil {
			return err
		}
	}
	err = s.Store.AddKeys(ctx, rows)
	s.Watch.Forget()
	if errors.Is(err, oauth.ErrExists) {
		return oauth.Conflict.Hint("A key with this kid exists in the set.").Because(err)
	}
	return err
}

// activeFrom tells when a key that joins the set now begins to sign.
func (s *Service) activeFrom(ks *keySet, now time.Time) time.Time {
	if ks.signer(now) == nil {
		return now
	}
	return now.Add(s.AnnounceFor)
}

// make generates a key pair, public half first, or one symmetric key.
func (s *Service) make(ctx context.Context, alg, use, kid string) ([]*parsed, error) {
	var material any
	var known bool
	err := s.limit.do(ctx, func() (err error) {
		material, known, err = generate(alg, cmp.Or(s.RSABits, DefaultRSABits))
		return err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, oauth.InvalidRequest.Hint("The algorithm is not offered. It is one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384 and HS512.")
	}
	whole, err := checkJWK(jose.JSONWebKey{Key: material, Algorithm: alg, Use: use, KeyID: kid})
	if err != nil {
		return nil, err
	}
	if whole.symmetric {
		return []*parsed{whole}, nil
	}
	return whole.halves()
}

// row seals a key for the store.
func (s *Service) row(set string, p *parsed, created, active time.Time, slot oauth.ID) (oauth.KeyRow, error) {
	sealed, err := s.Sealer.SealRow("keys", "data", place(set, p.jwk.KeyID), p.json)
	if err != nil {
		return oauth.KeyRow{}, err
	}
	return oauth.KeyRow{
		Set: set, KID: p.jwk.KeyID, Alg: p.jwk.Algorithm, Use: p.jwk.Use, Slot: slot,
		CreatedAt: created, ActiveFrom: active, VerifyUntil: oauth.Never, Data: sealed,
	}, nil
}

// place is the primary key of a row, to which its data is bound.
func place(set, kid string) []byte {
	id := digest(set, kid)
	return id[:]
}

// digest hashes a list of texts; each goes in with its length, so that no two
// lists give the same input.
func digest(parts ...string) oauth.ID {
	h := sha256.New()
	for _, p := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(p))) // a hash does not fail
		h.Write([]byte(p))
	}
	return oauth.ID(h.Sum(nil)[:16])
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

var errName = oauth.InvalidRequest.Hint("A set's name and a kid have 1 to 512 bytes of UTF-8, use and alg at most 512, all of them without NUL.")

func goodName(name string) bool { return name != "" && goodText(name) }

// goodText reports whether every database can hold the text.
func goodText(text string) bool {
	return len(text) <= maxName && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// keySet is a set as it was loaded.
type keySet struct {
	version int64
	keys    []*stored // newest first
	byKID   map[string][]*verifier
	all     []*verifier // in the order of keys
}

// stored is a key of a set with its row.
type stored struct {
	*parsed
	row oauth.KeyRow
}

// verifier is a public key that may verify what a set signed.
type verifier struct {
	kid    string // as published
	alg    string
	public jose.JSONWebKey
	json   []byte // of the public key
	row    oauth.KeyRow
}

// load reads a set from the store, past the cache.
func (s *Service) load(ctx context.Context, set string) (*keySet, error) {
	rows, err := s.Store.KeySet(ctx, set)
	if err != nil {
		return nil, err
	}
	ks := &keySet{byKID: make(map[string][]*verifier)}
	for _, row := range rows {
		raw, err := s.Sealer.OpenRow("keys", "data", place(row.Set, row.KID), row.Data)
		if err != nil {
			return nil, fmt.Errorf("key: set %q: %w", set, err)
		}
		p, err := parseJWK(raw)
		if err != nil {
			return nil, fmt.Errorf("key: set %q: %w", set, err)
		}
		ks.keys = append(ks.keys, &stored{parsed: p, row: row})
	}
	slices.SortFunc(ks.keys, func(a, b *stored) int {
		return cmp.Or(b.row.CreatedAt.Compare(a.row.CreatedAt), strings.Compare(b.row.KID, a.row.KID))
	})
	if err := ks.index(); err != nil {
		return nil, err
	}
	return ks, nil
}

// index collects the public halves. A private key publishes its own under the
// name of the pair's public row, which it thus stands before: what is signed
// must verify.
func (ks *keySet) index() error {
	taken := make(map[string]bool)
	for _, private := range []bool{true, false} {
		for _, k := range ks.keys {
			kid := publishedKID(k.row.KID)
			if k.symmetric || k.private != private || taken[kid] {
				continue
			}
			taken[kid] = true
			v := &verifier{kid: kid, alg: k.alg, public: k.jwk.Public(), row: k.row}
			v.public.KeyID = kid
			var err error
			if v.json, err = v.public.MarshalJSON(); err != nil {
				return fmt.Errorf("key: encode a public key: %w", err)
			}
			ks.byKID[kid] = append(ks.byKID[kid], v)
			ks.all = append(ks.all, v)
		}
	}
	slices.SortStableFunc(ks.all, func(a, b *verifier) int { return b.row.CreatedAt.Compare(a.row.CreatedAt) })
	return nil
}

// signerOf returns the newest private key of an algorithm, or of any for "",
// that is active, else the one that is active first: to a node whose clock is
// behind, the key in use may seem to be announced only. nil when there is none
// that signs. Of several sets the first that has one counts.
func signerOf(now time.Time, alg string, sets ...*keySet) *stored {
	var next *stored
	for _, ks := range sets {
		for _, k := range ks.keys {
			if !k.signs(alg) || retired(k.row, now) {
				continue
			}
			if !now.Before(k.row.ActiveFrom) {
				return k
			}
			if next == nil || k.row.ActiveFrom.Before(next.row.ActiveFrom) {
				next = k
			}
		}
	}
	return next
}

func (ks *keySet) signer(now time.Time) *stored { return signerOf(now, "", ks) }

// signs reports whether the key makes signatures of an algorithm, or of any
// for "".
func (k *stored) signs(alg string) bool {
	return k.private && k.alg != "" && (alg == "" || k.alg == alg)
}

func retired(row oauth.KeyRow, now time.Time) bool {
	return !row.RetiredAt.IsZero() && oauth.Past(row.RetiredAt, now)
}

// after returns the creation time of a key that joins the set now: later than
// that of every key in it, also when another node's clock is ahead.
func (ks *keySet) after(now time.Time) time.Time {
	if len(ks.keys) > 0 {
		if newest := ks.keys[0].row.CreatedAt; !now.After(newest) {
			return newest.Add(time.Microsecond)
		}
	}
	return now
}

// cached returns a set that is as new as the Watch's staleness demands.
func (s *Service) cached(ctx context.Context, set string) (*keySet, error) {
	v, err := s.Watch.Current(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	ks := s.sets[set]
	s.mu.Unlock()
	if ks != nil && ks.version == v.Keys {
		return ks, nil
	}
	if ks, err = s.load(ctx, set); err != nil {
		return nil, err
	}
	// The rows are at least as new as the version that was read before them: a
	// change in between costs one more load, and is not missed.
	ks.version = v.Keys
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		s.sets = make(map[string]*keySet)
	}
	if old := s.sets[set]; old == nil || old.version <= ks.version {
		s.sets[set] = ks
	}
	return ks, nil
}

func shown(keys []*parsed) []JWK {
	out := make([]JWK, len(keys))
	for i, p := range keys {
		out[i] = JWK{KID: p.jwk.KeyID, Alg: p.jwk.Algorithm, Use: p.jwk.Use, Private: p.private, JSON: p.json}
	}
	return out
}
