package oauth

import (
	"context"
	"encoding/json"
	"time"
)

// TrustedIssuer says whose assertions this server takes for an access token
// (RFC 7523 §2.1): those that the issuer signed with this key, for one subject
// or for any. It is made once and never changed.
type TrustedIssuer struct {
	ID              ID
	Issuer          string
	Subject         string // empty when AllowAnySubject is set, and only then
	AllowAnySubject bool
	Scope           []string // what its assertions may ask for, as patterns of the scope strategy
	KID             string
	JWK             json.RawMessage // a public key
	CreatedAt       time.Time
	ExpiresAt       time.Time
}

// TrustQuery is a page of a list of trusted issuers: of those with an id
// behind After, Limit rows after the first Offset. An empty Issuer lets every
// row through.
type TrustQuery struct {
	Issuer string
	After  ID
	Offset int
	Limit  int
}

// TrustedIssuers keeps trusted issuers. Names are compared byte for byte.
type TrustedIssuers interface {
	// AddTrustedIssuer stores it. ErrExists when the issuer has a row for the
	// same subject and kid already.
	AddTrustedIssuer(ctx context.Context, t *TrustedIssuer) error
	// TrustedIssuer returns one, expired or not. ErrNotFound.
	TrustedIssuer(ctx context.Context, id ID) (*TrustedIssuer, error)
	// TrustedIssuers lists them in the order of their ids.
	TrustedIssuers(ctx context.Context, q TrustQuery) ([]TrustedIssuer, error)
	// CountTrustedIssuers returns how many an issuer has; an empty name stands
	// for all issuers.
	CountTrustedIssuers(ctx context.Context, issuer string) (int, error)
	// TrustedFor returns at most limit rows that have not expired at now and
	// that let the issuer speak for the subject, with the key of that kid or,
	// when kid is empty, with any; those for this very subject come first.
	TrustedFor(ctx context.Context, issuer, subject, kid string, now time.Time, limit int) ([]TrustedIssuer, error)
	// DeleteTrustedIssuer removes it. ErrNotFound.
	DeleteTrustedIssuer(ctx context.Context, id ID) error
}
