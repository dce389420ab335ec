package secret

import (
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// Current returns the id of the key that seals values of the kind now, for
// callers that derive the nonce from the payload. ErrNoKey.
func (s *Sealer) Current(k Kind) (kid uint32, err error) {
	key := s.ring.Load().sealing(k, s.Now())
	if key == nil {
		return 0, fmt.Errorf("%w: %s", ErrNoKey, k)
	}
	return key.KID, nil
}

// SealedLen is the length in characters of a value with a payload of n bytes.
func SealedLen(k Kind, n int) int {
	return len(k.Prefix()) + base64.RawURLEncoding.EncodedLen(headSize+n+chacha20poly1305.Overhead)
}
