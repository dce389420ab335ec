package server_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// auditLine is a line of the audit log.
type auditLine struct {
	Audit     bool
	Event     string
	Outcome   string
	Actor     string
	Network   string
	Object    string
	ClientID  string `json:"client_id"`
	RequestID string `json:"request_id"`
	Status    int
}

// The audit log tells who did what to which object with which outcome, and
// holds no secret.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.json")
	const token = "token-of-the-auditor"
	r := newRig(t, "LOG_AUDIT="+file, "LOG_LEVEL=error", "SERVE_ADMIN_AUTH_TOKENS="+tokenEntry("ops", token, "*")+","+tokenEntry("viewer", "token-of-viewer", "*:read"))
	admin := func(method, path, body string, status int, headers ...string) reply {
		t.Helper()
		a := do(t, client, method, r.Admin+path, body, append(headers, "Authorization: Bearer "+token, "X-Request-Id: id-of-"+method)...)
		if a.Status != status {
			t.Errorf("%s %s = %d %s, want %d", method, path, a.Status, a.Body, status)
		}
		return a
	}
	const secret = "a-client-secret-to-be-kept"
	admin("POST", "/clients", `{"client_id":"shop","client_secret":"`+secret+`","grant_types":["client_credentials","authorization_code"],"redirect_uris":["https://app.test/cb"]}`, 201)
	admin("PATCH", "/admin/clients/shop", `[{"op":"replace","path":"/client_name","value":"Shop"}]`, 200)
	admin("PUT", "/clients/none", `{}`, 404)
	admin("POST", "/keys/extra", `{"alg":"ES256","use":"sig","kid":"k"}`, 201)
	admin("DELETE", "/keys/extra/public:k", "", 204)
	admin("DELETE", "/oauth2/auth/sessions/login/alice", "", 204)
	admin("DELETE", "/admin/oauth2/auth/sessions/consent?subject=alice&client=shop", "", 204)
	admin("GET", "/clients", "", 200) // reading is no change
	do(t, client, "DELETE", r.Admin+"/clients/shop", "", "Authorization: Bearer token-of-viewer")
	do(t, client, "DELETE", r.Admin+"/clients/shop", "", "Authorization: Bearer a-guessed-token")
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	for range 50 {
		do(t, client, "POST", r.own+"/oauth2/token", form, formType, basic("shop", "wrong-client-secret"))
	}
	do(t, client, "POST", r.own+"/oauth2/token", form, formType, basic("secret-in-the-wrong-place", "x"))
	challenge := get(t, r.own+"/oauth2/auth?"+url.Values{
		"client_id": {"shop"}, "response_type": {"code"}, "redirect_uri": {"https://app.test/cb"}, "state": {"12345678"},
	}.Encode()).location(t).Query().Get("login_challenge")
	admin("PUT", "/oauth2/auth/requests/login/"+challenge+"/reject", `{"error":"access_denied"}`, 200)

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	found := map[auditLine]int{}
	for line := range strings.Lines(string(text)) {
		var l auditLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if !l.Audit || l.Network != "127.0.0.1" || l.RequestID == "" {
			t.Errorf("an incomplete line: %s", line)
		}
		l.RequestID, l.Network, l.Audit = "", "", false
		found[l]++
	}
	ops := func(event, outcome, object string, status int) auditLine {
		return auditLine{Event: event, Outcome: outcome, Actor: "token:ops", Object: object, Status: status}
	}
	for _, want := range []auditLine{
		ops("client_created", "done", "client:shop", 0),
		ops("client_changed", "done", "client:shop", 0),
		ops("client_replaced", "refused", "client:none", 404),
		ops("keys_generated", "done", "key_set:extra", 0),
		ops("key_deleted", "done", "key_set:extra key:public:k", 0),
		ops("login_sessions_deleted", "done", "subject:2bd806c97f0e00af", 0),
		ops("consents_deleted", "done", "subject:2bd806c97f0e00af client:shop", 0),
		ops("login_rejected", "done", "client:shop", 0),
		{Event: "admin_forbidden", Outcome: "refused", Actor: "token:viewer"},
		{Event: "admin_unauthorized", Outcome: "refused"},
	} {
		if found[want] != 1 {
			t.Errorf("%d lines of %+v", found[want], want)
		}
	}
	if n := found[auditLine{Event: "client_secret_wrong", Outcome: "refused", ClientID: "shop"}]; n < 15 || n > 30 {
		t.Errorf("%d lines of wrong secrets: they must be there, and bounded", n)
	}
	for l := range found {
		if l.Event == "" || l.Outcome == "" {
			t.Errorf("a line without event or outcome: %+v", l)
		}
	}
	for _, secret := range []string{secret, token, "token-of-viewer", "a-guessed-token", "wrong-client-secret", "secret-in-the-wrong-place", "alice", `"d":`} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the audit log holds %s", secret)
		}
	}
	if challenge == "" || strings.Contains(string(text), challenge) {
		t.Errorf("the audit log holds the challenge %q", challenge)
	}
}

// Without a file the lines are part of the log.
func TestAuditInLog(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory")
	do(t, client, "POST", s.Admin+"/clients", `{"client_id":"shop"}`)
	if !strings.Contains(s.Log.String(), "audit=true event=client_created outcome=done network=127.0.0.1") {
		t.Error("the log has no line of the created client")
	}
	if _, err := tryStart(t, "DSN=memory", "LOG_AUDIT="+filepath.Join(t.TempDir(), "none", "audit.json")); err == nil || !strings.Contains(err.Error(), "log.audit") {
		t.Errorf("a file that cannot be written: %v", err)
	}
}
