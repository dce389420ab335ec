package oauth

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
)

// Seed is the 16-byte secret that a flow draws. Codes and refresh tokens carry
// it sealed; everything else is derived from it by one-way steps, so that what
// a list, a log or a resource server sees rebuilds nothing.
type Seed [16]byte

// AccessKey is what access tokens carry in place of the seed.
type AccessKey [16]byte

// AccessKey derives what access tokens carry.
func (s Seed) AccessKey() AccessKey {
	sum := sha256.Sum256(append([]byte("at"), s[:]...))
	return AccessKey(sum[:16])
}

// GrantID derives the primary key of the Grant, which is also its
// consent_request_id.
func (a AccessKey) GrantID() ID {
	sum := sha256.Sum256(a[:])
	return ID(sum[:16])
}

// GrantID derives the primary key of the Grant that the flow may lead to.
func (s Seed) GrantID() ID { return s.AccessKey().GrantID() }

// SessionID derives the id of the login session that the flow may begin.
func (s Seed) SessionID() ID {
	sum := sha256.Sum256(append([]byte("sid"), s[:]...))
	return ID(sum[:16])
}

// A seed opens a whole authorization and an access key its access tokens, so
// both are as silent as a Secret.

func (Seed) String() string               { return redacted }
func (Seed) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Seed) MarshalText() ([]byte, error) { return nil, errSecret }
func (Seed) Format(f fmt.State, _ rune)   { redact(f) }

func (AccessKey) String() string               { return redacted }
func (AccessKey) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (AccessKey) MarshalText() ([]byte, error) { return nil, errSecret }
func (AccessKey) Format(f fmt.State, _ rune)   { redact(f) }
