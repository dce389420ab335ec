package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var purgeChecks = []check{
	{"it deletes what nothing points to, and keeps the rest", purgeGrants},
	{"a Grant stays while its client has to hear of the end of the session", purgeHearing},
	{"it takes every group of rows", purgeGroups},
	{"it never looks at more than limit rows", purgeLimit},
	{"trusted issuers go when they have expired", purgeTrusted},
	{"initial access tokens go when they have expired or are used up", purgeInitial},
	{"what was kept does not hide what follows", purgeProgress},
	{"nonsense is refused", purgeNonsense},
}

var later = noon.Add(24 * time.Hour)

func purgeGrants(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	gone := f.addClient(t, "gone")
	for _, test := range []struct {
		name string
		edit func(*oauth.Grant)
		want string
	}{
		{"everything has passed", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt = noon, noon }, "deleted"},
		{"ended and revoked, values passed", func(g *oauth.Grant) {
			g.ExpiresAt, g.PurgeAt, g.EndedAt, g.RevokedAt = noon, noon, noon, noon
		}, "deleted"},
		{"no appointment was ever made", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt = time.Time{}, time.Time{} }, "deleted"},
		{"client deleted", func(g *oauth.Grant) { g.ClientUID, g.ExpiresAt, g.PurgeAt = gone.UID, oauth.Never, noon }, "deleted"},
		{"remembered no longer", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt, g.ConsentUntil = noon, noon, noon }, "deleted"},
		{"remembered, but revoked", func(g *oauth.Grant) {
			g.ExpiresAt, g.PurgeAt, g.ConsentUntil, g.RevokedAt = noon, noon, oauth.Never, noon
		}, "deleted"},
		{"a value lives", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt = noon.Add(time.Microsecond), noon }, "again"},
		{"revoked, so its values are dead", func(g *oauth.Grant) {
			g.ExpiresAt, g.PurgeAt, g.RevokedAt = oauth.Never, noon, noon
		}, "deleted"},
		{"ended, so its values are dead", func(g *oauth.Grant) {
			g.ExpiresAt, g.PurgeAt, g.EndedAt = oauth.Never, noon, noon
		}, "deleted"},
		{"ended, but remembered", func(g *oauth.Grant) {
			g.ExpiresAt, g.PurgeAt, g.EndedAt, g.ConsentUntil = noon, noon, noon, oauth.Never
		}, "again"},
		{"revoked, but its flow may still come back", func(g *oauth.Grant) {
			g.ExpiresAt, g.PurgeAt, g.RevokedAt, g.FlowExpiresAt = noon, noon, noon, noon.Add(time.Microsecond)
		}, "again"},
		{"a value lives for ever", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt = oauth.Never, noon }, "again"},
		{"remembered", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt, g.ConsentUntil = noon, noon, oauth.Never }, "again"},
		{"appointment to come", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt = noon, noon.Add(time.Microsecond) }, "untouched"},
		{"appointment never", func(g *oauth.Grant) { g.ExpiresAt, g.PurgeAt = noon, oauth.Never }, "untouched"},
	} {
		g := openGrant(c.UID)
		g.ID, g.FlowExpiresAt = bucketID(5), noon
		test.edit(g)
		must(t, f.AddGrant(t.Context(), g, oauth.Standing{Now: noon}))
		if g.ClientUID == gone.UID {
			must(t, f.DeleteClient(t.Context(), "gone", noon))
		}
		deleted, seen, err := f.Purge(t.Context(), oauth.ExpiredGrants, 5, noon, later, 100)
		must(t, err)
		wantSeen, wantDeleted := 1, 0
		switch test.want {
		case "deleted":
			wantDeleted = 1
		case "untouched":
			wantSeen = 0
		}
		if deleted != wantDeleted || seen != wantSeen {
			t.Errorf("%s: Purge() = %d, %d, want %d, %d", test.name, deleted, seen, wantDeleted, wantSeen)
		}
		row, err := f.Grant(t.Context(), g.ID)
		switch {
		case test.want == "deleted":
			wantErr(t, test.name, err, oauth.ErrNotFound)
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want == "again" && !row.PurgeAt.Equal(later), test.want == "untouched" && !row.PurgeAt.Equal(g.PurgeAt):
			t.Errorf("%s: the appointment is at %v", test.name, row.PurgeAt)
		}
	}
}

func purgeHearing(t *testing.T, f *fixture) {
	hears := f.hearingClient(t, "hears", func(c *oauth.Client) { c.BackchannelLogoutURI = "https://rp.test/out" })
	deaf := f.addClient(t, "deaf")
	lives, over, ended := f.addSession(t, newID()), f.addSession(t, newID()), f.addSession(t, newID())
	over.ExpiresAt = noon
	must(t, f.PutSession(t.Context(), over, newID()))
	f.end(t, ended.ID, noon)
	for _, test := range []struct {
		name    string
		client  oauth.ID
		session oauth.ID
		edit    func(*oauth.Grant)
		kept    bool
	}{
		{"the session lives", hears.UID, lives.ID, func(g *oauth.Grant) { g.CodeUsedAt = noon }, true},
		{"… and the tokens were revoked", hears.UID, lives.ID, func(g *oauth.Grant) { g.FrontAt, g.RevokedAt = noon, noon }, true},
		{"nothing was paid out", hears.UID, lives.ID, nil, false},
		{"the session has expired", hears.UID, over.ID, func(g *oauth.Grant) { g.CodeUsedAt = noon }, false},
		{"the session was ended", hears.UID, ended.ID, func(g *oauth.Grant) { g.CodeUsedAt = noon }, false},
		{"the login was not remembered", hears.UID, newID(), func(g *oauth.Grant) { g.CodeUsedAt = noon }, false},
		{"the client does not want to hear", deaf.UID, lives.ID, func(g *oauth.Grant) { g.CodeUsedAt = noon }, false},
	} {
		g := openGrant(test.client)
		g.ID, g.SessionID, g.FlowExpiresAt, g.ExpiresAt, g.PurgeAt = bucketID(5), test.session, noon, noon, noon
		if test.edit != nil {
			test.edit(g)
		}
		must(t, f.AddGrant(t.Context(), g, oauth.Standing{Now: noon}))
		deleted, _, err := f.Purge(t.Context(), oauth.ExpiredGrants, 5, noon, later, 100)
		must(t, err)
		if kept := deleted == 0; kept != test.kept {
			t.Errorf("%s: kept is %v", test.name, kept)
		}
	}
}

func purgeGroups(t *testing.T, f *fixture) {
	client := newID()
	for what, group := range map[oauth.Expiring]struct {
		add  func(id oauth.ID, expires time.Time) error
		look func(id oauth.ID) error
	}{
		oauth.ExpiredSessions: {
			func(id oauth.ID, at time.Time) error {
				return f.PutSession(t.Context(), &oauth.Session{ID: id, ExpiresAt: at, PurgeAt: noon}, oauth.ID{})
			},
			func(id oauth.ID) error { _, err := f.Session(t.Context(), id); return err },
		},
		oauth.ExpiredRequests: {
			func(id oauth.ID, at time.Time) error {
				return f.AddRequest(t.Context(), &oauth.StoredRequest{ID: id, ExpiresAt: at, PurgeAt: noon})
			},
			func(id oauth.ID) error { _, err := f.Request(t.Context(), id); return err },
		},
		oauth.ExpiredDevices: {
			func(id oauth.ID, at time.Time) error {
				return f.AddDevice(t.Context(), &oauth.Device{ID: id, ClientUID: client, UserCode: id, ExpiresAt: at, PurgeAt: noon})
			},
			func(id oauth.ID) error { _, err := f.Device(t.Context(), id); return err },
		},
		oauth.ExpiredLogoutCalls: {
			func(id oauth.ID, at time.Time) error {
				return f.AddLogoutCall(t.Context(), &oauth.LogoutCall{ID: id, DueAt: oauth.Never, ExpiresAt: at, PurgeAt: noon})
			},
			func(id oauth.ID) error {
				if op := newID(); f.TakeLogoutCall(t.Context(), id, oauth.Never, oauth.Never, op) != nil {
					return oauth.ErrNotFound
				}
				return nil
			},
		},
		oauth.ExpiredReplays: {
			func(id oauth.ID, at time.Time) error { return f.AddReplay(t.Context(), id, at) },
			func(id oauth.ID) error {
				if err := f.AddReplay(t.Context(), id, oauth.Never); !errors.Is(err, oauth.ErrExists) {
					return oauth.ErrNotFound
				}
				return nil
			},
		},
		oauth.ExpiredGuesses: {
			func(id oauth.ID, at time.Time) error {
				return f.CountGuess(t.Context(), oauth.GuessCount{ID: id, Most: 1, Ends: at})
			},
			func(id oauth.ID) error {
				err := f.CountGuess(t.Context(), oauth.GuessCount{ID: id, Most: 1, Ends: oauth.Never})
				if err == nil {
					return oauth.ErrNotFound
				}
				if errors.Is(err, oauth.ErrUsed) {
					return nil
				}
				return err
			},
		},
		oauth.ExpiredRevokedTokens: {
			func(id oauth.ID, at time.Time) error { return f.RevokeToken(t.Context(), id, client, at, 100) },
			func(id oauth.ID) error {
				if _, listed, err := f.MachineToken(t.Context(), id, client); err != nil || !listed {
					return errors.Join(err, oauth.ErrNotFound)
				}
				return nil
			},
		},
	} {
		past, lives, other := bucketID(15), bucketID(15), bucketID(0)
		must(t, group.add(past, noon))
		must(t, group.add(lives, noon.Add(time.Microsecond)))
		must(t, group.add(other, noon))
		deleted, _, err := f.Purge(t.Context(), what, 15, noon, later, 100)
		if deleted != 1 || err != nil {
			t.Errorf("%s: Purge() deleted %d, %v, want 1", what, deleted, err)
		}
		wantErr(t, string(what)+": what has expired", group.look(past), oauth.ErrNotFound)
		must(t, group.look(lives))
		must(t, group.look(other))
	}
}

func purgeTrusted(t *testing.T, f *fixture) {
	const n = 25
	for i := range n {
		row := trusted("https://idp.test", fmt.Sprint("past", i), "k")
		row.ExpiresAt = noon.Add(-time.Duration(i) * time.Hour)
		must(t, f.AddTrustedIssuer(t.Context(), row))
	}
	for i, at := range []time.Time{noon.Add(time.Microsecond), oauth.Never} {
		row := trusted("https://idp.test", fmt.Sprint("lives", i), "k")
		row.ExpiresAt = at
		must(t, f.AddTrustedIssuer(t.Context(), row))
	}
	for bucket, want := range []int{10, 0} {
		deleted, seen, err := f.Purge(t.Context(), oauth.ExpiredTrustedIssuers, bucket, noon, later, 10)
		if deleted != want || seen != want || err != nil {
			t.Errorf("Purge() of bucket %d = %d, %d, %v, want %d", bucket, deleted, seen, err, want)
		}
	}
	for _, want := range []int{10, 5, 0} {
		if deleted, _, err := f.Purge(t.Context(), oauth.ExpiredTrustedIssuers, 0, noon, later, 10); deleted != want || err != nil {
			t.Errorf("Purge() = %d, %v, want %d", deleted, err, want)
		}
	}
	if left, err := f.CountTrustedIssuers(t.Context(), ""); left != 2 || err != nil {
		t.Errorf("%d trusted issuers are left, %v, want 2", left, err)
	}
}

func purgeInitial(t *testing.T, f *fixture) {
	for i := range 25 {
		must(t, f.AddInitialAccessToken(t.Context(), oauth.InitialAccessToken{ID: newID(), ExpiresAt: noon.Add(-time.Duration(i) * time.Hour), UsesLeft: 1}))
	}
	usedUp := oauth.InitialAccessToken{ID: newID(), ExpiresAt: oauth.Never, UsesLeft: 1}
	used := oauth.InitialAccessToken{ID: newID(), ExpiresAt: oauth.Never, UsesLeft: 2}
	lives := oauth.InitialAccessToken{ID: newID(), ExpiresAt: noon.Add(time.Microsecond), UsesLeft: oauth.UnlimitedUses}
	for _, token := range []oauth.InitialAccessToken{usedUp, used, lives} {
		must(t, f.AddInitialAccessToken(t.Context(), token))
		must(t, f.UseInitialAccessToken(t.Context(), token.ID, newID(), noon))
	}
	got, err := f.InitialAccessToken(t.Context(), usedUp.ID)
	must(t, err)
	wantSame(t, "end of what is used up", got.ExpiresAt, noon)
	for i, want := range []int{0, 10, 10, 6, 0} {
		bucket := 0
		if i == 0 {
			bucket = 1
		}
		deleted, seen, err := f.Purge(t.Context(), oauth.ExpiredInitialAccessTokens, bucket, noon, later, 10)
		if deleted != want || seen != want || err != nil {
			t.Errorf("call %d: Purge() = %d, %d, %v, want %d", i, deleted, seen, err, want)
		}
	}
	for _, token := range []oauth.InitialAccessToken{used, lives} {
		if got, err := f.InitialAccessToken(t.Context(), token.ID); err != nil || got.UsesLeft != token.UsesLeft-1 || !got.ExpiresAt.Equal(token.ExpiresAt) {
			t.Errorf("a token that lives is %+v, %v", got, err)
		}
	}
}

func purgeLimit(t *testing.T, f *fixture) {
	for range 25 {
		must(t, f.AddReplay(t.Context(), bucketID(3), noon))
	}
	for i, want := range []int{10, 10, 5, 0} {
		deleted, seen, err := f.Purge(t.Context(), oauth.ExpiredReplays, 3, noon, later, 10)
		if deleted != want || seen != want || err != nil {
			t.Errorf("call %d: Purge() = %d, %d, %v, want %d", i, deleted, seen, err, want)
		}
	}
}

func purgeProgress(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for i := range 30 { // in the order of their appointments, two of three stay
		f.addGrant(t, c.UID, func(g *oauth.Grant) {
			g.ID, g.FlowExpiresAt = bucketID(7), noon
			g.PurgeAt, g.ExpiresAt = noon.Add(time.Duration(i-30)*time.Second), oauth.Never
			g.FlowExpiresAt = noon
			if i%3 == 0 {
				g.ExpiresAt = noon
			}
		})
	}
	total, looked := 0, 0
	for range 10 {
		deleted, seen, err := f.Purge(t.Context(), oauth.ExpiredGrants, 7, noon, later, 7)
		must(t, err)
		if seen > 7 || deleted > seen {
			t.Errorf("Purge() = %d, %d with a limit of 7", deleted, seen)
		}
		total, looked = total+deleted, looked+seen
		if seen == 0 {
			break
		}
	}
	if total != 10 || looked != 30 {
		t.Errorf("%d deleted of %d looked at, want 10 of 30", total, looked)
	}
}

func purgeNonsense(t *testing.T, f *fixture) {
	if _, _, err := f.Purge(t.Context(), "clients", 0, noon, later, 10); err == nil {
		t.Error("an unknown group was purged")
	}
	if _, _, err := f.Purge(t.Context(), oauth.ExpiredGrants, 0, noon, noon, 10); err == nil {
		t.Error("an appointment that is not later would be looked at for ever")
	}
	if deleted, seen, err := f.Purge(t.Context(), oauth.ExpiredGrants, 0, noon, later, 0); deleted != 0 || seen != 0 || err != nil {
		t.Errorf("Purge() of no rows = %d, %d, %v", deleted, seen, err)
	}
}
