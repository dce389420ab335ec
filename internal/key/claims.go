package key

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

const maxAudience = 50 // entries of an aud that is an array

// Claims are the registered claims of a JWT (RFC 7519 §4.1). A claim that is
// absent is empty or the zero time.
type Claims struct {
	Issuer, Subject, JTI         string
	Audience                     []string
	Expires, NotBefore, IssuedAt time.Time
}

// ParseClaims reads the registered claims strictly: each has the one JSON type
// that RFC 7519 gives it. It judges none. ErrJSON.
func ParseClaims(payload []byte) (Claims, error) {
	members, err := StrictObject(payload)
	if err != nil {
		return Claims{}, err
	}
	var c Claims
	for name, to := range map[string]*string{"iss": &c.Issuer, "sub": &c.Subject, "jti": &c.JTI} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		if *to, err = String(raw); err != nil {
			return Claims{}, fmt.Errorf("the claim %s: %w", name, err)
		}
	}
	for name, to := range map[string]*time.Time{"exp": &c.Expires, "nbf": &c.NotBefore, "iat": &c.IssuedAt} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		if *to, err = NumericDate(raw); err != nil {
			return Claims{}, fmt.Errorf("the claim %s: %w", name, err)
		}
	}
	if raw, ok := members["aud"]; ok {
		if c.Audience, err = audience(raw); err != nil {
			return Claims{}, fmt.Errorf("the claim aud: %w", err)
		}
	}
	return c, nil
}

// audience reads one string or an array of strings (RFC 7519 §4.1.3).
func audience(raw json.RawMessage) ([]string, error) {
	if one, err := String(raw); err == nil {
		return []string{one}, nil
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil || entries == nil || len(entries) > maxAudience {
		return nil, fmt.Errorf("%w: neither a string nor an array of at most %d", ErrJSON, maxAudience)
	}
	many := make([]string, len(entries))
	for i, e := range entries {
		var err error
		if many[i], err = String(e); err != nil {
			return nil, err
		}
	}
	return many, nil
}

// AddressedTo reports whether a JWT is meant for whoever has these names, and
// for nobody else: one of its audiences is among them, and none belongs to
// another host, who could otherwise present to us what it was given.
func (c *Claims) AddressedTo(own []string) bool {
	ours := slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(own, a) })
	return ours && !slices.ContainsFunc(c.Audience, func(a string) bool {
		return !slices.ContainsFunc(own, func(o string) bool { return a == o || sameOrigin(a, o) })
	})
}

func sameOrigin(a, b string) bool {
	u, errU := url.Parse(a)
	v, errV := url.Parse(b)
	return errU == nil && errV == nil && u.Host != "" && u.Scheme == v.Scheme && u.Host == v.Host
}

// ReadUnverified reads header and claims of a JWT whose signature nobody has
// checked, only to know whose keys to check it with. ErrMalformed.
func ReadUnverified(jwt string) (Header, Claims, error) {
	c, err := parseCompact(jwt)
	if err != nil {
		return Header{}, Claims{}, err
	}
	claims, err := ParseClaims(c.payload)
	if err != nil {
		return Header{}, Claims{}, errors.Join(ErrMalformed, err)
	}
	return c.Header, claims, nil
}
