package oauth

import (
	"encoding/json"
	"time"
)

// GrantKind tells how a Grant came about.
type GrantKind int16

const (
	ConsentGrant GrantKind = 1 // an end-user's consent in the browser
	DeviceGrant  GrantKind = 2 // an end-user's consent on a second device (RFC 8628)
	MachineGrant GrantKind = 3 // a client's own token that carries too much for a value
)

// EndReason tells why the tokens of a Grant died.
type EndReason int16

const (
	NotEnded        EndReason = 0
	EndedByClient   EndReason = 1 // /oauth2/revoke
	EndedByReplay   EndReason = 2 // a code was presented twice
	EndedByReuse    EndReason = 3 // an old refresh token was presented
	EndedByPKCE     EndReason = 4 // the code verifier was wrong
	EndedByRejecter EndReason = 5 // the consent app said no
	EndedByImport   EndReason = 6 // the server that it was imported from has gone on with it
)

// Grant is a permission: what one client may do, for whom, since when. It is
// the unit of state. The code, the refresh tokens and the access tokens that
// come out of it are values that point to it; a consent session is a view of
// it. A row exists from the moment the consent app's accept was answered.
//
// It has two independent ends. EndedAt: its code and tokens are dead, the
// consent stays listed and remembered. RevokedAt: the consent is gone too.
//
// A zero time means "not yet"; Never means "does not expire".
type Grant struct {
	ID          ID
	ClientUID   ID
	Kind        GrantKind
	SubjectKey  ID   // keyed hash of the subject; zero for machines
	SessionID   ID   // the login session, remembered or not
	Parent      ID   // the remembered Grant that a skipped consent rests on
	RememberKey ID   // keyed hash of client and subject, when the consent is remembered
	Skip        bool // the consent app was told not to ask

	RequestedAt   time.Time // the browser first reached the authorization endpoint
	HandledAt     time.Time // the consent app accepted
	ConsentUntil  time.Time // the remembered consent ends; zero when not remembered
	FlowExpiresAt time.Time // the browser must have come back by then

	CodeExpiresAt time.Time // zero until the browser came back
	CodeUsedAt    time.Time // the code was exchanged
	FrontAt       time.Time // a token was paid out at the authorization endpoint

	Generation       int64   // of the current refresh token; 0 after the code exchange
	RotationID       [8]byte // tells two refresh tokens of one generation apart
	RefreshedAt      time.Time
	GraceUses        int64     // answers given to the previous generation
	AccessFloor      int64     // access tokens of an older generation are dead
	RefreshExpiresAt time.Time // zero when there is no refresh token

	EndedAt   time.Time
	EndReason EndReason
	RevokedAt time.Time

	ExpiresAt time.Time // the last value that points here has expired by then
	PurgeAt   time.Time // an appointment to look whether the row can go, not a verdict

	OpID ID // of the last conditional update, to recognise one's own after a lost answer

	Data     []byte // sealed GrantData; the store does not look inside
	HookData []byte // sealed claims of a token hook
}

// PaidOut reports whether a token came out of the Grant, or may come out of it
// without the browser: what the apps decided cannot be changed any more.
func (g *Grant) PaidOut() bool { return !g.CodeUsedAt.IsZero() || !g.FrontAt.IsZero() || g.Approved() }

// Approved reports whether the browser has brought back the consent to a
// device, which fetches its tokens by itself.
func (g *Grant) Approved() bool { return g.Kind == DeviceGrant && !g.CodeExpiresAt.IsZero() }

// Dead reports whether its code and tokens are dead.
func (g *Grant) Dead() bool { return !g.EndedAt.IsZero() || !g.RevokedAt.IsZero() }

// GrantRow is a Grant with what the same look-up tells of its surroundings.
type GrantRow struct {
	Grant
	Client       ClientState
	SessionEnded bool // the login session has a row, and it was ended
}

// GrantData is what a Grant knows beside its columns. It is sealed at rest.
type GrantData struct {
	Subject           string          `json:"sub,omitempty"`
	SubjectIdentifier string          `json:"sid,omitempty"` // sub in ID tokens, when it differs
	RequestedScope    []string        `json:"rs,omitempty"`  // nil when it is what was granted
	RequestedAudience []string        `json:"ra,omitempty"`  // likewise
	GrantedScope      []string        `json:"gs,omitempty"`
	GrantedAudience   []string        `json:"ga,omitempty"`
	RedirectURI       string          `json:"ru,omitempty"` // as sent; empty when the request had none
	CodeChallenge     string          `json:"cc,omitempty"` // S256, RFC 7636
	Nonce             string          `json:"n,omitempty"`
	AuthTime          int64           `json:"at,omitempty"` // Unix seconds
	ACR               string          `json:"acr,omitempty"`
	AMR               []string        `json:"amr,omitempty"`
	AccessClaims      json.RawMessage `json:"ac,omitempty"` // the consent's session.access_token
	IDClaims          json.RawMessage `json:"ic,omitempty"` // the consent's session.id_token
	WantedInIDToken   []string        `json:"wi,omitempty"` // claims that the request asked for by name, and where
	WantedAtUserinfo  []string        `json:"wu,omitempty"`
	Context           json.RawMessage `json:"ctx,omitempty"`
	Remember          bool            `json:"rem,omitempty"`
	RememberFor       int64           `json:"rf,omitempty"` // seconds
	HandledAt         int64           `json:"ha,omitempty"` // Unix seconds; the consent app's word for when the user decided
	Flow              []byte          `json:"f,omitempty"`  // the request and the login, as package flow writes them
}

// OIDCContext is what the authorization request says to the login app.
type OIDCContext struct {
	ACRValues         []string        `json:"acr_values,omitempty"`
	UILocales         []string        `json:"ui_locales,omitempty"`
	Display           string          `json:"display,omitempty"`
	IDTokenHintClaims json.RawMessage `json:"id_token_hint_claims,omitempty"`
	LoginHint         string          `json:"login_hint,omitempty"`
	Claims            json.RawMessage `json:"claims,omitempty"` // the claims parameter, as it was sent
}

// Session is a remembered login: a row from the moment the login app's accept
// was answered.
type Session struct {
	ID              ID
	SubjectKey      ID
	AuthenticatedAt time.Time
	CreatedAt       time.Time
	ExpiresAt       time.Time // enforced by the server, whatever the cookie says
	EndedAt         time.Time
	PurgeAt         time.Time
	Data            []byte // sealed SessionData
}

// Live reports whether the session may vouch for its subject.
func (s *Session) Live(now time.Time) bool { return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) }

// SessionData is what a session knows beside its columns. Sealed at rest.
type SessionData struct {
	Subject                 string   `json:"sub"`
	ACR                     string   `json:"acr,omitempty"`
	AMR                     []string `json:"amr,omitempty"`
	IdentityProviderSession string   `json:"idp,omitempty"`
}
