package config

import "time"

// Options of how tokens are signed; the lists that hold them are those of
// their neighbours in the manual.
var (
	idTokenAlg = option{
		Key: "keys.id_token_alg",
		Doc: "Algorithm of ID tokens of clients that register none. `ES256` and `EdDSA` cost far less to sign than RSA. " +
			"After a change the new key is announced for `keys.announce_for` before it signs; clients that registered the former algorithm keep it. " +
			"Empty: as it is, which is RS256 for a new database, as OpenID Connect has it, or the algorithm of the newest key that was added to `hydra.openid.id-token`.",
		Allowed: algsAllowed, bind: func(c *Config) any { return &c.Keys.IDTokenAlg }, check: signingAlg,
	}
	accessTokenAlg = option{
		Key:     "keys.access_token_alg",
		Doc:     "The same for JWT access tokens and the set `hydra.jwt.access-token`. A client's own is its member `access_token_signed_response_alg`.",
		Allowed: algsAllowed, bind: func(c *Config) any { return &c.Keys.AccessTokenAlg }, check: signingAlg,
	}
	publishRetired = option{
		Key: "keys.publish_retired_for", Default: "720h",
		Doc: "How long a retired signing key stays in `/.well-known/jwks.json`, at least as long as `ttl.id_token` and `ttl.access_token` say. " +
			"Clients with longer lifespans of their own need more. It verifies `id_token_hint` for 400 days in any case.",
		Allowed: "a duration from 1h to 9600h", bind: func(c *Config) any { return &c.Keys.PublishRetired }, check: lasting(time.Hour, 400*day),
	}
	unsignedIDTokens = option{
		Key: "oidc.unsigned_id_tokens", Default: "false",
		Doc: "Let clients register `id_token_signed_response_alg: none`, if they get ID tokens from the token endpoint only (OpenID Connect Core §2). " +
			"Whoever checks such a token later than its reception checks nothing.",
		bind: func(c *Config) any { return &c.OIDC.UnsignedIDTokens },
	}
)

const algsAllowed = "`RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `ES512` or `EdDSA`"

func signingAlg(v any) error {
	return oneOf("", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")(v)
}
