package server_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var pathParameter = regexp.MustCompile(`\{[a-z]+\}`)

// Attack: every operation of the admin API without a token, with that of
// somebody who may do nothing there, with one that only reads, and by another
// spelling of its path. None is forgotten.
func TestAttackEveryAdminOperationAsks(t *testing.T) {
	t.Parallel()
	api, err := description()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "DSN=memory", "SERVE_ADMIN_AUTH_TOKENS="+strings.Join([]string{
		tokenEntry("probe", "token-of-probe", "metrics"), tokenEntry("reader", "token-of-reader", "*:read"), tokenEntry("writer", "token-of-writer", "*:write"),
	}, ","))
	status := func(method, path, token string) int {
		t.Helper()
		headers := []string{"Content-Type: application/x-www-form-urlencoded"}
		if token != "" {
			headers = append(headers, "Authorization: Bearer "+token)
		}
		return do(t, user, method, s.Admin+path, "", headers...).Status
	}
	asked := 0
	for _, op := range api.Operations {
		for _, r := range op.Routes {
			if op.Free || r.Port != "admin" {
				continue
			}
			asked++
			path := pathParameter.ReplaceAllString(r.Path, "x")
			for _, spelling := range []string{path, path + "/", "/" + path, strings.ToUpper(path), "/health/alive/../.." + path, "/health/ready/..%2f..%2f" + path[1:]} {
				if got := status(r.Method, spelling, ""); got != 401 {
					t.Errorf("%s %s without a token: %d", r.Method, spelling, got)
				}
			}
			for _, method := range []string{"HEAD", "OPTIONS", "TRACE", "PROPFIND"} {
				if got := status(method, path, ""); got != 401 {
					t.Errorf("%s %s without a token: %d", method, path, got)
				}
			}
			reads := r.Method == "GET" || op.ID == "introspect" || strings.HasSuffix(r.Path, "/oauth2/introspect")
			other := map[bool]string{true: "token-of-writer", false: "token-of-reader"}[reads]
			if got := status(r.Method, path, other); got != 403 {
				t.Errorf("%s %s with %s: %d", r.Method, path, other, got)
			}
			if !strings.Contains(path, "/metrics/") {
				if got := status(r.Method, path, "token-of-probe"); got != 403 {
					t.Errorf("%s %s with a token for metrics: %d", r.Method, path, got)
				}
			}
		}
	}
	if asked < 80 {
		t.Errorf("the description has %d ways into the admin API", asked)
	}
	// What a proxy would say of a client certificate is nobody's word here.
	for _, header := range []string{
		"X-Client-Cert: x", "X-Forwarded-Client-Cert: Subject=\"CN=app\"", "X-SSL-Client-Verify: SUCCESS", "Ssl-Client-Cert: x",
		"X-Forwarded-User: root", "X-Original-URL: /health/alive", "X-Rewrite-URL: /health/alive", "Forwarded: for=127.0.0.1",
	} {
		if r := do(t, user, "GET", s.Admin+"/clients", "", header); r.Status != 401 {
			t.Errorf("with %s: %d", header, r.Status)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "token-of-") {
		t.Error("a token stands in the log")
	}
}

// Attack: forge lines of the log and of the audit log with line breaks and
// control characters in whatever a caller can write: ids, subjects, headers.
func TestAttackForgedLogLines(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.json")
	s := start(t, "DSN=memory", "LOG_AUDIT="+file)
	const forged = "x\r\n{\"audit\":true,\"event\":\"forged\"}\ntime=2026-01-01T00:00:00Z level=INFO msg=forged\x1b[2J\u202e\u2028\x00"
	in := url.PathEscape(forged)
	for _, path := range []string{
		"/clients/" + in, "/keys/" + in, "/keys/set/" + in, "/oauth2/auth/sessions/login/" + in, "/oauth2/auth/sessions/consent/" + in,
		"/admin/oauth2/auth/sessions/consent?all=true&subject=" + url.QueryEscape(forged), "/admin/oauth2/auth/sessions/login?sid=" + url.QueryEscape(forged),
		"/admin/trust/grants/jwt-bearer/issuers/" + in, "/admin/clients/a/secrets/" + in, "/admin/oauth2/logout/calls/" + in,
		"/admin/oauth2/register/tokens/" + in, "/" + in,
	} {
		if r := do(t, user, "DELETE", s.Admin+path, "", "X-Request-Id: a b=c"); r.Status >= 500 {
			t.Errorf("DELETE %s = %d %s", path, r.Status, r.Body)
		}
	}
	do(t, user, "PUT", s.Admin+"/clients/"+in, `{"client_name":"a"}`)
	do(t, user, "POST", s.Public+"/oauth2/token", "grant_type=client_credentials", formType, basic(forged, forged), "User-Agent: msg=forged")
	do(t, user, "POST", s.Public+"/oauth2/token", "grant_type="+url.QueryEscape(forged)+"&client_id="+url.QueryEscape(forged), formType)
	do(t, user, "GET", s.Public+"/oauth2/auth?client_id="+url.QueryEscape(forged)+"&state="+url.QueryEscape(forged), "")

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		var l auditLine
		if err := json.Unmarshal([]byte(line), &l); err != nil || !l.Audit || l.Event == "forged" {
			t.Errorf("a line of the audit log: %q, %v", line, err)
		}
		lines++
	}
	if lines < 8 {
		t.Errorf("the audit log has %d lines", lines)
	}
	for line := range strings.Lines(s.Log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.Contains(line, " msg=forged") && !strings.Contains(line, `\ntime=`) || strings.ContainsAny(line, "\x00\x1b\r\u202e\u2028") {
			t.Errorf("a line of the log: %q", line)
		}
	}
}
