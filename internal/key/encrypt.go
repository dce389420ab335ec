package key

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ErrNoEncryptionKey says that a client has no public key for the algorithm
// that it wants its answers encrypted with.
var ErrNoEncryptionKey = errors.New("key: the client has no key to encrypt with")

// EncryptionAlgs are the algorithms that an answer may be encrypted with, by
// a client's public key (RFC 7518 §4.1). RSA1_5 is not among them: who can
// ask for many decryptions reads what it hides (RFC 8725 §3.2).
func EncryptionAlgs() []string {
	return []string{"RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"}
}

// EncryptionEncs are the content encryptions (RFC 7518 §5.1). The first is the
// default of OpenID Connect Registration §2.
func EncryptionEncs() []string {
	return []string{"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"}
}

// Encryption is how an answer is to be encrypted for a client.
type Encryption struct {
	Alg string // one of EncryptionAlgs
	Enc string // one of EncryptionEncs; "": the first
	// ContentType says what is inside: "JWT" for one that is signed (RFC 7519
	// §5.2), else nothing.
	ContentType string
}

// Encrypt encrypts for a client's key set, and returns the compact
// serialization (RFC 7516 §7.1). ErrNoEncryptionKey.
func Encrypt(jwks json.RawMessage, e Encryption, plain []byte) (string, error) {
	return e.encrypt(usableKeys(jwks), plain)
}

// HasEncryptionKey reports whether a client's key set has a key for the
// algorithm.
func HasEncryptionKey(jwks json.RawMessage, alg string) bool {
	return Encryption{Alg: alg}.choose(usableKeys(jwks)) != nil
}

// usableKeys reads a client's set. Keys that cannot be used are passed over
// (RFC 7517 §5).
func usableKeys(jwks json.RawMessage) []*clientKey {
	list, err := clientKeys(jwks)
	if err != nil {
		return nil
	}
	var usable []*clientKey
	for _, one := range list {
		if k, err := parseClientKey(one); err == nil {
			usable = append(usable, k)
		}
	}
	return usable
}

// Encrypt is the function of that name with the keys at a URL. A set without a
// key for the algorithm is fetched again: the client may have changed its keys.
//
// The error is ErrNoEncryptionKey, ErrFetch when there are no keys to encrypt
// with, oauth.TemporarilyUnavailable when this server has too many calls under
// way, or the context's.
func (r *RemoteKeys) Encrypt(ctx context.Context, uri string, e Encryption, plain []byte) (string, error) {
	keys, err := r.keys(ctx, uri, nil)
	if err != nil {
		return "", err
	}
	jwe, err := e.encrypt(keys.list, plain)
	if !errors.Is(err, ErrNoEncryptionKey) {
		return jwe, err
	}
	newer, fetchErr := r.keys(ctx, uri, keys)
	if fetchErr != nil || newer == keys {
		return "", err
	}
	return e.encrypt(newer.list, plain)
}

func (e Encryption) encrypt(keys []*clientKey, plain []byte) (string, error) {
	if !slices.Contains(EncryptionAlgs(), e.Alg) || e.Enc != "" && !slices.Contains(EncryptionEncs(), e.Enc) {
		return "", fmt.Errorf("key: nothing is encrypted with %q and %q", e.Alg, e.Enc)
	}
	enc := e.Enc
	if enc == "" {
		enc = EncryptionEncs()[0]
	}
	k := e.choose(keys)
	if k == nil {
		return "", ErrNoEncryptionKey
	}
	opts := new(jose.EncrypterOptions)
	if e.ContentType != "" {
		opts = opts.WithType("JWT").WithContentType(jose.ContentType(e.ContentType))
	}
	to := jose.Recipient{Algorithm: jose.KeyAlgorithm(e.Alg), Key: k.public, KeyID: k.kid}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc), to, opts)
	if err != nil {
		return "", fmt.Errorf("key: encrypt: %w", err)
	}
	jwe, err := encrypter.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("key: encrypt: %w", err)
	}
	return jwe.CompactSerialize()
}

// choose prefers the key that names the algorithm, then one that is for
// encryption, then one that does not say what it is for.
func (e Encryption) choose(keys []*clientKey) *clientKey {
	var best *clientKey
	rank := 0
	for _, k := range keys {
		if k.use == "sig" || k.alg != "" && k.alg != e.Alg || !encryptsWith(e.Alg, k.public) {
			continue
		}
		worth := 1
		if k.use == "enc" {
			worth = 2
		}
		if k.alg == e.Alg {
			worth = 3
		}
		if worth > rank {
			best, rank = k, worth
		}
	}
	return best
}

// encryptsWith reports whether the algorithm works with the key's type.
func encryptsWith(alg string, public any) bool {
	switch public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RSA-OAEP")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(alg, "ECDH-ES")
	}
	return false
}
