package server_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// relyingParty takes logout tokens (OpenID Connect Back-Channel Logout §2.5)
// and answers what the test says.
type relyingParty struct {
	*httptest.Server
	t      *testing.T
	caFile string

	mu     sync.Mutex
	status int
	wait   chan struct{} // closed: answers at once
	got    []string
	faults []string
	tls    uint16
}

func newRelyingParty(t *testing.T) *relyingParty {
	t.Helper()
	p := &relyingParty{t: t, status: 200, wait: make(chan struct{})}
	close(p.wait)
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jwt := r.PostFormValue("logout_token")
		p.mu.Lock()
		p.got = append(p.got, jwt)
		p.tls = r.TLS.Version
		if r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Cookie") != "" || len(r.PostForm) != 1 {
			p.faults = append(p.faults, fmt.Sprint(r.Method, r.Header, r.PostForm))
		}
		status, wait := p.status, p.wait
		p.mu.Unlock()
		<-wait
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(p.Close)
	p.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// answers sets the status; slow ones wait until the returned function is called.
func (p *relyingParty) answers(status int, slow bool) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := make(chan struct{})
	p.status, p.wait = status, wait
	release = sync.OnceFunc(func() { close(wait) })
	p.t.Cleanup(release)
	if !slow {
		release()
	}
	return release
}

func (p *relyingParty) tokens() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.got...)
}

// eventually waits for what happens beside requests.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 2 minutes: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// newLeaving starts a rig whose clients may want to hear of the end of sessions.
func newLeaving(t *testing.T, p *relyingParty, environ ...string) *rig {
	t.Helper()
	return newRig(t, leaving(p, environ...)...)
}

// leaving is the configuration of such a rig.
func leaving(p *relyingParty, environ ...string) []string {
	return append([]string{"URLS_LOGOUT=" + logoutPage, "CLIENTS_HTTP_CA_FILE=" + p.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8"}, environ...)
}

func (r *rig) hearing(p *relyingParty, path string) app {
	r.t.Helper()
	return r.client(m{"backchannel_logout_uri": p.URL + path, "backchannel_logout_session_required": true})
}

// remembered signs a user in at the client and returns the ID token.
func (r *rig) remembered(browser *http.Client, c app, subject string) string {
	r.t.Helper()
	return r.tokens(c, sign{browser: browser, login: m{"subject": subject, "remember": true}, consent: m{"remember": true}}).text("id_token")
}

// leave signs the browser out, by the way of the logout app.
func (r *rig) leave(browser *http.Client) {
	r.t.Helper()
	to := r.visit(browser, r.Public+"/oauth2/sessions/logout")
	path := logoutPath("", "/accept", to.Query().Get("logout_challenge"))
	r.visit(browser, r.admin("PUT", path, nil).is(200, "").text("redirect_to"))
}

// calls lists the outbox.
func (r *rig) calls(state string) []m {
	r.t.Helper()
	var out []m
	a := r.admin("GET", "/admin/oauth2/logout/calls?state="+state, nil).is(200, "")
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// metric reads a metric of the admin port.
func (r *rig) metric(name, label string) string {
	r.t.Helper()
	for line := range strings.Lines(get(r.t, r.Admin+"/metrics/prometheus").Body) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, label) {
			_, value, _ := strings.Cut(line, "} ")
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// The back-channel modules: every client of the session gets a logout token
// which a foreign library verifies, and the browser waits for none of them.
func TestBackChannelLogout(t *testing.T) {
	t.Parallel()
	p := newRelyingParty(t)
	r := newLeaving(t, p)
	first, second, deaf, absent := r.hearing(p, "/first"), r.hearing(p, "/second"), r.client(nil), r.hearing(p, "/absent")
	browser := newBrowser(t)
	ids := map[string]m{}
	for _, c := range []app{first, second, first, deaf} {
		ids[c.id] = r.claims(r.remembered(browser, c, "alice"))
	}
	r.remembered(newBrowser(t), absent, "alice")

	release := p.answers(200, true) // slow: the browser is through before anybody answers
	r.leave(browser)
	if waiting := r.calls("pending"); len(waiting) != 2 {
		t.Errorf("waiting calls: %v", waiting)
	}
	release()
	eventually(t, "two deliveries", func() bool { return r.metric("hydra_logout_calls_total", "delivered") == "2" })
	if n := len(r.calls("")); n != 0 {
		t.Errorf("%d calls are left", n)
	}
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(t.Context(), client), r.Public+"/.well-known/jwks.json")
	told := map[any]bool{}
	for _, jwt := range p.tokens() {
		if _, err := keys.VerifySignature(context.Background(), jwt); err != nil {
			t.Errorf("the logout token does not verify: %v", err)
		}
		header := decoded(t, strings.Split(jwt, ".")[0])
		claims := r.claims(jwt)
		aud, _ := claims["aud"].([]any)
		if len(aud) != 1 {
			t.Fatalf("aud is %v", claims["aud"])
		}
		id := ids[aud[0].(string)]
		told[aud[0]] = true
		events, _ := claims["events"].(map[string]any)
		event, _ := json.Marshal(events["http://schemas.openid.net/event/backchannel-logout"])
		iat, _ := claims["iat"].(float64)
		exp, _ := claims["exp"].(float64)
		_, nonce := claims["nonce"]
		if header["typ"] != "logout+jwt" || header["kid"] == nil || claims["iss"] != r.Config.URLs.Issuer || claims["sub"] != "alice" || claims["sid"] != id["sid"] || id["sid"] == nil ||
			len(events) != 1 || string(event) != "{}" || nonce || claims["jti"] == "" || int64(iat) != r.clock.Now().Unix() || exp-iat != 120 {
			t.Errorf("header %v, claims %v for the ID token %v", header, claims, id)
		}
	}
	if len(told) != 2 || !told[first.id] || !told[second.id] || len(p.faults) != 0 {
		t.Errorf("told: %v; %v", told, p.faults)
	}
	if p.tls != 0x0304 {
		t.Errorf("the call has TLS version %x", p.tls)
	}

	// A logout token is no id_token_hint, and no access token.
	jwt := p.tokens()[0]
	to := r.visit(newBrowser(t), r.Public+"/oauth2/sessions/logout?id_token_hint="+jwt)
	if to.Query().Get("error") != "invalid_request" || r.active(jwt) {
		t.Errorf("a logout token is taken for something else: %s", to)
	}
}

func decoded(t *testing.T, part string) m {
	t.Helper()
	return payload(t, "."+part+".")
}

// Attack: a client that is slow, fails or is away neither blocks anybody nor
// misses the end of a session, not even when the server is restarted meanwhile.
func TestAttackSlowAndBrokenRelyingParties(t *testing.T) {
	t.Parallel()
	p := newRelyingParty(t)
	r := newLeaving(t, p, "OIDC_BACKCHANNEL_LOGOUT_GIVE_UP_AFTER=10m")
	c := r.hearing(p, "/out")
	browser := newBrowser(t)
	r.remembered(browser, c, "alice")
	p.answers(500, false)
	r.leave(browser)
	eventually(t, "a first attempt", func() bool { return r.metric("hydra_logout_calls_total", "postponed") == "1" })
	equal(t, "state after a 500", shown(r.calls("pending")), "1 attempts, status 500")
	if n := len(p.tokens()); n != 1 {
		t.Errorf("the client was called %d times", n)
	}

	// Restarted while the client is away.
	address := p.Listener.Addr().String()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	again := r.beside(leaving(p, "OIDC_BACKCHANNEL_LOGOUT_GIVE_UP_AFTER=10m")...)
	again.wait(time.Minute)
	release := p.answers(302, true)
	eventually(t, "an attempt after the restart", func() bool { return len(p.tokens()) == 2 })
	release()
	eventually(t, "its end", func() bool { return again.metric("hydra_logout_calls_total", "postponed") == "1" })
	equal(t, "state after a redirect", shown(again.calls("pending")), "2 attempts, status 302")

	// Given up, with an event; then asked for by the operator.
	again.wait(15 * time.Minute)
	eventually(t, "the end of trying", func() bool { return len(again.calls("failed")) == 1 })
	failed := again.calls("failed")[0]
	if failed["client_id"] != c.id || failed["subject"] != "alice" || failed["state"] != "failed" || failed["failed_at"] == nil || failed["next_attempt_at"] != nil || len(again.calls("pending")) != 0 {
		t.Errorf("the failed call is %v", failed)
	}
	if again.metric("hydra_logout_calls_total", "failed") != "1" || again.metric("hydra_events_total", "logout_call_failed") != "1" {
		t.Error("the metrics do not show it")
	}
	calls := len(p.tokens())
	again.wait(5 * time.Hour)
	p.answers(200, false)
	path := fmt.Sprint("/admin/oauth2/logout/calls/", failed["id"])
	if a := again.admin("POST", path+"/retry", nil); a.Status != 204 {
		t.Fatalf("retry: %d %s", a.Status, a.Body)
	}
	eventually(t, "the delivery", func() bool { return again.metric("hydra_logout_calls_total", "delivered") == "1" })
	if n := len(p.tokens()); n != calls+1 || len(again.calls("")) != 0 {
		t.Errorf("%d calls after the retry, %v", n-calls, again.calls(""))
	}
	again.admin("POST", path+"/retry", nil).is(404, "")
	again.admin("DELETE", path, nil).is(404, "")
	again.admin("DELETE", "/admin/oauth2/logout/calls/junk", nil).is(404, "")
	again.admin("GET", "/admin/oauth2/logout/calls?state=x", nil).is(400, "")
	if log := r.Log.String() + again.Log.String(); strings.Contains(log, "logout_token") || strings.Contains(again.admin("GET", "/admin/oauth2/logout/calls", nil).Body, address) {
		t.Error("a log or an answer says too much")
	}
}

// shown is how the one call of a list stands.
func shown(list []m) string {
	if len(list) != 1 {
		return fmt.Sprint(len(list), " calls")
	}
	return fmt.Sprint(list[0]["attempts"], " attempts, ", list[0]["last_error"])
}

// Attack: two nodes on one database send a call once, also when a client is in
// a private network, where nobody is called.
func TestAttackLogoutCallsElsewhere(t *testing.T) {
	t.Parallel()
	p := newRelyingParty(t)
	r := newLeaving(t, p)
	n := r.beside(leaving(p)...)
	c, inside, gone := r.hearing(p, "/out"), r.client(m{"backchannel_logout_uri": "https://10.1.2.3/out"}), r.hearing(p, "/gone")
	browsers := make([]*http.Client, 6)
	for i := range browsers {
		browsers[i] = newBrowser(t)
		r.remembered(browsers[i], c, "alice")
	}
	r.remembered(browsers[0], inside, "alice")
	r.remembered(browsers[0], gone, "alice")
	r.admin("DELETE", "/clients/"+gone.id, nil)
	for _, b := range browsers {
		r.leave(b)
	}
	eventually(t, "all deliveries", func() bool { return len(r.calls("")) == 1 })
	equal(t, "what was done about the private address", strings.Contains(shown(r.calls("pending")), "is not public"), true)
	jtis := map[any]bool{}
	for _, jwt := range p.tokens() {
		jtis[r.claims(jwt)["sid"]] = true
	}
	if len(p.tokens()) != len(browsers) || len(jtis) != len(browsers) {
		t.Errorf("%d calls for %d sessions on two nodes", len(p.tokens()), len(jtis))
	}
	if n.metric("hydra_logout_calls_total", "failed") != "0" {
		t.Error("the other node has no metrics")
	}
}

// An admin ends one session by its sid: its clients learn of it. All sessions of
// a subject: nobody does, as in every release of Hydra.
func TestRevokedSessionsTellClients(t *testing.T) {
	t.Parallel()
	p := newRelyingParty(t)
	r := newLeaving(t, p)
	c := r.hearing(p, "/out")
	sid := r.claims(r.remembered(newBrowser(t), c, "alice"))["sid"].(string)
	r.remembered(newBrowser(t), c, "bob")
	for _, query := range []url.Values{{"sid": {sid}}, {"sid": {sid}}, {"subject": {"bob"}}} {
		if a := r.admin("DELETE", "/admin/oauth2/auth/sessions/login?"+query.Encode(), nil); a.Status != 204 {
			t.Fatalf("%v: %d %s", query, a.Status, a.Body)
		}
	}
	eventually(t, "the delivery", func() bool { return len(p.tokens()) > 0 && len(r.calls("")) == 0 })
	if got := p.tokens(); len(got) != 1 || r.claims(got[0])["sid"] != sid {
		t.Errorf("%d calls", len(got))
	}
}
