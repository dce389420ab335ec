package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var grantChecks = []check{
	{"everything comes back", grantRoundTrip},
	{"an unknown id is not found", grantUnknown},
	{"the look-up shows client and session as they are now", grantSurroundings},
	{"a Grant needs its client, its parent and its session", grantStanding},
	{"a taken id exists", grantExists},
	{"one of many accepts makes the Grant", grantAddRace},
	{"an open Grant can be decided anew", grantUpdateOpen},
	{"a decided Grant cannot", grantUpdateClosed},
	{"a rejection stands", grantReject},
	{"a login state has its three parts", loginState},
	{"a login state shows live consents only, newest first", loginStateRemembered},
}

func fullGrant(client oauth.ID) *oauth.Grant {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Microsecond) }
	return &oauth.Grant{
		ID: newID(), ClientUID: client, Kind: oauth.DeviceGrant, SubjectKey: newID(), SessionID: newID(), Parent: newID(), RememberKey: newID(),
		Skip: true, RequestedAt: at(1), HandledAt: at(2), ConsentUntil: oauth.Never, FlowExpiresAt: at(3), CodeExpiresAt: at(4),
		CodeUsedAt: at(5), FrontAt: at(6), Generation: 1 << 40, RotationID: [8]byte{9}, RefreshedAt: at(7), GraceUses: 2, AccessFloor: 1 << 39,
		RefreshExpiresAt: at(8), EndedAt: at(9), EndReason: oauth.EndedByReuse, RevokedAt: at(10), ExpiresAt: oauth.Never, PurgeAt: at(11),
		OpID: newID(), Data: []byte{0, 1, 2, 255}, HookData: []byte("hook\x00"),
	}
}

func grantRoundTrip(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for name, g := range map[string]*oauth.Grant{
		"every column set": fullGrant(c.UID),
		"as few as can be": {ID: newID(), ClientUID: c.UID, Kind: oauth.MachineGrant, OpID: newID()},
	} {
		must(t, f.AddGrant(t.Context(), g, oauth.Standing{Now: noon}))
		row := f.grant(t, g.ID)
		wantSame(t, name, &row.Grant, g)
		wantSame(t, name+": client", row.Client, oauth.ClientState{Exists: true, ID: "app", Version: c.Version})
	}
}

func grantUnknown(t *testing.T, f *fixture) {
	_, err := f.Grant(t.Context(), newID())
	wantErr(t, "Grant()", err, oauth.ErrNotFound)
	_, err = f.Grant(t.Context(), oauth.ID{})
	wantErr(t, "Grant() of the zero id", err, oauth.ErrNotFound)
}

func grantSurroundings(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	session := f.addSession(t, newID())
	g := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SessionID = session.ID })
	none := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SessionID = oauth.ID{} })
	if f.grant(t, g.ID).SessionEnded {
		t.Error("a living session shows as ended")
	}
	must(t, f.RaiseEpoch(t.Context(), "app"))
	f.end(t, session.ID, noon)
	row := f.grant(t, g.ID)
	if !row.SessionEnded || row.Client.Epoch != 1 {
		t.Errorf("session ended %v, epoch %d; want true, 1", row.SessionEnded, row.Client.Epoch)
	}
	if f.grant(t, none.ID).SessionEnded {
		t.Error("a Grant without a session shows one that ended")
	}
	must(t, f.DeleteClient(t.Context(), "app", noon))
	wantSame(t, "client", f.grant(t, g.ID).Client, oauth.ClientState{})
}

func grantStanding(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	remembered := func(until time.Time) oauth.ID {
		return f.addGrant(t, c.UID, func(g *oauth.Grant) { g.ConsentUntil = until }).ID
	}
	revoked, ended := remembered(oauth.Never), remembered(oauth.Never)
	_, err := f.RevokeGrant(t.Context(), revoked, noon)
	must(t, err)
	must(t, f.EndGrant(t.Context(), ended, oauth.EndedByClient, noon))
	live, over := f.addSession(t, newID()).ID, f.addSession(t, newID()).ID
	f.end(t, over, noon)
	for _, test := range []struct {
		name   string
		client oauth.ID
		must   oauth.Standing
		want   error
	}{
		{"nothing asked", c.UID, oauth.Standing{Now: noon}, nil},
		{"unknown client", newID(), oauth.Standing{Now: noon}, oauth.ErrGone},
		{"living parent", c.UID, oauth.Standing{Now: noon, Parent: remembered(noon.Add(time.Microsecond))}, nil},
		{"parent for ever", c.UID, oauth.Standing{Now: noon, Parent: remembered(oauth.Never)}, nil},
		{"parent whose tokens ended", c.UID, oauth.Standing{Now: noon, Parent: ended}, nil},
		{"parent ran out", c.UID, oauth.Standing{Now: noon, Parent: remembered(noon)}, oauth.ErrGone},
		{"parent not remembered", c.UID, oauth.Standing{Now: noon, Parent: remembered(time.Time{})}, oauth.ErrGone},
		{"parent revoked", c.UID, oauth.Standing{Now: noon, Parent: revoked}, oauth.ErrGone},
		{"parent unknown", c.UID, oauth.Standing{Now: noon, Parent: newID()}, oauth.ErrGone},
		{"living session", c.UID, oauth.Standing{Now: noon, Session: live}, nil},
		{"session ended", c.UID, oauth.Standing{Now: noon, Session: over}, oauth.ErrGone},
		{"session unknown", c.UID, oauth.Standing{Now: noon, Session: newID()}, oauth.ErrGone},
		{"living parent, session ended", c.UID, oauth.Standing{Now: noon, Parent: ended, Session: over}, oauth.ErrGone},
	} {
		g := openGrant(test.client)
		wantErr(t, "AddGrant(): "+test.name, f.AddGrant(t.Context(), g, test.must), test.want)
		if _, err := f.Grant(t.Context(), g.ID); (err == nil) != (test.want == nil) {
			t.Errorf("%s: Grant() = %v", test.name, err)
		}
		if test.client == c.UID {
			open := f.addGrant(t, c.UID, nil)
			open.Data = []byte("anew")
			wantErr(t, "UpdateOpenGrant(): "+test.name, f.UpdateOpenGrant(t.Context(), open, test.must), test.want)
		}
	}
}

func grantExists(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	again := openGrant(c.UID)
	again.ID, again.Data = g.ID, []byte("other")
	wantErr(t, "AddGrant()", f.AddGrant(t.Context(), again, oauth.Standing{Now: noon}), oauth.ErrExists)
	wantSame(t, "grant", &f.grant(t, g.ID).Grant, g)
}

func grantAddRace(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	id := newID()
	wins := race(t, oauth.ErrExists, func(ctx context.Context, _ int) error {
		g := openGrant(c.UID)
		g.ID = id
		return f.AddGrant(ctx, g, oauth.Standing{Now: noon})
	})
	if wins != 1 {
		t.Errorf("%d accepts made the Grant, want 1", wins)
	}
}

func grantUpdateOpen(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	next := openGrant(c.UID)
	next.ID, next.HandledAt, next.Skip = g.ID, noon.Add(time.Minute), true
	next.Parent, next.RememberKey, next.ConsentUntil = newID(), newID(), noon.Add(time.Hour)
	next.Data = []byte("last call wins")
	must(t, f.UpdateOpenGrant(t.Context(), next, oauth.Standing{Now: noon}))
	wantSame(t, "grant", &f.grant(t, g.ID).Grant, next)
}

func grantUpdateClosed(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for name, end := range map[string]func(*oauth.Grant) error{
		"code used": func(g *oauth.Grant) error { f.spend(t, g); return nil },
		"ended":     func(g *oauth.Grant) error { return f.EndGrant(t.Context(), g.ID, oauth.EndedByPKCE, noon) },
		"revoked": func(g *oauth.Grant) error {
			_, err := f.RevokeGrant(t.Context(), g.ID, noon)
			return err
		},
	} {
		g := f.addGrant(t, c.UID, nil)
		must(t, end(g))
		before := f.grant(t, g.ID)
		next := *g
		next.Data = []byte("too late")
		wantErr(t, "UpdateOpenGrant(): "+name, f.UpdateOpenGrant(t.Context(), &next, oauth.Standing{Now: noon}), oauth.ErrUsed)
		wantSame(t, name, f.grant(t, g.ID), before)
	}
	front := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.FrontAt = noon })
	wantErr(t, "UpdateOpenGrant(): paid out in front", f.UpdateOpenGrant(t.Context(), front, oauth.Standing{Now: noon}), oauth.ErrUsed)
	wantErr(t, "UpdateOpenGrant(): no row", f.UpdateOpenGrant(t.Context(), openGrant(c.UID), oauth.Standing{Now: noon}), oauth.ErrGone)
	foreign := f.addGrant(t, c.UID, nil)
	foreign.ClientUID = f.addClient(t, "other").UID
	wantErr(t, "UpdateOpenGrant(): another client's", f.UpdateOpenGrant(t.Context(), foreign, oauth.Standing{Now: noon}), oauth.ErrGone)
}

func grantReject(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	tombstone := func(id oauth.ID) *oauth.Grant {
		g := openGrant(c.UID)
		g.ID, g.RevokedAt, g.EndedAt, g.EndReason = id, noon, noon, oauth.EndedByRejecter
		return g
	}
	dead := func(name string, id oauth.ID) {
		t.Helper()
		if row := f.grant(t, id); !row.RevokedAt.Equal(noon) || !row.EndedAt.Equal(noon) || row.EndReason != oauth.EndedByRejecter {
			t.Errorf("%s: revoked %v, ended %v, %v", name, row.RevokedAt, row.EndedAt, row.EndReason)
		}
	}
	fresh := tombstone(newID())
	must(t, f.RejectGrant(t.Context(), fresh, newID()))
	dead("nothing was accepted", fresh.ID)
	wantErr(t, "AddGrant() after a rejection", f.AddGrant(t.Context(), tombstone(fresh.ID), oauth.Standing{Now: noon}), oauth.ErrExists)
	wantErr(t, "RejectGrant() again", f.RejectGrant(t.Context(), fresh, newID()), oauth.ErrUsed)

	open := f.addGrant(t, c.UID, nil)
	must(t, f.RejectGrant(t.Context(), tombstone(open.ID), newID()))
	dead("an open Grant", open.ID)

	paid := f.addGrant(t, c.UID, nil)
	f.spend(t, paid)
	wantErr(t, "RejectGrant() after the payout", f.RejectGrant(t.Context(), tombstone(paid.ID), newID()), oauth.ErrUsed)
	if f.grant(t, paid.ID).Dead() {
		t.Error("a late rejection killed a Grant that was paid out")
	}

	id := newID()
	if wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error { return f.RejectGrant(ctx, tombstone(id), newID()) }); wins != 1 {
		t.Errorf("%d rejections won, want 1", wins)
	}
}

func loginState(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	flow := f.addGrant(t, c.UID, nil)
	full := fullGrant(c.UID)
	full.RevokedAt = time.Time{}
	must(t, f.AddGrant(t.Context(), full, oauth.Standing{Now: noon}))
	session := f.addSession(t, newID())
	f.end(t, session.ID, noon)
	session.EndedAt = noon
	state, err := f.LoginState(t.Context(), flow.ID, full.RememberKey, session.ID, noon)
	must(t, err)
	wantSame(t, "state", state, oauth.LoginState{Flow: flow, Remembered: []oauth.Grant{*full}, Session: session})
	for name, look := range map[string][3]oauth.ID{"zero ids": {}, "unknown ids": {newID(), newID(), newID()}} {
		state, err := f.LoginState(t.Context(), look[0], look[1], look[2], noon)
		must(t, err)
		wantSame(t, name, state, oauth.LoginState{})
	}
}

func loginStateRemembered(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	remember := newID()
	add := func(minutes int, until time.Time) oauth.ID {
		return f.addGrant(t, c.UID, func(g *oauth.Grant) {
			g.RememberKey, g.ConsentUntil, g.HandledAt = remember, until, noon.Add(time.Duration(minutes)*time.Minute)
		}).ID
	}
	var want []oauth.ID
	for i := range 10 {
		want = append([]oauth.ID{add(i, oauth.Never)}, want...)
	}
	ranOut, revoked, ended := add(20, noon), add(21, oauth.Never), add(22, noon.Add(time.Microsecond))
	_, err := f.RevokeGrant(t.Context(), revoked, noon)
	must(t, err)
	must(t, f.EndGrant(t.Context(), ended, oauth.EndedByClient, noon))
	state, err := f.LoginState(t.Context(), oauth.ID{}, remember, oauth.ID{}, noon)
	must(t, err)
	var got []oauth.ID
	for _, g := range state.Remembered {
		if g.ID == ranOut || g.ID == revoked {
			t.Errorf("a dead consent is remembered")
		}
		got = append(got, g.ID)
	}
	wantSame(t, "remembered", got, append([]oauth.ID{ended}, want...)[:8])
}
