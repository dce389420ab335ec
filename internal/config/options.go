package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// options is the table: every option once, in the order of the manual.
// Options of the protocol stand in options_protocol.go, those about clients in
// options_clients.go, those without effect in options_inert.go.
var options = slices.Concat(
	storageOptions,
	listenerOptions("public", "4444", "", func(c *Config) *Listener { return &c.Serve.Public }),
	listenerOptions("admin", "4445", "127.0.0.1", func(c *Config) *Listener { return &c.Serve.Admin }),
	adminOptions,
	sharedTLSOptions,
	cookieOptions,
	urlOptions,
	ttlOptions,
	strategyOptions,
	oauth2Options,
	hookOptions,
	oidcOptions,
	registrationOptions,
	logoutOptions,
	requestObjectOptions,
	claimsOptions,
	discoveryOptions,
	clientOptions,
	serverOptions,
	inertOptions,
)

var storageOptions = []option{
	{
		Key: "data_dir", Default: "hydra-data", Flag: "data-dir",
		Doc: "Directory of what this server keeps in files: the SQLite database, unless `dsn` says otherwise, and the system secret, " +
			"unless `secrets.system` gives one. It is made with mode 0700.",
		bind: func(c *Config) any { return &c.DataDir }, check: notEmpty,
	},
	{
		Key: "dsn", Env: []string{"DATABASE_URL"}, Secret: true,
		Doc: "Where everything is stored. Empty: the SQLite file `hydra.sqlite` in `data_dir`. " +
			"`sqlite:///path/to/file` names another file; `memory` keeps everything in memory, for `serve all` only. " +
			"`postgres://user:password@host:5432/database` and `mysql://user:password@tcp(host:3306)/database` name a database server; " +
			"[Databases](operations/databases.md) has their options, such as `max_conns`.",
		Allowed: "`memory`, or a URL such as `sqlite:///var/lib/hydra/hydra.sqlite` or `postgres://hydra:password@db/hydra`",
		bind:    func(c *Config) any { return &c.DSN }, check: dataSource,
	},
	{
		Key: "secrets.system", Env: []string{"SYSTEM_SECRET"}, Secret: true,
		Doc: "Secrets of at least 16 bytes that wrap every key in the database. The first one wraps, the others only open what earlier ones " +
			"wrapped: to change the secret, put the new one first. `SYSTEM_SECRET` is one secret, commas included. " +
			"Empty: a random secret is made once and kept in `data_dir` (mode 0600); with a database elsewhere it must be set.",
		bind: func(c *Config) any { return &c.Secrets.System }, check: longSecrets,
	},
	{
		Key: "secrets.rotated_system", Env: []string{"ROTATED_SYSTEM_SECRET"}, Secret: true,
		Doc:  "Former secrets, appended to `secrets.system`.",
		bind: func(c *Config) any { return &c.Secrets.rotated }, check: longSecrets,
	},
	{
		Key: "dev", Default: "false", Flag: "dev",
		Doc:  "Development mode: plain HTTP, an issuer with http, and built-in login and consent pages on which anybody signs in as anybody. Never on a server that others reach.",
		bind: func(c *Config) any { return &c.Dev },
	},
	{
		Key: "dangerous-force-http", Default: "false", Flag: "dangerous-force-http",
		Doc:  "Serve plain HTTP and allow an issuer with http, without the pages of development mode. Cookies then go over the wire unprotected.",
		bind: func(c *Config) any { return &c.ForceHTTP },
	},
	{
		Key: "compatibility", Default: "default",
		Doc: "Which release counts where the shape of a request cannot tell for which one it was written: `rc` is v1.0.0-rc.6. " +
			"It decides two things: introspection without `/admin` answers with the `token_type` `access_token` or `refresh_token` instead of `Bearer`, " +
			"and errors of authorization requests reach clients with an `error_hint` of their own, instead of one text in `error_description`.",
		Allowed: "`default` or `rc`",
		bind:    func(c *Config) any { return &c.Compatibility }, check: oneOf("default", "rc"),
	},
	{
		Key: "log.level", Default: "info",
		Doc:     "Least severe events to write.",
		Allowed: "`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `panic`",
		bind:    func(c *Config) any { return &c.Log.Level },
		check:   oneOf("trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"),
	},
	{
		Key: "log.format", Default: "text",
		Doc:     "Form of the log.",
		Allowed: "`text`, `json` or `json_pretty`",
		bind:    func(c *Config) any { return &c.Log.Format }, check: oneOf("text", "json", "json_pretty"),
	},
	{
		Key: "log.audit",
		Doc: "File to which the audit log is appended, a line of JSON for each change by the admin API and each event that concerns security. Empty: its lines are part of the log, with `audit=true`, if `log.level` is `info` or less severe. " +
			"[audit.md](operations/audit.md) lists the events.",
		Allowed: "the path of a file", bind: func(c *Config) any { return &c.Log.Audit },
	},
	{
		Key: "profiling",
		Doc: "Profile the process, and write it to `cpu.pprof`, `mem.pprof`, `mutex.pprof` or `block.pprof` in `data_dir` when the server has stopped by a signal, for `go tool pprof`. " +
			"A profile has names of functions in it and nothing of requests. Empty: none.",
		Allowed: "`cpu`, `mem`, `mutex` or `block`",
		bind:    func(c *Config) any { return &c.Profiling }, check: oneOf("", "cpu", "mem", "mutex", "block"),
	},
}

// listenerOptions are the options that both ports have.
func listenerOptions(name, port, host string, of func(*Config) *Listener) []option {
	key := func(rest string) string { return "serve." + name + "." + rest }
	upper := strings.ToUpper(name)
	hostDoc := "Address to listen on; empty for all interfaces, `unix:/path` for a unix socket."
	if name == "admin" {
		hostDoc += " Unless `serve.admin.auth.tokens` or `serve.admin.auth.client_ca` is set, the admin API asks nobody who they are: whoever reaches it rules the server, and anything but loopback or a unix socket starts with a warning."
	}
	tls := func(rest string, o option) option {
		o.Key, o.Else = key("tls."+rest), "serve.tls."+rest
		return o
	}
	return []option{
		{Key: key("host"), Default: host, Env: []string{upper + "_HOST"}, Doc: hostDoc, bind: func(c *Config) any { return &of(c).Host }},
		{
			Key: key("port"), Default: port, Env: []string{upper + "_PORT"}, Doc: "TCP port; 0 takes a free one. Not used with a unix socket.",
			Allowed: "a number from 0 to 65535", bind: func(c *Config) any { return &of(c).Port }, check: between(0, 65535),
		},
		{Key: key("socket.owner"), Doc: "User who owns the unix socket: a name or a number.", bind: func(c *Config) any { return &of(c).Socket.Owner }},
		{Key: key("socket.group"), Doc: "Group of the unix socket: a name or a number.", bind: func(c *Config) any { return &of(c).Socket.Group }},
		{Key: key("socket.mode"), Default: "0755", Doc: "Mode of the unix socket; decimal, or octal with a leading 0.", bind: func(c *Config) any { return &of(c).Socket.Mode }},
		tls("enabled", option{
			Doc:     "Serve TLS. Empty: yes if a certificate is configured. A port with `allow_termination_from` speaks plain HTTP in any case.",
			Allowed: "`true`, `false` or empty", bind: func(c *Config) any { return &of(c).TLS.enabled }, check: oneOf("", "true", "false"),
		}),
		tls("cert.path", option{Doc: "Certificate chain, a PEM file. It is read again when it changes.", bind: func(c *Config) any { return &of(c).TLS.CertPath }}),
		tls("cert.base64", option{Doc: "Certificate chain in PEM, base64 encoded once more. Goes before the path.", bind: func(c *Config) any { return &of(c).TLS.certBytes }}),
		tls("key.path", option{Doc: "Private key of the certificate, a PEM file.", bind: func(c *Config) any { return &of(c).TLS.KeyPath }}),
		tls("key.base64", option{Doc: "Private key in PEM, base64 encoded once more.", Secret: true, bind: func(c *Config) any { return &of(c).TLS.keyBytes }}),
		tls("allow_termination_from", option{
			Doc:  "Networks of the proxies that terminate TLS. If set, the port speaks plain HTTP, answers nobody else but health checks, demands `X-Forwarded-Proto: https`, and believes `X-Forwarded-For`.",
			bind: func(c *Config) any { return &of(c).TLS.TermFrom },
		}),
		{Key: key("cors.enabled"), Default: "false", Env: []string{"CORS_ENABLED"}, Doc: "Answer web pages of other origins (CORS).", bind: func(c *Config) any { return &of(c).CORS.Enabled }},
		{
			Key: key("cors.allowed_origins"), Env: []string{"CORS_ALLOWED_ORIGINS"},
			Doc: "Origins, with `*` as a wildcard; empty allows all. On the public port a client's own `allowed_cors_origins` count, too.", bind: func(c *Config) any { return &of(c).CORS.AllowedOrigins },
		},
		{
			Key: key("cors.allowed_methods"), Default: "GET,POST,HEAD", Env: []string{"CORS_ALLOWED_METHODS"},
			Doc: "Methods that a preflight request may ask for.", bind: func(c *Config) any { return &of(c).CORS.AllowedMethods },
		},
		{
			Key: key("cors.allowed_headers"), Default: "Origin,Accept,Content-Type,X-Requested-With,Authorization",
			Env: []string{"CORS_ALLOWED_HEADERS"}, Doc: "Request headers that a preflight request may ask for.", bind: func(c *Config) any { return &of(c).CORS.AllowedHeaders },
		},
		{
			Key: key("cors.exposed_headers"), Env: []string{"CORS_EXPOSED_HEADERS"}, Doc: "Response headers that the page may read.", bind: func(c *Config) any { return &of(c).CORS.ExposedHeaders },
		},
		{
			Key: key("cors.allow_credentials"), Default: "false", Env: []string{"CORS_ALLOWED_CREDENTIALS"},
			Doc: "Let pages send credentials. Needs origins without a bare `*`.", bind: func(c *Config) any { return &of(c).CORS.AllowCredentials },
		},
		{
			Key: key("cors.max_age"), Default: "0", Env: []string{"CORS_MAX_AGE"}, Doc: "Seconds for which a browser may keep the answer to a preflight request.",
			bind: func(c *Config) any { return &of(c).CORS.MaxAge }, check: between(0, 86400), Allowed: "a number of seconds from 0 to 86400",
		},
		maxRequests(key("max_requests"), of),
	}
}

// sharedTLSOptions count for each port that does not have its own.
var sharedTLSOptions = []option{
	{Key: "serve.tls.enabled", Doc: "For both ports, as all of `serve.tls`."},
	{Key: "serve.tls.cert.path", Env: []string{"HTTPS_TLS_CERT_PATH"}, Doc: "See `serve.public.tls.cert.path`."},
	{Key: "serve.tls.key.path", Env: []string{"HTTPS_TLS_KEY_PATH"}, Doc: "See `serve.public.tls.key.path`."},
	{Key: "serve.tls.cert.base64", Env: []string{"HTTPS_TLS_CERT"}, Doc: "See `serve.public.tls.cert.base64`."},
	{Key: "serve.tls.key.base64", Env: []string{"HTTPS_TLS_KEY"}, Secret: true, Doc: "See `serve.public.tls.key.base64`."},
	{Key: "serve.tls.allow_termination_from", Env: []string{"HTTPS_ALLOW_TERMINATION_FROM"}, Doc: "See `serve.public.tls.allow_termination_from`."},
}

var cookieOptions = []option{
	{
		Key: "serve.cookies.same_site_mode", Doc: "SameSite attribute. Empty: `None` if the issuer is https, `Lax` if it is http.",
		Allowed: "empty, `None`, `Lax` or `Strict`", bind: func(c *Config) any { return &c.Serve.Cookies.SameSite }, check: oneOf("", "None", "Lax", "Strict"),
	},
	{
		Key: "serve.cookies.domain", Doc: "Domain attribute. Empty: the cookies are for the issuer's host alone, which is safer.",
		bind: func(c *Config) any { return &c.Serve.Cookies.Domain }, check: cookieDomain, Allowed: "a host name such as `example.com`",
	},
	{
		Key: "serve.cookies.secure", Default: "false", Doc: "In development mode: set Secure although the issuer is http. Elsewhere Secure follows the issuer's scheme.",
		bind: func(c *Config) any { return &c.Serve.Cookies.Secure },
	},
	{
		Key: "serve.cookies.names.login_csrf", Default: "ory_hydra_login_csrf", Doc: "Name of the cookies that tie a flow to a browser; each flow adds its own short id. With https and without a domain the name gets the prefix `__Host-`.",
		bind: func(c *Config) any { return &c.Serve.Cookies.FlowName }, check: cookieName, Allowed: "letters, digits, `-` and `_`",
	},
	{
		Key: "serve.cookies.names.session", Default: "ory_hydra_session", Doc: "Name of the cookie of a remembered login.",
		bind: func(c *Config) any { return &c.Serve.Cookies.SessionName }, check: cookieName, Allowed: "letters, digits, `-` and `_`",
	},
	{
		Key: "serve.cookies.paths.session", Default: "/", Doc: "Path of the session cookie. Anything but `/` gives up the `__Host-` prefix.",
		bind: func(c *Config) any { return &c.Serve.Cookies.SessionPath }, check: absolutePath, Allowed: "a path that begins with `/`",
	},
}

// errNotAllowed makes the loader say what is allowed.
var errNotAllowed = errors.New("is not allowed")

func oneOf(values ...string) func(any) error {
	return func(v any) error {
		if !slices.Contains(values, *v.(*string)) {
			return errNotAllowed
		}
		return nil
	}
}

func eachOf(values ...string) func(any) error {
	return func(v any) error {
		for _, s := range *v.(*[]string) {
			if !slices.Contains(values, s) {
				return errNotAllowed
			}
		}
		return nil
	}
}

func between(low, high int) func(any) error {
	return func(v any) error {
		if n := *v.(*int); n < low || n > high {
			return errNotAllowed
		}
		return nil
	}
}

func lasting(low, high time.Duration) func(any) error {
	return func(v any) error {
		if d := *v.(*time.Duration); d < low || d > high {
			return errNotAllowed
		}
		return nil
	}
}

func notEmpty(v any) error {
	if *v.(*string) == "" {
		return errNotAllowed
	}
	return nil
}

func dataSource(v any) error {
	if s := string(*v.(*oauth.Secret)); s != "" && s != "memory" && !strings.Contains(s, "://") {
		return errNotAllowed
	}
	return nil
}

func longSecrets(v any) error {
	for i, s := range *v.(*[]oauth.Secret) {
		if len(s) < 16 {
			return fmt.Errorf("secret number %d has %d bytes, and 16 is the least", i+1, len(s))
		}
	}
	return nil
}

func cookieName(v any) error {
	s := *v.(*string)
	if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(s) > 64 {
		return errNotAllowed
	}
	return nil
}

func cookieDomain(v any) error {
	s := *v.(*string)
	if s != "" && (strings.ContainsAny(s, " /:;,\"\\\t\r\n") || len(s) > 255) {
		return errNotAllowed
	}
	return nil
}

func absolutePath(v any) error {
	s := *v.(*string)
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, ";, \"\\\r\n") {
		return errNotAllowed
	}
	return nil
}

// webAddress allows an absolute http or https URL, or nothing.
func webAddress(v any) error {
	s := *v.(*string)
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errNotAllowed
	}
	return nil
}

// pageAddress allows a path of this server, too.
func pageAddress(v any) error {
	s := *v.(*string)
	if strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.ContainsAny(s, "\\\r\n") {
		return nil
	}
	return webAddress(v)
}

// issuerAddress is webAddress without a query (RFC 8414 §2).
func issuerAddress(v any) error {
	if strings.ContainsAny(*v.(*string), "?#") {
		return errNotAllowed
	}
	return webAddress(v)
}

// embeddedDSN is the DSN of the database file in the data directory.
func embeddedDSN(dataDir string) (oauth.Secret, error) {
	path, err := filepath.Abs(dataDir)
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "sqlite", Path: filepath.ToSlash(filepath.Join(path, "hydra.sqlite"))}
	return oauth.Secret(u.String()), nil
}
