package server_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A port that is full says so with 503 and Retry-After, and counts it; its
// health checks and the other port go on; and then it recovers.
func TestFullPort(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-end
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(hook.Close)
	w := newWorld(t, "SERVE_PUBLIC_MAX_REQUESTS=1", "OAUTH2_TOKEN_HOOK="+hook.URL, "OAUTH2_TOKEN_HOOK_TIMEOUT=1m")
	c := w.client(t, nil)
	var held sync.WaitGroup
	held.Go(func() {
		if r := w.token(t, c, "grant_type", "client_credentials"); r.Status != 200 {
			t.Errorf("the request that was taken: %d %s", r.Status, r.Body)
		}
	})
	<-begun
	for range 2 { // the second after the first has waited in vain
		r := do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "")
		if r.Status != 503 || r.Header.Get("Retry-After") != "1" || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.object(t, 503)["error"] != "temporarily_unavailable" {
			t.Errorf("a request too many: %d %v %s", r.Status, r.Header, r.Body)
		}
	}
	equal(t, "health of the full port", do(t, user, "GET", w.Public+"/health/ready", "").Status, 200)
	equal(t, "the other port", w.call(t, "GET", "/clients", nil).Status, 200)
	metrics := w.call(t, "GET", "/metrics/prometheus", nil).Body
	for port, n := range map[string]string{"public": "2", "admin": "0"} {
		if !strings.Contains(metrics, `port="`+port+`",version="v0.0.0-test"} `+n+"\n") {
			t.Errorf("the metrics do not say that %s requests were shed on the %s port", n, port)
		}
	}
	if n := strings.Count(w.Log.String(), "Too many requests at once"); n != 1 {
		t.Errorf("%d warnings in the log, want 1", n)
	}
	end <- struct{}{}
	held.Wait()
	equal(t, "status afterwards", do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "").Status, 200)
}

// attack: floods of wrong secrets, forged tokens and authorization requests of
// nobody write nothing, and who is right is served in between.
func TestAttackFloodsWriteNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	good := func() reply { return w.token(t, c, "grant_type", "client_credentials", "scope", "a") }
	access, _ := good().object(t, 200)["access_token"].(string)
	wrong := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(c.ID+":wrong"))
	ask := func(path, body string, headers ...string) int {
		return do(t, user, "POST", w.Public+path, body, append(headers, "Content-Type: application/x-www-form-urlencoded")...).Status
	}
	for _, flood := range []struct {
		name     string
		statuses string
		one      func() int
	}{
		{"wrong secrets", "401 503", func() int { return ask("/oauth2/token", "grant_type=client_credentials", wrong) }},
		{"unknown clients", "401 503", func() int {
			return ask("/oauth2/token", "grant_type=client_credentials&client_id=nobody&client_secret=x")
		}},
		{"forged refresh tokens", "400", func() int {
			return w.token(t, c, "grant_type", "refresh_token", "refresh_token", flip(access)).Status
		}},
		{"forged bearer tokens", "401", func() int {
			return do(t, user, "GET", w.Public+"/userinfo", "", "Authorization: Bearer "+flip(access)).Status
		}},
		{"forged tokens to inspect", "200", func() int { w.active(t, flip(access)); return 200 }},
		{"authorization requests of nobody", "302", func() int { return do(t, user, "GET", w.authURL(c), "").Status }},
		{"authorization requests of unknown clients", "302", func() int {
			return do(t, user, "GET", w.authURL(&party{ID: "nobody", Redirect: c.Redirect}), "").Status
		}},
	} {
		w.count.Take()
		seen := map[int]int{}
		for range 30 {
			seen[flood.one()]++
			if r := good(); r.Status != 200 {
				t.Fatalf("%s: the right client gets %d %s", flood.name, r.Status, r.Body)
			}
		}
		n, statements := w.count.TakeAll()
		if n.Writes+n.Begins+n.Commits > 0 {
			t.Errorf("%s: %+v, want no write:\n%s", flood.name, n, strings.Join(statements, "\n"))
		}
		for status := range seen {
			if !strings.Contains(flood.statuses, strconv.Itoa(status)) {
				t.Errorf("%s: %v", flood.name, seen)
			}
		}
	}
}
