package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"hydra/internal/oauth"
)

// Credentials takes from a request what authenticates its client: user name
// and password of HTTP Basic, both form-urlencoded, or client_id and
// client_secret of the body (RFC 6749 §2.3.1), or an assertion (RFC 7521
// §4.2). It judges the form only. More than one method in one request is
// invalid_request; a Basic header that cannot be read is invalid_client,
// without a word of what it held.
func Credentials(r *http.Request, form url.Values) (oauth.Credentials, error) {
	cr := oauth.Credentials{
		PostID:        form.Get("client_id"),
		PostSecret:    oauth.Secret(form.Get("client_secret")),
		HasPostSecret: form.Has("client_secret"),
		AssertionType: form.Get("client_assertion_type"),
		Assertion:     oauth.Secret(form.Get("client_assertion")),
		Network:       Network(r),
	}
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return oauth.Credentials{}, oauth.InvalidRequest.Hint("The request has more than one Authorization header.")
	}
	if len(headers) == 1 {
		if encoded, ok := cutScheme(headers[0], "Basic"); ok {
			user, password, ok := basic(encoded)
			if !ok {
				return oauth.Credentials{}, oauth.InvalidClient.Hint("The Basic credentials are malformed: they must be the base64 encoding of a form-urlencoded client id, a colon and a form-urlencoded secret.")
			}
			cr.Basic, cr.BasicID, cr.BasicSecret = true, user, oauth.Secret(password)
		}
	}
	methods := 0
	for _, used := range []bool{
		cr.Basic,
		cr.PostSecret != "", // a parameter without a value counts as left out, RFC 6749 §3.1
		cr.Assertion != "" || cr.AssertionType != "",
	} {
		if used {
			methods++
		}
	}
	switch {
	case methods > 1:
		return oauth.Credentials{}, oauth.InvalidRequest.Hint("The request uses more than one method of client authentication.")
	case cr.Basic && cr.PostID != "" && cr.PostID != cr.BasicID:
		return oauth.Credentials{}, oauth.InvalidRequest.Hint("The client_id of the body and that of the Authorization header differ.")
	}
	return cr, nil
}

// basic decodes Basic credentials strictly: one text has one encoding.
func basic(encoded string) (user, password string, ok bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(raw), ":")
	if !ok {
		return "", "", false
	}
	user, err = url.QueryUnescape(user)
	if err != nil || user == "" || !clean(user) {
		return "", "", false
	}
	password, err = url.QueryUnescape(password)
	if err != nil || !clean(password) {
		return "", "", false
	}
	return user, password, true
}

// Bearer returns the access token of the Authorization header (RFC 6750 §2.1),
// empty when there is none. The header must not be repeated.
func Bearer(r *http.Request) (oauth.Secret, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", oauth.InvalidRequest.Hint("The request has more than one Authorization header.")
	}
	token, ok := cutScheme(r.Header.Get("Authorization"), "Bearer")
	if !ok {
		return "", nil
	}
	return oauth.Secret(token), nil
}

// cutScheme returns what follows the authentication scheme, whose letters may
// be of either case (RFC 9110 §11.1).
func cutScheme(header, scheme string) (string, bool) {
	if len(header) <= len(scheme) || header[len(scheme)] != ' ' || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.Trim(header[len(scheme):], " "), true
}

func usedBasic(r *http.Request) bool {
	_, ok := cutScheme(r.Header.Get("Authorization"), "Basic")
	return ok
}
