package token

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

// deviceOf does what consent and, if approved, the browser's last hop do for a
// device, and hands out the device code.
func (w *world) deviceOf(c *oauth.Client, approved bool) (oauth.Seed, oauth.Secret) {
	w.t.Helper()
	seed, _ := w.grantOf(c, func(g *oauth.Grant, d *oauth.GrantData) {
		g.Kind, g.CodeExpiresAt = oauth.DeviceGrant, time.Time{}
		d.RedirectURI, d.Nonce = "", ""
	})
	until := w.clock().Add(10 * time.Minute)
	if approved {
		w.must(w.store.ApproveDevice(w.t.Context(), seed.GrantID(), until, oauth.ID(secret.NewID())))
	}
	code, err := w.DeviceCode(seed, c.UID, until)
	w.must(err)
	return seed, code
}

func deviceForm(code oauth.Secret) map[string][]string {
	return form("grant_type", oauth.GrantDeviceCode, "device_code", string(code))
}

func devices(c *oauth.Client) { c.GrantTypes = append(c.GrantTypes, oauth.GrantDeviceCode) }

func TestDeviceCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	access, refresh := 7*time.Minute, time.Hour
	c := w.addClient("tv", func(c *oauth.Client) {
		devices(c)
		c.Lifespans.DeviceAccess, c.Lifespans.DeviceRefresh = &access, &refresh
	})
	seed, code := w.deviceOf(c, true)
	if !strings.HasPrefix(string(code), "ory_dc_") {
		t.Errorf("the device code begins with %q", string(code)[:8])
	}
	res := w.exchange(c, deviceForm(code))
	if res.ExpiresIn != 7*60 || res.RefreshToken == "" || res.IDToken == "" || !w.active(res.AccessToken) {
		t.Errorf("the answer is %+v", res)
	}
	if got := w.grant(seed).RefreshExpiresAt; !got.Equal(w.clock().Add(refresh)) {
		t.Errorf("the refresh token ends at %s", got)
	}
	w.refuse(c, deviceForm(code), oauth.InvalidGrant)
	if !w.active(res.AccessToken) {
		t.Error("asking again has ended the tokens")
	}
	w.exchange(c, refreshForm(res.RefreshToken))
}

func TestDeviceCodeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c, other := w.addClient("tv", devices), w.addClient("other", devices)
	_, code := w.deviceOf(c, true)
	_, open := w.deviceOf(c, false)
	_, authorization := w.grantOf(c, nil)

	w.refuse(w.addClient("no-device", nil), deviceForm(code), oauth.InvalidGrant)
	w.refuse(c, deviceForm(""), oauth.InvalidRequest)
	w.refuse(c, deviceForm("ory_dc_x"), oauth.InvalidGrant)
	w.refuse(c, deviceForm(authorization), oauth.InvalidGrant)
	w.refuse(c, codeForm(code), oauth.InvalidGrant)
	w.refuse(other, deviceForm(code), oauth.InvalidGrant)
	if !w.happened("device_code_of_another_client") {
		t.Error("nobody was told of the foreign client")
	}
	w.refuse(c, deviceForm(open), oauth.AuthorizationPending)

	seed, ended := w.deviceOf(c, true)
	w.must(w.store.EndGrant(t.Context(), seed.GrantID(), oauth.EndedByClient, w.clock()))
	w.refuse(c, deviceForm(ended), oauth.AccessDenied)

	w.wait(10 * time.Minute)
	w.refuse(c, deviceForm(code), oauth.ExpiredToken)
	w.refuse(c, deviceForm(open), oauth.ExpiredToken)
}

// Nodes do not see each other's polls; the database pays out once all the same.
func TestDeviceCodeRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("tv", devices)
	seed, code := w.deviceOf(c, true)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		paid []*Response
	)
	for range 12 {
		node := &Service{Store: w.Store, Clients: w.Clients, Keys: w.Keys, Sealer: w.Sealer, Options: w.Options, Now: w.clock}
		wg.Go(func() {
			res, err := node.Exchange(t.Context(), c, deviceForm(code))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				paid = append(paid, res)
			case !errors.Is(err, oauth.InvalidGrant):
				t.Errorf("a loser got %v", err)
			}
		})
	}
	wg.Wait()
	if len(paid) != 1 {
		t.Fatalf("the code was paid out %d times", len(paid))
	}
	if !w.active(paid[0].AccessToken) || w.grant(seed).Dead() {
		t.Error("the race has ended the winner's tokens")
	}
}

func TestPollsSlowDown(t *testing.T) {
	t.Parallel()
	var p polls
	id, at := oauth.ID{1}, noon
	poll := func(after time.Duration) bool {
		at = at.Add(after)
		return p.allow(id, 5*time.Second, at, noon.Add(time.Hour))
	}
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true}, {5 * time.Second, true}, {4100 * time.Millisecond, true}, {3 * time.Second, false}, // now 10 s
		{5 * time.Second, false},                            // now 15 s
		{14 * time.Second, true}, {10 * time.Second, false}, // stays raised: now 20 s
		{20 * time.Second, true},
	} {
		if got := poll(step.after); got != step.want {
			t.Errorf("poll %d: %t, want %t", i, got, step.want)
		}
	}
	for range 50 {
		poll(0)
	}
	if poll(58*time.Second) || !poll(60*time.Second) {
		t.Error("the interval grows beyond a minute, or not to it")
	}
	if !p.allow(oauth.ID{2}, 5*time.Second, at, noon.Add(time.Hour)) {
		t.Error("one device slows another down")
	}
	p.forget(id)
	if !poll(0) {
		t.Error("a device that was forgotten is not")
	}
}

func TestPollsAreBounded(t *testing.T) {
	t.Parallel()
	var p polls
	for i := range pollsKept + 10 {
		id := oauth.ID{byte(i), byte(i >> 8), byte(i >> 16)}
		p.allow(id, time.Second, noon, noon.Add(time.Duration(i%2)*time.Hour))
	}
	if len(p.devices) > pollsKept || len(p.devices) < pollsKept/2 {
		t.Errorf("%d devices are kept", len(p.devices))
	}
}

func FuzzDeviceCode(f *testing.F) {
	f.Add(encodeDevice(devicePayload{Seed: oauth.Seed{1}, ClientUID: oauth.ID{2}, Expires: 3}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeDevice(b)
		if err == nil && string(encodeDevice(p)) != string(b) {
			t.Errorf("%x has a second form", b)
		}
	})
}
