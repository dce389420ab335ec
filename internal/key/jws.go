package key

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Why a JWT is refused. All of them are ErrInvalidJWT; any other error means
// that it could not be found out.
var (
	ErrInvalidJWT   = errors.New("key: the JWT is not valid")
	ErrMalformed    = fmt.Errorf("%w: not a strict compact JWS", ErrInvalidJWT)
	ErrUnknownKey   = fmt.Errorf("%w: no such key", ErrInvalidJWT)
	ErrAlgorithm    = fmt.Errorf("%w: another algorithm than allowed", ErrInvalidJWT)
	ErrBadSignature = fmt.Errorf("%w: wrong signature", ErrInvalidJWT)
)

const (
	maxJWT = 256 << 10 // characters
	maxKID = 1024      // characters; a kid is a map key, nothing else
)

// Header is what of a JOSE header (RFC 7515 §4.1) is looked at. Everything
// that would let a token bring its own key (jku, jwk, x5u, x5c) is not.
type Header struct{ Alg, Typ, KID string }

// Verified is a JWT with a good signature. Its claims are not judged yet.
type Verified struct {
	Header
	Payload []byte
}

// compact is a JWS in compact serialization (RFC 7515 §7.1), not verified yet.
type compact struct {
	Header
	text    string
	payload []byte
}

// parseCompact reads the compact serialization only, and of it the one strict
// spelling. ErrMalformed.
func parseCompact(text string) (*compact, error) {
	if len(text) > maxJWT {
		return nil, ErrMalformed
	}
	parts := strings.SplitN(text, ".", 4)
	if len(parts) != 3 || parts[2] == "" {
		return nil, ErrMalformed
	}
	var raw [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(b) != part {
			return nil, ErrMalformed
		}
		raw[i] = b
	}
	c := &compact{text: text, payload: raw[1]}
	members, err := StrictObject(raw[0])
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	// No extension is understood here, so that none may be critical (RFC 7515
	// §4.1.11); b64 (RFC 7797) must be critical and so is none either.
	for _, name := range []string{"crit", "b64"} {
		if _, ok := members[name]; ok {
			return nil, fmt.Errorf("%w: header: %s", ErrMalformed, name)
		}
	}
	for name, into := range map[string]*string{"alg": &c.Alg, "typ": &c.Typ, "kid": &c.KID} {
		v, ok := members[name]
		if !ok {
			continue
		}
		if *into, err = String(v); err != nil {
			return nil, fmt.Errorf("%w: header: %s", ErrMalformed, name)
		}
	}
	if c.Alg == "" || len(c.KID) > maxKID {
		return nil, ErrMalformed
	}
	return c, nil
}

// verify checks the signature with one public key, by exactly the given
// algorithm, whatever the header says. ErrAlgorithm, ErrBadSignature.
func (c *compact) verify(public any, alg string) error {
	if c.Alg != alg || !fits(alg, public) {
		return ErrAlgorithm
	}
	return c.check(public)
}

// check verifies with a key that fits the header's algorithm.
func (c *compact) check(key any) error {
	jws, err := jose.ParseSignedCompact(c.text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(c.Alg)})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := jws.Verify(key); err != nil {
		return ErrBadSignature
	}
	return nil
}

func (c *compact) verified() Verified { return Verified{Header: c.Header, Payload: c.payload} }
