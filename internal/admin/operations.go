package admin

import "strings"

// what an operation is to those who guard and watch the API.
type deed struct {
	// scope is what a caller needs, a resource with read or write. Empty is
	// for operations that nobody has thought about: only "*" allows them.
	scope string
	// event names the change for the audit log; empty for what changes nothing.
	event string
}

// resources are the parts of the API by the beginning of their paths.
var resources = []struct{ path, resource string }{
	{"/clients", "clients"},
	{"/keys/", "keys"},
	{"/oauth2/auth/requests/", "requests"},
	{"/oauth2/auth/sessions/", "sessions"},
	{"/oauth2/introspect", "tokens"},
	{"/oauth2/logout/", "sessions"},
	{"/oauth2/tokens", "tokens"},
	{"/oauth2/flush", "tokens"},
	{"/oauth2/register", "registration"},
	{"/trust/", "trust"},
	{"/version", "operations"},
	{"/metrics/", "metrics"},
}

// events are the changes that the API can make, by pattern. A name is past
// tense: the event says with its outcome whether it came to pass.
var events = map[string]string{
	"POST /clients":                         "client_created",
	"PUT /clients/{id}":                     "client_replaced",
	"PATCH /clients/{id}":                   "client_changed",
	"DELETE /clients/{id}":                  "client_deleted",
	"PUT /clients/{id}/lifespans":           "client_lifespans_changed",
	"POST /clients/{id}/secrets":            "client_secret_added",
	"DELETE /clients/{id}/secrets/{secret}": "client_secret_deleted",
	"DELETE /oauth2/tokens":                 "client_tokens_ended",

	"POST /keys/{set}":         "keys_generated",
	"PUT /keys/{set}":          "key_set_replaced",
	"DELETE /keys/{set}":       "key_set_deleted",
	"PUT /keys/{set}/{kid}":    "key_replaced",
	"DELETE /keys/{set}/{kid}": "key_deleted",

	"PUT /oauth2/auth/requests/login/{challenge}/accept":   "login_accepted",
	"PUT /oauth2/auth/requests/login/{challenge}/reject":   "login_rejected",
	"PUT /oauth2/auth/requests/consent/{challenge}/accept": "consent_accepted",
	"PUT /oauth2/auth/requests/consent/{challenge}/reject": "consent_rejected",
	"PUT /oauth2/auth/requests/login/accept":               "login_accepted",
	"PUT /oauth2/auth/requests/login/reject":               "login_rejected",
	"PUT /oauth2/auth/requests/consent/accept":             "consent_accepted",
	"PUT /oauth2/auth/requests/consent/reject":             "consent_rejected",
	"PUT /oauth2/auth/requests/logout/accept":              "logout_accepted",
	"PUT /oauth2/auth/requests/logout/reject":              "logout_rejected",
	"PUT /oauth2/auth/requests/device/accept":              "device_accepted",
	"PUT /oauth2/auth/requests/device/reject":              "device_rejected",

	"DELETE /oauth2/auth/sessions/consent/{user}":          "consents_deleted",
	"DELETE /oauth2/auth/sessions/consent/{user}/{client}": "consents_deleted",
	"DELETE /oauth2/auth/sessions/login/{user}":            "login_sessions_deleted",
	"DELETE /oauth2/auth/sessions/consent":                 "consents_deleted",
	"DELETE /oauth2/auth/sessions/login":                   "login_sessions_deleted",

	"POST " + callsPath + "/{id}/retry": "logout_call_retried",
	"DELETE " + callsPath + "/{id}":     "logout_call_dropped",

	"POST " + initialPath:             "initial_access_token_created",
	"DELETE " + initialPath + "/{id}": "initial_access_token_deleted",

	"POST /oauth2/flush": "expired_rows_flushed",

	"POST " + trustPath:             "trusted_issuer_created",
	"DELETE " + trustPath + "/{id}": "trusted_issuer_removed",
}

// reads are operations that change nothing although their method could.
var reads = map[string]bool{"POST /oauth2/introspect": true}

// deedOf says what the operation of a pattern "METHOD /path" without /admin is.
func deedOf(pattern string) deed {
	method, path, _ := strings.Cut(pattern, " ")
	half := ":write"
	if method == "GET" || reads[pattern] {
		half = ":read"
	}
	for _, r := range resources {
		if path == r.path || strings.HasPrefix(path, strings.TrimSuffix(r.path, "/")+"/") {
			return deed{scope: r.resource + half, event: events[pattern]}
		}
	}
	return deed{event: events[pattern]}
}
