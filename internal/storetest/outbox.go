package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var outboxChecks = []check{
	{"a session finds the clients that want to hear of its end", sessionClients},
	{"what a client wants to hear follows its changes", hearingChanges},
	{"a call comes back, and is never added twice", calls},
	{"one of many begins an attempt", callRace},
	{"an attempt that was overtaken writes nothing", callOvertaken},
	{"a failed call waits for somebody to ask for it", callRetried},
	{"calls are listed in the order of their ids", callPages},
}

// hearingClient stores a client with logout URIs.
func (f *fixture) hearingClient(t *testing.T, id string, edit func(*oauth.Client)) *oauth.Client {
	t.Helper()
	c := &oauth.Client{UID: newID(), ID: id, Version: 1, CreatedAt: noon, UpdatedAt: noon, ExpiresAt: oauth.Never}
	edit(c)
	must(t, f.AddClient(t.Context(), c, nil))
	return c
}

func (f *fixture) heard(t *testing.T, session oauth.ID) map[string]oauth.ID {
	t.Helper()
	list, err := f.SessionClients(t.Context(), session, noon)
	must(t, err)
	out := map[string]oauth.ID{}
	for _, c := range list {
		if string(c.Data) != "sealed" {
			t.Errorf("data of %s is %q", c.Client.ID, c.Data)
		}
		out[c.Client.ID] = c.Grant
	}
	if len(out) != len(list) {
		t.Errorf("a client comes twice: %d rows of %d clients", len(list), len(out))
	}
	return out
}

func sessionClients(t *testing.T, f *fixture) {
	session := newID()
	back := f.hearingClient(t, "back", func(c *oauth.Client) { c.BackchannelLogoutURI = "https://rp.test/back" })
	front := f.hearingClient(t, "front", func(c *oauth.Client) { c.FrontchannelLogoutURI = "https://rp.test/front" })
	deaf, gone, idle, torn := f.addClient(t, "deaf"), f.hearingClient(t, "gone", func(c *oauth.Client) { c.BackchannelLogoutURI = "x" }),
		f.hearingClient(t, "idle", func(c *oauth.Client) { c.BackchannelLogoutURI = "x" }),
		f.hearingClient(t, "torn", func(c *oauth.Client) { c.BackchannelLogoutURI = "x" })
	in := func(edit func(*oauth.Grant)) func(*oauth.Grant) {
		return func(g *oauth.Grant) {
			g.SessionID = session
			if edit != nil {
				edit(g)
			}
		}
	}
	used := func(g *oauth.Grant) { g.CodeUsedAt = noon }
	f.addGrant(t, back.UID, in(used))
	newest := f.addGrant(t, back.UID, in(func(g *oauth.Grant) { g.FrontAt, g.RequestedAt, g.RevokedAt = noon, noon, noon }))
	underWay := f.addGrant(t, front.UID, in(nil))
	f.addGrant(t, front.UID, in(nil)) // at the same moment
	f.addGrant(t, deaf.UID, in(used))
	f.addGrant(t, gone.UID, in(used))
	f.addGrant(t, idle.UID, func(g *oauth.Grant) { g.CodeUsedAt = noon }) // another session
	f.addGrant(t, torn.UID, in(func(g *oauth.Grant) { g.CodeExpiresAt = noon }))
	f.addGrant(t, torn.UID, in(func(g *oauth.Grant) { g.RevokedAt = noon }))
	must(t, f.DeleteClient(t.Context(), "gone", noon))

	got := f.heard(t, session)
	if len(got) != 2 || got["back"] != newest.ID || got["front"].IsZero() {
		t.Errorf("the clients of the session are %v, want back with %v and front with one like %v", got, newest.ID, underWay.ID)
	}
	if got := f.heard(t, oauth.ID{}); len(got) != 0 {
		t.Errorf("no session has clients: %v", got)
	}
	list, err := f.SessionClients(t.Context(), session, noon)
	must(t, err)
	wantSame(t, "client", list[0].Client, back)
}

func hearingChanges(t *testing.T, f *fixture) {
	session := newID()
	c := f.addClient(t, "app")
	f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SessionID, g.CodeUsedAt = session, noon })
	for i, uri := range []string{"https://rp.test/out", "https://rp.test/out2", "", "https://rp.test/out3"} {
		c.BackchannelLogoutURI = uri
		must(t, f.UpdateClient(t.Context(), c, nil))
		c.Version++
		if got := f.heard(t, session); (len(got) == 1) != (uri != "") {
			t.Errorf("change %d to %q: the session finds %v", i, uri, got)
		}
	}
}

func newCall() *oauth.LogoutCall {
	return &oauth.LogoutCall{
		ID: newID(), ClientUID: newID(), SessionID: newID(), CreatedAt: noon, DueAt: noon, GiveUpAt: noon.Add(time.Hour),
		ExpiresAt: noon.Add(2 * time.Hour), PurgeAt: noon.Add(2 * time.Hour), OpID: newID(), Note: "new", Data: []byte("sealed"),
	}
}

// call reads one call back.
func (f *fixture) call(t *testing.T, id oauth.ID) *oauth.LogoutCall {
	t.Helper()
	list, err := f.LogoutCalls(t.Context(), oauth.LogoutCallQuery{Pending: true, Failed: true, Limit: 100})
	must(t, err)
	for _, c := range list {
		if c.ID == id {
			return &c
		}
	}
	t.Fatalf("there is no call %v", id)
	return nil
}

func calls(t *testing.T, f *fixture) {
	want := newCall()
	must(t, f.AddLogoutCall(t.Context(), want))
	again := *want
	again.Note = "something else"
	must(t, f.AddLogoutCall(t.Context(), &again))
	wantSame(t, "call", f.call(t, want.ID), want)

	soon, late := newCall(), newCall()
	soon.DueAt, late.DueAt = noon.Add(-time.Minute), noon.Add(time.Microsecond)
	must(t, f.AddLogoutCall(t.Context(), soon))
	must(t, f.AddLogoutCall(t.Context(), late))
	due, err := f.DueLogoutCalls(t.Context(), noon, 10)
	must(t, err)
	wantSame(t, "due calls", due, []oauth.LogoutCall{*soon, *want})
	due, err = f.DueLogoutCalls(t.Context(), noon, 1)
	must(t, err)
	wantSame(t, "due calls", due, []oauth.LogoutCall{*soon})

	due, err = f.DueLogoutCalls(t.Context(), noon, 1, newID(), soon.ClientUID)
	must(t, err)
	wantSame(t, "due calls but to one client", due, []oauth.LogoutCall{*want})
	due, err = f.DueLogoutCalls(t.Context(), noon, 10, append(make([]oauth.ID, oauth.SkippedClients-2), soon.ClientUID, want.ClientUID)...)
	must(t, err)
	wantSame(t, "due calls but to both clients", len(due), 0)
	if _, err := f.DueLogoutCalls(t.Context(), noon, 10, make([]oauth.ID, oauth.SkippedClients+1)...); err == nil {
		t.Error("DueLogoutCalls() leaves out more clients than it can")
	}

	must(t, f.DeleteLogoutCall(t.Context(), soon.ID))
	wantErr(t, "DeleteLogoutCall() again", f.DeleteLogoutCall(t.Context(), soon.ID), oauth.ErrNotFound)
}

func callRace(t *testing.T, f *fixture) {
	c := newCall()
	must(t, f.AddLogoutCall(t.Context(), c))
	until := noon.Add(time.Minute)
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error {
		return f.TakeLogoutCall(ctx, c.ID, c.DueAt, until, newID())
	})
	got := f.call(t, c.ID)
	if wins != 1 || got.Attempts != 1 || !got.DueAt.Equal(until) {
		t.Errorf("%d callers began an attempt; then there are %d, and the next is at %v", wins, got.Attempts, got.DueAt)
	}
	wantErr(t, "TakeLogoutCall() of none", f.TakeLogoutCall(t.Context(), newID(), noon, until, newID()), oauth.ErrUsed)
}

func callOvertaken(t *testing.T, f *fixture) {
	c := newCall()
	must(t, f.AddLogoutCall(t.Context(), c))
	first, second := newID(), newID()
	must(t, f.TakeLogoutCall(t.Context(), c.ID, c.DueAt, noon.Add(time.Minute), first))
	must(t, f.TakeLogoutCall(t.Context(), c.ID, noon.Add(time.Minute), noon.Add(2*time.Minute), second))
	write := *c
	write.OpID, write.DueAt, write.Note = first, noon.Add(time.Hour), "status 500"
	must(t, f.PutLogoutCall(t.Context(), &write))
	if got := f.call(t, c.ID); got.Note != "new" || !got.DueAt.Equal(noon.Add(2*time.Minute)) {
		t.Errorf("the first attempt wrote %q and %v", got.Note, got.DueAt)
	}
	write.OpID = second
	must(t, f.PutLogoutCall(t.Context(), &write))
	if got := f.call(t, c.ID); got.Note != "status 500" || !got.DueAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("the second attempt wrote %q and %v", got.Note, got.DueAt)
	}
}

func callRetried(t *testing.T, f *fixture) {
	c := newCall()
	must(t, f.AddLogoutCall(t.Context(), c))
	failed := *c
	failed.DueAt, failed.FailedAt, failed.Note = oauth.Never, noon, "status 500"
	must(t, f.PutLogoutCall(t.Context(), &failed))
	pending, dead, err := f.CountLogoutCalls(t.Context())
	if pending != 0 || dead != 1 || err != nil {
		t.Errorf("CountLogoutCalls() = %d, %d, %v", pending, dead, err)
	}
	due, err := f.DueLogoutCalls(t.Context(), noon.Add(1000*time.Hour), 10)
	if len(due) != 0 || err != nil {
		t.Errorf("DueLogoutCalls() = %v, %v", due, err)
	}
	again := *c
	again.DueAt, again.GiveUpAt, again.ExpiresAt, again.PurgeAt, again.OpID = noon, noon.Add(3*time.Hour), later, later, newID()
	must(t, f.RetryLogoutCall(t.Context(), &again))
	again.Note = "status 500"
	wantSame(t, "call", f.call(t, c.ID), &again)
	pending, dead, err = f.CountLogoutCalls(t.Context())
	if pending != 1 || dead != 0 || err != nil {
		t.Errorf("CountLogoutCalls() = %d, %d, %v", pending, dead, err)
	}
	again.ID = newID()
	wantErr(t, "RetryLogoutCall() of none", f.RetryLogoutCall(t.Context(), &again), oauth.ErrNotFound)
}

func callPages(t *testing.T, f *fixture) {
	var ids []oauth.ID
	for i := range 5 {
		c := newCall()
		if i == 4 {
			c.DueAt, c.FailedAt = oauth.Never, noon
		} else {
			ids = append(ids, c.ID)
		}
		must(t, f.AddLogoutCall(t.Context(), c))
	}
	slices.SortFunc(ids, func(a, b oauth.ID) int { return slices.Compare(a[:], b[:]) })
	var got []oauth.ID
	q := oauth.LogoutCallQuery{Pending: true, Limit: 3}
	for range 2 {
		page, err := f.LogoutCalls(t.Context(), q)
		must(t, err)
		for _, c := range page {
			got = append(got, c.ID)
		}
		q.After = got[len(got)-1]
	}
	wantSame(t, "pages", got, ids)
	for _, q := range []struct {
		q    oauth.LogoutCallQuery
		want int
	}{{oauth.LogoutCallQuery{Failed: true, Limit: 10}, 1}, {oauth.LogoutCallQuery{Limit: 10}, 0}, {oauth.LogoutCallQuery{Pending: true, Failed: true, Limit: 10}, 5}} {
		page, err := f.LogoutCalls(t.Context(), q.q)
		must(t, err)
		if len(page) != q.want {
			t.Errorf("LogoutCalls(%+v) has %d calls, want %d", q.q, len(page), q.want)
		}
	}
}
