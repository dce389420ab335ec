package oauth

import (
	"context"
	"time"
)

// Registration is a client that registered without a token (RFC 7591 §3), by
// which it is found when its time to be used is over.
type Registration struct {
	ClientUID   ID
	ClientID    string
	UnusedUntil time.Time // Never: it has been used
}

// InitialAccessToken lets its bearer register clients (RFC 7591 §3). Its value
// is its ID, sealed.
type InitialAccessToken struct {
	ID        ID
	CreatedAt time.Time
	ExpiresAt time.Time // Never, unless it was given an end; of one that was used up, when that was
	UsesLeft  int64     // UnlimitedUses, unless it was given a number
	Note      string    // what it is for, in an administrator's words
}

// UnlimitedUses is more than anybody can use.
const UnlimitedUses = 1 << 62

// Registrations keeps what dynamic registration needs beside clients.
type Registrations interface {
	// AddRegistration stores a registration without a token. The same UID
	// again is no error.
	AddRegistration(ctx context.Context, r Registration) error
	// CountRegistrations returns how many there are.
	CountRegistrations(ctx context.Context) (int, error)
	// DueRegistrations returns at most limit of those whose UnusedUntil is
	// not after now.
	DueRegistrations(ctx context.Context, now time.Time, limit int) ([]Registration, error)
	// KeepRegistration sets its UnusedUntil to Never. None is no error.
	KeepRegistration(ctx context.Context, uid ID) error
	// DeleteRegistration removes it. None is no error.
	DeleteRegistration(ctx context.Context, uid ID) error

	// AddInitialAccessToken stores a token. ErrExists.
	AddInitialAccessToken(ctx context.Context, t InitialAccessToken) error
	// InitialAccessToken returns a token, also one that has expired. ErrNotFound.
	InitialAccessToken(ctx context.Context, id ID) (*InitialAccessToken, error)
	// InitialAccessTokens lists at most limit of them in the order of their
	// ids, behind one.
	InitialAccessTokens(ctx context.Context, after ID, limit int) ([]InitialAccessToken, error)
	// UseInitialAccessToken counts one use, if one is left and the token has
	// not expired at now; with the last use it ends. ErrUsed.
	UseInitialAccessToken(ctx context.Context, id, op ID, now time.Time) error
	// DeleteInitialAccessToken removes it. ErrNotFound.
	DeleteInitialAccessToken(ctx context.Context, id ID) error
}
