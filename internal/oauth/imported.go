package oauth

import (
	"context"
	"encoding/json"
	"time"
)

// ImportedToken leads from a refresh token of another server, whose signature
// was verified, to the Grant that stands for its chain here. A chain has a row
// of its own, too: it says that the chain was taken over, and stays when the
// Grant is gone, so that nothing that was revoked comes back with a second
// import.
type ImportedToken struct {
	ID         ID // hash of the signature
	Chain      ID
	Generation int64 // of the refresh token that it counts as
	ExpiresAt  time.Time
}

// ImportedSecret is a system secret of another server, sealed.
type ImportedSecret struct {
	ID        ID
	CreatedAt time.Time
	Data      []byte
}

// Imports keeps what was taken over from another server.
type Imports interface {
	// AddImportedToken stores it. ErrExists when the id is taken.
	AddImportedToken(ctx context.Context, t *ImportedToken) error
	// ImportedToken returns it, expired or not. ErrNotFound.
	ImportedToken(ctx context.Context, id ID) (*ImportedToken, error)
	// AddImportedSecret stores it and raises the version "seal". ErrExists.
	AddImportedSecret(ctx context.Context, s *ImportedSecret) error
	// ImportedSecrets returns all of them.
	ImportedSecrets(ctx context.Context) ([]ImportedSecret, error)
}

// Authorization is what another server knows of one consent, with the refresh
// tokens that came out of it.
type Authorization struct {
	Chain      string // the other server's name for it
	ClientID   string
	Subject    string
	Identifier string // the sub that the client knows, when it differs

	RequestURL        string
	RequestedScope    []string
	RequestedAudience []string
	GrantedScope      []string
	GrantedAudience   []string

	RequestedAt time.Time
	HandledAt   time.Time
	AuthTime    time.Time
	ACR         string
	AMR         []string

	AccessClaims json.RawMessage // JSON objects, or nil
	IDClaims     json.RawMessage
	Context      json.RawMessage

	Skip        bool // it rests on an earlier consent
	Remember    bool
	RememberFor int64 // seconds; 0 and less: without an end

	Tokens []ForeignToken
}

// ForeignToken is a refresh token of another server, which keeps only the
// signature.
type ForeignToken struct {
	Signature string
	Spent     bool      // another took its place
	ExpiresAt time.Time // Never: without an end
}
