package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A real browser loads the clients' logout pages in frames, and its
// check_session_iframe knows of the logout (OpenID Connect Front-Channel Logout
// §2, Session Management §3.2).
func TestLogoutInABrowser(t *testing.T) {
	t.Parallel()
	s := startProgram(t)
	var mu sync.Mutex
	var told []url.Values
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><p id="state">none</p>
			<iframe id="op" src="` + s.Public + `/oauth2/sessions/check"></iframe><script>
			const said = new URLSearchParams(location.search).get("session_state");
			const ask = () => { document.getElementById("state").textContent = "asked"; document.getElementById("op").contentWindow.postMessage("watcher " + said, "` + s.Public + `") };
			addEventListener("message", (e) => { if (e.origin === "` + s.Public + `") { const p = document.getElementById("state"); p.textContent = e.data } });
			addEventListener("load", ask);
			</script>`))
	})
	mux.HandleFunc("GET /out", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, r.URL.Query())
	})
	rp := httptest.NewServer(mux)
	t.Cleanup(rp.Close)
	_, rpPort, err := net.SplitHostPort(rp.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	home := "http://localhost:" + rpPort
	body, err := json.Marshal(map[string]any{"client_id": "watcher", "redirect_uris": []string{home + "/cb"}, "scope": "openid",
		"grant_types": []string{"authorization_code"}, "frontchannel_logout_uri": home + "/out"})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(s.Admin+"/admin/clients", "application/json", bytes.NewReader(body))
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("the client was not registered: %v %v", answer, err)
	}
	_ = answer.Body.Close()

	tb := startBrowser(t).person(t)
	tb.open(s.Public + "/oauth2/auth?" + url.Values{"client_id": {"watcher"}, "response_type": {"code"}, "redirect_uri": {home + "/cb"},
		"scope": {"openid"}, "state": {"state-of-the-test"}, "nonce": {"nonce-of-the-test"}}.Encode())
	tb.pick("login-pick-bob", "login-remember")
	tb.press("login-accept")
	tb.press("consent-allow")
	tb.waits("unchanged")

	leaving := tb.another()
	leaving.open(s.Public + "/oauth2/sessions/logout")
	leaving.says("logout-text", "bob")
	leaving.press("logout-accept")
	leaving.shows("logged-out-title")
	mu.Lock()
	if len(told) != 1 || told[0].Get("iss") == "" || !strings.Contains(told[0].Get("iss"), "localhost") || len(told[0].Get("sid")) != 32 {
		t.Errorf("the client's frame was loaded with %v", told)
	}
	mu.Unlock()
	tb.is(`ask() === undefined`)
	tb.waits("changed")
}

// waits waits until the frame has answered.
func (tb *tab) waits(answer string) {
	tb.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if tb.is(`document.getElementById("state").textContent === "` + answer + `"`) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	tb.t.Errorf("the check_session_iframe says %q, want %q", tb.text("state"), answer)
}
