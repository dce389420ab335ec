package ui

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// This file is the demo application's own judge of ID tokens, with nothing
// but the standard library and the published keys, as a relying party would
// do it. It shares no code with the signer.

// maxToken bounds an ID token, in bytes.
const maxToken = 64 << 10

// jws is a signed token in compact form (RFC 7515 §7.1), taken apart.
type jws struct {
	Header, Claims json.RawMessage
	Alg, KID       string
	signed         string
	signature      []byte
}

func parseJWS(compact string) (*jws, error) {
	parts := strings.Split(compact, ".")
	if len(compact) > maxToken || len(parts) != 3 {
		return nil, errors.New("this is no signed token in compact form")
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		raw[i], err = base64.RawURLEncoding.DecodeString(p)
		if err != nil || base64.RawURLEncoding.EncodeToString(raw[i]) != p {
			// Go's decoder skips line breaks and leftover bits, even when
			// strict; a token has one form only.
			return nil, fmt.Errorf("part %d is no base64url", i+1)
		}
	}
	t := &jws{Header: raw[0], Claims: raw[1], signed: parts[0] + "." + parts[1], signature: raw[2]}
	var header struct {
		Alg  string   `json:"alg"`
		KID  string   `json:"kid"`
		Crit []string `json:"crit"`
	}
	if err := json.Unmarshal(t.Header, &header); err != nil {
		return nil, fmt.Errorf("the header is no JSON object: %w", err)
	}
	if len(header.Crit) > 0 {
		return nil, errors.New("the header demands extensions that are not understood here (RFC 7515 §4.1.11)")
	}
	if !json.Valid(t.Claims) {
		return nil, errors.New("the claims are no JSON")
	}
	t.Alg, t.KID = header.Alg, header.KID
	return t, nil
}

// jwk is a public key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
type jwk struct {
	KID string `json:"kid"`
	KTY string `json:"kty"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	CRV string `json:"crv"`
	N   b64    `json:"n"`
	E   b64    `json:"e"`
	X   b64    `json:"x"`
	Y   b64    `json:"y"`
}

type b64 []byte

func (b *b64) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

// verify checks the signature with the key of the set that the header names,
// and returns that key. Only the key decides which kind of algorithm may be
// used (RFC 8725 §3.1): a public key is never taken for a shared secret.
func (t *jws) verify(jwks []byte) (*jwk, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("the published keys are no JSON Web Key Set: %w", err)
	}
	for i := range set.Keys {
		k := &set.Keys[i]
		if k.KID != t.KID || (k.Alg != "" && k.Alg != t.Alg) || k.Use == "enc" {
			continue
		}
		return k, k.check(t)
	}
	return nil, fmt.Errorf("no published key has the id %q", t.KID)
}

var errSignature = errors.New("the signature does not match")

func (k *jwk) check(t *jws) error {
	switch {
	case k.KTY == "RSA" && t.Alg == "RS256":
		pub := &rsa.PublicKey{N: new(big.Int).SetBytes(k.N), E: int(new(big.Int).SetBytes(k.E).Int64())}
		digest := sha256.Sum256([]byte(t.signed))
		if rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], t.signature) != nil {
			return errSignature
		}
		return nil
	case k.KTY == "OKP" && k.CRV == "Ed25519" && (t.Alg == "EdDSA" || t.Alg == "Ed25519"):
		if len(k.X) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(k.X), []byte(t.signed), t.signature) {
			return errSignature
		}
		return nil
	case k.KTY == "EC":
		return k.checkECDSA(t)
	}
	return fmt.Errorf("the algorithm %q does not go with a key of type %q", t.Alg, k.KTY)
}

// checkECDSA verifies the signature R ‖ S of RFC 7518 §3.4.
func (k *jwk) checkECDSA(t *jws) error {
	var curve elliptic.Curve
	var digest []byte
	switch {
	case t.Alg == "ES256" && k.CRV == "P-256":
		d := sha256.Sum256([]byte(t.signed))
		curve, digest = elliptic.P256(), d[:]
	case t.Alg == "ES384" && k.CRV == "P-384":
		d := sha512.Sum384([]byte(t.signed))
		curve, digest = elliptic.P384(), d[:]
	case t.Alg == "ES512" && k.CRV == "P-521":
		d := sha512.Sum512([]byte(t.signed))
		curve, digest = elliptic.P521(), d[:]
	default:
		return fmt.Errorf("the algorithm %q does not go with the curve %q", t.Alg, k.CRV)
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(k.X) != size || len(k.Y) != size || len(t.signature) != 2*size {
		return errSignature
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, k.X...), k.Y...))
	if err != nil {
		return err
	}
	r, s := new(big.Int).SetBytes(t.signature[:size]), new(big.Int).SetBytes(t.signature[size:])
	if !ecdsa.Verify(pub, digest, r, s) {
		return errSignature
	}
	return nil
}

// check is one thing that a relying party looks at, in words.
type check struct {
	OK   bool
	Text string
}

// expected is what the ID token must say.
type expected struct {
	Issuer, ClientID, Nonce, AccessToken string
	Now                                  time.Time
	Refreshed                            bool // out of a refresh, where the nonce may be missing
}

// checkClaims goes through OpenID Connect Core §3.1.3.7 (§12.2 for refreshed
// tokens).
func (t *jws) checkClaims(want expected) []check {
	var c struct {
		Issuer   string  `json:"iss"`
		Audience anyOf   `json:"aud"`
		Nonce    string  `json:"nonce"`
		Expiry   float64 `json:"exp"`
		AtHash   string  `json:"at_hash"`
	}
	if err := json.Unmarshal(t.Claims, &c); err != nil {
		return []check{{false, "The claims cannot be read: " + err.Error() + "."}}
	}
	expires := time.Unix(int64(c.Expiry), 0).UTC()
	out := []check{
		{c.Issuer == want.Issuer, fmt.Sprintf("iss is this server, %s.", c.Issuer)},
		{len(c.Audience) == 1 && c.Audience[0] == want.ClientID, fmt.Sprintf("aud is this application, %s.", strings.Join(c.Audience, ", "))},
		{want.Now.Before(expires), fmt.Sprintf("exp is in the future, %s.", expires.Format("2006-01-02 15:04:05 UTC"))},
	}
	if c.Nonce != "" || !want.Refreshed {
		out = append(out, check{c.Nonce == want.Nonce, "nonce is the one that this sign-in began with."})
	}
	if c.AtHash != "" {
		got, err := base64.RawURLEncoding.DecodeString(c.AtHash)
		half := accessTokenHash(t.Alg, want.AccessToken)
		out = append(out, check{err == nil && subtle.ConstantTimeCompare(got, half) == 1, "at_hash belongs to the access token beside it."})
	}
	for i := range out {
		if !out[i].OK {
			out[i].Text = "Failed: " + out[i].Text
		}
	}
	return out
}

// accessTokenHash is the left half of the token's hash (OpenID Connect Core
// §3.1.3.6), with the hash of the signature's algorithm.
func accessTokenHash(alg, token string) []byte {
	switch {
	case strings.HasSuffix(alg, "384"):
		h := sha512.Sum384([]byte(token))
		return h[:len(h)/2]
	case strings.HasSuffix(alg, "512"), alg == "EdDSA", alg == "Ed25519":
		h := sha512.Sum512([]byte(token))
		return h[:len(h)/2]
	}
	h := sha256.Sum256([]byte(token))
	return h[:len(h)/2]
}

// anyOf is a string or a list of strings, as aud may be (RFC 7519 §4.1.3).
type anyOf []string

// UnmarshalJSON takes both forms.
func (a *anyOf) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = anyOf{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}
