package key

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// ReadHeader reads the header of a JWT in compact serialization, whose
// signature may be empty, and checks nothing. ErrMalformed.
func ReadHeader(jwt string) (Header, error) {
	c, err := readUnsigned(jwt)
	if err != nil {
		return Header{}, err
	}
	return c.Header, nil
}

// ReadUnsigned reads a JWT with the algorithm none (RFC 7519 §6.1), whose
// signature must be empty. Nobody vouches for its claims, which are one strict
// JSON object. ErrMalformed, ErrAlgorithm.
func ReadUnsigned(jwt string) (Verified, error) {
	c, err := readUnsigned(jwt)
	switch {
	case err != nil:
		return Verified{}, err
	case c.Alg != "none":
		return Verified{}, ErrAlgorithm
	case !strings.HasSuffix(jwt, "."):
		return Verified{}, fmt.Errorf("%w: a signature where none may be", ErrMalformed)
	}
	if _, err := StrictObject(c.payload); err != nil {
		return Verified{}, fmt.Errorf("%w: claims: %w", ErrMalformed, err)
	}
	return c.verified(), nil
}

// readUnsigned parses a JWT whose signature may be empty.
func readUnsigned(jwt string) (*compact, error) {
	if len(jwt) > maxAssertion {
		return nil, ErrMalformed
	}
	if strings.HasSuffix(jwt, ".") {
		// The parser wants a signature; nobody looks at this one.
		jwt += base64.RawURLEncoding.EncodeToString([]byte{0})
	}
	return parseCompact(jwt)
}
