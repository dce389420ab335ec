package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// hookService is a token hook that answers what the test says.
type hookService struct {
	*httptest.Server
	mu      sync.Mutex
	status  int
	reply   string
	headers []http.Header
	bodies  []string
}

func newHookService(t *testing.T) *hookService {
	t.Helper()
	h := &hookService{status: 204}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.headers, h.bodies = append(h.headers, r.Header), append(h.bodies, string(body))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(h.status)
		if h.status == 200 {
			_, _ = io.WriteString(w, h.reply)
		}
	}))
	t.Cleanup(h.Server.Close)
	return h
}

func (h *hookService) says(status int, reply string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.reply = status, reply
}

// last returns the last call, and how many there were.
func (h *hookService) last() (http.Header, string, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.bodies)
	return h.headers[n-1], h.bodies[n-1], n
}

// Contract §2.6 over HTTP: the hook lies on a private address, which the
// operator may name.
func TestTokenHook(t *testing.T) {
	t.Parallel()
	hook, refresh := newHookService(t), newHookService(t)
	r := newRig(t,
		"OAUTH2_TOKEN_HOOK_URL="+hook.URL+"/token?key=qu3ry", "OAUTH2_TOKEN_HOOK_AUTH_TYPE=api_key",
		"OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=X-Api-Key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret",
		"OAUTH2_REFRESH_TOKEN_HOOK_URL="+refresh.URL, "OAUTH2_REFRESH_TOKEN_HOOK_AUTH_TYPE=api_key", "OAUTH2_REFRESH_TOKEN_HOOK_AUTH_CONFIG_IN=cookie",
		"OAUTH2_REFRESH_TOKEN_HOOK_AUTH_CONFIG_NAME=key", "OAUTH2_REFRESH_TOKEN_HOOK_AUTH_CONFIG_VALUE=c00kie",
	)
	c := r.client(nil)
	code := r.code(c, sign{})

	// Whatever goes wrong burns nothing, and the reason is in the log alone.
	hook.says(403, "")
	r.exchange(c, code).is(403, "access_denied")
	for _, status := range []int{302, 500} {
		hook.says(status, "")
		if a := r.exchange(c, code).is(500, "server_error"); strings.Contains(a.Body, "hook") || strings.Contains(a.Body, "127.0.0.1") {
			t.Errorf("the answer says why: %s", a.Body)
		}
	}
	if log := r.Log.String(); !strings.Contains(log, "token_hook: answered with status 302") {
		t.Error("the log does not say why")
	}

	hook.says(200, `{"session":{"access_token":{"tier":"gold"},"id_token":{"email":"hook@test"}}}`)
	got := r.exchange(c, code).is(200, "")
	header, body, calls := hook.last()
	var asked struct{ Request m }
	if err := json.Unmarshal([]byte(body), &asked); err != nil || asked.Request["client_id"] != c.id {
		t.Errorf("asked with %s, %v", body, err)
	}
	if header.Get("X-Api-Key") != "s3cret" || header.Get("Content-Type") != "application/json" || header.Get("Authorization") != "" || calls != 4 {
		t.Errorf("call %d had %v", calls, header)
	}
	if strings.Contains(body, c.secret) || strings.Contains(body, code) {
		t.Error("the hook was told a secret")
	}
	if in := r.introspect(got.text("access_token")).fields(); in["ext"].(map[string]any)["tier"] != "gold" {
		t.Errorf("introspection %v", in)
	}
	if email := r.claims(got.text("id_token"))["email"]; email != "hook@test" {
		t.Errorf("ID token with email %v", email)
	}

	// A later refresh keeps the claims, and tells both hooks.
	hook.says(204, "")
	again := r.refresh(c, got.text("refresh_token")).is(200, "")
	if in := r.introspect(again.text("access_token")).fields(); in["ext"].(map[string]any)["tier"] != "gold" {
		t.Errorf("introspection after the refresh %v", in)
	}
	header, body, calls = refresh.last()
	if header.Get("Cookie") != "key=c00kie" || calls != 1 || !strings.Contains(body, `"subject":`) {
		t.Errorf("refresh call %d had %v and %s", calls, header, body)
	}
	refresh.says(403, "")
	r.refresh(c, again.text("refresh_token")).is(403, "access_denied")
	refresh.says(204, "")
	r.refresh(c, again.text("refresh_token")).is(200, "")

	// A client's own tokens carry the claims themselves.
	hook.says(200, `{"session":{"access_token":{"tier":"machine"}}}`)
	machine := r.token(c, "grant_type", "client_credentials").is(200, "")
	if in := r.introspect(machine.text("access_token")).fields(); in["ext"].(map[string]any)["tier"] != "machine" {
		t.Errorf("introspection of the client's token %v", in)
	}

	hook.Close()
	r.token(c, "grant_type", "client_credentials").is(500, "server_error")

	metrics := get(t, r.Admin+"/metrics/prometheus").Body
	for _, want := range []string{
		`hook="token_hook",outcome="denied"`, `hook="token_hook",outcome="failed"`, `hook="token_hook",outcome="replaced"`,
		`hook="token_hook",outcome="kept"`, `hook="refresh_token_hook",outcome="denied"`, `hook="refresh_token_hook",outcome="kept"`,
	} {
		if !strings.Contains(metrics, "hydra_token_hooks_total{") || !strings.Contains(strings.ReplaceAll(metrics, " ", ""), want) {
			t.Errorf("no metric with %s", want)
		}
	}
	log := r.Log.String()
	for _, secret := range []string{"s3cret", "c00kie", "qu3ry"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// An answer may take as long as the hooks, and all that has to be done beside.
func TestAnswersWaitForHooks(t *testing.T) {
	t.Parallel()
	const both = 15 * time.Second // without hooks
	for _, test := range []struct {
		environ []string
		want    time.Duration
	}{
		{nil, both},
		{[]string{"OAUTH2_REFRESH_TOKEN_HOOK_TIMEOUT=1m"}, both}, // it is not there
		{[]string{"OAUTH2_TOKEN_HOOK=http://127.0.0.1:1"}, both + 10*time.Second},
		{[]string{"OAUTH2_TOKEN_HOOK=http://127.0.0.1:1", "OAUTH2_TOKEN_HOOK_TIMEOUT=1m", "OAUTH2_REFRESH_TOKEN_HOOK=http://127.0.0.1:1"}, both + 70*time.Second},
	} {
		if got := start(t, test.environ...).server.AnswerTimes(); !slices.Equal(got, []time.Duration{test.want, both}) {
			t.Errorf("%v: answers may take %v, want %s on the public port", test.environ, got, test.want)
		}
	}
}

// heldHook is a hook that answers nobody before it is released.
type heldHook struct {
	*httptest.Server
	asked   chan struct{}
	release func()
}

func newHeldHook(t *testing.T) *heldHook {
	t.Helper()
	end := make(chan struct{})
	h := &heldHook{asked: make(chan struct{}, 1000), release: sync.OnceFunc(func() { close(end) })}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.asked <- struct{}{}
		<-end
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(func() {
		h.release()
		h.Server.Close()
	})
	return h
}

// Attack: more token requests than a hook can hold that never answers. However
// small or large the public port is, half of it stays for everybody else, and
// those for whom there is no place learn it at once.
func TestAttackHungHookLeavesHalfOfThePort(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ places, underWay, held int }{
		{2, 1, 1},
		{9, 4, 4},
		{200, 64, 100}, // 36 wait until one of the 64 has ended
	} {
		hook := newHeldHook(t)
		r := newRig(t, "SERVE_PUBLIC_MAX_REQUESTS="+strconv.Itoa(test.places),
			"OAUTH2_TOKEN_HOOK="+hook.URL, "OAUTH2_TOKEN_HOOK_TIMEOUT=1m", "OAUTH2_REFRESH_TOKEN_HOOK="+hook.URL, "OAUTH2_REFRESH_TOKEN_HOOK_TIMEOUT=1m")
		c := r.client(nil)
		answers := make(chan answer, test.held+1)
		for range test.held + 1 {
			go func() { answers <- r.token(c, "grant_type", "client_credentials") }()
		}
		first := <-answers // all others are held
		first.is(503, "temporarily_unavailable")
		if first.Header.Get("Retry-After") == "" {
			t.Errorf("%d places: no Retry-After: %v", test.places, first.Header)
		}
		for range test.underWay {
			<-hook.asked
		}
		// The surplus, and everybody else.
		for range 3 {
			r.token(c, "grant_type", "client_credentials").is(503, "temporarily_unavailable")
			for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json"} {
				if got := get(t, r.Public+path); got.Status != 200 {
					t.Errorf("%d places: %s answers %d", test.places, path, got.Status)
				}
			}
		}
		if n := len(hook.asked); n > 0 {
			t.Errorf("%d places: %d calls too many were under way", test.places, n)
		}
		hook.release()
		for range test.held {
			(<-answers).is(200, "")
		}
	}
}

// Both hooks share the places: one that hangs does not take as many again
// through the other.
func TestAttackHungRefreshHook(t *testing.T) {
	t.Parallel()
	hung, hook := newHeldHook(t), newHookService(t)
	r := newRig(t, "SERVE_PUBLIC_MAX_REQUESTS=4", "OAUTH2_TOKEN_HOOK="+hook.URL, "OAUTH2_REFRESH_TOKEN_HOOK="+hung.URL, "OAUTH2_REFRESH_TOKEN_HOOK_TIMEOUT=1m")
	c := r.client(nil)
	var tokens []string
	for range 3 {
		tokens = append(tokens, r.exchange(c, r.code(c, sign{})).is(200, "").text("refresh_token"))
	}
	answers := make(chan answer, 2)
	for _, token := range tokens[:2] {
		go func() { answers <- r.refresh(c, token) }()
		<-hung.asked
	}
	r.refresh(c, tokens[2]).is(503, "temporarily_unavailable")
	r.token(c, "grant_type", "client_credentials").is(503, "temporarily_unavailable")
	hung.release()
	for range 2 {
		(<-answers).is(200, "")
	}
	r.refresh(c, tokens[2]).is(200, "") // nothing was spent
}

// Attack: a hook that takes calls and never answers. It costs the callers
// their time and nobody else anything.
func TestTokenHookThatNeverAnswers(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(hook.Close)
	r := newRig(t, "OAUTH2_TOKEN_HOOK_URL="+hook.URL, "OAUTH2_TOKEN_HOOK_TIMEOUT=1s")
	c := r.client(nil)
	code := r.code(c, sign{})
	var wg sync.WaitGroup
	ended := make(chan struct{}, 20)
	for range 20 {
		wg.Go(func() {
			defer func() { ended <- struct{}{} }()
			a, err := try(t, client, "POST", r.Public+"/oauth2/token", "grant_type=client_credentials", "Content-Type: application/x-www-form-urlencoded", basic(c.id, c.secret))
			if err != nil || a.Status != 500 || !strings.Contains(a.Body, "server_error") {
				t.Errorf("the answer is %d %s, %v", a.Status, a.Body, err)
			}
		})
	}
	for range 20 {
		select {
		case <-asked:
		case <-ended: // on a busy machine the second can pass before the hook hears of it
		}
	}
	// Meanwhile everything else goes on.
	if in := r.introspect("x").fields(); in["active"] != false {
		t.Errorf("introspection %v", in)
	}
	r.code(c, sign{})
	if metrics := get(t, r.Admin+"/metrics/prometheus").Body; !strings.Contains(metrics, "hydra_token_hooks_in_flight{") {
		t.Error("no metric of the calls that are under way")
	}
	wg.Wait()
	r.exchange(c, code).is(500, "server_error")
	metrics := get(t, r.Admin+"/metrics/prometheus").Body
	if !strings.Contains(metrics, "hydra_token_hook_duration_seconds_count{") || !strings.Contains(metrics, `outcome="failed"`) {
		t.Error("no metric of the calls that failed")
	}
}
