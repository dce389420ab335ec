package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

// file writes a configuration file and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hydra.yml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func mustLoad(t *testing.T, in Input) *Config {
	t.Helper()
	c, err := Load(in)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	return c
}

// Contract case 242, of lifespans that are not set.
func TestDefaults(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, Input{})
	type view struct {
		Public, Admin, Issuer, Base string
		PublicPort, AdminPort       int
		Embedded                    bool
		Refresh, Flow               time.Duration
		Scope, SameSite             string
	}
	got := view{
		c.Serve.Public.Host, c.Serve.Admin.Host, c.URLs.Issuer, c.URLs.Public, c.Serve.Public.Port, c.Serve.Admin.Port,
		c.Embedded, c.TTL.RefreshToken, c.TTL.LoginConsentRequest, c.Strategies.Scope, c.Serve.Cookies.SameSite,
	}
	want := view{"", "127.0.0.1", "http://localhost:4444/", "http://localhost:4444", 4444, 4445, true, 720 * time.Hour, 30 * time.Minute, "wildcard", "Lax"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasSuffix(string(c.DSN), "/hydra-data/hydra.sqlite") {
		t.Errorf("DSN = %s", string(c.DSN))
	}
	if len(c.Warnings()) > 0 {
		t.Errorf("warnings: %q", c.Warnings())
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	one := file(t, "dsn: sqlite:///one\nserve:\n  public: {port: 1001}\n  admin: {port: 1002}\nlog.level: debug\n")
	two := file(t, "serve:\n  public:\n    port: 2001\n")
	c := mustLoad(t, Input{
		Files:   []string{one, two},
		Environ: []string{"ADMIN_PORT=3002", "LOG_LEVEL=", "DATA_DIR=/env", "UNRELATED=x"},
		Flags:   []Flag{{"data-dir", "/flag"}},
	})
	got := []any{c.Serve.Public.Port, c.Serve.Admin.Port, c.Log.Level, c.DataDir, string(c.DSN)}
	if diff := cmp.Diff([]any{2001, 3002, "debug", "/flag", "sqlite:///one"}, got); diff != "" {
		t.Errorf("flag > environment > later file > earlier file > default:\n%s", diff)
	}
	c = mustLoad(t, Input{Environ: []string{"PUBLIC_PORT=1", "SERVE_PUBLIC_PORT=2"}})
	if c.Serve.Public.Port != 2 {
		t.Errorf("port = %d, want the one of the present name", c.Serve.Public.Port)
	}
}

// Names of v1.0.0-rc, contract §5, mean what they meant (case 242: lifespans).
func TestReleaseCandidateNames(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, Input{Environ: []string{
		"DATABASE_URL=memory", "SYSTEM_SECRET=first,with,commas-long-enough", "ROTATED_SYSTEM_SECRET=an-older-system-secret",
		"PUBLIC_HOST=10.0.0.1", "PUBLIC_PORT=14444", "ADMIN_PORT=14445", "OAUTH2_ISSUER_URL=https://id.example.com//",
		"OAUTH2_LOGIN_URL=https://login.example.com/in", "OAUTH2_CONSENT_URL=https://login.example.com/consent",
		"OAUTH2_ERROR_URL=https://login.example.com/error", "OAUTH2_LOGOUT_REDIRECT_URL=https://login.example.com/bye",
		"ACCESS_TOKEN_LIFESPAN=2h", "ID_TOKEN_LIFESPAN=0", "REFRESH_TOKEN_LIFESPAN=-1", "AUTH_CODE_LIFESPAN=5m", "LOGIN_CONSENT_REQUEST_LIFESPAN=20m",
		"SCOPE_STRATEGY=DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY", "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt", "OAUTH2_SHARE_ERROR_DEBUG=true",
		"OIDC_DISCOVERY_CLAIMS_SUPPORTED=email,name", "OIDC_DISCOVERY_SCOPES_SUPPORTED=email", "OIDC_DYNAMIC_CLIENT_REGISTRATION_DEFAULT_SCOPE=openid,offline",
		"OAUTH2_CLIENT_REGISTRATION_URL=https://id.example.com/register", "OIDC_DISCOVERY_USERINFO_ENDPOINT=https://id.example.com/me",
		"HTTPS_ALLOW_TERMINATION_FROM=10.0.0.0/8,192.168.1.7", "CORS_ENABLED=true", "CORS_ALLOWED_ORIGINS=https://a.example.com, https://b.example.com",
		"CORS_MAX_AGE=60", "BCRYPT_COST=12", "DISABLE_TELEMETRY=1", "COOKIE_SECRET=a-cookie-secret-long-enough", "CHALLENGE_TOKEN_LIFESPAN=1h",
	}})
	got := map[string]any{
		"memory": c.Memory(), "secrets": c.Secrets.System, "issuer": c.URLs.Issuer, "base": c.URLs.Public, "login": c.URLs.Login, "logout": c.URLs.PostLogout,
		"error": c.URLs.Error, "access": c.TTL.AccessToken, "id": c.TTL.IDToken, "refresh": c.TTL.RefreshToken, "code": c.TTL.AuthCode, "flow": c.TTL.LoginConsentRequest,
		"scope": c.Strategies.Scope, "jwt": c.Strategies.AccessToken, "debug": c.OAuth2.ExposeInternalErrors, "claims": c.WebFinger.SupportedClaims,
		"scopes": c.OIDC.DefaultScopes, "public proxies": len(c.Serve.Public.TLS.TermFrom), "admin proxies": len(c.Serve.Admin.TLS.TermFrom),
		"public cors": c.Serve.Public.CORS.Enabled, "admin cors": c.Serve.Admin.CORS.AllowedOrigins, "age": c.Serve.Public.CORS.MaxAge, "host": c.Serve.Public.Host,
		"registration": c.WebFinger.RegistrationURL, "userinfo": c.WebFinger.UserinfoURL,
	}
	want := map[string]any{
		"memory": true, "secrets": []oauth.Secret{"first,with,commas-long-enough", "an-older-system-secret"},
		"issuer": "https://id.example.com/", "base": "https://id.example.com", "login": "https://login.example.com/in", "logout": "https://login.example.com/bye",
		"error": "https://login.example.com/error", "access": 2 * time.Hour, "id": time.Hour, "refresh": Forever, "code": 5 * time.Minute, "flow": 20 * time.Minute,
		"scope": "hierarchic", "jwt": "jwt", "debug": true, "claims": []string{"email", "name"},
		"scopes": []string{"openid", "offline"}, "public proxies": 2, "admin proxies": 2,
		"public cors": true, "admin cors": []string{"https://a.example.com", "https://b.example.com"}, "age": 60, "host": "10.0.0.1",
		"registration": "https://id.example.com/register", "userinfo": "https://id.example.com/me",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w := strings.Join(c.Warnings(), "\n"); strings.Count(w, "CHALLENGE_TOKEN_LIFESPAN") != 1 || strings.Contains(w, "TELEMETRY") {
		t.Errorf("warnings: %q", c.Warnings())
	}
	// The same names are the keys of an rc file.
	c = mustLoad(t, Input{Files: []string{file(t, "OAUTH2_ISSUER_URL: https://x.example.com\nsystem_secret: sixteen bytes or more\n")}})
	if c.URLs.Issuer != "https://x.example.com/" || len(c.Secrets.System) != 1 {
		t.Errorf("rc file: issuer %q, %d secrets", c.URLs.Issuer, len(c.Secrets.System))
	}
}

// Every key that the original had at v26.2, and those that went away, is accepted.
func TestEveryKeyOfEveryRelease(t *testing.T) {
	t.Parallel()
	var keys []string
	for line := range strings.Lines(`
dsn db.ignore_unknown_table_columns dev log.level log.format log.leak_sensitive_values log.redaction_text
serve.public.port serve.admin.port serve.public.host serve.admin.host serve.public.base_url serve.admin.base_url
serve.public.socket.owner serve.public.socket.group serve.public.socket.mode serve.admin.socket.mode
serve.public.request_log.disable_for_health serve.admin.request_log.disable_for_health serve.public.access_log.disable_for_health
serve.public.cors.enabled serve.admin.cors.allowed_origins serve.public.cors.allowed_methods serve.public.cors.allowed_headers
serve.public.cors.exposed_headers serve.public.cors.allow_credentials serve.public.cors.max_age serve.public.cors.debug serve.admin.cors.options_passthrough
serve.tls.enabled serve.tls.cert.path serve.tls.key.path serve.tls.cert.base64 serve.tls.key.base64 serve.tls.allow_termination_from
serve.public.tls.enabled serve.admin.tls.cert.path serve.admin.tls.key.base64 serve.public.tls.allow_termination_from
serve.cookies.same_site_mode serve.cookies.same_site_legacy_workaround serve.cookies.domain serve.cookies.secure
serve.cookies.names.login_csrf serve.cookies.names.consent_csrf serve.cookies.names.session serve.cookies.names.device_csrf serve.cookies.paths.session
clients.http.disallow_private_ip_ranges clients.http.private_ip_exception_urls
hsm.enabled hsm.library hsm.pin hsm.slot hsm.token_label hsm.key_set_prefix
webfinger.jwks.broadcast_keys webfinger.oidc_discovery.jwks_url webfinger.oidc_discovery.token_url webfinger.oidc_discovery.auth_url
webfinger.oidc_discovery.device_authorization_url webfinger.oidc_discovery.client_registration_url webfinger.oidc_discovery.supported_claims
webfinger.oidc_discovery.supported_scope webfinger.oidc_discovery.userinfo_url
oidc.subject_identifiers.supported_types oidc.subject_identifiers.enabled oidc.subject_identifiers.pairwise.salt
oidc.dynamic_client_registration.enabled oidc.dynamic_client_registration.default_scope
urls.self.issuer urls.self.public urls.self.admin urls.login urls.consent urls.logout urls.error urls.post_logout_redirect urls.registration
urls.device.verification urls.device.success urls.identity_provider.url urls.identity_provider.publicUrl urls.identity_provider.headers
strategies.scope strategies.access_token strategies.jwt.scope_claim
ttl.login_consent_request ttl.authentication_session ttl.access_token ttl.id_token ttl.auth_code ttl.refresh_token ttl.device_user_code ttl.vc_nonce
oauth2.expose_internal_errors oauth2.session.encrypt_at_rest oauth2.exclude_not_before_claim oauth2.allowed_top_level_claims oauth2.mirror_top_level_claims
oauth2.hashers.algorithm oauth2.hashers.pbkdf2.iterations oauth2.hashers.bcrypt.cost oauth2.pkce.enforced oauth2.pkce.enforced_for_public_clients
oauth2.client_credentials.default_grant_allowed_scope oauth2.grant.refresh_token.rotation_grace_period oauth2.grant.refresh_token.rotation_grace_reuse_count
oauth2.grant.jwt.jti_optional oauth2.grant.jwt.iat_optional oauth2.grant.jwt.max_ttl oauth2.refresh_token_hook oauth2.token_hook
oauth2.device_authorization.token_polling_interval oauth2.device_authorization.user_code.entropy_preset
oauth2.device_authorization.user_code.length oauth2.device_authorization.user_code.character_set
secrets.system secrets.cookie secrets.pagination profiling tracing.provider tracing.service_name tracing.deployment_environment
tracing.providers.jaeger.local_agent_address tracing.providers.zipkin.server_url tracing.providers.otlp.authorization_header tracing.providers.jaeger.max_tag_value_length
sqa.opt_out cgroups.v1.auto_max_procs_enabled version oauth2.include_legacy_error_fields dangerous-force-http dangerous-allow-insecure-redirect-urls feature_flags`) {
		keys = append(keys, strings.Fields(line)...)
	}
	for _, key := range keys {
		if table.keys[key] == nil && !inTree(key) {
			t.Errorf("%s is unknown", key)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		yaml string
		env  []string
		want []string // parts of the message
	}{
		{"unknown key", "serve:\n  public:\n    prot: 4444\n", nil, []string{"hydra.yml:3", "serve.public.prot", "did you mean serve.public.port?"}},
		{"unknown section", "databse:\n  url: memory\n", nil, []string{"hydra.yml:2", "databse.url", "not an option"}},
		{"key in the wrong section", "pkce:\n  enforced: true\n", nil, []string{"hydra.yml:2", "did you mean oauth2.pkce.enforced?"}},
		{"value where a section is", "serve: all\n", nil, []string{"hydra.yml:1", "is a section"}},
		{"section where a value is", "dsn:\n  url: memory\n", nil, []string{"hydra.yml", "dsn"}},
		{"bad number", "serve.public.port: http\n", nil, []string{"hydra.yml:1", "serve.public.port", `"http" is not allowed`, "0 to 65535"}},
		{"number too large", "serve.public.port: 70000\n", nil, []string{"0 to 65535"}},
		{"bad duration", "ttl:\n  # comment\n  access_token: one hour\n", nil, []string{"hydra.yml:3", "ttl.access_token", "duration"}},
		{"duration without a unit", "ttl: {access_token: 3600}\n", nil, []string{"ttl.access_token", "30m"}},
		{"bad choice", "strategies: {access_token: magic}\n", nil, []string{"opaque or jwt"}},
		{"bad boolean in the environment", "", []string{"DEV=maybe"}, []string{"environment variable DEV", "true or false"}},
		{"bad value under an rc name", "", []string{"ACCESS_TOKEN_LIFESPAN=soon"}, []string{"environment variable ACCESS_TOKEN_LIFESPAN", "ttl.access_token"}},
		{"short secret", "", []string{"SYSTEM_SECRET=tooshort"}, []string{"SYSTEM_SECRET", "16"}},
		{"list for one value", "dsn: [a, b]\n", nil, []string{"dsn", "not a list"}},
		{"duplicate key", "dsn: memory\ndsn: memory\n", nil, []string{"hydra.yml:2"}},
		{"duplicate in two spellings", "log: {level: info}\nlog.level: debug\n", nil, []string{"hydra.yml:2", "stands in line 1"}},
		{"two documents", "dsn: memory\n---\ndsn: memory\n", nil, []string{"hydra.yml:3", "second document"}},
		{"not YAML", "a: [\n", nil, []string{"hydra.yml:1", "not YAML"}},
		{"http issuer", "urls.self.issuer: http://id.example.com\n", nil, []string{"hydra.yml:1", "urls.self.issuer", "https"}},
		{"issuer with query", "urls.self.issuer: https://id.example.com/?a=b\n", nil, []string{"urls.self.issuer"}},
		{"javascript login page", "urls.login: 'javascript:alert(1)'\n", nil, []string{"urls.login"}},
		{"pairwise without salt", "oidc.subject_identifiers.supported_types: [pairwise]\n", nil, []string{"pairwise.salt"}},
		{"pairwise with jwt", "oidc.subject_identifiers: {supported_types: [pairwise], pairwise: {salt: 12345678}}\nstrategies.access_token: jwt\n", nil, []string{"strategies.access_token"}},
		{"certificate without key", "serve.tls.cert.path: /x\n", nil, []string{"serve.public.tls", "serve.admin.tls"}},
		{"certificate that is no base64", "", []string{"HTTPS_TLS_CERT=%%", "HTTPS_TLS_KEY=%%"}, []string{"cert.base64"}},
		{"TLS without a certificate", "serve.public.tls.enabled: true\n", nil, []string{"serve.public.tls.cert.path"}},
		{"both ports the same", "serve.admin: {host: '', port: 4444}\n", nil, []string{"serve.admin.port"}},
		{"bad network", "serve.tls.allow_termination_from: [everywhere]\n", nil, []string{"10.0.0.0/8"}},
		{"alias without anchor", "dsn: *x\n", nil, []string{"hydra.yml:1", "anchor"}},
		{"secret and its file", "", []string{"DSN=memory", "DSN_FILE=/nowhere"}, []string{"DSN_FILE", "only one"}},
		{"file of a secret is missing", "", []string{"SECRETS_SYSTEM_FILE=/nowhere/at/all"}, []string{"SECRETS_SYSTEM_FILE", "/nowhere/at/all"}},
		{"invalid UTF-8", "dsn: \xff\n", nil, []string{"UTF-8"}},
		{"NUL", "dsn: \x00\n", nil, []string{"NUL"}},
		{"too many brackets", "dsn: " + strings.Repeat("[", 2000), nil, []string{"brackets"}},
		{"too long", strings.Repeat("#", maxFile+1), nil, []string{"longer than"}},
		{"free port without issuer", "serve.public.port: 0\n", nil, []string{"urls.self.issuer"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Input{Files: []string{file(t, test.yaml)}, Environ: test.env})
			if err == nil {
				t.Fatal("Load() accepted it")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q:\n%v", part, err)
				}
			}
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(Input{Files: []string{file(t, "serve.public.port: x\nnonsense: 1\n")}, Environ: []string{"DEV=x"}, Flags: []Flag{{"dangerous-force-http", "x"}}})
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("%d lines, want 4:\n%v", n, err)
	}
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	const marker = "hunter2hunter2hunter2"
	for _, in := range []Input{
		{Environ: []string{"SECRETS_SYSTEM=" + marker, "DSN=postgres://hydra:" + marker + "@db/hydra?sslmode=disable&sslpassword=" + marker, "OIDC_SUBJECT_TYPE_PAIRWISE_SALT=" + marker}},
		{Environ: []string{"DSN=" + marker}},
		{Environ: []string{"SECRETS_SYSTEM=short," + marker}},
		{Files: []string{file(t, "secrets:\n  system: ["+marker+"\n")}},
		{Files: []string{file(t, "secrets:\n  system: {"+marker+": x}\n")}},
		{Environ: []string{"HTTPS_TLS_KEY=" + marker, "HTTPS_TLS_CERT=" + marker}},
	} {
		c, err := Load(in)
		var b strings.Builder
		if err != nil {
			b.WriteString(err.Error())
		} else if err := c.Print(&b); err != nil {
			t.Fatal(err)
		}
		shown := b.String()
		if strings.Contains(shown, marker) && !strings.Contains(shown, "secrets.system."+marker) { // a key is not a value
			t.Errorf("%v shows the secret:\n%s", in.Environ, shown)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	name := file(t, "the newest system secret, 1\nthe former system secret\n\n")
	c := mustLoad(t, Input{Environ: []string{"SECRETS_SYSTEM_FILE=" + name, "DATABASE_URL_FILE=" + file(t, "memory\n")}})
	if diff := cmp.Diff([]oauth.Secret{"the newest system secret, 1", "the former system secret"}, c.Secrets.System); diff != "" {
		t.Error(diff)
	}
	if !c.Memory() {
		t.Error("DATABASE_URL_FILE was not read")
	}
	c = mustLoad(t, Input{Environ: []string{"SYSTEM_SECRET_FILE=" + file(t, "one secret, with a comma\n")}})
	if len(c.Secrets.System) != 1 {
		t.Errorf("%d secrets, want 1", len(c.Secrets.System))
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, env, issuer, base string }{
		{"the rc name ends in one slash", "OAUTH2_ISSUER_URL=https://a.example.com", "https://a.example.com/", "https://a.example.com"},
		{"the rc name, with slashes", "OAUTH2_ISSUER_URL=https://a.example.com/b//", "https://a.example.com/b/", "https://a.example.com/b"},
		{"the present name is taken as it is", "URLS_SELF_ISSUER=https://a.example.com", "https://a.example.com", "https://a.example.com"},
		{"the present name, with a slash", "URLS_SELF_ISSUER=https://a.example.com/", "https://a.example.com/", "https://a.example.com"},
		{"localhost may be http", "URLS_SELF_ISSUER=http://id.localhost:4444/x", "http://id.localhost:4444/x", "http://id.localhost:4444/x"},
		{"loopback may be http", "URLS_SELF_ISSUER=http://[::1]:4444", "http://[::1]:4444", "http://[::1]:4444"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, Input{Environ: []string{test.env}})
			if c.URLs.Issuer != test.issuer || c.URLs.Public != test.base {
				t.Errorf("issuer %q, base %q; want %q, %q", c.URLs.Issuer, c.URLs.Public, test.issuer, test.base)
			}
		})
	}
	c := mustLoad(t, Input{Environ: []string{"OAUTH2_ISSUER_URL=http://id.example.com"}, Flags: []Flag{{"dangerous-force-http", "true"}}})
	if c.URLs.Issuer != "http://id.example.com/" {
		t.Errorf("issuer %q", c.URLs.Issuer)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		env  []string
		want string // "" for none
	}{
		{"admin on all interfaces", []string{"SERVE_ADMIN_HOST=0.0.0.0"}, "whoever reaches it"},
		{"admin on loopback", []string{"ADMIN_HOST=localhost"}, ""},
		{"admin on IPv6 loopback", []string{"ADMIN_HOST=::1"}, ""},
		{"admin on a unix socket", []string{"ADMIN_HOST=unix:/run/hydra.sock"}, ""},
		{"admin for a proxy only", []string{"ADMIN_HOST=0.0.0.0", "SERVE_ADMIN_TLS_ALLOW_TERMINATION_FROM=10.1.2.3"}, ""},
		{"credentials for every origin", []string{"CORS_ENABLED=true", "CORS_ALLOWED_CREDENTIALS=true"}, "allow_credentials has no effect"},
		{"SameSite None on http", []string{"SERVE_COOKIES_SAME_SITE_MODE=None"}, "needs https"},
		{"without effect", []string{"HSM_ENABLED=true"}, "hsm.enabled has no effect"},
		{"without effect, and without loss", []string{"SQA_OPT_OUT=true", "VERSION=v1.11.8", "CLIENT_ID=x"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(mustLoad(t, Input{Environ: test.env}).Warnings(), "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("warnings %q, want %q", got, test.want)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	pair := []string{"HTTPS_TLS_CERT_PATH=/cert", "HTTPS_TLS_KEY_PATH=/key"}
	for _, test := range []struct {
		name          string
		env           []string
		public, admin bool
	}{
		{"nothing", nil, false, false},
		{"a certificate for both", pair, true, true},
		{"switched off for one", append(pair, "SERVE_ADMIN_TLS_ENABLED=false"), true, false},
		{"a proxy terminates", append(pair, "HTTPS_ALLOW_TERMINATION_FROM=10.0.0.0/8"), false, false},
		{"plain HTTP wished for", append(pair, "DANGEROUS_FORCE_HTTP=true"), false, false},
		{"unix socket", append(pair, "ADMIN_HOST=unix:/run/hydra.sock"), true, false},
		{"one of its own", []string{"SERVE_ADMIN_TLS_CERT_PATH=/cert", "SERVE_ADMIN_TLS_KEY_PATH=/key"}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, Input{Environ: test.env})
			if c.Serve.Public.TLS.Enabled != test.public || c.Serve.Admin.TLS.Enabled != test.admin {
				t.Errorf("TLS: public %v, admin %v; want %v, %v", c.Serve.Public.TLS.Enabled, c.Serve.Admin.TLS.Enabled, test.public, test.admin)
			}
		})
	}
	c := mustLoad(t, Input{Environ: append(pair, "HTTPS_TLS_CERT=LS0tLS1CRUdJTiBY", "HTTPS_TLS_KEY=LS0tLS1CRUdJTiBY", "SERVE_ADMIN_TLS_CERT_PATH=/own", "SERVE_ADMIN_TLS_KEY_PATH=/own")})
	if c.Serve.Admin.TLS.CertPEM != "" || c.Serve.Admin.TLS.CertPath != "/own" || c.Serve.Public.TLS.CertPEM == "" {
		t.Error("a port's own certificate does not go before the shared one")
	}
}

func TestAnchors(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, Input{Files: []string{file(t, "serve:\n  public:\n    cors: &cors\n      enabled: true\n      max_age: 7\n  admin:\n    cors:\n      <<: *cors\n")}})
	if !c.Serve.Admin.CORS.Enabled || c.Serve.Admin.CORS.MaxAge != 7 {
		t.Errorf("CORS of the admin port = %+v", c.Serve.Admin.CORS)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'm'; i++ {
		bomb += string(i) + ": &" + string(i) + " {k: *" + string(i-1) + ", l: *" + string(i-1) + ", m: *" + string(i-1) + "}\n"
	}
	if _, err := parseFile("bomb.yml", []byte(bomb)); err == nil || !strings.Contains(err.Error(), "entries") {
		t.Errorf("parseFile(bomb) = %v", err)
	}
}

// What config print shows, read back, is the same configuration.
func TestPrintReadsBack(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, Input{Environ: []string{
		"DSN=memory", "ADMIN_HOST=unix:/run/hydra.sock", "REFRESH_TOKEN_LIFESPAN=-1", "CORS_ALLOWED_ORIGINS=https://a.example.com,https://b.example.com",
		"URLS_LOGIN=https://login.example.com/?a=b&c=<\"d\">", "HTTPS_ALLOW_TERMINATION_FROM=10.0.0.0/8", "SERVE_PUBLIC_SOCKET_MODE=0600",
	}})
	var first, second strings.Builder
	if err := c.Print(&first); err != nil {
		t.Fatal(err)
	}
	again := mustLoad(t, Input{Files: []string{file(t, first.String())}})
	if err := again.Print(&second); err != nil {
		t.Fatal(err)
	}
	values := func(s string) (out []string) {
		for l := range strings.Lines(s) {
			l, _, _ = strings.Cut(l, " # ")
			out = append(out, strings.TrimRight(l, "\n"))
		}
		return out
	}
	if diff := cmp.Diff(values(first.String()), values(second.String())); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(first.String(), "# environment variable REFRESH_TOKEN_LIFESPAN") {
		t.Error("the source is missing")
	}
}

func TestRedactDSN(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"memory":                 "memory",
		"sqlite:///a/b?mode=rwc": "sqlite:///a/b?mode=rwc",
		"postgres://u:p@ss/w@h:5432/d?sslmode=disable": "postgres://u:[redacted]@h:5432/d?sslmode=disable",
		"mysql://u:p@tcp(h:3306)/d?parseTime=true":     "mysql://u:[redacted]@tcp(h:3306)/d?parseTime=true",
		"postgres://h/d?user=u&password=p":             "postgres://h/d?user=u&password=[redacted]",
		"mysql://u:p?q@r@tcp(h:3306)/d":                "mysql://u:[redacted]@tcp(h:3306)/d",
		"postgres://u:p@h1:1,h2:2/d?x=1":               "postgres://u:[redacted]@h1:1,h2:2/d?x=1",
		"something else p@ss":                          "[redacted]",
	} {
		if got := RedactDSN(dsn); got != want {
			t.Errorf("RedactDSN(%q) = %q, want %q", dsn, got, want)
		}
	}
}

// docs/configuration.md is what the table says: run "make docs" when this fails.
func TestManualIsCurrent(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Manual(), string(got)); diff != "" {
		t.Errorf("docs/configuration.md is stale, run make docs:\n%s", diff)
	}
}

// Every option can be described, parses its own default, and stands in one place.
func TestTable(t *testing.T) {
	t.Parallel()
	for i := range options {
		o := &options[i]
		if o.Inert == "" && o.Doc == "" {
			t.Errorf("%s has no documentation", o.Key)
		}
		if o.bind != nil && o.bind(new(Config)) == nil {
			t.Errorf("%s goes nowhere", o.Key)
		}
		if o.Else != "" && table.keys[o.Else] == nil {
			t.Errorf("%s falls back to %s, which does not exist", o.Key, o.Else)
		}
	}
}
