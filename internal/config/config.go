// Package config knows every option of the server once: its key, its
// environment names, its flag, its default, its documentation and its check.
//
// The table in options.go is all there is to say about an option: the loader,
// the printed configuration and docs/configuration.md are made from it. Values
// come, the strongest first, from flags, the environment, files and defaults.
package config

import (
	"net/netip"
	"os"
	"time"

	"hydra/internal/oauth"
)

// Forever is the lifetime of what never expires; options write it as -1.
const Forever time.Duration = -1

// Config is the effective configuration.
type Config struct {
	DataDir   string
	DSN       oauth.Secret // never empty after Load
	Embedded  bool         // the DSN is a SQLite file or memory, so the database is the server's own
	Dev       bool
	ForceHTTP bool
	// Compatibility is "default", or "rc" for the form of v1.0.0-rc.6 where
	// requests of different releases look alike.
	Compatibility string

	// Profiling is "cpu", "mem", "mutex", "block", or "" for no profile.
	Profiling string

	Log          Log
	Serve        Serve
	Secrets      Secrets
	URLs         URLs
	TTL          TTL
	Strategies   Strategies
	OAuth2       OAuth2
	OIDC         OIDC
	Registration Registration
	WebFinger    WebFinger
	Flow         Flow
	Cache        Cache
	Keys         Keys
	Janitor      Janitor
	Fetch        Fetch

	settings []setting // in the order of the table
	warnings []string
}

// Log says how events are written.
type Log struct {
	Level  string // one of the names that the option allows
	Format string // "text", "json" or "json_pretty"
	Audit  string // path of a file; empty: the log
}

// Serve holds what concerns listeners and cookies.
type Serve struct {
	Public  Listener
	Admin   Listener
	Cookies Cookies

	AdminTokens       []AdminToken
	AdminClientCA     string // path of a PEM file; empty: nobody is asked for a certificate
	AdminCertificates []AdminCertificate
}

// Listener is one of the two ports.
type Listener struct {
	Host   string // an address, "unix:/path", or empty for all interfaces
	Port   int
	Socket Socket
	TLS    TLS
	CORS   CORS

	MaxRequests int // worked on at once; 0: as many as the processors can bear
}

// Socket is how a unix socket looks in the file system.
type Socket struct {
	Owner, Group string // names or numbers; empty leaves them
	Mode         os.FileMode
}

// TLS says how a port is protected.
type TLS struct {
	Enabled   bool // after Load: a certificate is to be served
	CertPath  string
	KeyPath   string
	CertPEM   string // decoded from base64
	KeyPEM    oauth.Secret
	TermFrom  []netip.Prefix // proxies that terminate TLS
	enabled   string         // "", "true", "false": as it was set
	certBytes string
	keyBytes  oauth.Secret
}

// CORS says which web pages of other origins may call a port.
type CORS struct {
	Enabled          bool
	AllowedOrigins   []string // with * as wildcard; empty allows all
	AllowedMethods   []string
	AllowedHeaders   []string
	ExposedHeaders   []string
	AllowCredentials bool
	MaxAge           int // seconds
}

// Cookies says how cookies are set.
type Cookies struct {
	SameSite    string // "", "None", "Lax" or "Strict"; empty follows the issuer's scheme
	Domain      string
	Secure      bool // in development mode only: set Secure though the issuer is http
	FlowName    string
	SessionName string
	SessionPath string
}

// Secrets wrap what is stored.
type Secrets struct {
	System  []oauth.Secret // the first wraps, all unwrap; empty: made once and kept in DataDir
	rotated []oauth.Secret // joins System
}

// URLs are where browsers are sent, and what this server is called.
type URLs struct {
	Issuer     string // as every token and document spells it
	Public     string // base of the public endpoints, without a trailing slash
	Admin      string // base of the admin endpoints, without a trailing slash; for display, empty for a unix socket
	Login      string // empty: the built-in page
	Consent    string
	Error      string
	Logout     string // empty: a built-in page that asks
	PostLogout string

	Registration string // empty: the login page

	DeviceVerification string
	DeviceSuccess      string
}

// TTL holds lifetimes.
type TTL struct {
	LoginConsentRequest   time.Duration
	AuthenticationSession time.Duration
	AccessToken           time.Duration
	IDToken               time.Duration
	AuthCode              time.Duration
	DeviceUserCode        time.Duration
	RefreshToken          time.Duration // Forever: never expires
}

// Strategies choose between ways to do one thing.
type Strategies struct {
	Scope         string // "wildcard", "exact" or "hierarchic"
	AccessToken   string // "opaque" or "jwt"
	JWTProfile    string // "hydra" or "rfc9068"
	JWTScopeClaim string // "list", "string" or "both"
}

// OAuth2 holds protocol options.
type OAuth2 struct {
	ExposeInternalErrors     bool
	UserinfoRequiresOpenID   bool
	MinStateNonceLength      int
	RedirectSchemes          []string
	PKCEEnforced             bool
	PKCEEnforcedPublic       bool
	ExcludeNotBefore         bool
	AllowedTopLevelClaims    []string
	MirrorTopLevelClaims     bool
	PBKDF2Iterations         int
	DefaultGrantAllowedScope bool
	RotationGracePeriod      time.Duration
	RotationGraceReuseCount  int
	AssertionJTIOptional     bool
	AssertionIATOptional     bool
	AssertionMaxTTL          time.Duration
	TokenHook                Hook
	RefreshTokenHook         Hook
	DevicePollingInterval    time.Duration
	UserCodePreset           string
	UserCodeLength           int    // 0: the preset's
	UserCodeCharacters       string // "": the preset's
}

// OIDC holds OpenID Connect options.
type OIDC struct {
	SubjectTypes []string
	PairwiseSalt oauth.Secret

	ClaimsPlacement string
	ClaimsByScope   bool

	DefaultScopes []string

	UnsignedRequestObjects bool // take request objects with alg none
	VerifyRequestHash      bool // the fragment of a request_uri must be the hash of what is there
	UnsignedIDTokens       bool
	LogoutTellFor          time.Duration // how long clients are tried to be told of the end of a session
}

// WebFinger holds what discovery announces.
type WebFinger struct {
	BroadcastKeys   []string
	JWKSURL         string
	TokenURL        string
	AuthURL         string
	RegistrationURL string
	UserinfoURL     string
	DeviceURL       string
	SupportedClaims []string

	SupportedACRValues []string

	SupportedScopes []string

	StandardOnly bool // no members for Hydra's own clients
}

// Flow holds options of the front channel.
type Flow struct {
	MaxSealedChars int // 0: challenges are always references
}

// Cache holds options of caches.
type Cache struct {
	Staleness time.Duration // 0: ask the database at each request
}

// Keys holds options of key rotation.
type Keys struct {
	AnnounceFor    time.Duration
	RotateEvery    time.Duration // of signing keys; 0: by command only
	SealRotation   time.Duration // of data keys; 0: never
	PublishRetired time.Duration // how long a retired signing key stays published
	IDTokenAlg     string        // ""; as the newest key
	AccessTokenAlg string        // likewise
}

// Janitor holds options of the clean-up job.
type Janitor struct {
	Interval time.Duration // 0: only when asked
}

// Fetch says whom this server calls on behalf of clients.
type Fetch struct {
	PublicOnly      bool           // refuse addresses that are not public
	ExceptURLs      []string       // patterns of URLs that may be anywhere
	AllowedNetworks []netip.Prefix // beside public addresses
	CAFile          string         // authorities beside those of the system
}

// Warnings are sentences for the operator: settings without effect, and
// settings that are allowed but dangerous.
func (c *Config) Warnings() []string { return c.warnings }
