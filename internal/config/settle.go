package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hydra/internal/oauth"
)

// settle derives what depends on more than one option, and refuses
// combinations that make no sense.
func (c *Config) settle() []error {
	var problems []error
	for _, step := range []func() error{
		c.settleStorage,
		func() error { return c.settleTLS("public", &c.Serve.Public) },
		func() error { return c.settleTLS("admin", &c.Serve.Admin) },
		c.settleAdminAuth,
		c.settleIssuer,
		c.settlePairwise,
		c.settleHooks,
		c.settleUserCodes,
		c.settlePorts,
	} {
		if err := step(); err != nil {
			problems = append(problems, err)
		}
	}
	c.settleCORS("public", &c.Serve.Public.CORS)
	c.settleCORS("admin", &c.Serve.Admin.CORS)
	c.settleCookies()
	c.settleFetch()
	return problems
}

// settleUserCodes refuses codes that could be guessed in the time they live.
func (c *Config) settleUserCodes() error {
	o := &c.OAuth2
	if oauth.UserCodesOf(o.UserCodePreset, o.UserCodeCharacters, o.UserCodeLength).Bits() < 20 {
		return problem{key: "oauth2.device_authorization.user_code.length", what: "makes codes that are too easy to guess with this character_set: make them longer"}
	}
	return nil
}

func (c *Config) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

func (c *Config) settleStorage() error {
	c.Secrets.System = append(c.Secrets.System, c.Secrets.rotated...)
	if c.DSN == "" {
		dsn, err := embeddedDSN(c.DataDir)
		if err != nil {
			return problem{key: "data_dir", what: err.Error()}
		}
		c.DSN = dsn
	}
	c.Embedded = c.Memory() || strings.HasPrefix(string(c.DSN), "sqlite")
	return nil
}

// OwnFile reports whether the database is the file in DataDir.
func (c *Config) OwnFile() bool {
	own, err := embeddedDSN(c.DataDir)
	return err == nil && c.DSN == own
}

// Memory reports whether nothing is kept beyond the life of the process.
func (c *Config) Memory() bool { return c.DSN == "memory" }

func (c *Config) settleTLS(name string, l *Listener) error {
	key := "serve." + name + ".tls"
	t := &l.TLS
	cert, err := decodePEM(t.certBytes)
	if err != nil {
		return problem{key: key + ".cert.base64", what: err.Error()}
	}
	private, err := decodePEM(string(t.keyBytes))
	if err != nil {
		return problem{key: key + ".key.base64", what: err.Error()}
	}
	t.CertPEM, t.KeyPEM = cert, oauth.Secret(private)
	hasCert, hasKey := cert != "" || t.CertPath != "", private != "" || t.KeyPath != ""
	if hasCert != hasKey {
		return problem{key: key, what: "a certificate needs its key, and a key its certificate: set both or neither"}
	}
	switch {
	case c.PlainHTTP() || strings.HasPrefix(l.Host, "unix:") || len(t.TermFrom) > 0 || t.enabled == "false":
		t.Enabled = false
	case t.enabled == "true" && !hasCert:
		return problem{key: key + ".enabled", what: "needs a certificate: set " + key + ".cert.path and " + key + ".key.path"}
	default:
		t.Enabled = hasCert
	}
	return nil
}

// PlainHTTP reports whether the operator asked for plain HTTP.
func (c *Config) PlainHTTP() bool { return c.Dev || c.ForceHTTP }

// decodePEM undoes the base64 around a PEM text.
func decodePEM(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil || !strings.Contains(string(data), "-----BEGIN ") {
		return "", fmt.Errorf("is not a PEM text in base64")
	}
	return string(data), nil
}

// settleIssuer gives the issuer its one spelling.
func (c *Config) settleIssuer() error {
	const key = "urls.self.issuer"
	u := &c.URLs
	scheme := "http"
	if c.Serve.Public.TLS.Enabled {
		scheme = "https"
	}
	switch {
	case u.Issuer == "" && c.Serve.Public.Port == 0:
		return problem{key: key, what: "must be set when serve.public.port is 0, since nobody can guess the port"}
	case u.Issuer == "":
		u.Issuer = fmt.Sprintf("%s://localhost:%d/", scheme, c.Serve.Public.Port)
	case c.setting(key).raw.rc:
		u.Issuer = strings.TrimRight(u.Issuer, "/") + "/"
	}
	parsed, err := url.Parse(u.Issuer)
	if err != nil {
		return problem{key: key, what: "is not a URL"}
	}
	if parsed.Scheme == "http" && !c.PlainHTTP() && !local(parsed.Hostname()) {
		return problem{c.setting(key).raw.source, key, fmt.Sprintf("%q is not https; allowed: an https URL, http on localhost, or http with --dev or --dangerous-force-http", u.Issuer)}
	}
	if u.Public == "" {
		u.Public = u.Issuer
	}
	u.Public = strings.TrimRight(u.Public, "/")
	if u.Admin == "" {
		u.Admin = c.Serve.Admin.address()
	}
	u.Admin = strings.TrimRight(u.Admin, "/")
	return nil
}

// local reports whether a host name means this machine, so that a browser
// treats plain HTTP as trustworthy (W3C Secure Contexts §3.1).
func local(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// HTTPS reports whether browsers reach this server by https.
func (c *Config) HTTPS() bool { return strings.HasPrefix(c.URLs.Public, "https://") }

// address guesses how the listener is reached from this machine; a unix
// socket has no URL.
func (l *Listener) address() string {
	host := l.Host
	if strings.HasPrefix(host, "unix:") {
		return ""
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if l.TLS.Enabled {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(l.Port))
}

func (c *Config) settlePairwise() error {
	if !slices.Contains(c.OIDC.SubjectTypes, "pairwise") {
		return nil
	}
	if len(c.OIDC.PairwiseSalt) < 8 {
		return problem{key: "oidc.subject_identifiers.pairwise.salt", what: "must have at least 8 bytes when pairwise is among oidc.subject_identifiers.supported_types"}
	}
	if c.Strategies.AccessToken == "jwt" {
		return problem{key: "strategies.access_token", what: "jwt shows the real subject, which contradicts pairwise among oidc.subject_identifiers.supported_types"}
	}
	return nil
}

func (c *Config) settlePorts() error {
	p, a := &c.Serve.Public, &c.Serve.Admin
	if p.Host == a.Host && (strings.HasPrefix(p.Host, "unix:") || p.Port == a.Port && p.Port != 0) {
		return problem{key: "serve.admin.port", what: "is the public port, and the admin API must never be public"}
	}
	if c.Dev && p.Host == "" && (c.URLs.Login == "" || c.URLs.Consent == "") {
		p.Host = "127.0.0.1" // the built-in pages let anybody sign in as anybody
	}
	if c.HTTPS() && !p.TLS.Enabled && len(p.TLS.TermFrom) == 0 && !c.PlainHTTP() && !strings.HasPrefix(p.Host, "unix:") {
		c.warn("The issuer is https, but the public port serves plain HTTP to everybody who reaches it. " +
			"Name the proxies that terminate TLS in serve.public.tls.allow_termination_from, or set serve.public.tls.cert.path and serve.public.tls.key.path.")
	}
	switch {
	case a.private():
	case c.Serve.AdminAuth() && !a.TLS.Enabled:
		c.warn("The admin API listens on %q without TLS: whoever listens on the network reads the tokens of serve.admin.auth.tokens. Set serve.admin.tls.cert.path and serve.admin.tls.key.path.", a.Host)
	case !c.Serve.AdminAuth():
		c.warn("The admin API listens on %q and asks nobody who they are: whoever reaches it can read every key and act as every user. "+
			"Set serve.admin.auth.tokens or serve.admin.auth.client_ca, or serve.admin.host to 127.0.0.1 or unix:/path, or let a firewall or an authenticating proxy stand before it and name the proxy in serve.admin.tls.allow_termination_from.", a.Host)
	}
	return nil
}

// Loopback reports whether the port listens on the loopback interface alone
// and no proxy is known to stand before it.
func (l *Listener) Loopback() bool {
	return l.Host != "" && local(l.Host) && len(l.TLS.TermFrom) == 0
}

// private reports whether only this machine, or listed proxies, are answered.
func (l *Listener) private() bool {
	return strings.HasPrefix(l.Host, "unix:") || l.Host != "" && local(l.Host) || len(l.TLS.TermFrom) > 0
}

// settleCORS takes credentials away where any origin is allowed: it would let
// every web page act as whoever visits it.
func (c *Config) settleCORS(name string, o *CORS) {
	if o.Enabled && o.AllowCredentials && (len(o.AllowedOrigins) == 0 || slices.Contains(o.AllowedOrigins, "*")) {
		o.AllowCredentials = false
		c.warn("serve.%s.cors.allow_credentials has no effect while every origin is allowed: list the origins in serve.%s.cors.allowed_origins.", name, name)
	}
}

func (c *Config) settleCookies() {
	k := &c.Serve.Cookies
	secure := c.HTTPS() || c.Dev && k.Secure
	switch {
	case k.SameSite == "" && secure:
		k.SameSite = "None"
	case k.SameSite == "":
		k.SameSite = "Lax"
	case k.SameSite == "None" && !secure:
		c.warn("serve.cookies.same_site_mode None needs https: browsers drop such cookies, so nobody can sign in.")
	}
}

func (c *Config) settleFetch() {
	f := &c.Fetch
	if c.Dev {
		f.AllowedNetworks = append(f.AllowedNetworks, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	if !f.PublicOnly {
		c.warn("clients.http.disallow_private_ip_ranges is false: whoever registers a client can make this server call every address that it reaches. " +
			"Name what may be called in clients.http.allowed_networks or clients.http.private_ip_exception_urls instead.")
	}
}

func (c *Config) setting(key string) setting {
	for _, s := range c.settings {
		if s.option.Key == key {
			return s
		}
	}
	return setting{}
}
