package config

import "strings"

// clientOptions are about what clients register; those below clients.http bound
// what they can make this server call: jwks_uri and sector_identifier_uri.
var clientOptions = []option{
	{
		Key: "clients.redirect_uri_schemes",
		Doc: "Schemes without a dot, such as `myapp`, that redirect URIs may have beside http, https and private-use schemes in reverse domain notation (RFC 8252 §7.1).", bind: func(c *Config) any { return &c.OAuth2.RedirectSchemes },
	},
	{
		Key: "clients.http.disallow_private_ip_ranges", Default: "true",
		Doc: "Call only public addresses when a client names a URL: nothing private, loopback, link-local, shared, multicast or reserved, in any form. " +
			"The original's default is `false`. With `false` a client can make this server call everything that it reaches.",
		bind: func(c *Config) any { return &c.Fetch.PublicOnly },
	},
	{
		Key: "clients.http.private_ip_exception_urls",
		Doc: "URLs that may be called wherever they are. `*` stands for any text without dots and slashes, `**` for any text, `?` for one character, `{a,b}` for one of both: " +
			"`https://*.corp.example/**`. Braces need a YAML list. Queries do not count. One that begins with `http://` also allows plain HTTP, which nothing else does but development mode.",
		Allowed: "a list of URL patterns that begin with `https://` or `http://`",
		bind:    func(c *Config) any { return &c.Fetch.ExceptURLs }, check: urlPatterns,
	},
	{
		Key: "clients.http.allowed_networks",
		Doc: "Networks that may be called beside public addresses. In development mode the loopback interface is one of them. " +
			"Behind NAT64 the prefix of the gateway belongs here; the IPv4 address in it is judged, too.",
		bind: func(c *Config) any { return &c.Fetch.AllowedNetworks },
	},
	{
		Key: "clients.http.ca_file",
		Doc: "A file with PEM certificates of authorities that are believed beside those of the system when a client's URL is called. It is read at the start.", Allowed: "the path of a file",
		bind: func(c *Config) any { return &c.Fetch.CAFile },
	},
}

func urlPatterns(v any) error {
	for _, p := range *v.(*[]string) {
		scheme, rest, _ := strings.Cut(p, "://")
		if (scheme != "https" && scheme != "http") || rest == "" || rest[0] == '/' || strings.Count(p, "{") != strings.Count(p, "}") {
			return errNotAllowed
		}
	}
	return nil
}
