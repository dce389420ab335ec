package config

// requestObjectOptions say what is taken as a request object (OpenID Connect
// Core §6, RFC 9101).
var requestObjectOptions = []option{
	{
		Key: "oidc.request_objects.unsigned", Default: "true",
		Doc:  "Take request objects with `alg: none` from clients that registered no other `request_object_signing_alg`. They are worth what the same parameters in the query are worth.",
		bind: func(c *Config) any { return &c.OIDC.UnsignedRequestObjects },
	},
	{
		Key: "oidc.request_objects.verify_hash", Default: "false",
		Doc:  "Refuse a document whose SHA-256 (base64url) is not the fragment of its `request_uri`, if that has one. OpenID Connect Core §6.2 uses the fragment to tell versions apart, and there are clients that write something else there.",
		bind: func(c *Config) any { return &c.OIDC.VerifyRequestHash },
	},
}
