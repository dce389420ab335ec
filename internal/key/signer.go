package key

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// ByAlgorithm names the set beside a set that signs: it holds the keys for
// those who asked for an algorithm by name.
func ByAlgorithm(set string) string { return set + ".by-algorithm" }

// SigningAlgs are the algorithms that this server signs with: all asymmetric
// ones of RFC 7518 §3.1, and EdDSA (RFC 8037 §3.1).
func SigningAlgs() []string { return AssertionAlgs() }

// Signer signs with one key.
type Signer struct {
	Alg     string // decides at_hash and c_hash, see LeftHash
	service *Service
	key     *stored
}

// Signer returns the key that signs now for the set: its own signer when alg
// is empty, else one of that algorithm. A set whose keys were all deleted while
// the server runs gets a new pair, instead of failing every sign-in until the
// next start; and so does an algorithm when it is first asked for. An algorithm
// that is not one of SigningAlgs is an error.
func (s *Service) Signer(ctx context.Context, set, alg string) (*Signer, error) {
	if alg != "" && !slices.Contains(SigningAlgs(), alg) {
		return nil, fmt.Errorf("key: nothing is signed with %q", alg)
	}
	k, err := s.signer(ctx, set, alg)
	if err != nil {
		return nil, err
	}
	return &Signer{k.alg, s, k}, nil
}

// Sign signs claims, which are a JSON object, and returns the compact
// serialization. typ becomes the header's typ, its kid is the published one.
// oauth.TemporarilyUnavailable when too many signatures wait already.
func (g *Signer) Sign(ctx context.Context, typ string, claims []byte) (string, error) {
	opts := new(jose.SignerOptions).WithHeader("kid", publishedKID(g.key.row.KID))
	if typ != "" {
		opts = opts.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(g.Alg), Key: g.key.jwk.Key}, opts)
	if err != nil {
		return "", fmt.Errorf("key: sign: %w", err)
	}
	var jwt string
	err = g.service.limit.do(ctx, func() error {
		jws, err := signer.Sign(claims)
		if err != nil {
			return fmt.Errorf("key: sign: %w", err)
		}
		jwt, err = jws.CompactSerialize()
		return err
	})
	return jwt, err
}

// Unsecured returns claims as an unsecured JWS (RFC 7515, appendix A.5), which
// says of itself that nobody vouches for it. Nothing here verifies one.
func Unsecured(typ string, claims []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode(fmt.Appendf(nil, `{"alg":"none","typ":%q}`, typ)) + "." + encode(claims) + "."
}

// Sign signs with the set's own signer.
func (s *Service) Sign(ctx context.Context, set, typ string, claims []byte) (string, error) {
	g, err := s.Signer(ctx, set, "")
	if err != nil {
		return "", err
	}
	return g.Sign(ctx, typ, claims)
}

// SigningAlg returns the algorithm of the set's own signer.
func (s *Service) SigningAlg(ctx context.Context, set string) (string, error) {
	g, err := s.Signer(ctx, set, "")
	if err != nil {
		return "", err
	}
	return g.Alg, nil
}

func (s *Service) signer(ctx context.Context, set, alg string) (*stored, error) {
	k, err := s.find(ctx, set, alg)
	if k != nil || err != nil {
		return k, err
	}
	// One at a time on this node: many may ask at once for what is missing.
	s.making.Lock()
	defer s.making.Unlock()
	for range 2 {
		if k, err = s.find(ctx, set, alg); k != nil || err != nil {
			return k, err
		}
		if alg == "" {
			err = s.Ensure(ctx, set, s.algOf(set))
		} else {
			err = s.ensure(ctx, ByAlgorithm(set), alg, alg)
		}
		if err != nil {
			return nil, err
		}
		s.Watch.Forget() // the pair may be another node's
	}
	return nil, fmt.Errorf("key: set %q has no key to sign with", set)
}

// find returns the signer, or nil when there is none.
func (s *Service) find(ctx context.Context, set, alg string) (*stored, error) {
	if alg == "" {
		ks, err := s.cached(ctx, set)
		if err != nil {
			return nil, err
		}
		return ks.signer(s.now()), nil
	}
	sets, err := s.both(ctx, set)
	if err != nil {
		return nil, err
	}
	return signerOf(s.now(), alg, sets...), nil
}

// both returns a set and the one beside it.
func (s *Service) both(ctx context.Context, set string) ([]*keySet, error) {
	own, err := s.cached(ctx, set)
	if err != nil {
		return nil, err
	}
	beside, err := s.cached(ctx, ByAlgorithm(set))
	return []*keySet{own, beside}, err
}

func (s *Service) algOf(set string) string { return cmp.Or(s.Algs[set], "RS256") }

// Ensure makes sure that the set has a key pair to sign with. When many nodes
// ask at once for a new set, exactly one pair is made.
func (s *Service) Ensure(ctx context.Context, set, alg string) error {
	return s.ensure(ctx, set, "", alg)
}

// ensure makes a pair where the set has no signer of the wanted algorithm, or
// of any for "".
func (s *Service) ensure(ctx context.Context, set, wanted, alg string) error {
	for range startRounds {
		ks, err := s.load(ctx, set)
		if err != nil {
			return err
		}
		now := s.now()
		if signerOf(now, wanted, ks) != nil {
			return nil
		}
		// The slots depend on what the set holds, so that two nodes that saw
		// the same state collide, and only they do.
		state := []string{"first", wanted}
		for _, k := range ks.keys {
			if k.alg == wanted || wanted == "" {
				state = append(state, k.row.KID)
			}
		}
		_, err = s.addPair(ctx, set, alg, ks.after(now), now, state)
		if err == nil || !errors.Is(err, oauth.ErrExists) {
			return err
		}
		// Somebody else was faster: the next round finds their pair.
	}
	return fmt.Errorf("key: other nodes keep changing the set %q", set)
}

// addPair makes a pair for signatures and adds it, in slots that follow from
// state. It returns the kid that is published. oauth.ErrExists when somebody
// has done so; oauth.InvalidRequest for an algorithm that is not offered.
func (s *Service) addPair(ctx context.Context, set, alg string, created, active time.Time, state []string) (kid string, err error) {
	if !slices.Contains(SigningAlgs(), alg) {
		return "", errNoSigningAlg
	}
	pair, err := s.make(ctx, alg, "sig", secret.UUID())
	if err != nil {
		return "", err
	}
	rows := make([]oauth.KeyRow, len(pair))
	for i, p := range pair {
		rows[i], err = s.row(set, p, created, active, digest(append(state, fmt.Sprint(i))...))
		if err != nil {
			return "", err
		}
	}
	err = s.Store.AddKeys(ctx, rows)
	s.Watch.Forget()
	return pair[0].jwk.KeyID, err
}

var errNoSigningAlg = oauth.InvalidRequest.Hint("A set that signs for others needs one of the algorithms RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA.")
