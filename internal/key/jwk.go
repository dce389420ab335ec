package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"hydra/internal/secret"
)

// JWK is one JSON Web Key as the admin API shows it.
type JWK struct {
	KID, Alg, Use string
	Private       bool            // has a private part, or is symmetric
	JSON          json.RawMessage // RFC 7517 §4, the private part included
}

const (
	privatePrefix = "private:"
	publicPrefix  = "public:"

	minRSABits = 2048
	maxRSABits = 4096
)

// curves maps the ECDSA algorithms of RFC 7518 §3.4 to their curves.
var curves = map[string]elliptic.Curve{
	"ES256": elliptic.P256(),
	"ES384": elliptic.P384(),
	"ES512": elliptic.P521(),
}

// symmetricSize holds the key lengths in bytes of the HMAC algorithms: that of
// the hash, the least that RFC 7518 §3.2 allows.
var symmetricSize = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

func isRSA(alg string) bool {
	return len(alg) == 5 && (alg[:2] == "RS" || alg[:2] == "PS") && (alg[2:] == "256" || alg[2:] == "384" || alg[2:] == "512")
}

// fits reports whether the asymmetric signature algorithm (RFC 7518 §3.1, RFC
// 8037 §3.1) works with the key's type and curve.
func fits(alg string, public any) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return isRSA(alg)
	case *ecdsa.PublicKey:
		return curves[alg] != nil && curves[alg] == k.Curve
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// naturalAlg is the algorithm of a key that names none.
func naturalAlg(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		for alg, c := range curves {
			if c == k.Curve {
				return alg
			}
		}
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

// generate makes key material for the algorithm. The second value is false for
// an algorithm that is not offered.
func generate(alg string, rsaBits int) (any, bool, error) {
	switch {
	case isRSA(alg):
		k, err := rsa.GenerateKey(rand.Reader, rsaBits)
		return k, true, err
	case curves[alg] != nil:
		k, err := ecdsa.GenerateKey(curves[alg], rand.Reader)
		return k, true, err
	case alg == "EdDSA":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, true, err
	case symmetricSize[alg] > 0:
		return secret.Bytes(symmetricSize[alg]), true, nil
	}
	return nil, false, nil
}

// parsed is a JSON Web Key that was read and checked.
type parsed struct {
	jwk       jose.JSONWebKey
	json      json.RawMessage // as it is stored: unknown members dropped
	private   bool            // has a private part, or is symmetric
	symmetric bool
	alg       string // the signature algorithm, "" when not for signatures
}

var errWeakKey = errors.New("key: RSA keys have 2048 to 4096 bits")

// parseJWK reads a key of our own sets, private and symmetric ones too.
func parseJWK(raw json.RawMessage) (*parsed, error) {
	if _, err := StrictObject(raw); err != nil {
		return nil, err
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(raw); err != nil {
		return nil, fmt.Errorf("key: unreadable JSON Web Key: %w", err)
	}
	return checkJWK(k)
}

// checkJWK checks a key and brings it into the stored form.
func checkJWK(k jose.JSONWebKey) (*parsed, error) {
	p := &parsed{jwk: k}
	switch material := k.Key.(type) {
	case []byte:
		if len(material) == 0 {
			return nil, errors.New("key: an empty symmetric key")
		}
		p.private, p.symmetric = true, true
	case *rsa.PrivateKey:
		material.Precompute()
		p.private = true
	case *ecdsa.PrivateKey:
		if err := checkECPair(material); err != nil {
			return nil, err
		}
		p.private = true
	case ed25519.PrivateKey:
		p.private = true
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, jose.ErrUnsupportedKeyType
	}
	if !p.symmetric {
		public := k.Public().Key
		if r, ok := public.(*rsa.PublicKey); ok && (r.N.BitLen() < minRSABits || r.N.BitLen() > maxRSABits) {
			return nil, errWeakKey
		}
		p.alg = k.Algorithm
		if p.alg == "" {
			p.alg = naturalAlg(public)
		}
		if k.Use == "enc" || !fits(p.alg, public) {
			p.alg = ""
		}
	}
	var err error
	if p.json, err = k.MarshalJSON(); err != nil {
		return nil, fmt.Errorf("key: encode a JSON Web Key: %w", err)
	}
	return p, nil
}

// halves are the keys "public:{kid}" and "private:{kid}" that a pair is stored
// as; a key that lacks one of both parts gives the other alone.
func (p *parsed) halves() ([]*parsed, error) {
	var out []*parsed
	add := func(prefix string, k jose.JSONWebKey) error {
		k.KeyID = prefix + p.jwk.KeyID
		half, err := checkJWK(k)
		out = append(out, half)
		return err
	}
	if !p.symmetric {
		if err := add(publicPrefix, p.jwk.Public()); err != nil {
			return nil, err
		}
	}
	if p.private {
		if err := add(privatePrefix, p.jwk); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkECPair makes sure that the halves belong together, which the parser
// does for other types only.
func checkECPair(k *ecdsa.PrivateKey) error {
	private, err := k.ECDH()
	if err != nil {
		return fmt.Errorf("key: unreadable EC key: %w", err)
	}
	public, err := k.PublicKey.ECDH()
	if err != nil {
		return fmt.Errorf("key: unreadable EC key: %w", err)
	}
	if !private.PublicKey().Equal(public) {
		return errors.New("key: the halves of an EC key do not belong together")
	}
	return nil
}

// sameMaterial reports whether both are the same key, whatever their names.
func (p *parsed) sameMaterial(q *parsed) bool {
	switch k := p.jwk.Key.(type) {
	case []byte:
		other, ok := q.jwk.Key.([]byte)
		return ok && subtle.ConstantTimeCompare(k, other) == 1
	case interface{ Equal(crypto.PrivateKey) bool }:
		return k.Equal(q.jwk.Key)
	case interface{ Equal(crypto.PublicKey) bool }:
		return k.Equal(q.jwk.Key)
	}
	return false
}

// publishedKID is the kid that tokens and the published set carry: that of the
// public half, as Hydra names it.
func publishedKID(kid string) string {
	if bare, ok := strings.CutPrefix(kid, privatePrefix); ok {
		return publicPrefix + bare
	}
	return kid
}
