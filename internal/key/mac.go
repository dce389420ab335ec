package key

import (
	"fmt"
	"slices"
)

// SecretAlgs are the algorithms of a JWT that is authenticated with a client
// secret (RFC 7518 §3.2).
func SecretAlgs() []string { return []string{"HS256", "HS384", "HS512"} }

// SecretBytes is the least length of a secret for the algorithm; with none,
// that for the weakest (RFC 7518 §3.2).
func SecretBytes(alg string) int {
	if n := symmetricSize[alg]; n > 0 {
		return n
	}
	return symmetricSize["HS256"]
}

// VerifyMAC checks a JWT whose key is a client secret, by one of the given
// algorithms. A secret that is shorter than the algorithm's hash counts as
// none: it could be guessed from the JWT. It judges no claims, but they are
// one strict JSON object. ErrInvalidJWT in one of its forms.
func VerifyMAC(secret []byte, jwt string, algs []string) (Verified, error) {
	if len(jwt) > maxAssertion {
		return Verified{}, ErrMalformed
	}
	c, err := parseCompact(jwt)
	if err != nil {
		return Verified{}, err
	}
	if symmetricSize[c.Alg] == 0 || !slices.Contains(algs, c.Alg) || len(secret) < symmetricSize[c.Alg] {
		return Verified{}, ErrAlgorithm
	}
	if err := c.check(secret); err != nil {
		return Verified{}, err
	}
	if _, err := StrictObject(c.payload); err != nil {
		return Verified{}, fmt.Errorf("%w: claims: %w", ErrMalformed, err)
	}
	return c.verified(), nil
}
