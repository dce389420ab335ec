package public

import (
	"time"

	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// Options are what the operator decides about the public port. Empty lists
// stand for what this server does without any setting.
type Options struct {
	Issuer    string // as every token spells it
	PublicURL string // base of the endpoints, without a slash at its end

	// Endpoints that are announced elsewhere than below PublicURL.
	Announce Endpoints

	Claims       []string // announced beside sub
	Scopes       []string // announced beside those that the server itself knows
	SubjectTypes []string // empty: public
	ACRValues    []string // announced; what the login app knows

	// HintParameters sends hints to clients in parameters of their own, as
	// v1.0.0-rc.6 did, and not in error_description.
	HintParameters bool

	// JWKSSets are published in the JSON Web Key Set, in this order.
	JWKSSets []string
	// EncryptionSet is published with them: clients encrypt to its keys, which
	// are made when they are first asked for.
	EncryptionSet string
	// SignedRequestsOnly says that request objects without a signature are refused.
	SignedRequestsOnly bool
	// JWKSMaxAge is how long others may keep the key set. It must be shorter
	// than the time that a key is announced before it signs; 0 makes them ask
	// each time.
	JWKSMaxAge time.Duration

	UnsignedIDTokens bool // clients may ask for the algorithm none

	// StandardDiscovery leaves out of discovery what no standard has.
	StandardDiscovery bool

	CORS web.CORS
	// Register serves dynamic registration.
	Register bool
}

// Endpoints are addresses in the discovery document; an empty one is derived
// from Options.PublicURL, but for Registration, which is then left out.
type Endpoints struct {
	Authorization string
	Token         string
	Userinfo      string
	JWKS          string
	Registration  string
	Device        string
}

// What the endpoints of this server do. Discovery announces it, so a standard
// that is added extends these lists and nothing else.
var (
	scopesKnown   = []string{"offline", "openid", "offline_access"}
	claimsKnown   = []string{"sub"}
	responseTypes = oauth.ResponseTypes
	responseModes = oauth.ResponseModes
	promptValues  = flow.Prompts
	grantTypes    = []string{oauth.GrantAuthorizationCode, oauth.GrantImplicit, oauth.GrantClientCredentials, oauth.GrantRefreshToken, oauth.GrantDeviceCode, oauth.GrantJWTBearer}
	authMethods   = []string{oauth.AuthSecretPost, oauth.AuthSecretBasic, oauth.AuthSecretJWT, oauth.AuthPrivateKeyJWT, oauth.AuthNone}
	authAlgs      = append(key.AssertionAlgs(), key.SecretAlgs()...)
)

// ScopesSupported are the scopes that discovery lists, with those that the
// operator adds.
func ScopesSupported(more []string) []string { return list(scopesKnown, more) }
