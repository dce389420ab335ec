package oauth

import (
	"context"
	"time"
)

// Store is everything that a database keeps. It knows rows, not rules: it
// never hashes, never reads a clock and decides no expiry that it was not told
// the time for. A service asks for the narrow interface it uses.
//
// Every method is atomic. Outside Tx each is its own transaction, durable when
// it returns nil, and retried inside the store when the database reports a
// conflict; after a commit whose outcome is unknown, a conditional update
// recognises its own work by the op ID that it wrote.
//
// Methods answer ErrNotFound, ErrExists, ErrUsed or ErrGone where their
// comment says so. Any other error means that the database failed.
type Store interface {
	Clients
	Keys
	SealKeys
	Grants
	Sessions
	Outbox
	Requests
	Devices
	Replays
	RevokedTokens
	TrustedIssuers
	Registrations
	Imports
	Versions
	Leases
	Settings
	Purger
	Sealed

	// Tx runs f in one transaction. It may run f more than once, so f touches
	// nothing but the store it is given. An error from f rolls back.
	Tx(ctx context.Context, f func(Store) error) error
	// Ping tells whether the database answers and its schema is the expected one.
	Ping(ctx context.Context) error
	Close() error
}

// ClientFilter narrows a list of clients. Texts are compared byte for byte; an
// empty one lets every client through.
type ClientFilter struct {
	Owner string
	Name  string
}

// ClientQuery is a page of a list of clients: of those with an id after After,
// if that is set, Limit clients behind the first Offset.
type ClientQuery struct {
	ClientFilter
	After  *string
	Offset int
	Limit  int
}

// Clients keeps registered clients and their secrets. Each change also raises
// the version "clients".
type Clients interface {
	// Client returns the client with the public id. Ids are compared byte for
	// byte. ErrNotFound.
	Client(ctx context.Context, id string) (*Client, []ClientSecret, error)
	// ReadClient is Client without the secrets. What it returns is shared:
	// nobody may change it.
	ReadClient(ctx context.Context, id string) (*Client, error)
	// AddClient stores a new client with its secrets. ErrExists when the id is taken.
	AddClient(ctx context.Context, c *Client, secrets []ClientSecret) error
	// UpdateClient replaces a client where uid and version are those of c, and
	// raises the version. A nil secrets leaves the secrets as they are, else
	// they are replaced. ErrUsed when somebody changed or deleted it meanwhile.
	UpdateClient(ctx context.Context, c *Client, secrets []ClientSecret) error
	// DeleteClient removes the client and its secrets; at is kept beside the
	// uid in the list of deleted clients. ErrNotFound.
	DeleteClient(ctx context.Context, id string, at time.Time) error
	// ListClients returns the clients of a page in the byte order of their ids.
	// They are shared: nobody may change them.
	ListClients(ctx context.Context, q ClientQuery) ([]*Client, error)
	// CountClients returns how many clients the filter lets through.
	CountClients(ctx context.Context, f ClientFilter) (int, error)
	// RaiseEpoch ends all access tokens of a client. ErrNotFound.
	RaiseEpoch(ctx context.Context, id string) error
}

// KeyRow is one JSON Web Key of a set. Data is sealed.
type KeyRow struct {
	Set, KID    string
	Alg, Use    string
	Slot        ID // unique in the set: a fixed value makes two first starts collide, else random
	CreatedAt   time.Time
	ActiveFrom  time.Time
	RetiredAt   time.Time // zero: not retired
	VerifyUntil time.Time // Never: verifies as long as it is in the set
	Data        []byte
}

// Keys keeps JSON Web Key sets. Each change also raises the version "keys".
type Keys interface {
	// KeySet returns the keys of a set, newest first; none is no error.
	KeySet(ctx context.Context, set string) ([]KeyRow, error)
	// AddKeys adds all keys or none. ErrExists when a kid or a slot is taken.
	AddKeys(ctx context.Context, keys []KeyRow) error
	// ReplaceKeySet puts the keys in place of all that the set had.
	ReplaceKeySet(ctx context.Context, set string, keys []KeyRow) error
	// ReplaceKeys puts the keys in place of those of the set that have one of
	// the kids, if it has them. ErrExists when another key has a kid or a slot.
	ReplaceKeys(ctx context.Context, set string, kids []string, keys []KeyRow) error
	// RetireKeys sets the times of those keys of the set that were not retired
	// before. Keys that are gone stay gone: a rotation must not bring back what
	// somebody has removed meanwhile.
	RetireKeys(ctx context.Context, set string, kids []string, at, until time.Time) error
	// DeleteKeySet and DeleteKey return how many keys went.
	DeleteKeySet(ctx context.Context, set string) (int, error)
	DeleteKey(ctx context.Context, set, kid string) (int, error)
}

// SealKey is a data key that seals values of one kind, itself wrapped under
// the system secret.
type SealKey struct {
	KID         uint32
	Kind        int
	Slot        ID // unique per kind, as KeyRow.Slot
	AnnouncedAt time.Time
	ActiveFrom  time.Time
	RetiredAt   time.Time
	DeleteAfter time.Time // no value of this key can live longer; Never where unknown
	Data        []byte    // wrapped
}

// SealKeys keeps the data keys. Each change also raises the version "seal".
type SealKeys interface {
	SealKeys(ctx context.Context) ([]SealKey, error)
	// AddSealKeys adds all or none. ErrExists when a kid or a slot is taken.
	AddSealKeys(ctx context.Context, keys []SealKey) error
	// PutSealKey replaces the key of the same kid: another wrapping, other times. ErrNotFound.
	PutSealKey(ctx context.Context, key SealKey) error
	// DeleteSealKeys removes the keys with these ids.
	DeleteSealKeys(ctx context.Context, kids []uint32) error
}

// Standing is what must hold for a Grant to be written.
type Standing struct {
	Parent  ID // if set: this Grant is not revoked and its consent lasts beyond Now
	Session ID // if set: this session has a row that was not ended
	Now     time.Time
}

// LoginState is what the acceptance of a login needs to know, in one look-up.
type LoginState struct {
	Flow       *Grant   // the flow's own Grant, if the consent was handled already
	Remembered []Grant  // live remembered consents, newest first, at most 8
	Session    *Session // nil when it has no row
}

// FrontPayout is what the authorization endpoint writes when it pays out
// tokens itself.
type FrontPayout struct {
	Op        ID
	Now       time.Time
	ExpiresAt time.Time // of the last value, those that were there before included
	PurgeAt   time.Time
	Parent    ID // that must not be revoked; zero when there is none
	Was       ID // OpID of the row as it was read: the decision that is paid out; zero: any
}

// CodeSpend is what the exchange of a code writes.
type CodeSpend struct {
	Op               ID
	Now              time.Time
	RotationID       [8]byte
	RefreshExpiresAt time.Time // zero: no refresh token
	ExpiresAt        time.Time
	PurgeAt          time.Time
	HookData         []byte // nil leaves the row's
	// Parent is the consent on which a skipped one rests; zero: none. It must
	// not have been revoked, which a revocation at the same moment as the skip
	// may not have told its Grant.
	Parent ID
	// Was is the OpID of the row as it was read: the consent app may have
	// replaced its decision since. Zero: any.
	Was ID
}

// Rotation is what a refresh writes. From must be what the caller read.
type Rotation struct {
	Op                           ID
	Now                          time.Time
	FromGeneration, ToGeneration int64
	FromRotation, ToRotation     [8]byte
	AccessFloor                  int64 // never lowers the row's
	RefreshExpiresAt             time.Time
	ExpiresAt                    time.Time
	PurgeAt                      time.Time // written only when later than the row's
	HookData                     []byte    // nil leaves the row's
}

// GrantFilter narrows what belongs to a subject.
type GrantFilter struct {
	ClientUID ID // zero: any client
	SessionID ID // zero: any session
}

// GrantPosition is a place in the list of a subject's consents.
type GrantPosition struct {
	RequestedAt time.Time
	ID          ID
}

// Grants keeps permissions.
type Grants interface {
	// Grant returns the row with the state of its client and session, in one
	// statement. ErrNotFound.
	Grant(ctx context.Context, id ID) (*GrantRow, error)
	// LoginState answers with one statement: the Grant of the flow if there is
	// one, the live consents under the remember key, and the session. Zero IDs
	// are not looked for.
	LoginState(ctx context.Context, flow, remember, session ID, now time.Time) (LoginState, error)
	// AddGrant inserts an open Grant if its client exists and the rest stands.
	// ErrExists when the id is taken, ErrGone when something does not stand.
	AddGrant(ctx context.Context, g *Grant, must Standing) error
	// UpdateOpenGrant replaces what the consent app decided, while nothing was
	// paid out and the Grant is neither ended nor revoked. ErrUsed, ErrGone.
	UpdateOpenGrant(ctx context.Context, g *Grant, must Standing) error
	// RejectGrant writes a tombstone for a rejection that the browser brought
	// back: it inserts g with its RevokedAt and EndedAt, or revokes the open
	// Grant with the same id. ErrUsed when that was paid out or is dead.
	RejectGrant(ctx context.Context, g *Grant, op ID) error
	// SpendCode marks the code used: exactly one caller gets nil, all others
	// ErrUsed. It repeats every condition: not used, not ended, not revoked,
	// code_expires_at > Now, the client exists.
	SpendCode(ctx context.Context, id ID, s CodeSpend) error
	// PayFront marks that tokens are paid out at the authorization endpoint:
	// exactly one caller gets nil, all others ErrUsed. It repeats every
	// condition: nothing paid out, not ended, not revoked, flow_expires_at >
	// Now, the client exists. The code can still be spent once.
	PayFront(ctx context.Context, id ID, f FrontPayout) error
	// ApproveDevice writes that the browser has brought the consent of a
	// device's Grant back: until then its code can be spent, and no decision
	// about it counts any more. ErrUsed when one stands already.
	ApproveDevice(ctx context.Context, id ID, until time.Time, op ID) error
	// Rotate advances generation and rotation id, if both are the caller's,
	// the Grant is neither ended nor revoked, the refresh token has not
	// expired and the client exists. ErrUsed otherwise.
	Rotate(ctx context.Context, id ID, r Rotation) error
	// UseGrace counts an answer to the previous generation, under the
	// conditions of Rotate. ErrUsed.
	UseGrace(ctx context.Context, id ID, generation int64, op ID, now time.Time) error
	// EndGrant kills code and tokens. It is no error when they are dead or the
	// row is gone.
	EndGrant(ctx context.Context, id ID, why EndReason, now time.Time) error
	// RevokeGrant takes the consent back, with the Grants that rest on it, none
	// of which lives when it returns nil, whatever is added or paid out at the
	// same time. It returns how many rows changed, also beside an error.
	RevokeGrant(ctx context.Context, id ID, now time.Time) (int, error)
	// RevokeGrants takes back at most limit consents of a subject that are not
	// revoked yet, skipped and open ones too, and returns how many.
	RevokeGrants(ctx context.Context, subject ID, f GrantFilter, now time.Time, limit int) (int, error)
	// GrantsOf lists accepted, not skipped, not revoked consents of a subject,
	// newest requested_at first (ties by id), without remembered ones that
	// ran out.
	GrantsOf(ctx context.Context, subject ID, f GrantFilter, now time.Time, offset, limit int) ([]GrantRow, error)
	// GrantsAfter is GrantsOf from behind a place in that list.
	GrantsAfter(ctx context.Context, subject ID, f GrantFilter, now time.Time, after GrantPosition, limit int) ([]GrantRow, error)
	// CountGrantsOf returns how long the list of GrantsOf is.
	CountGrantsOf(ctx context.Context, subject ID, f GrantFilter, now time.Time) (int, error)
}

// Sessions keeps remembered logins.
type Sessions interface {
	// Session returns a session, ended ones too. ErrNotFound.
	Session(ctx context.Context, id ID) (*Session, error)
	// PutSession inserts the session, or replaces it while it is not ended;
	// either only while the flow's Grant was not paid out and is not dead. ErrUsed.
	PutSession(ctx context.Context, s *Session, flow ID) error
	// ExtendSession moves the ends of a session that is not ended to later
	// times, never to earlier ones, and replaces its data. ErrUsed when it was
	// ended or is gone.
	ExtendSession(ctx context.Context, s *Session) error
	// EndSession ends it and reports whether it had not been ended. It is no
	// error when there is none.
	EndSession(ctx context.Context, id ID, now time.Time) (bool, error)
	// EndSessions ends every session of a subject and returns how many lived.
	EndSessions(ctx context.Context, subject ID, now time.Time) (int, error)
	// SessionClients returns the clients that a session signed in to and that
	// want to hear of its end, each with the newest of its Grants of which a
	// code or token was or may still be paid out.
	SessionClients(ctx context.Context, session ID, now time.Time) ([]SessionClient, error)
}

// StoredRequest is a sealed flow that was too long for a URL, or a pushed
// authorization request (RFC 9126). Immutable.
type StoredRequest struct {
	ID        ID // hash of the reference in the URL
	Kind      int
	ClientUID ID
	CreatedAt time.Time
	ExpiresAt time.Time
	PurgeAt   time.Time
	Data      []byte
}

// Requests keeps stored requests.
type Requests interface {
	// AddRequest stores it. The same id again is no error: it is the same value.
	AddRequest(ctx context.Context, r *StoredRequest) error
	// Request returns it, expired or not. ErrNotFound.
	Request(ctx context.Context, id ID) (*StoredRequest, error)
}

// Replays remembers one-time values: the jti of assertions.
type Replays interface {
	// AddReplay remembers the key. ErrExists when it was seen before.
	AddReplay(ctx context.Context, key ID, expiresAt time.Time) error
}

// RevokedTokens is the list of single tokens that have no Grant and were
// revoked before their time.
type RevokedTokens interface {
	// RevokeToken lists it until it expires. ErrGone when the client has more
	// than max entries: the caller raises the client's epoch instead.
	RevokeToken(ctx context.Context, token, clientUID ID, expiresAt time.Time, max int) error
	// MachineToken tells in one statement whether the token is listed and how
	// its client stands today.
	MachineToken(ctx context.Context, token, clientUID ID) (ClientState, bool, error)
}

// VersionSet holds a counter for each group of cached rows; a counter that
// moved says that something in the group has changed.
type VersionSet struct{ Clients, Keys, Seal int64 }

// Versions answers the one small question that caches ask once a second.
type Versions interface {
	Versions(ctx context.Context) (VersionSet, error)
}

// Leases hands a background job to one node at a time.
type Leases interface {
	// TakeLease takes or renews the named lease for the owner until the given
	// time, if it is free, expired at now, or the owner's already.
	TakeLease(ctx context.Context, name string, owner ID, now, until time.Time) (bool, error)
	// DropLease gives it back early.
	DropLease(ctx context.Context, name string, owner ID) error
}

// Settings keeps a few small named values.
type Settings interface {
	// Setting returns a value. ErrNotFound.
	Setting(ctx context.Context, name string) ([]byte, error)
	// AddSetting stores a value that does not exist yet. ErrExists.
	AddSetting(ctx context.Context, name string, value []byte) error
}

// Expiring names a group of rows that expire.
type Expiring string

// The groups that Purge knows.
const (
	ExpiredGrants         Expiring = "grants"
	ExpiredSessions       Expiring = "sessions"
	ExpiredRequests       Expiring = "requests"
	ExpiredDevices        Expiring = "devices"
	ExpiredReplays        Expiring = "replays"
	ExpiredRevokedTokens  Expiring = "revoked_tokens"
	ExpiredLogoutCalls    Expiring = "outbox"
	ExpiredGuesses        Expiring = "guesses"
	ExpiredImportedTokens Expiring = "imported_tokens"
	// Those have no buckets; they count as the first one's.
	ExpiredTrustedIssuers      Expiring = "trusted_issuers"
	ExpiredInitialAccessTokens Expiring = "initial_access_tokens"
)

// Buckets is the number of buckets that time-ordered indexes are led by.
const Buckets = 16

// Purger deletes what nobody can use any more.
type Purger interface {
	// Purge looks at up to limit rows of a bucket (0 to Buckets-1) whose
	// appointment has come (purge_at <= now). It deletes those whose values
	// have all expired or are dead, whose flow cannot come back and whose
	// consent is not remembered, or whose client is gone, and gives the
	// others a new appointment at the time given by again. It returns how
	// many rows it deleted and how many it looked at; one transaction never
	// deletes more than limit rows.
	Purge(ctx context.Context, what Expiring, bucket int, now, again time.Time, limit int) (deleted, seen int, err error)
}
