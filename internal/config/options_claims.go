package config

// claimsOptions are about what clients learn of a user.
var claimsOptions = []option{
	{
		Key: "oidc.claims_placement", Default: "both",
		Doc: "Where the claims of a consent's `session.id_token` go. `both`: into ID tokens and userinfo, as the original does. " +
			"`standard`: claims of the scopes `profile`, `email`, `address` and `phone` come from userinfo when there is an access token, and from the ID token when `response_type=id_token` is all that was asked for; " +
			"claims of the parameter `claims` come where they were asked for. A client can have its own `claims_placement`.",
		Allowed: "`both` or `standard`", bind: func(c *Config) any { return &c.OIDC.ClaimsPlacement }, check: oneOf("both", "standard"),
	},
	{
		Key: "oidc.claims_by_scope", Default: "false",
		Doc: "For consent apps that always send all that they know: standard claims are released only when their scope was granted or the parameter `claims` names them, and only with the type that the standard gives them. " +
			"Accepting a consent with a claim of a wrong type is refused.",
		bind: func(c *Config) any { return &c.OIDC.ClaimsByScope },
	},
}
