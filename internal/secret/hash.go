package secret

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	// DefaultIterations is the current count for PBKDF2 with SHA-256, after
	// OWASP's password storage sheet.
	DefaultIterations = 600_000

	maxIterations = 10_000_000 // an imported hash must not stop the server
	maxBcryptCost = 16
	maxBcryptLen  = 72 // bcrypt reads no further: longer secrets would match each other
	saltSize      = 16
	hashSize      = 32
	maxHashPart   = 128
)

// HashGenerated hashes a secret that ClientSecret made: "$sha256$salt$hash",
// both in unpadded base64. No slow hash can add to 150 random bits.
func HashGenerated(secret string) string {
	salt := Bytes(saltSize)
	return "$sha256$" + b64(salt) + "$" + b64(sha256Salted(salt, secret))
}

// HashChosen hashes a secret that a person may have chosen: PBKDF2 with
// SHA-256 (RFC 8018 §5.2), in the encoding that Hydra writes,
// "$pbkdf2-sha256$i=…,l=…$salt$hash". iterations below 1 mean DefaultIterations.
func HashChosen(secret string, iterations int) string {
	p := pbkdf2Hash{name: "sha256", iterations: count(iterations), salt: Bytes(saltSize)}
	key, err := pbkdf2.Key(sha256.New, secret, p.salt, p.iterations, hashSize)
	if err != nil {
		panic(err) // only in FIPS mode, for salts shorter than ours
	}
	p.hash = key
	return p.String()
}

// DummyHash returns a hash that no secret matches. To verify against it takes
// as long as against one by HashChosen: that is how unknown clients cost the
// same as known ones.
func DummyHash(iterations int) string {
	return pbkdf2Hash{name: "sha256", iterations: count(iterations), salt: Bytes(saltSize), hash: Bytes(hashSize)}.String()
}

func count(iterations int) int {
	if iterations < 1 {
		return DefaultIterations
	}
	return min(iterations, maxIterations)
}

// VerifyHash reports whether the secret is the one that was hashed, and
// whether the hash should be replaced by one of today: it is Outdated for
// DefaultIterations. An unreadable hash matches nothing.
func VerifyHash(hash, secret string) (ok, outdated bool) {
	switch {
	case strings.HasPrefix(hash, "$sha256$"):
		salt, want, err := parseSalted(hash)
		if err != nil {
			return false, false
		}
		ok = subtle.ConstantTimeCompare(sha256Salted(salt, secret), want) == 1
	case strings.HasPrefix(hash, "$pbkdf2-"):
		p, err := parsePBKDF2(hash)
		if err != nil {
			return false, false
		}
		key, err := pbkdf2.Key(digests[p.name], secret, p.salt, p.iterations, len(p.hash))
		ok = err == nil && subtle.ConstantTimeCompare(key, p.hash) == 1
	case strings.HasPrefix(hash, "$2"):
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || cost > maxBcryptCost || len(secret) > maxBcryptLen {
			return false, false
		}
		ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(secret)) == nil
	}
	return ok, ok && Outdated(hash, DefaultIterations)
}

func bcryptCost(hash string) (int, bool) {
	cost, err := bcrypt.Cost([]byte(hash))
	return cost, err == nil && strings.HasPrefix(hash, "$2")
}

// IsSlow reports whether verifying the hash is meant to take long, so that a
// server must limit how often it does it.
func IsSlow(hash string) bool { return !strings.HasPrefix(hash, "$sha256$") }

// Outdated reports whether a hash should be replaced at the next occasion:
// bcrypt, another digest than SHA-256, or fewer PBKDF2 iterations than given.
// iterations below 1 mean DefaultIterations.
func Outdated(hash string, iterations int) bool {
	if !IsSlow(hash) {
		return false
	}
	p, err := parsePBKDF2(hash)
	return err != nil || p.name != "sha256" || p.iterations < count(iterations) || len(p.hash) < hashSize
}

func sha256Salted(salt []byte, secret string) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(secret))
	return h.Sum(nil)
}

func parseSalted(encoded string) (salt, sum []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 4 || parts[0] != "" || parts[1] != "sha256" {
		return nil, nil, errHash
	}
	if salt, err = unb64(parts[2]); err != nil {
		return nil, nil, err
	}
	if sum, err = unb64(parts[3]); err != nil {
		return nil, nil, err
	}
	if len(salt) != saltSize || len(sum) != sha256.Size {
		return nil, nil, errHash
	}
	return salt, sum, nil
}

var errHash = errors.New("secret: not a hash of a known form")

// digests are what Hydra's relatives write after "$pbkdf2-".
var digests = map[string]func() hash.Hash{
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

type pbkdf2Hash struct {
	name       string // of the digest
	iterations int
	salt, hash []byte
}

func (p pbkdf2Hash) String() string {
	return fmt.Sprintf("$pbkdf2-%s$i=%d,l=%d$%s$%s", p.name, p.iterations, len(p.hash), b64(p.salt), b64(p.hash))
}

// parsePBKDF2 reads the one spelling that String writes.
func parsePBKDF2(encoded string) (pbkdf2Hash, error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 5 || parts[0] != "" {
		return pbkdf2Hash{}, errHash
	}
	name, ok := strings.CutPrefix(parts[1], "pbkdf2-")
	if _, known := digests[name]; !ok || !known {
		return pbkdf2Hash{}, errHash
	}
	i, l, ok := strings.Cut(parts[2], ",")
	if !ok || !strings.HasPrefix(i, "i=") || !strings.HasPrefix(l, "l=") {
		return pbkdf2Hash{}, errHash
	}
	iterations, err := strconv.Atoi(i[2:])
	if err != nil || iterations < 1 || iterations > maxIterations {
		return pbkdf2Hash{}, errHash
	}
	p := pbkdf2Hash{name: name, iterations: iterations}
	if p.salt, err = unb64(parts[3]); err != nil {
		return pbkdf2Hash{}, err
	}
	if p.hash, err = unb64(parts[4]); err != nil {
		return pbkdf2Hash{}, err
	}
	if len(p.salt) == 0 || len(p.hash) < 16 || p.String() != encoded {
		return pbkdf2Hash{}, errHash
	}
	return p, nil
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

func unb64(s string) ([]byte, error) {
	if len(s) > base64.RawStdEncoding.EncodedLen(maxHashPart) {
		return nil, errHash
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || b64(b) != s {
		return nil, errHash
	}
	return b, nil
}
