package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"
)

// ForeignKey is the key that ORY Hydra makes of a system secret: SHA-256. It
// signs that server's opaque tokens and seals its columns.
type ForeignKey [sha256.Size]byte

// NewForeignKey derives the key of a system secret.
func NewForeignKey(system string) ForeignKey { return sha256.Sum256([]byte(system)) }

// String hides the key from fmt.
func (ForeignKey) String() string { return "[redacted]" }

// GoString hides the key from fmt.
func (ForeignKey) GoString() string { return "[redacted]" }

// foreignPrefix begins the refresh tokens of that server since its version 2.
const foreignPrefix = "ory_rt_"

// maxForeign bounds either half of a token, in characters. The entropy of that
// server's tokens can be configured.
const maxForeign = 256

// ForeignSignature returns the signature of a refresh token of another server
// if one of the keys made it: two halves in unpadded base64url with a dot
// between them, the second of which is the HMAC with SHA-512/256 of the first.
// It is false for everything else, and for any other spelling of the same.
func ForeignSignature(keys []ForeignKey, token string) (string, bool) {
	first, signature, ok := strings.Cut(strings.TrimPrefix(token, foreignPrefix), ".")
	if !ok {
		return "", false
	}
	random, ok := foreignHalf(first)
	if !ok || len(random) < 16 {
		return "", false
	}
	mac, ok := foreignHalf(signature)
	if !ok || len(mac) != sha512.Size256 {
		return "", false
	}
	for _, key := range keys {
		h := hmac.New(sha512.New512_256, key[:])
		h.Write(random)
		if hmac.Equal(h.Sum(nil), mac) {
			return signature, true
		}
	}
	return "", false
}

func foreignHalf(s string) ([]byte, bool) {
	if len(s) > maxForeign {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	// Also a strict decoder takes line breaks.
	return b, err == nil && base64.RawURLEncoding.EncodeToString(b) == s
}

// ErrForeign says that none of the keys has sealed the text.
var ErrForeign = errors.New("secret: not sealed with any of the given system secrets")

// OpenForeign opens what ORY Hydra seals at rest: padded base64url over a nonce
// and AES-256-GCM, without associated data. ErrForeign.
func OpenForeign(keys []ForeignKey, text string) ([]byte, error) {
	raw, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrForeign
	}
	for _, key := range keys {
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		if len(raw) < gcm.NonceSize() {
			break
		}
		if plain, err := gcm.Open(nil, raw[:gcm.NonceSize()], raw[gcm.NonceSize():], nil); err == nil {
			return plain, nil
		}
	}
	return nil, ErrForeign
}

// ReadableHash reports whether VerifyHash can check a secret against the hash.
func ReadableHash(hash string) bool {
	switch {
	case strings.HasPrefix(hash, "$sha256$"):
		_, _, err := parseSalted(hash)
		return err == nil
	case strings.HasPrefix(hash, "$pbkdf2-"):
		_, err := parsePBKDF2(hash)
		return err == nil
	}
	cost, ok := bcryptCost(hash)
	return ok && cost <= maxBcryptCost
}
