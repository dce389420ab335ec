package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// MinSystemSecret is the least length of a system secret, in bytes.
const MinSystemSecret = 16

// ErrUnwrap says that a blob was not wrapped by any of the system secrets, or
// for another purpose, or is damaged.
var ErrUnwrap = errors.New("secret: not wrapped by any of the system secrets")

// System is the operator's system secrets. They wrap data keys and nothing
// else, so that replacing one means to wrap a few rows anew.
type System struct{ keys []cipher.AEAD }

// wrapVersion begins every wrapped blob and is part of its associated data.
const wrapVersion = 1

// NewSystem derives a wrapping key from each secret (HKDF with SHA-256, RFC
// 5869). The first secret wraps, all of them unwrap. Each must have at least
// MinSystemSecret bytes. No error repeats a secret.
func NewSystem(secrets []string) (*System, error) {
	if len(secrets) == 0 {
		return nil, errors.New("secret: at least one system secret is needed")
	}
	s := &System{}
	for i, text := range secrets {
		if len(text) < MinSystemSecret {
			return nil, fmt.Errorf("secret: system secret number %d has %d bytes, at least %d are needed", i+1, len(text), MinSystemSecret)
		}
		key, err := hkdf.Key(sha256.New, []byte(text), nil, "hydra/system/wrap/1", chacha20poly1305.KeySize)
		if err != nil {
			return nil, fmt.Errorf("secret: derive a wrapping key: %w", err)
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, fmt.Errorf("secret: derive a wrapping key: %w", err)
		}
		s.keys = append(s.keys, aead)
	}
	return s, nil
}

// String hides the secrets from fmt.
func (*System) String() string { return "[redacted]" }

// Wrap encrypts plain under the first secret. The purpose must be given again
// to unwrap it: a blob that was moved elsewhere does not open.
func (s *System) Wrap(purpose string, plain []byte) ([]byte, error) {
	if s == nil || len(s.keys) == 0 {
		return nil, errors.New("secret: no system secret")
	}
	blob := make([]byte, 1, 1+chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	blob[0] = wrapVersion
	nonce := Bytes(chacha20poly1305.NonceSizeX)
	blob = append(blob, nonce...)
	return s.keys[0].Seal(blob, nonce, plain, wrapData(purpose)), nil
}

// Unwrap opens what Wrap made. current is false when an older secret than the
// first opened it: then it is time to wrap it anew. ErrUnwrap when none did.
func (s *System) Unwrap(purpose string, blob []byte) (plain []byte, current bool, err error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if s == nil || len(blob) < head+chacha20poly1305.Overhead || blob[0] != wrapVersion {
		return nil, false, ErrUnwrap
	}
	for i, key := range s.keys {
		if plain, err := key.Open(nil, blob[1:head], blob[head:], wrapData(purpose)); err == nil {
			return plain, i == 0, nil
		}
	}
	return nil, false, ErrUnwrap
}

func wrapData(purpose string) []byte { return append([]byte{wrapVersion}, purpose...) }
