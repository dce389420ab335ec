package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	devicePage  = "http://device.test/connect?page=3"
	deviceDone  = "http://device.test/done"
	devicePath  = "/admin/oauth2/auth/requests/device"
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
)

// newDeviceWorld is newWorld with the pages of a device app.
func newDeviceWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	return newDeviceWorldAt(t, onEngine(t), environ...)
}

func newDeviceWorldAt(t *testing.T, database []string, environ ...string) *world {
	t.Helper()
	return newWorldAt(t, database, append([]string{"URLS_DEVICE_VERIFICATION=" + devicePage, "URLS_DEVICE_SUCCESS=" + deviceDone}, environ...)...)
}

// deviceClient registers a public client that may only connect devices.
func (w *world) deviceClient(t *testing.T, change m) *party {
	t.Helper()
	body := m{
		"client_id": w.name("device"), "client_name": "Example TV", "scope": "openid offline a b", "audience": []string{"https://api.test"},
		"grant_types": []string{deviceGrant, "refresh_token"}, "token_endpoint_auth_method": "none",
	}
	for k, v := range change {
		body[k] = v
	}
	out := w.call(t, "POST", "/clients", body).object(t, 201)
	secret, _ := out["client_secret"].(string)
	return &party{ID: out["client_id"].(string), Secret: secret}
}

// device asks for codes as the client.
func (w *world) device(t *testing.T, c *party, pairs ...string) (deviceCode, userCode string) {
	t.Helper()
	out := w.post(t, c, "/oauth2/device/auth", pairs...).object(t, 200)
	return out["device_code"].(string), out["user_code"].(string)
}

// post sends a form as the client.
func (w *world) post(t *testing.T, c *party, path string, pairs ...string) reply {
	t.Helper()
	form := url.Values{}
	headers := []string{"Content-Type: application/x-www-form-urlencoded"}
	if c.Secret == "" {
		form.Set("client_id", c.ID)
	} else {
		r, err := http.NewRequest("POST", "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
		headers = append(headers, "Authorization: "+r.Header.Get("Authorization"))
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return do(t, client, "POST", w.Public+path, form.Encode(), headers...)
}

// poll asks for the tokens of a device.
func (w *world) poll(t *testing.T, c *party, deviceCode string) reply {
	t.Helper()
	return w.post(t, c, "/oauth2/token", "grant_type", deviceGrant, "device_code", deviceCode)
}

// answers checks an error answer.
func (r reply) answers(t *testing.T, status int, code string) m {
	t.Helper()
	out := r.object(t, status)
	if out["error"] != code {
		t.Fatalf("the answer is %s, want %s", r.Body, code)
	}
	return out
}

// verify begins to connect a device.
func (b *browser) verify(t *testing.T) (challenge string) {
	t.Helper()
	return b.open(t, b.w.Config.URLs.Public+"/oauth2/device/verify").leads(t, devicePage, "device_challenge")
}

func deviceURL(decision, challenge string) string {
	return devicePath + decision + "?device_challenge=" + url.QueryEscape(challenge)
}

// decideDevice accepts or rejects a user code and returns where the browser goes.
func (w *world) decideDevice(t *testing.T, decision, challenge, userCode string) string {
	t.Helper()
	to, _ := w.call(t, "PUT", deviceURL("/"+decision, challenge), m{"user_code": userCode}).object(t, 200)["redirect_to"].(string)
	if !strings.HasPrefix(to, w.Config.URLs.Public+"/oauth2/device/verify?") {
		t.Fatalf("redirect_to is %q", to)
	}
	return to
}

// decision makes a decision of the login or consent app in a device's flow.
func (w *world) decision(t *testing.T, path string, body m) string {
	t.Helper()
	to, _ := w.call(t, "PUT", path, body).object(t, 200)["redirect_to"].(string)
	return to
}

// toDeviceConsent brings the browser from a typed code to the consent app.
func (b *browser) toDeviceConsent(t *testing.T, userCode string, login m) (consentChallenge string) {
	t.Helper()
	to := b.w.decideDevice(t, "accept", b.verify(t), userCode)
	l := b.open(t, to).challenge(t)
	return b.open(t, b.w.decision(t, loginPath+l+"/accept", login)).consentChallenge(t)
}

var tvConsent = m{"grant_scope": []string{"openid", "offline", "a"}, "grant_access_token_audience": []string{"https://api.test"}}

// connect is all that the browser does. It returns the address of its last
// step, which it has taken.
func (b *browser) connect(t *testing.T, userCode string, login, consent m) (last string) {
	t.Helper()
	last = b.w.decision(t, consentPath+b.toDeviceConsent(t, userCode, login)+"/accept", consent)
	b.open(t, last).leads(t, deviceDone, "client_id")
	return last
}

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c, b := w.deviceClient(t, nil), w.browser()

	out := w.post(t, c, "/oauth2/device/auth", "scope", "openid offline a", "audience", "https://api.test").object(t, 200)
	verify := w.Config.URLs.Public + "/oauth2/device/verify"
	userCode, deviceCode := out["user_code"].(string), out["device_code"].(string)
	equal(t, "expires_in", out["expires_in"], 600)
	equal(t, "interval", out["interval"], 5)
	equal(t, "verification_uri", out["verification_uri"], verify)
	equal(t, "verification_uri_complete", out["verification_uri_complete"], verify+"?user_code="+userCode)
	if len(userCode) != 8 || !strings.HasPrefix(deviceCode, "ory_dc_") {
		t.Errorf("the codes are %q and %q", userCode, deviceCode)
	}
	w.poll(t, c, deviceCode).answers(t, 400, "authorization_pending")

	at := b.open(t, out["verification_uri_complete"].(string)).location(t)
	challenge := at.Query().Get("device_challenge")
	if !strings.HasPrefix(at.String(), devicePage) || at.Query().Get("user_code") != userCode || challenge == "" {
		t.Fatalf("the browser is sent to %s", at)
	}
	typed := strings.ToLower(userCode[:4]) + "-" + userCode[4:]
	seen := w.call(t, "GET", deviceURL("", challenge)+"&user_code="+typed, nil).object(t, 200)
	equal(t, "client_name", seen["client"].(m)["client_name"], "Example TV")
	equal(t, "requested_scope", seen["requested_scope"], []string{"openid", "offline", "a"})
	equal(t, "requested_access_token_audience", seen["requested_access_token_audience"], []string{"https://api.test"})
	equal(t, "handled", seen["handled"], false)

	to := w.decideDevice(t, "accept", challenge, typed)
	equal(t, "the same accept again", w.decideDevice(t, "accept", challenge, userCode) != "", true)
	l := b.open(t, to).challenge(t)
	login := w.loginRequest(t, l)
	equal(t, "login skip", login["skip"], false)
	equal(t, "login client", login["client"].(m)["client_id"], c.ID)
	if u := login["request_url"].(string); !strings.HasPrefix(u, verify+"?") || strings.Contains(strings.ToUpper(u), userCode) {
		t.Errorf("request_url is %s", u)
	}
	k := b.open(t, w.decision(t, loginPath+l+"/accept", m{"subject": "alice"})).consentChallenge(t)
	consent := w.consentRequest(t, k)
	equal(t, "consent subject", consent["subject"], "alice")
	equal(t, "consent scope", consent["requested_scope"], []string{"openid", "offline", "a"})
	last := w.decision(t, consentPath+k+"/accept", tvConsent)

	w.clock.Advance(5 * time.Second)
	w.poll(t, c, deviceCode).answers(t, 400, "authorization_pending") // the consent alone is not enough
	again := b.clone()
	equal(t, "client_id", b.open(t, last).leads(t, deviceDone, "client_id"), c.ID)
	equal(t, "the last step again", again.open(t, last).leads(t, deviceDone, "client_id"), c.ID)
	if u := b.open(t, last).location(t).String(); u != verify { // without its cookie: one more device?
		t.Errorf("the browser that has finished is sent to %s", u)
	}

	w.clock.Advance(5 * time.Second)
	r := w.poll(t, c, deviceCode)
	tokens := r.object(t, 200)
	equal(t, "Cache-Control", r.Header.Get("Cache-Control"), "no-store")
	equal(t, "scope", tokens["scope"], "openid offline a")
	equal(t, "sub", payload(t, tokens["id_token"])["sub"], "alice")
	info := w.introspect(t, tokens["access_token"])
	equal(t, "active", info["active"], true)
	equal(t, "aud", info["aud"], []string{"https://api.test"})
	next := w.post(t, c, "/oauth2/token", "grant_type", "refresh_token", "refresh_token", tokens["refresh_token"].(string)).object(t, 200)

	w.clock.Advance(5 * time.Second)
	w.poll(t, c, deviceCode).answers(t, 400, "invalid_grant")
	equal(t, "the tokens live on", w.active(t, next["access_token"]), true)
	equal(t, "consents", len(w.consents(t, "alice")), 1)
	w.status(t, 204, "DELETE", sessionsPath+"consent/alice", nil)
	equal(t, "revoked", w.active(t, next["access_token"]), false)
}

// The budgets of the issue; a waiting device costs one statement.
func TestDeviceBudget(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c, b := w.deviceClient(t, m{"token_endpoint_auth_method": "client_secret_basic"}), w.browser()
	warm, userCode := w.device(t, c, "scope", "openid offline a", "audience", "https://api.test")
	w.browser().connect(t, userCode, m{"subject": "alice"}, tvConsent)
	w.poll(t, c, warm).object(t, 200)
	var tokens m
	whole := func(login m) {
		deviceCode, userCode := w.device(t, c, "scope", "openid offline a", "audience", "https://api.test")
		challenge := b.verify(t)
		w.call(t, "GET", deviceURL("", challenge)+"&user_code="+userCode, nil).object(t, 200)
		l := b.open(t, w.decideDevice(t, "accept", challenge, userCode)).challenge(t)
		w.loginRequest(t, l)
		k := b.open(t, w.decision(t, loginPath+l+"/accept", login)).consentChallenge(t)
		w.consentRequest(t, k)
		b.open(t, w.decision(t, consentPath+k+"/accept", tvConsent)).leads(t, deviceDone, "client_id")
		tokens = w.poll(t, c, deviceCode).object(t, 200)
	}
	w.spends(t, "the whole device flow", 7, 5, func() { whole(m{"subject": "bob"}) })
	w.spends(t, "the whole device flow with a remembered login", 7, 6, func() { whole(m{"subject": "bob", "remember": true}) })
	equal(t, "active", w.active(t, tokens["access_token"]), true)

	deviceCode, _ := w.device(t, c, "scope", "a")
	for range 3 {
		w.clock.Advance(10 * time.Second)
		w.poll(t, c, "x") // the versions of the caches
		w.spends(t, "a device that waits", 1, 0, func() { w.poll(t, c, deviceCode).answers(t, 400, "authorization_pending") })
	}
	w.spends(t, "a device that is too fast", 0, 0, func() { w.poll(t, c, deviceCode).answers(t, 400, "slow_down") })
	w.spends(t, "a browser that comes to type", 0, 0, func() { b.verify(t) })
}
