package web

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The encodings are wire formats: the order of members and the newline count
// (contract case 244).
func TestErrorEncodings(t *testing.T) {
	t.Parallel()
	secret := errors.New("pq: password authentication failed for user hydra")
	for _, test := range []struct {
		name  string
		style Style
		share bool
		err   error
	}{
		{"admin_not_found", AdminErrors, false, oauth.NotFound},
		{"admin_hint", AdminErrors, false, oauth.InvalidRequest.Hint("The member subject is missing, <b>really</b>.")},
		{"admin_unknown", AdminErrors, false, secret},
		{"admin_unknown_debug", AdminErrors, true, secret},
		{"admin_described", AdminErrors, true, &oauth.Error{Kind: "my_own_code", Description: "Bob said no.", Debug: "case 7", Status: 418}},
		{"oauth_invalid_grant", OAuthErrors, false, oauth.InvalidGrant.Hint("The authorization code has expired.").Because(secret)},
		{"oauth_invalid_grant_debug", OAuthErrors, true, oauth.InvalidGrant.Hint("The authorization code has expired.").Because(secret)},
		{"oauth_unknown", OAuthErrors, false, secret},
		{"bearer_expired", BearerErrors, false, oauth.TokenExpired},
		{"brief_hint", BriefErrors, false, oauth.InvalidGrant.Hint("The authorization code has expired.").Because(secret)},
		{"brief_debug", BriefErrors, true, oauth.InvalidGrant.Hint("The authorization code has expired.").Because(secret)},
		{"brief_unknown", BriefErrors, false, secret},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("X-Request-Id", "req-1")
			(&Errors{ShareDebug: test.share}).Write(w, r, test.style, test.err)
			got := w.Header().Get("Content-Type") + "\n" + w.Body.String()
			golden := filepath.Join("testdata", test.name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if got := w.Header().Get("Cache-Control") + w.Header().Get("Pragma"); got != "no-storeno-cache" {
				t.Errorf("an error may be cached: %q", got)
			}
			if !test.share && strings.Contains(w.Body.String(), "pq:") {
				t.Errorf("the cause leaked: %s", w.Body)
			}
		})
	}
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want int
	}{
		{oauth.InvalidRequest, 400},
		{oauth.InvalidGrant.Hint("x"), 400},
		{oauth.InvalidClient, 401},
		{oauth.InvalidToken, 401},
		{oauth.TokenExpired, 401},
		{oauth.RequestUnauthorized, 401},
		{oauth.AccessDenied, 403},
		{oauth.RequestForbidden, 403},
		{oauth.InsufficientScope, 403},
		{oauth.NotFound, 404},
		{oauth.Conflict, 409},
		{oauth.Gone, 410},
		{oauth.TooLarge, 413},
		{oauth.UnsupportedMedia, 415},
		{oauth.ServerError, 500},
		{oauth.TemporarilyUnavailable, 503},
		{errors.New("disk on fire"), 500},
		{fmt.Errorf("read: %w", oauth.ErrUnavailable), 503},
		{oauth.ErrNotFound, 500}, // a store's answer that nobody has interpreted
		{oauth.Kind("made_up"), 400},
		{&oauth.Error{}, 500},
		{&oauth.Error{Kind: oauth.AccessDenied, Status: 499}, 499},
		{&oauth.Error{Kind: oauth.AccessDenied, Status: 200}, 403}, // an error is never a success
	} {
		if got := StatusOf(test.err); got != test.want {
			t.Errorf("StatusOf(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

// Every kind that the nouns define has a row in the table, or clients would
// get 400 for a fault of the server.
func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../oauth/error.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.SplitSeq(string(source), "\n") {
		name, value, ok := strings.Cut(line, `Kind = "`)
		if !ok {
			name, value, ok = strings.Cut(line, ` = "`)
		}
		value, _, end := strings.Cut(value, `"`)
		if !ok || !end || !strings.HasPrefix(line, "\t") {
			continue
		}
		n++
		if _, ok := kinds[oauth.Kind(value)]; !ok {
			t.Errorf("%s (%s) has no status", strings.TrimSpace(name), value)
		}
	}
	if n != len(kinds) {
		t.Errorf("found %d kinds in the source, the table has %d", n, len(kinds))
	}
}

func TestErrorHeaders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		style         Style
		authorization string
		err           error
		want          map[string]string
	}{
		{"RFC 6749 §5.2: invalid_client after Basic", OAuthErrors, "Basic eA==", oauth.InvalidClient,
			map[string]string{"WWW-Authenticate": `Basic realm="hydra", charset="UTF-8"`}},
		{"invalid_client without Basic", OAuthErrors, "", oauth.InvalidClient,
			map[string]string{"WWW-Authenticate": ""}},
		{"RFC 6750 §3.1: dead token", BearerErrors, "bearer abc", oauth.RequestUnauthorized,
			map[string]string{"WWW-Authenticate": `Bearer realm="hydra", error="invalid_token", error_description="The request could not be authorized."`}},
		{"RFC 6750 §3.1: no token, no code", BearerErrors, "", oauth.RequestUnauthorized,
			map[string]string{"WWW-Authenticate": `Bearer realm="hydra"`}},
		{"RFC 6750 §3.1: scope", BearerErrors, "Bearer abc", oauth.InsufficientScope,
			map[string]string{"WWW-Authenticate": `Bearer realm="hydra", error="insufficient_scope", error_description="The access token was not granted the scope that this request needs."`}},
		{"a server error is no challenge", BearerErrors, "Bearer abc", errors.New("x"),
			map[string]string{"WWW-Authenticate": ""}},
		{"RetryAfter", OAuthErrors, "", &oauth.Error{Kind: oauth.TemporarilyUnavailable, RetryAfter: 7},
			map[string]string{"Retry-After": "7"}},
		{"503 always says when", OAuthErrors, "", oauth.TemporarilyUnavailable,
			map[string]string{"Retry-After": "1"}},
		{"413 ends the connection", AdminErrors, "", oauth.TooLarge,
			map[string]string{"Connection": "close"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			(&Errors{}).Write(w, r, test.style, test.err)
			for name, want := range test.want {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		})
	}
}

// The request id is echoed only where it cannot be anything but an id.
func TestRequestIDEcho(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sent, want string }{
		{"", ""},
		{"4bf92f35-77b3", "4bf92f35-77b3"},
		{strings.Repeat("a", 128), strings.Repeat("a", 128)},
		{strings.Repeat("a", 129), ""},
		{"two words", ""},
		{"tab\there", ""},
		{"ümlaut", ""},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Request-Id"] = []string{test.sent}
		(&Errors{}).Write(w, r, AdminErrors, oauth.NotFound)
		if want := `"request_id":"` + test.want + `"}` + "\n"; !strings.HasSuffix(w.Body.String(), want) {
			t.Errorf("X-Request-Id %q: body %s, want it to end in %s", test.sent, w.Body, want)
		}
	}
}

func TestClientThatHungUpIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	(&Errors{}).Write(w, r, AdminErrors, ctx.Err())
	if w.Code != statusClientGone {
		t.Errorf("status %d, want %d", w.Code, statusClientGone)
	}
}

func TestHandleWritesTheError(t *testing.T) {
	t.Parallel()
	h := (&Errors{}).Handle(OAuthErrors, func(http.ResponseWriter, *http.Request) error {
		return oauth.InvalidScope
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"error":"invalid_scope"`) {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}
