package config

// Reasons why an option has no effect here.
const (
	noTelemetry = "this server sends no telemetry"
	noTracing   = "this server writes no traces"
	noHSM       = "this server keeps its keys in its database"
	notYet      = "this server does not have the feature"
	sealed      = "everything is sealed under the keys that secrets.system wraps"
	never       = "secrets never reach the log"
)

// inertOptions are keys and names that some release of the original knew and
// that have no effect here. They are accepted, so that an old configuration
// starts; a warning says which do nothing, unless nothing is lost.
var inertOptions = []option{
	{Key: "version", Inert: "the configuration of every release is accepted", Quiet: true},
	{Key: "$schema", Inert: "it is for editors", Quiet: true},
	{Key: "sqa.opt_out", Env: []string{"DISABLE_TELEMETRY"}, Inert: noTelemetry, Quiet: true},
	{Key: "db.ignore_unknown_table_columns", Inert: "an older program always reads a newer schema", Quiet: true},
	{Key: "log.leak_sensitive_values", Inert: never},
	{Key: "log.redaction_text", Inert: never, Quiet: true},
	{
		Key: "serve.public.request_log.disable_for_health", Was: []string{"serve.public.access_log.disable_for_health"},
		Inert: "health checks are logged at level debug only", Quiet: true,
	},
	{
		Key: "serve.admin.request_log.disable_for_health", Was: []string{"serve.admin.access_log.disable_for_health"},
		Inert: "health checks are logged at level debug only", Quiet: true,
	},
	{Key: "serve.public.base_url", Inert: "urls.self.public says it"},
	{Key: "serve.admin.base_url", Inert: "urls.self.admin says it"},
	{Key: "serve.public.cors.debug", Env: []string{"CORS_DEBUG"}, Inert: "there is nothing to debug", Quiet: true},
	{Key: "serve.admin.cors.debug", Env: []string{"CORS_DEBUG"}, Inert: "there is nothing to debug", Quiet: true},
	{Key: "serve.public.cors.options_passthrough", Inert: "preflight requests never reach a handler"},
	{Key: "serve.admin.cors.options_passthrough", Inert: "preflight requests never reach a handler"},
	{Key: "serve.cookies.same_site_legacy_workaround", Inert: "browsers that need it are gone"},
	{Key: "serve.cookies.names.consent_csrf", Inert: "a flow has one cookie, serve.cookies.names.login_csrf", Quiet: true},
	{Key: "serve.cookies.names.device_csrf", Inert: "a flow has one cookie, serve.cookies.names.login_csrf", Quiet: true},
	{Key: "secrets.cookie", Env: []string{"COOKIE_SECRET"}, Secret: true, Inert: sealed, Quiet: true},
	{Key: "secrets.pagination", Secret: true, Inert: sealed, Quiet: true},
	{Key: "hsm.enabled", Inert: noHSM},
	{Key: "hsm.library", Inert: noHSM},
	{Key: "hsm.pin", Secret: true, Inert: noHSM},
	{Key: "hsm.slot", Inert: noHSM},
	{Key: "hsm.token_label", Inert: noHSM},
	{Key: "hsm.key_set_prefix", Inert: noHSM},
	{Key: "urls.identity_provider.url", Inert: notYet},
	{Key: "urls.identity_provider.publicUrl", Inert: notYet},
	{Key: "urls.identity_provider.headers", Tree: true, Secret: true, Inert: notYet},
	{Key: "ttl.vc_nonce", Inert: notYet},
	{Key: "oauth2.session.encrypt_at_rest", Inert: sealed, Quiet: true},
	{Key: "oauth2.include_legacy_error_fields", Inert: "each API generation has its own error fields"},
	{Key: "oauth2.hashers.algorithm", Inert: "generated secrets need no slow hash, others get PBKDF2", Quiet: true},
	{Key: "oauth2.hashers.bcrypt.cost", Env: []string{"BCRYPT_COST"}, Inert: "bcrypt hashes are verified, and replaced by PBKDF2", Quiet: true},
	{Key: "dangerous-allow-insecure-redirect-urls", Inert: "a client's redirect URIs are checked when it is registered"},
	{Key: "cgroups.v1.auto_max_procs_enabled", Inert: "Go sees the limits by itself", Quiet: true},
	{Key: "feature_flags", Tree: true, Inert: "there are none"},
	{Key: "tracing.provider", Inert: noTracing},
	{Key: "tracing.service_name", Inert: noTracing, Quiet: true},
	{Key: "tracing.deployment_environment", Inert: noTracing, Quiet: true},
	{
		Key: "tracing.providers", Tree: true, Secret: true, Inert: noTracing,
		Env: []string{
			"TRACING_PROVIDER_JAEGER_SAMPLING_SERVER_URL", "TRACING_PROVIDER_JAEGER_SAMPLING_TYPE",
			"TRACING_PROVIDER_JAEGER_SAMPLING_VALUE", "TRACING_PROVIDER_JAEGER_LOCAL_AGENT_ADDRESS",
		},
	},
	{Key: "challenge_token_lifespan", Inert: "no release ever used it"},
	{Key: "resource_name_prefix", Inert: "no release of 1.0 used it"},
	{Key: "database_plugin", Inert: "there are no database plugins"},
	{Key: "cluster_url", Inert: "it never had an effect on the server", Quiet: true},
	{Key: "client_id", Inert: "it never had an effect on the server", Quiet: true},
	{Key: "client_secret", Secret: true, Inert: "it never had an effect on the server", Quiet: true},
}
