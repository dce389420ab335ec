// Package token is the back channel: it exchanges codes and refresh tokens,
// issues, introspects and revokes tokens, answers userinfo, and cleans up.
//
// A token is a value, not a row. What is sealed into it points to a Grant,
// which one statement looks up together with its client; nothing is stored
// per token. Tokens of the client credentials grant have no row at all.
package token

import (
	"context"
	"slices"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// The key sets that sign.
const (
	IDTokenSet     = "hydra.openid.id-token"
	AccessTokenSet = "hydra.jwt.access-token" //nolint:gosec // the name of a key set
)

// Store is what the service asks of a database.
type Store interface {
	oauth.Grants
	oauth.RevokedTokens
	oauth.TrustedIssuers
	oauth.Replays
	oauth.Purger
	oauth.Leases
	RaiseEpoch(ctx context.Context, clientID string) error
}

// Clients finds a client by its public id; package client does.
type Clients interface {
	Client(ctx context.Context, id string) (*oauth.Client, error)
}

// Service exchanges, issues and judges tokens. Now is called once per request,
// and again after BeforeSpend, which may take long: what is paid out, and what
// is written about it, is of the time of the spend.
type Service struct {
	Store   Store
	Clients Clients
	Keys    *key.Service
	// RemoteKeys reads the jwks_uri of clients whose answers are encrypted.
	RemoteKeys *key.RemoteKeys
	Sealer     *secret.Sealer
	Options    Options
	Now        func() time.Time
	Observe    oauth.Observer

	// BeforeSpend, when set, is asked after everything was compared and before
	// anything is signed or spent. It may change the claims of the Payout's
	// Data, which is a copy; its error refuses the exchange and burns nothing.
	BeforeSpend func(ctx context.Context, p *Payout) error

	// Imports, if set, knows the refresh tokens of another server.
	Imports *Imports

	polls polls // of devices that wait
}

// Payout is a token response that is about to be made.
type Payout struct {
	GrantType string
	Client    *oauth.Client
	Scope     []string     // of the access token
	Assertion oauth.Secret // of a JWT bearer grant
	Grant     *oauth.Grant // nil for client credentials and JWT bearer
	Data      *oauth.GrantData

	// Replaced is set by BeforeSpend when it has put other claims into Data.
	// They are kept for later tokens of the Grant, beside those of the consent.
	Replaced bool
}

// Options are the settings of the service. The zero value of a duration means
// its default.
type Options struct {
	Issuer string // exactly as it stands in tokens and in discovery

	AccessLifespan  time.Duration // 1 hour
	IDLifespan      time.Duration // 1 hour
	RefreshLifespan time.Duration // 720 hours; negative: refresh tokens do not expire

	DeviceInterval time.Duration // between two requests of a device that waits; 5 seconds

	// GracePeriod is how long the refresh token before the current one is
	// still answered, for clients that lost a response; 0 is strict. Public
	// clients get a minute at most.
	GracePeriod time.Duration
	GraceUses   int64 // how often, within the period; 0: as often as asked

	AccessTokenStrategy string // "opaque" (default) or "jwt"
	AccessTokenProfile  string // of JWT access tokens: "hydra" (default) or "rfc9068"
	ScopeClaim          string // of the hydra profile: "list" (scp, default), "string" (scope) or "both"
	ExcludeNotBefore    bool   // JWT access tokens without nbf

	// TopLevelClaims names the session claims that stand in a JWT access token
	// beside the registered ones, not only under ext.
	TopLevelClaims []string
	// UnmirroredClaims takes them out of ext.
	UnmirroredClaims bool

	ScopeStrategy            oauth.ScopeStrategy // wildcard
	DefaultGrantAllowedScope bool                // client credentials without scope get all the client's scopes
	UserinfoRequiresOpenID   bool
	UnsignedIDTokens         bool // clients may have registered the algorithm none

	// ClaimsPlacement says where the consent's claims go, for clients that do
	// not say: PlacementBoth (default) or PlacementStandard.
	ClaimsPlacement string
	// ClaimsByScope releases standard claims only where their scope was granted
	// or the claim was asked for by name, and only with their right type.
	ClaimsByScope bool

	// Assertions of the JWT bearer grant (RFC 7523): whom they may address,
	// which is this server's issuer and token endpoint, how long they may live
	// (720 hours), and which claims may be missing.
	AssertionAudiences   []string
	AssertionMaxTTL      time.Duration
	AssertionJTIOptional bool
	AssertionIATOptional bool

	// MaxRevoked is how many single tokens of a client may be listed as
	// revoked before all its access tokens are ended instead. 1000.
	MaxRevoked int
}

func (o *Options) scopes() oauth.ScopeStrategy {
	if o.ScopeStrategy == nil {
		return oauth.WildcardScope
	}
	return o.ScopeStrategy
}

// lifespans are those of the values that an exchange makes. A negative refresh
// never ends.
type lifespans struct{ access, id, refresh time.Duration }

// lifespans takes the client's own where it has them.
func (o *Options) lifespans(access, id, refresh *time.Duration) lifespans {
	return lifespans{
		access:  wholeSeconds(pick(access, o.AccessLifespan, time.Hour)),
		id:      wholeSeconds(pick(id, o.IDLifespan, time.Hour)),
		refresh: pick(refresh, o.RefreshLifespan, 720*time.Hour),
	}
}

func pick(own *time.Duration, server, fallback time.Duration) time.Duration {
	switch {
	case own != nil && *own != 0:
		return *own
	case server != 0:
		return server
	}
	return fallback
}

// wholeSeconds rounds up: tokens count in seconds, and one that was asked to
// live for half a second must not be dead at birth.
func wholeSeconds(d time.Duration) time.Duration {
	return max((d + time.Second - 1).Truncate(time.Second), time.Second)
}

// Response is a successful answer of the token endpoint, RFC 6749 §5.1.
type Response struct {
	AccessToken  oauth.Secret
	ExpiresIn    int64        // seconds
	IDToken      oauth.Secret // empty without openid
	RefreshToken oauth.Secret // empty without offline_access
	Scope        string
	TokenType    string
}

// offline reports whether a refresh token was granted: by the scope of OpenID
// Connect Core §11, or by Hydra's older name for it.
func offline(scope []string) bool {
	return slices.Contains(scope, "offline_access") || slices.Contains(scope, "offline")
}
