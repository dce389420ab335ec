package token

import (
	"fmt"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	shortLived, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.GrantedScope = []string{"bar"} })
	short := w.exchange(c, codeForm(code))
	longLived, long := w.signIn(c)
	abandoned, _ := w.grantOf(c, nil)
	for i := range 40 {
		w.must(w.store.AddReplay(t.Context(), oauth.ID{byte(i), 1}, noon.Add(time.Minute)))
		w.must(w.store.AddReplay(t.Context(), oauth.ID{byte(i), 2}, noon.Add(48*time.Hour)))
	}
	exists := func(seed oauth.Seed) bool {
		_, err := w.store.Grant(t.Context(), seed.GrantID())
		return err == nil
	}
	purge := func(at time.Time, bound int) Purged {
		t.Helper()
		p, err := w.Purge(t.Context(), at, bound)
		w.must(err)
		return p
	}

	if p := purge(w.clock(), 0); p.Total() != 0 || p.Busy || p.More {
		t.Errorf("before anything has expired: %+v", p)
	}
	w.wait(59 * time.Minute)
	purge(w.clock(), 0)
	if !exists(shortLived) || !w.active(short.AccessToken) {
		t.Error("a row went before its access token had expired")
	}
	if exists(abandoned) {
		t.Error("the row of a flow that nobody finished is still there")
	}
	w.wait(61 * time.Minute) // appointments are rounded up
	if p := purge(noon, 0); p.Total() != 0 {
		t.Errorf("as of an earlier time: %+v", p) // contract case 179
	}
	purge(w.clock().Add(time.Hour*24*365), 0) // the future is not here yet
	if exists(shortLived) || !exists(longLived) {
		t.Errorf("the expired row exists: %v, the living: %v", exists(shortLived), exists(longLived))
	}
	w.exchange(c, refreshForm(long.RefreshToken))
	w.wait(750 * time.Hour)
	p := purge(w.clock(), 0)
	if exists(longLived) {
		t.Errorf("a row is there after its refresh token's end: %+v", p)
	}
	if p := purge(w.clock(), 0); p.Total() != 0 {
		t.Errorf("a second run deletes %+v", p)
	}
}

// Lists show for a day that an issuer's trust has expired; then it goes.
func TestPurgeTrustedIssuers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	for i, after := range []time.Duration{time.Minute, time.Hour, 48 * time.Hour} {
		w.must(w.store.AddTrustedIssuer(t.Context(), &oauth.TrustedIssuer{
			ID: oauth.ID{byte(i), 1}, Issuer: "https://idp.test", Subject: fmt.Sprint(i), KID: "k", JWK: []byte("{}"), CreatedAt: noon, ExpiresAt: noon.Add(after),
		}))
	}
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{2 * time.Hour, 0}, {22*time.Hour + time.Minute, 1}, {time.Hour, 1}, {24 * time.Hour, 0}, {24 * time.Hour, 1}} {
		w.wait(step.wait)
		p, err := w.Purge(t.Context(), w.clock(), 0)
		w.must(err)
		if n := p.Deleted[oauth.ExpiredTrustedIssuers]; n != step.want {
			t.Errorf("%v after noon %d go, want %d", w.clock().Sub(noon), n, step.want)
		}
	}
}

// An initial access token that was used up can be seen for a day, too.
func TestPurgeInitialAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	token := oauth.InitialAccessToken{ID: oauth.ID{1}, CreatedAt: noon, ExpiresAt: oauth.Never, UsesLeft: 1}
	w.must(w.store.AddInitialAccessToken(t.Context(), token))
	w.must(w.store.UseInitialAccessToken(t.Context(), token.ID, oauth.ID{2}, noon))
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{24*time.Hour - time.Second, 0}, {time.Second, 1}} {
		w.wait(step.wait)
		p, err := w.Purge(t.Context(), w.clock(), 0)
		w.must(err)
		if n := p.Deleted[oauth.ExpiredInitialAccessTokens]; n != step.want {
			t.Errorf("%v after its last use %d go, want %d", w.clock().Sub(noon), n, step.want)
		}
	}
}

func TestPurgeStopsAtItsBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	for i := range 60 {
		w.must(w.store.AddReplay(t.Context(), oauth.ID{byte(i), 1}, noon.Add(time.Minute)))
	}
	w.wait(24 * time.Hour)
	for range 2 {
		p, err := w.Purge(t.Context(), w.clock(), 25)
		w.must(err)
		if p.Total() != 25 || !p.More || p.Deleted[oauth.ExpiredReplays] != 25 {
			t.Errorf("%+v, want 25 of the replays, and more to come", p)
		}
	}
	p, err := w.Purge(t.Context(), w.clock(), 25)
	w.must(err)
	if p.Total() != 10 || p.More {
		t.Errorf("%+v, want the last 10", p)
	}
}

func TestPurgeRunsOnOneNodeAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.must(w.store.AddReplay(t.Context(), oauth.ID{1}, noon))
	other := oauth.ID(secret.NewID())
	ok, err := w.store.TakeLease(t.Context(), purgeLease, other, noon, noon.Add(leaseFor))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.wait(time.Minute)
	p, err := w.Purge(t.Context(), w.clock(), 0)
	w.must(err)
	if !p.Busy || p.Total() != 0 {
		t.Errorf("beside another node: %+v", p)
	}
	w.wait(time.Minute) // the other node has died
	for range 2 {       // the lease is given back
		if p, err = w.Purge(t.Context(), w.clock(), 0); err != nil || p.Busy {
			t.Errorf("after the lease ran out: %+v, %v", p, err)
		}
	}
}

// Refreshing seldom moves the appointment, and never makes it too early.
func TestAppointment(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{
		time.Second, time.Minute, time.Hour, 90 * time.Minute, 24 * time.Hour, 36 * time.Hour, 30 * 24 * time.Hour,
	} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			expires := noon.Add(left)
			at := Appointment(expires, noon)
			if late := at.Sub(expires); late < 10*time.Minute || late > max(left, 16*time.Minute) {
				t.Errorf("%v after the end", late)
			}
		})
	}
	for _, end := range []time.Time{oauth.Never, noon.Add(365 * 24 * time.Hour)} {
		if at := Appointment(end, noon); at.Before(noon.Add(29*24*time.Hour)) || at.After(noon.Add(32*24*time.Hour)) {
			t.Errorf("a row that lives until %v is looked at after %v", end, at.Sub(noon))
		}
	}
	// A day of refreshes moves a 720 h appointment at most twice.
	moves, last := 0, time.Time{}
	for m := range 24 * 60 {
		now := noon.Add(time.Duration(m) * time.Minute)
		if at := Appointment(now.Add(29*24*time.Hour), now); !at.Equal(last) {
			moves, last = moves+1, at
		}
	}
	if moves > 3 {
		t.Errorf("%d moves in a day", moves)
	}
}
