package config

import (
	"strings"
	"time"
)

// Registration says who may register clients at the public port (RFC 7591).
type Registration struct {
	Enabled          bool
	Access           string // "open", "initial_access_token" or "software_statement"
	AllowedScopes    []string
	PerHour          int
	Total            int
	UnusedFor        time.Duration
	StatementIssuers []string // "issuer jwks_uri"
}

const registrationKey = "oidc.dynamic_client_registration."

var registrationOptions = []option{
	{
		Key: registrationKey + "enabled", Default: "false",
		Doc:  "Let clients register, read, change and delete themselves at `/oauth2/register` on the public port (RFC 7591, RFC 7592, OpenID Connect Dynamic Client Registration).",
		bind: func(c *Config) any { return &c.Registration.Enabled },
	},
	{
		Key: registrationKey + "access", Default: "open",
		Doc: "Who may register: everybody; or whoever has an initial access token, which `POST /admin/oauth2/register/tokens` makes; or also who brings a software statement of a trusted issuer. " +
			"A token is good in each case, and frees from the limits.",
		Allowed: "`open`, `initial_access_token` or `software_statement`",
		bind:    func(c *Config) any { return &c.Registration.Access }, check: oneOf("open", "initial_access_token", "software_statement"),
	},
	{
		Key:  registrationKey + "allowed_scopes",
		Doc:  "Scopes that a client may register beside `default_scope` and those that discovery lists. Others take an administrator.",
		bind: func(c *Config) any { return &c.Registration.AllowedScopes },
	},
	{
		Key: registrationKey + "limit_per_hour", Default: "360",
		Doc: "How many clients one network may register in an hour without a token, a quarter of them at once on each node. The hour is that of the clock, and all nodes count together.", Allowed: "a number from 1 to 1000000",
		bind: func(c *Config) any { return &c.Registration.PerHour }, check: between(1, 1_000_000),
	},
	{
		Key: registrationKey + "limit_total", Default: "10000",
		Doc: "How many clients may be registered without a token in all.", Allowed: "a number from 1 to 10000000",
		bind: func(c *Config) any { return &c.Registration.Total }, check: between(1, 10_000_000),
	},
	{
		Key: registrationKey + "unused_for", Default: "168h",
		Doc:     "A client that registered without a token is deleted when nobody has used it for this long: it never authenticated, and no user gave it a consent.",
		Allowed: "a duration from 1m to 8760h",
		bind:    func(c *Config) any { return &c.Registration.UnusedFor }, check: lasting(time.Minute, 365*day),
	},
	{
		Key:     registrationKey + "statement_issuers",
		Doc:     "Issuers whose software statements (RFC 7591 §2.3) are believed, each with the URL of its JSON Web Key Set behind a space. The URL is called as those of clients are, see `clients.http`.",
		Allowed: "a list such as `https://trust.example https://trust.example/jwks.json`",
		bind:    func(c *Config) any { return &c.Registration.StatementIssuers }, check: statementIssuers,
	},
}

func statementIssuers(v any) error {
	for _, entry := range *v.(*[]string) {
		issuer, uri, ok := strings.Cut(entry, " ")
		if !ok || issuer == "" || webAddress(&uri) != nil || uri == "" {
			return errNotAllowed
		}
	}
	return nil
}
