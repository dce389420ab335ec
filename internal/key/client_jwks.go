package key

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"hydra/internal/oauth"
)

const (
	maxClientKeys = 20
	maxClientJWKS = 64 << 10 // bytes
	maxAssertion  = 64 << 10 // characters
)

// AssertionAlgs are the algorithms that a client may sign assertions with: all
// asymmetric ones.
func AssertionAlgs() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// clientKey is a public key of a client.
type clientKey struct {
	kid, alg, use string
	public        any
}

// CheckClientJWKS checks a key set that a client registers: at most 20 public
// keys; RSA of 2,048 to 4,096 bits with exponent 65537, EC on P-256, P-384 or
// P-521, Ed25519; no private or symmetric key; no kid twice, and with more
// than one key none empty. oauth.InvalidClientMetadata.
func CheckClientJWKS(raw json.RawMessage) error {
	list, err := clientKeys(raw)
	if err != nil {
		return oauth.InvalidClientMetadata.Hint("The member jwks is not a JSON Web Key Set of at most 20 keys and 64 KiB.").Because(err)
	}
	seen := make(map[string]bool)
	for i, one := range list {
		k, err := parseClientKey(one)
		if err != nil {
			return oauth.InvalidClientMetadata.Hintf("Key number %d of jwks cannot be used: %s.", i+1, reason(err)).Because(err)
		}
		if seen[k.kid] {
			return oauth.InvalidClientMetadata.Hint("Two keys of jwks have the same kid, or none.")
		}
		seen[k.kid] = true
	}
	return nil
}

// Why a client's key is refused. The texts are shown to the client.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	refusePrivate   refusal = "it has a private part"
	refuseSymmetric refusal = "it is symmetric"
	refuseRSA       refusal = "RSA keys have 2,048 to 4,096 bits and the exponent 65537"
	refuseKID       refusal = "its kid is longer than 1,024 characters"
	refuseAlg       refusal = "its alg does not go with its type"
	refuseUnread    refusal = "it is not a readable public key of type RSA, EC (P-256, P-384, P-521) or OKP (Ed25519)"
)

func reason(err error) string {
	if r, ok := errors.AsType[refusal](err); ok {
		return string(r)
	}
	return string(refuseUnread)
}

// clientKeys splits a client's set into its keys, unread.
func clientKeys(raw json.RawMessage) ([]json.RawMessage, error) {
	if len(raw) > maxClientJWKS {
		return nil, errors.New("key: too long a key set")
	}
	members, err := StrictObject(raw)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(members["keys"], &list); err != nil || list == nil {
		return nil, errors.New("key: a key set without keys")
	}
	if len(list) > maxClientKeys {
		return nil, errors.New("key: too many keys")
	}
	return list, nil
}

// parseClientKey reads one public key. Only the members that make up the key
// and say what it is for are read; certificates and links (x5c, x5u) are not.
func parseClientKey(raw json.RawMessage) (*clientKey, error) {
	members, err := StrictObject(raw)
	if err != nil {
		return nil, err
	}
	if string(members["kty"]) == `"oct"` || members["k"] != nil {
		return nil, refuseSymmetric
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
		if members[name] != nil {
			return nil, refusePrivate
		}
	}
	wanted := make(map[string]json.RawMessage)
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"} {
		if v, ok := members[name]; ok {
			wanted[name] = v
		}
	}
	reduced, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(reduced); err != nil {
		return nil, fmt.Errorf("%w: %w", refuseUnread, err)
	}
	if !k.IsPublic() || !k.Valid() {
		return nil, refuseUnread
	}
	if r, ok := k.Key.(*rsa.PublicKey); ok && (r.N.BitLen() < minRSABits || r.N.BitLen() > maxRSABits || r.E != 65537) {
		return nil, refuseRSA
	}
	if len(k.KeyID) > maxKID {
		return nil, refuseKID
	}
	forEncryption := k.Use != "sig" && encryptsWith(k.Algorithm, k.Key)
	if k.Algorithm != "" && k.Use != "enc" && !forEncryption && !fits(k.Algorithm, k.Key) {
		return nil, refuseAlg
	}
	return &clientKey{kid: k.KeyID, alg: k.Algorithm, use: k.Use, public: k.Key}, nil
}

// VerifyAssertion checks the signature of a JWT that a client made (RFC 7523
// §3, RFC 8725), with the client's key set and the algorithms that it may use.
// Symmetric algorithms and none are never accepted, whatever algs says. Keys
// of the set that cannot be used are passed over (RFC 7517 §5). It judges no
// claims, but they are one strict JSON object: see StrictObject.
//
// ErrInvalidJWT in one of its forms.
func VerifyAssertion(jwks json.RawMessage, jwt string, algs []string) (Verified, error) {
	c, err := parseAssertion(jwt, algs)
	if err != nil {
		return Verified{}, err
	}
	list, err := clientKeys(jwks)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrUnknownKey, err)
	}
	var usable []*clientKey
	for _, one := range list {
		if k, err := parseClientKey(one); err == nil {
			usable = append(usable, k)
		}
	}
	return c.verifyBy(usable)
}

// parseAssertion does what needs no key.
func parseAssertion(jwt string, algs []string) (*compact, error) {
	if len(jwt) > maxAssertion {
		return nil, ErrMalformed
	}
	c, err := parseCompact(jwt)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(algs, c.Alg) || !slices.Contains(AssertionAlgs(), c.Alg) {
		return nil, ErrAlgorithm
	}
	return c, nil
}

// verifyBy tries the client's keys that have the token's kid, or all if it has
// none.
func (c *compact) verifyBy(keys []*clientKey) (Verified, error) {
	err := ErrUnknownKey
	for _, k := range keys {
		if k.use == "enc" || c.KID != "" && k.kid != c.KID {
			continue
		}
		if k.alg != "" && k.alg != c.Alg || !fits(c.Alg, k.public) {
			if c.KID != "" {
				err = ErrAlgorithm
			}
			continue
		}
		if err = c.verify(k.public, c.Alg); err == nil {
			break
		}
	}
	if err != nil {
		return Verified{}, err
	}
	if _, err := StrictObject(c.payload); err != nil {
		return Verified{}, fmt.Errorf("%w: claims: %w", ErrMalformed, err)
	}
	return c.verified(), nil
}
