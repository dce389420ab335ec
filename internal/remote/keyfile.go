package remote

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// JWK is a JSON Web Key (RFC 7517 §4) out of a file. Its other members are
// kept as they are.
type JWK map[string]any

// Text returns a member that is a string, else "".
func (k JWK) Text(member string) string {
	s, _ := k[member].(string)
	return s
}

// Fits reports whether an algorithm (RFC 7518 §3.1, §4.1) goes with the key.
func (k JWK) Fits(alg string) bool {
	for _, prefix := range map[string][]string{
		"RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RSA"}, "OKP": {"EdDSA", "Ed25519", "ECDH"}, "oct": {"HS", "A", "dir"},
		"EC": {map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Text("crv")], "ECDH"},
	}[k.Text("kty")] {
		if prefix != "" && strings.HasPrefix(alg, prefix) {
			return true
		}
	}
	return false
}

// maxFileKeys bounds what one file holds.
const maxFileKeys = 1000

// Keys reads the keys of a file: a JWK, a list of them or a set (RFC 7517 §5),
// PEM blocks (RFC 7468) or one key in DER: PKCS #8, PKCS #1, SEC 1, SPKI or a
// certificate. A key that comes without an id gets its thumbprint (RFC 7638)
// as one, so that the same file always means the same keys.
func Keys(raw []byte) ([]JWK, error) {
	var out []JWK
	var err error
	trimmed := bytes.TrimSpace(raw)
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("the file is empty")
	case trimmed[0] == '{' || trimmed[0] == '[':
		out, err = jsonKeys(trimmed)
	case bytes.Contains(raw, []byte("-----BEGIN ")):
		out, err = pemKeys(raw)
	default:
		var k JWK
		if k, err = derKey(raw); err == nil {
			out = []JWK{k}
		}
	}
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("the file holds no key")
	}
	if len(out) > maxFileKeys {
		return nil, fmt.Errorf("the file holds more than %d keys", maxFileKeys)
	}
	return out, nil
}

func jsonKeys(raw []byte) ([]JWK, error) {
	var set struct {
		Keys []JWK `json:"keys"`
	}
	var list []JWK
	var one JWK
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("this is no list of JSON Web Keys: %w", err)
		}
	} else if err := json.Unmarshal(raw, &set); err == nil && set.Keys != nil {
		list = set.Keys
	} else if err := json.Unmarshal(raw, &one); err != nil {
		return nil, fmt.Errorf("this is no JSON Web Key: %w", err)
	} else {
		list = []JWK{one}
	}
	for i, k := range list {
		if k.Text("kty") == "" {
			return nil, fmt.Errorf("key %d has no member kty (RFC 7517 §4.1)", i+1)
		}
		if k.Text("kid") == "" {
			if err := k.name(); err != nil {
				return nil, fmt.Errorf("key %d: %w", i+1, err)
			}
		}
	}
	return list, nil
}

func pemKeys(raw []byte) ([]JWK, error) {
	var out []JWK
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "EC PARAMETERS" {
			continue // what openssl writes in front of a key, which says it again
		}
		if strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the key is encrypted; decrypt it first, for example with \"openssl pkey\"")
		}
		k, err := derKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the block %s: %w", block.Type, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// derKey tries the forms that a key can have.
func derKey(der []byte) (JWK, error) {
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(b []byte) (any, error) { return x509.ParsePKCS1PrivateKey(b) },
		func(b []byte) (any, error) { return x509.ParseECPrivateKey(b) },
		x509.ParsePKIXPublicKey,
		func(b []byte) (any, error) { return x509.ParsePKCS1PublicKey(b) },
		func(b []byte) (any, error) {
			c, err := x509.ParseCertificate(b)
			if err != nil {
				return nil, err
			}
			return c.PublicKey, nil
		},
	} {
		if k, err := parse(der); err == nil {
			return newJWK(k)
		}
	}
	return nil, errors.New("this is no key in PEM, DER or JSON form that is known here")
}

func b64(b []byte) string      { return base64.RawURLEncoding.EncodeToString(b) }
func number(n *big.Int) string { return b64(n.Bytes()) }

// newJWK encodes a key (RFC 7518 §6, RFC 8037 §2).
func newJWK(key any) (JWK, error) {
	var out JWK
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if len(k.Primes) != 2 {
			return nil, errors.New("RSA keys with more than two primes are not known here")
		}
		k.Precompute()
		out = rsaJWK(&k.PublicKey)
		out["d"], out["p"], out["q"] = number(k.D), number(k.Primes[0]), number(k.Primes[1])
		out["dp"], out["dq"], out["qi"] = number(k.Precomputed.Dp), number(k.Precomputed.Dq), number(k.Precomputed.Qinv)
	case *rsa.PublicKey:
		out = rsaJWK(k)
	case *ecdsa.PrivateKey:
		d, err := k.Bytes()
		if err != nil {
			return nil, err
		}
		if out, err = ecJWK(&k.PublicKey); err != nil {
			return nil, err
		}
		out["d"] = b64(d)
	case *ecdsa.PublicKey:
		var err error
		if out, err = ecJWK(k); err != nil {
			return nil, err
		}
	case ed25519.PrivateKey:
		out = JWK{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": b64(k[32:]), "d": b64(k.Seed())}
	case ed25519.PublicKey:
		out = JWK{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": b64(k)}
	default:
		return nil, fmt.Errorf("keys of the kind %T are not known here", key)
	}
	return out, out.name()
}

func rsaJWK(k *rsa.PublicKey) JWK {
	return JWK{"kty": "RSA", "alg": "RS256", "n": number(k.N), "e": number(big.NewInt(int64(k.E)))}
}

func ecJWK(k *ecdsa.PublicKey) (JWK, error) {
	alg := map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}[k.Curve]
	if alg == "" {
		return nil, errors.New("of the elliptic curves, P-256, P-384 and P-521 are known here")
	}
	point, err := k.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	n := len(point) / 2
	return JWK{"kty": "EC", "crv": k.Curve.Params().Name, "alg": alg, "x": b64(point[1 : 1+n]), "y": b64(point[1+n:])}, nil
}

// name sets the id to the thumbprint.
func (k JWK) name() error {
	thumbprint, err := k.Thumbprint()
	if err != nil {
		return fmt.Errorf("it has no kid, and none can be made: %w", err)
	}
	k["kid"] = thumbprint
	return nil
}

// Thumbprint names a key by its material (RFC 7638 §3): both halves of a pair
// have the same. It is an error when a member is missing or the kind of key is
// not known here.
func (k JWK) Thumbprint() (string, error) {
	members := map[string][]string{"RSA": {"e", "kty", "n"}, "EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}, "oct": {"k", "kty"}}[k.Text("kty")]
	if members == nil {
		return "", fmt.Errorf("its kty %q is not known here", k.Text("kty"))
	}
	required := map[string]string{} // json writes them in the order that the RFC wants
	for _, m := range members {
		if required[m] = k.Text(m); required[m] == "" {
			return "", fmt.Errorf("the member %s is missing", m)
		}
	}
	raw, err := json.Marshal(required)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return b64(sum[:]), nil
}
