package orytest

import (
	"slices"
	"strings"
)

// tables are the tables and columns that an import reads, and some that it
// must not mind. A column has a type, and "<" or ">" before a release says
// that it is gone from there on, or new.
//
// Types: key and text, list (of texts), json, flag, time, uuid, number.
var tables = []struct {
	name    string
	since   Release
	until   Release // not in this one any more
	columns string
}{
	{name: "networks", since: V2, columns: `id uuid, created_at time, updated_at time`},
	{name: "hydra_client", columns: `
		id key, nid uuid >2, client_name text, client_secret text, client_secret_expires_at number, redirect_uris list, grant_types list,
		response_types list, scope text, owner text, policy_uri text, tos_uri text, client_uri text, logo_uri text, contacts list,
		sector_identifier_uri text, jwks text, jwks_uri text, token_endpoint_auth_method text, token_endpoint_auth_signing_alg text,
		request_uris list, request_object_signing_alg text, userinfo_signed_response_alg text, subject_type text,
		allowed_cors_origins list, audience list, frontchannel_logout_uri text, frontchannel_logout_session_required flag,
		post_logout_redirect_uris list, backchannel_logout_uri text, backchannel_logout_session_required flag, metadata json,
		registration_access_token_signature text, created_at time, updated_at time,
		skip_consent flag >2, skip_logout_consent flag >26, access_token_strategy text >2,
		authorization_code_grant_access_token_lifespan number >2, authorization_code_grant_id_token_lifespan number >2,
		authorization_code_grant_refresh_token_lifespan number >2, client_credentials_grant_access_token_lifespan number >2,
		implicit_grant_access_token_lifespan number >2, implicit_grant_id_token_lifespan number >2,
		jwt_bearer_grant_access_token_lifespan number >2, refresh_token_grant_id_token_lifespan number >2,
		refresh_token_grant_access_token_lifespan number >2, refresh_token_grant_refresh_token_lifespan number >2,
		device_authorization_grant_access_token_lifespan number >26, device_authorization_grant_id_token_lifespan number >26,
		device_authorization_grant_refresh_token_lifespan number >26`},
	{name: "hydra_jwk", columns: `pk key, sid key, kid key, nid uuid >2, version number, keydata text, created_at time`},
	{name: "hydra_oauth2_trusted_jwt_bearer_issuer", columns: `
		id uuid, nid uuid >2, issuer key, subject key, allow_any_subject flag >2, scope text, key_set key, key_id key, created_at time, expires_at time`},
	{name: "hydra_oauth2_consent_request", until: V2, columns: `
		challenge key, verifier key, client_id key, subject key, request_url text, skip flag, requested_scope list, requested_at_audience list,
		csrf key, authenticated_at time, requested_at time, oidc_context text, forced_subject_identifier text, login_session_id text,
		login_challenge text, acr text, context text, amr list`},
	{name: "hydra_oauth2_consent_request_handled", until: V2, columns: `
		challenge key, granted_scope list, granted_at_audience list, remember flag, remember_for number, error text, requested_at time,
		session_access_token text, session_id_token text, authenticated_at time, was_used flag, handled_at time`},
	{name: "hydra_oauth2_flow", since: V2, columns: `
		login_challenge key, nid uuid, requested_scope list, login_verifier key <26, login_csrf key <26, subject key, request_url text,
		login_skip flag <26, client_id key, requested_at time, oidc_context json, login_session_id text, requested_at_audience list,
		state number, login_remember flag <26, login_remember_for number <26, login_error text <26, acr text, login_authenticated_at time,
		login_was_used flag <26, forced_subject_identifier text, context json, amr list, consent_challenge_id key, consent_skip flag,
		consent_verifier key <26, consent_csrf key <26, granted_scope list, granted_at_audience list, consent_remember flag,
		consent_remember_for number, consent_handled_at time, consent_error text, session_access_token json, session_id_token json,
		consent_was_used flag <26, expires_at time >26, device_challenge_id text >26`},
	{name: "hydra_oauth2_refresh", columns: `
		signature key, nid uuid >2, request_id key, requested_at time, client_id key, scope text, granted_scope text, form_data text,
		session_data text, subject key, active flag, requested_audience text, granted_audience text, challenge_id key,
		expires_at time >26, first_used_at time >26, access_token_signature text >26, used_times number >26`},
	{name: "hydra_oauth2_access", columns: `signature key, request_id key, active flag`},
}

// typesOf are the engines' names of the types.
var typesOf = map[string]map[string]string{
	"sqlite": {"key": "VARCHAR(255)", "text": "TEXT", "json": "TEXT", "flag": "INTEGER", "time": "DATETIME", "uuid": "CHAR(36)", "number": "INTEGER"},
	"pgx":    {"key": "VARCHAR(255)", "text": "TEXT", "json": "JSONB", "flag": "BOOL", "time": "TIMESTAMP", "uuid": "UUID", "number": "BIGINT"},
	"mysql":  {"key": "VARCHAR(255)", "text": "TEXT", "json": "JSON", "flag": "TINYINT(1)", "time": "DATETIME", "uuid": "CHAR(36)", "number": "BIGINT"},
}

// column is a column with its type.
type column struct{ name, kind string }

// columnsOf returns the columns of a table in a release; none where it has no
// such table.
func columnsOf(table string, r Release) (out []column) {
	for _, t := range tables {
		if t.name != table || r < t.since || t.until != 0 && r >= t.until {
			continue
		}
		for text := range strings.SplitSeq(t.columns, ",") {
			words := strings.Fields(text)
			gone, here := slices.Contains(words, "<26") && r >= V26, true
			if n := words[len(words)-1]; n == ">2" {
				here = r >= V2
			} else if n == ">26" {
				here = r >= V26
			}
			if here && !gone {
				out = append(out, column{words[0], words[1]})
			}
		}
	}
	return out
}

// create makes the statement that makes a table; "" where there is none.
func create(table, driver string, r Release) string {
	var lines []string
	for _, c := range columnsOf(table, r) {
		kind := c.kind
		if kind == "list" {
			if kind = "text"; r >= V2 {
				kind = "json"
			}
		}
		lines = append(lines, c.name+" "+typesOf[driver][kind])
	}
	if len(lines) == 0 {
		return ""
	}
	return "CREATE TABLE " + table + " (" + strings.Join(lines, ", ") + ")"
}
