package oauth

import (
	"slices"
	"time"
)

// Request is an authorization request (RFC 6749 §4.1.1, OpenID Connect Core
// §3.1.2.1) that has passed every check: whoever holds one may rely on it.
type Request struct {
	ResponseType    ResponseType
	Mode            ResponseMode // how the response and errors travel
	RedirectURI     string       // where the response goes
	RedirectURISent string       // the parameter as it was sent; "" when it was left out
	Scope           []string
	Audience        []string
	State           string
	Nonce           string
	Prompt          Prompt
	MaxAge          *int64 // seconds
	CodeChallenge   string // S256, RFC 7636
	OIDC            OIDCContext
	Claims          ClaimsRequest
	// Query is the request as a query string, without an id_token_hint.
	Query string
}

// Prompt is the list of values of the prompt parameter.
type Prompt []string

// Has reports whether the value was sent.
func (p Prompt) Has(v string) bool { return slices.Contains(p, v) }

// None reports whether no page may be shown.
func (p Prompt) None() bool { return p.Has("none") }

// Flow is one trip of a browser through login and consent, as far as it has
// come. It travels sealed in URLs.
type Flow struct {
	Seed        Seed
	ClientUID   ID
	ClientID    string // as the seal carries it; the UID decides
	RequestedAt time.Time
	CookieHash  [16]byte // of the flow cookie's value
	Query       string   // Request.Query
	// HintClaims are the claims of a verified id_token_hint, as JSON.
	HintClaims []byte
	// DeviceUntil is when the code of the device expires that asked; zero in
	// any other flow.
	DeviceUntil time.Time
	// Had is the remembered login that the browser came with. It is set when
	// the login app need not ask again.
	Had *RememberedLogin

	Login   *Login   // the login app accepted
	Consent *Consent // the consent app accepted
	Denied  *Denied  // one of them refused
}

// ForDevice reports whether another device waits for what comes of the flow
// (RFC 8628). There is no redirect URI then.
func (f *Flow) ForDevice() bool { return !f.DeviceUntil.IsZero() }

// RememberedLogin is a session that vouches for its subject.
type RememberedLogin struct {
	SessionID ID
	Subject   string
	AuthTime  time.Time
}

// Login is what the login app said of the user.
type Login struct {
	Subject     string
	AuthTime    time.Time
	ACR         string
	AMR         []string
	Context     []byte // JSON, handed on to the consent app
	ForcedID    string // the subject identifier that the login app chose
	Remember    bool
	RememberFor int64 // seconds
	// Session is the login session: the remembered one, or the one that began here.
	Session ID
	// Parent is the remembered consent that covers the request; zero when none does.
	Parent ID
	// Looked tells that the look-up for Parent has been made.
	Looked bool
	// Extended tells that a remembered login is kept for longer from now on.
	Extended bool
}

// Consent marks that the consent app accepted; what it granted is in the Grant.
type Consent struct{ Skip bool }

// Denied is a refusal in the words of the login or consent app.
type Denied struct {
	Code        string
	Description string
	Hint        string
	Debug       string
	Status      int
}

// IsZero reports whether nothing was said.
func (c OIDCContext) IsZero() bool {
	return len(c.ACRValues) == 0 && len(c.UILocales) == 0 && c.Display == "" && len(c.IDTokenHintClaims) == 0 && len(c.Claims) == 0 && c.LoginHint == ""
}
