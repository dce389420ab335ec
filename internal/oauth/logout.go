package oauth

import (
	"context"
	"time"
)

// SessionClient is a client that a login session signed in to.
type SessionClient struct {
	Client *Client
	Grant  ID
	Data   []byte // sealed GrantData
}

// LogoutCall is a message to one client that one session has ended (OpenID
// Connect Back-Channel Logout §2.5), until it was delivered or given up.
type LogoutCall struct {
	ID        ID
	ClientUID ID
	SessionID ID
	Attempts  int64
	CreatedAt time.Time
	DueAt     time.Time // of the next attempt; who takes it moves it, so that no other does. Never: it has failed
	GiveUpAt  time.Time // no attempt begins later
	FailedAt  time.Time // it was given up
	ExpiresAt time.Time // nobody looks for it any more
	PurgeAt   time.Time
	OpID      ID     // of the last attempt, or of what put it here
	Note      string // how the last attempt ended
	Data      []byte // sealed LogoutCallData
}

// LogoutCallData is what a call knows beside its columns. Sealed at rest.
type LogoutCallData struct {
	ClientID string `json:"client_id"`
	Subject  string `json:"sub"` // as the client knows it
}

// LogoutCallQuery is a page of calls in the order of their ids, behind After.
type LogoutCallQuery struct {
	Pending, Failed bool // which of them; neither is none
	After           ID
	Limit           int
}

// SkippedClients is how many clients DueLogoutCalls can leave out.
const SkippedClients = 8

// Outbox keeps calls that have to be made after a commit, whatever happens to
// the node that made it.
type Outbox interface {
	// AddLogoutCall stores it. The same id again is no error: it is the same call.
	AddLogoutCall(ctx context.Context, c *LogoutCall) error
	// DueLogoutCalls returns calls whose time has come, the oldest first,
	// without those to the given clients, at most SkippedClients.
	DueLogoutCalls(ctx context.Context, now time.Time, limit int, without ...ID) ([]LogoutCall, error)
	// TakeLogoutCall begins an attempt, which others leave alone until the
	// given time: of all who read the same DueAt one gets nil. ErrUsed.
	TakeLogoutCall(ctx context.Context, id ID, dueAt, until time.Time, op ID) error
	// PutLogoutCall writes how the attempt with OpID ended: DueAt, FailedAt and
	// Note. It is no error when another attempt has begun since.
	PutLogoutCall(ctx context.Context, c *LogoutCall) error
	// RetryLogoutCall makes the call due as if it were new, with the times of
	// c. ErrNotFound.
	RetryLogoutCall(ctx context.Context, c *LogoutCall) error
	// DeleteLogoutCall removes it. ErrNotFound.
	DeleteLogoutCall(ctx context.Context, id ID) error
	// LogoutCalls returns a page.
	LogoutCalls(ctx context.Context, q LogoutCallQuery) ([]LogoutCall, error)
	// CountLogoutCalls returns how many wait and how many have failed.
	CountLogoutCalls(ctx context.Context) (pending, failed int, err error)
}
