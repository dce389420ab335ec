package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// Attacks on the device authorization grant (RFC 8628 §5).

// The attacker has typed the code; the victim gets the link that leads on.
func TestDevicePhishing(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c := w.deviceClient(t, nil)
	deviceCode, userCode := w.device(t, c, "scope", "openid a")

	attacker, victim := w.browser(), w.browser()
	link := w.decideDevice(t, "accept", attacker.verify(t), userCode)
	victim.open(t, link).shown(t, "request_forbidden")
	victim.verify(t) // has cookies, but not those
	victim.open(t, link).shown(t, "request_forbidden")

	// The attacker signs in up to the consent, and sends that link.
	l := attacker.open(t, link).challenge(t)
	k := attacker.open(t, w.decision(t, loginPath+l+"/accept", m{"subject": "mallory"})).consentChallenge(t)
	last := w.decision(t, consentPath+k+"/accept", tvConsent)
	victim.open(t, last).shown(t, "request_forbidden")
	w.poll(t, c, deviceCode).answers(t, 400, "authorization_pending")

	// A link with a code in it connects nothing: it leads to a page that asks.
	_, another := w.device(t, c, "scope", "openid a")
	at := victim.open(t, w.Config.URLs.Public+"/oauth2/device/verify?user_code="+another).location(t)
	seen := w.call(t, "GET", deviceURL("", at.Query().Get("device_challenge"))+"&user_code="+another, nil).object(t, 200)
	equal(t, "what the page can name", seen["client"].(m)["client_name"], "Example TV")

	// A parameter beside the verifier cannot make it another client's.
	own := w.decideDevice(t, "accept", victim.verify(t), another)
	victim.open(t, strings.Replace(own, "client_id="+c.ID, "client_id=other", 1)).shown(t, "invalid_request")
	victim.open(t, own+"&scope=offline").shown(t, "invalid_request")
	q := victim.open(t, w.Config.URLs.Public+"/oauth2/device/verify?device_verifier=x").shown(t, "access_denied")
	equal(t, "endpoint", q.Get("endpoint"), "device")
	w.status(t, 404, "PUT", deviceURL("/accept", "x"), m{"user_code": another})
}

// A client that anybody can impersonate is asked about every time; one with a
// secret is not.
func TestDeviceConsentIsShown(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	remember := m{"grant_scope": []string{"a"}, "remember": true}
	for _, test := range []struct {
		name   string
		change m
		skip   bool
	}{{"public", nil, false}, {"confidential", m{"token_endpoint_auth_method": "client_secret_post"}, true}} {
		c, b := w.deviceClient(t, test.change), w.browser()
		pairs := []string{"scope", "a"}
		if c.Secret != "" {
			pairs = append(pairs, "client_id", c.ID, "client_secret", c.Secret)
			c.Secret = ""
		}
		_, userCode := w.device(t, c, pairs...)
		b.connect(t, userCode, m{"subject": "alice", "remember": true}, remember)
		_, userCode = w.device(t, c, pairs...)
		l := b.open(t, w.decideDevice(t, "accept", b.verify(t), userCode)).challenge(t)
		equal(t, test.name+": login skip", w.loginRequest(t, l)["skip"], true)
		k := b.open(t, w.decision(t, loginPath+l+"/accept", m{"subject": "alice"})).consentChallenge(t)
		equal(t, test.name+": consent skip", w.consentRequest(t, k)["skip"], test.skip)
	}
}

func TestDeviceUserCodesAreNotGuessed(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c, b := w.deviceClient(t, nil), w.browser()
	_, userCode := w.device(t, c, "scope", "a")
	wrong := func(challenge string) {
		t.Helper()
		w.call(t, "PUT", deviceURL("/accept", challenge), m{"user_code": "BCDFGHJK"}).answers(t, 400, "invalid_request")
	}
	slow := func(challenge string) {
		t.Helper()
		r := w.call(t, "PUT", deviceURL("/accept", challenge), m{"user_code": userCode})
		if r.answers(t, 429, "temporarily_unavailable"); r.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	right := b.verify(t)
	for range 40 { // right ones cost nothing
		w.call(t, "GET", deviceURL("", right)+"&user_code="+userCode, nil).object(t, 200)
	}
	one := b.verify(t)
	for range 10 {
		wrong(one)
	}
	slow(one) // this browser has to begin again
	for range 2 {
		again := b.verify(t)
		for range 10 {
			wrong(again)
		}
	}
	slow(b.verify(t)) // and now the network has to wait
	w.clock.Advance(10 * time.Second)
	w.decideDevice(t, "accept", b.verify(t), userCode)
	if strings.Contains(strings.ToUpper(w.Log.String()), userCode) {
		t.Error("the log has the user code")
	}
}

// Attack: who may guess no more on one node goes to the next.
func TestDeviceUserCodesAreNotGuessedOnManyNodes(t *testing.T) {
	t.Parallel()
	where := onEngine(t)
	if where[0] == "DSN=memory" {
		where = []string{"DSN=sqlite://" + t.TempDir() + "/hydra.sqlite", systemSecret}
	}
	one := newDeviceWorldAt(t, where)
	nodes := []*world{one}
	for range 2 {
		nodes = append(nodes, newDeviceWorldAt(t, where, "URLS_SELF_ISSUER="+one.Config.URLs.Issuer))
	}
	c := one.deviceClient(t, nil)
	_, userCode := one.device(t, c, "scope", "a")
	say := func(n int, challenge, code string) int {
		return nodes[n%len(nodes)].call(t, "PUT", deviceURL("/accept", challenge), m{"user_code": code}).Status
	}
	guess := func(most int) (wrong int) { // of a browser, round the nodes
		challenge := one.browser().verify(t)
		for n := range most {
			if say(n, challenge, "BCDFGHJK") == 400 {
				wrong++
			}
		}
		for n := range nodes {
			if status := say(n, challenge, userCode); status != 429 {
				t.Errorf("the right code at node %d after %d wrong ones: %d", n, wrong, status)
			}
		}
		return wrong
	}
	if n := guess(12); n != 10 {
		t.Errorf("one browser had %d guesses, want 10", n)
	}
	// Each node lets a network have 30 and one more every ten seconds; together
	// they let it have 90 in ten minutes.
	wrong := 10
	for range 20 {
		wrong += guess(12)
		for _, n := range nodes {
			n.clock.Advance(20 * time.Second)
		}
	}
	if wrong > 2*90 { // the time goes on into a second span
		t.Errorf("one network had %d guesses", wrong)
	}
	for _, n := range nodes {
		n.clock.Advance(10 * time.Minute)
	}
	_, fresh := one.device(t, c, "scope", "a")
	one.decideDevice(t, "accept", one.browser().verify(t), fresh)
}

// One answer for everything that is wrong with a code.
func TestDeviceUserCodesThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c, b := w.deviceClient(t, nil), w.browser()
	used, expired, gone := "", "", ""
	_, used = w.device(t, c, "scope", "a")
	w.decideDevice(t, "accept", b.verify(t), used)
	_, fresh := w.device(t, c, "scope", "a")
	deleted := w.deviceClient(t, nil)
	_, gone = w.device(t, deleted, "scope", "a")
	w.status(t, 204, "DELETE", "/clients/"+deleted.ID, nil)
	var first string
	for name, code := range map[string]string{"wrong": "BCDFGHJK", "of another browser": used, "deleted client": gone, "long": strings.Repeat("B", 65)} {
		r := w.call(t, "PUT", deviceURL("/accept", b.verify(t)), m{"user_code": code})
		r.answers(t, 400, "invalid_request")
		if first == "" {
			first = r.Body
		}
		if r.Body != first {
			t.Errorf("%s: the answer tells more: %s", name, r.Body)
		}
	}
	w.clock.Advance(10 * time.Minute)
	expired = fresh
	if r := w.call(t, "PUT", deviceURL("/accept", b.verify(t)), m{"user_code": expired}); r.Status != 400 || r.Body != first {
		t.Errorf("an expired code: %d %s", r.Status, r.Body)
	}
	w.call(t, "PUT", deviceURL("/accept", b.verify(t)), m{}).answers(t, 400, "invalid_request")
	late := b.verify(t)
	w.clock.Advance(30 * time.Minute)
	w.call(t, "PUT", deviceURL("/accept", late), m{"user_code": fresh}).answers(t, 401, "request_unauthorized")
}

func TestDeviceFirstDecisionStands(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c, b := w.deviceClient(t, nil), w.browser()

	// About the code.
	deviceCode, userCode := w.device(t, c, "scope", "a")
	challenge := b.verify(t)
	to := w.decideDevice(t, "reject", challenge, userCode)
	equal(t, "the same again", w.decideDevice(t, "reject", challenge, userCode) != "", true)
	gone := w.call(t, "PUT", deviceURL("/accept", challenge), m{"user_code": userCode}).object(t, 410)
	equal(t, "where to start over", strings.HasPrefix(gone["redirect_to"].(string), w.Config.URLs.Public+"/oauth2/device/verify"), true)
	w.status(t, 410, "PUT", strings.TrimPrefix(deviceURL("/accept", challenge), "/admin"), m{"user_code": userCode})
	w.poll(t, c, deviceCode).answers(t, 400, "access_denied")
	b.open(t, to).shown(t, "invalid_request") // the app gave no code of its own

	deviceCode, userCode = w.device(t, c, "scope", "a")
	challenge = b.verify(t)
	w.decideDevice(t, "accept", challenge, userCode)
	w.status(t, 410, "PUT", deviceURL("/reject", challenge), m{"user_code": userCode, "error": "access_denied"})
	w.poll(t, c, deviceCode).answers(t, 400, "authorization_pending")

	// About the consent: what the browser brings back first.
	decisions := func() (deviceCode, accept, reject string, b *browser) {
		deviceCode, userCode := w.device(t, c, "scope", "a")
		b = w.browser()
		k := b.toDeviceConsent(t, userCode, m{"subject": "alice"})
		reject = w.decision(t, consentPath+k+"/reject", m{"error": "access_denied", "error_description": "No."})
		return deviceCode, w.decision(t, consentPath+k+"/accept", m{"grant_scope": []string{"a"}}), reject, b
	}
	deviceCode, accept, reject, b := decisions()
	late := b.clone()
	equal(t, "endpoint", b.open(t, reject).shown(t, "access_denied").Get("endpoint"), "device")
	late.open(t, accept).shown(t, "access_denied")
	w.poll(t, c, deviceCode).answers(t, 400, "access_denied")

	deviceCode, accept, reject, b = decisions()
	late = b.clone()
	b.open(t, accept).leads(t, deviceDone, "client_id")
	late.open(t, reject)
	w.poll(t, c, deviceCode).object(t, 200)

	deviceCode, accept, reject, b = decisions()
	var wg sync.WaitGroup
	answers := make([]reply, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = b.clone().open(t, []string{accept, reject}[i%2]) })
	}
	wg.Wait()
	connected := 0
	for _, r := range answers {
		if strings.HasPrefix(r.Header.Get("Location"), deviceDone) {
			connected++
		}
	}
	if paid := w.poll(t, c, deviceCode).Status == 200; paid != (connected > 0) {
		t.Errorf("%d browsers were told that the device is connected; paid out: %t", connected, paid)
	}
}

func TestDeviceOfAnotherClient(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c, thief := w.deviceClient(t, m{"token_endpoint_auth_method": "client_secret_basic"}), w.deviceClient(t, nil)
	deviceCode, userCode := w.device(t, c, "scope", "a")
	w.browser().connect(t, userCode, m{"subject": "alice"}, m{"grant_scope": []string{"a"}})
	for range 3 {
		w.poll(t, thief, deviceCode).answers(t, 400, "invalid_grant")
	}
	w.poll(t, &party{ID: c.ID}, deviceCode).answers(t, 401, "invalid_client")
	w.poll(t, c, deviceCode).object(t, 200) // neither burnt nor slowed down
}

func TestDeviceEnds(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c := w.deviceClient(t, nil)
	start := func() (deviceCode, last string, b *browser) {
		deviceCode, userCode := w.device(t, c, "scope", "a")
		b = w.browser()
		k := b.toDeviceConsent(t, userCode, m{"subject": "alice"})
		return deviceCode, w.decision(t, consentPath+k+"/accept", m{"grant_scope": []string{"a"}}), b
	}
	deviceCode, last, b := start()
	w.status(t, 204, "DELETE", sessionsPath+"consent/alice", nil) // in the middle
	if u := b.open(t, last).location(t).String(); u != w.Config.URLs.Public+"/oauth2/device/verify" {
		t.Errorf("the browser is sent to %s", u)
	}
	w.poll(t, c, deviceCode).answers(t, 400, "access_denied")

	deviceCode, last, b = start()
	b.open(t, last).leads(t, deviceDone, "client_id")
	w.status(t, 204, "DELETE", sessionsPath+"consent/alice", nil) // before the device has asked
	w.poll(t, c, deviceCode).answers(t, 400, "access_denied")

	deviceCode, last, b = start()
	w.clock.Advance(10 * time.Minute)
	b.open(t, last).shown(t, "request_unauthorized")
	w.poll(t, c, deviceCode).answers(t, 400, "expired_token")

	_, last, b = start()
	w.status(t, 204, "DELETE", "/clients/"+c.ID, nil)
	b.open(t, last).shown(t, "invalid_client")
}

func TestDeviceAuthorizationRefused(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c := w.deviceClient(t, m{"token_endpoint_auth_method": "client_secret_basic"})
	const path = "/oauth2/device/auth"
	w.post(t, c, path, "client_id", c.ID).object(t, 200)
	w.post(t, c, path).object(t, 200)
	w.post(t, c, path, "client_id", "other").answers(t, 400, "invalid_request")
	w.post(t, &party{ID: c.ID, Secret: "wrong"}, path).answers(t, 401, "invalid_client")
	w.post(t, &party{ID: "nobody"}, path).answers(t, 401, "invalid_client")
	w.post(t, c, path, "scope", "root").answers(t, 400, "invalid_scope")
	w.post(t, c, path, "scope", "a  b").answers(t, 400, "invalid_scope")
	w.post(t, c, path, "audience", "https://other.test").answers(t, 400, "invalid_request")
	w.post(t, w.client(t, nil), path).answers(t, 400, "unauthorized_client")
	for i := range 200 {
		if r := w.post(t, c, path); r.Status != 200 {
			r.answers(t, 503, "temporarily_unavailable")
			return
		} else if i == 199 {
			t.Error("one network can store any number of requests")
		}
	}
}

func TestDeviceSlowDown(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c := w.deviceClient(t, nil)
	deviceCode, _ := w.device(t, c)
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "authorization_pending"}, {5 * time.Second, "authorization_pending"}, {time.Second, "slow_down"}, {5 * time.Second, "slow_down"}, {15 * time.Second, "authorization_pending"}} {
		w.clock.Advance(step.after)
		w.poll(t, c, deviceCode).answers(t, 400, step.want)
	}
}

func TestUserCodeOptions(t *testing.T) {
	t.Parallel()
	const key = "OAUTH2_DEVICE_AUTHORIZATION_USER_CODE_"
	for _, test := range []struct {
		environ  []string
		alphabet string
		length   int
	}{
		{[]string{key + "ENTROPY_PRESET=medium"}, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8},
		{[]string{key + "ENTROPY_PRESET=low", "TTL_DEVICE_USER_CODE=1m"}, "0123456789", 9},
		{[]string{key + "CHARACTER_SET=abcdefgh", key + "LENGTH=12"}, "ABCDEFGH", 12},
	} {
		w := newDeviceWorld(t, test.environ...)
		_, code := w.device(t, w.deviceClient(t, nil))
		if len(code) != test.length || strings.Trim(code, test.alphabet) != "" {
			t.Errorf("%v: the code %q", test.environ, code)
		}
		w.decideDevice(t, "accept", w.browser().verify(t), " "+strings.ToLower(code[:3])+"-"+code[3:]+" ")
	}
}

// golang.org/x/oauth2 is the device; it finds the endpoint by discovery.
func TestDeviceJudge(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t, "OAUTH2_DEVICE_AUTHORIZATION_TOKEN_POLLING_INTERVAL=1s")
	c := w.deviceClient(t, nil)
	metadata := get(t, w.Public+"/.well-known/openid-configuration").object(t, 200)
	equal(t, "grant", strings.Contains(fmt.Sprint(metadata["grant_types_supported"]), deviceGrant), true)
	config := oauth2.Config{ClientID: c.ID, Scopes: []string{"openid", "offline"}, Endpoint: oauth2.Endpoint{
		DeviceAuthURL: w.address(metadata["device_authorization_endpoint"].(string)), TokenURL: w.address(metadata["token_endpoint"].(string)),
		AuthStyle: oauth2.AuthStyleInParams,
	}}
	answer, err := config.DeviceAuth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(answer.VerificationURIComplete)
	if err != nil || u.Query().Get("user_code") != answer.UserCode || answer.Interval != 1 {
		t.Errorf("the answer is %+v", answer)
	}
	w.browser().connect(t, answer.UserCode, m{"subject": "alice"}, tvConsent)
	tokens, err := config.DeviceAccessToken(t.Context(), answer)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := tokens.Extra("id_token").(string)
	equal(t, "sub", payload(t, id)["sub"], "alice")
	equal(t, "refresh token", tokens.RefreshToken != "", true)
}
