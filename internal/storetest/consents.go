package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var consentChecks = []check{
	{"ending and revoking are two things", consentEnds},
	{"revoking one takes those that rest on it", consentRevokeOne},
	{"revoking a subject's goes in batches", consentRevokeBatches},
	{"revoking can be narrowed", consentRevokeFilter},
	{"a list shows what a user allowed", consentListed},
	{"a list is ordered and pages", consentPages},
	{"a deleted client's consents are not listed", consentDeletedClient},
	{"racing revocations count each consent once", consentRevokeRace},
	{"no code outlives a revocation that raced with its consent", consentRevokeSkipRace},
}

func consentEnds(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	must(t, f.EndGrant(t.Context(), g.ID, oauth.EndedByReplay, noon))
	must(t, f.EndGrant(t.Context(), g.ID, oauth.EndedByClient, noon.Add(time.Hour)))
	row := f.grant(t, g.ID)
	if !row.EndedAt.Equal(noon) || row.EndReason != oauth.EndedByReplay || !row.RevokedAt.IsZero() {
		t.Errorf("ended %v by %d, revoked %v; the first end stands alone", row.EndedAt, row.EndReason, row.RevokedAt)
	}
	list, err := f.GrantsOf(t.Context(), g.SubjectKey, oauth.GrantFilter{}, noon, 0, 10)
	if err != nil || len(list) != 1 {
		t.Errorf("an ended consent is listed %d times, %v", len(list), err)
	}
	must(t, f.EndGrant(t.Context(), newID(), oauth.EndedByClient, noon)) // no row: no error
	for i, want := range []int{1, 0} {
		if n, err := f.RevokeGrant(t.Context(), g.ID, noon.Add(time.Duration(i)*time.Hour)); n != want || err != nil {
			t.Errorf("RevokeGrant() = %d, %v, want %d", n, err, want)
		}
	}
	if row := f.grant(t, g.ID); !row.RevokedAt.Equal(noon) || row.EndReason != oauth.EndedByReplay {
		t.Errorf("revoked %v, reason %d", row.RevokedAt, row.EndReason)
	}
	if n, err := f.RevokeGrant(t.Context(), newID(), noon); n != 0 || err != nil {
		t.Errorf("RevokeGrant() of no row = %d, %v", n, err)
	}
}

func consentRevokeOne(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	parent := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.ConsentUntil = oauth.Never })
	child := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.Parent, g.Skip = parent.ID, true })
	other := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SubjectKey = parent.SubjectKey })
	if n, err := f.RevokeGrant(t.Context(), parent.ID, noon); n != 2 || err != nil {
		t.Errorf("RevokeGrant() = %d, %v, want 2", n, err)
	}
	for name, test := range map[string]struct {
		id   oauth.ID
		want bool
	}{"the consent": {parent.ID, true}, "its child": {child.ID, true}, "another": {other.ID, false}} {
		if got := f.grant(t, test.id).Dead(); got != test.want {
			t.Errorf("%s: dead %v, want %v", name, got, test.want)
		}
	}
}

func consentRevokeBatches(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	subject := newID()
	for i := range 25 {
		f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SubjectKey, g.Skip = subject, i%2 == 0 })
	}
	bystander := f.addGrant(t, c.UID, nil)
	var batches []int
	for range 10 {
		n, err := f.RevokeGrants(t.Context(), subject, oauth.GrantFilter{}, noon, 10)
		must(t, err)
		if batches = append(batches, n); n == 0 {
			break
		}
	}
	wantSame(t, "batches", batches, []int{10, 10, 5, 0})
	if f.grant(t, bystander.ID).Dead() {
		t.Error("another subject's consent was revoked")
	}
	if n, err := f.RevokeGrants(t.Context(), oauth.ID{}, oauth.GrantFilter{}, noon, 10); n != 0 || err != nil {
		t.Errorf("RevokeGrants() of no subject = %d, %v", n, err)
	}
}

func consentRevokeFilter(t *testing.T, f *fixture) {
	a, b := f.addClient(t, "a"), f.addClient(t, "b")
	subject, session := newID(), newID()
	for _, client := range []oauth.ID{a.UID, a.UID, b.UID} {
		for _, s := range []oauth.ID{session, newID()} {
			f.addGrant(t, client, func(g *oauth.Grant) { g.SubjectKey, g.SessionID = subject, s })
		}
	}
	for _, step := range []struct {
		name   string
		filter oauth.GrantFilter
		listed int
		want   int
	}{
		{"client and session", oauth.GrantFilter{ClientUID: a.UID, SessionID: session}, 2, 2},
		{"session", oauth.GrantFilter{SessionID: session}, 1, 1},
		{"client", oauth.GrantFilter{ClientUID: a.UID}, 2, 2},
		{"unknown client", oauth.GrantFilter{ClientUID: newID()}, 0, 0},
		{"all", oauth.GrantFilter{}, 1, 1},
	} {
		list, err := f.GrantsOf(t.Context(), subject, step.filter, noon, 0, 100)
		if len(list) != step.listed || err != nil {
			t.Errorf("%s: %d listed, %v, want %d", step.name, len(list), err, step.listed)
		}
		if n, err := f.RevokeGrants(t.Context(), subject, step.filter, noon, 100); n != step.want || err != nil {
			t.Errorf("%s: %d revoked, %v, want %d", step.name, n, err, step.want)
		}
	}
}

func consentListed(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	subject := newID()
	for _, test := range []struct {
		name string
		edit func(*oauth.Grant)
		want bool
	}{
		{"accepted", func(*oauth.Grant) {}, true},
		{"remembered for ever", func(g *oauth.Grant) { g.ConsentUntil = oauth.Never }, true},
		{"remembered a microsecond longer", func(g *oauth.Grant) { g.ConsentUntil = noon.Add(time.Microsecond) }, true},
		{"no longer remembered", func(g *oauth.Grant) { g.ConsentUntil = noon }, false},
		{"skipped", func(g *oauth.Grant) { g.Skip = true }, false},
		{"not handled", func(g *oauth.Grant) { g.HandledAt = time.Time{} }, false},
		{"revoked", func(g *oauth.Grant) { g.RevokedAt = noon }, false},
		{"ended", func(g *oauth.Grant) { g.EndedAt = noon }, true},
		{"another subject's", func(g *oauth.Grant) { g.SubjectKey = newID() }, false},
	} {
		g := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SubjectKey = subject; test.edit(g) })
		list, err := f.GrantsOf(t.Context(), subject, oauth.GrantFilter{}, noon, 0, 100)
		must(t, err)
		got := slices.ContainsFunc(list, func(row oauth.GrantRow) bool { return row.ID == g.ID })
		if got != test.want {
			t.Errorf("%s: listed %v, want %v", test.name, got, test.want)
		}
	}
}

func consentPages(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	subject := newID()
	all := []*oauth.Grant{}
	for i := range 17 {
		all = append(all, f.addGrant(t, c.UID, func(g *oauth.Grant) {
			g.SubjectKey, g.RequestedAt = subject, noon.Add(time.Duration(i/3)*time.Microsecond)
		}))
	}
	page := func(offset, limit int) []oauth.GrantRow {
		list, err := f.GrantsOf(t.Context(), subject, oauth.GrantFilter{}, noon, offset, limit)
		must(t, err)
		return list
	}
	whole := page(0, 100)
	if len(whole) != len(all) {
		t.Fatalf("%d listed, want %d", len(whole), len(all))
	}
	if !slices.IsSortedFunc(whole, func(a, b oauth.GrantRow) int { return b.RequestedAt.Compare(a.RequestedAt) }) {
		t.Error("the newest request does not come first")
	}
	var paged []oauth.GrantRow
	for offset := 0; offset < len(all); offset += 4 {
		paged = append(paged, page(offset, 4)...)
	}
	wantSame(t, "pages", paged, whole)
	paged = paged[:0]
	for at := (oauth.GrantPosition{RequestedAt: oauth.Never}); len(paged) < len(all); {
		list, err := f.GrantsAfter(t.Context(), subject, oauth.GrantFilter{}, noon, at, 4)
		must(t, err)
		if len(list) == 0 {
			break
		}
		last := list[len(list)-1]
		paged, at = append(paged, list...), oauth.GrantPosition{RequestedAt: last.RequestedAt, ID: last.ID}
	}
	wantSame(t, "pages by place", paged, whole)
	if n, err := f.CountGrantsOf(t.Context(), subject, oauth.GrantFilter{}, noon); n != len(all) || err != nil {
		t.Errorf("CountGrantsOf() = %d, %v, want %d", n, err, len(all))
	}
	if n, err := f.CountGrantsOf(t.Context(), subject, oauth.GrantFilter{SessionID: all[3].SessionID}, noon); n != 1 || err != nil {
		t.Errorf("CountGrantsOf() of a session = %d, %v, want 1", n, err)
	}
	if rows := page(0, -1); len(rows) != 0 {
		t.Errorf("a negative limit lists %d", len(rows))
	}
	wantSame(t, "a negative offset", page(-1, 100), whole)
}

func consentDeletedClient(t *testing.T, f *fixture) {
	keep, gone := f.addClient(t, "keep"), f.addClient(t, "gone")
	subject := newID()
	for _, uid := range []oauth.ID{keep.UID, gone.UID} {
		f.addGrant(t, uid, func(g *oauth.Grant) { g.SubjectKey = subject })
	}
	must(t, f.DeleteClient(t.Context(), "gone", noon))
	list, err := f.GrantsOf(t.Context(), subject, oauth.GrantFilter{}, noon, 0, 10)
	must(t, err)
	if len(list) != 1 || list[0].Client.ID != "keep" {
		t.Errorf("%d listed: %v", len(list), list)
	}
}

func consentRevokeRace(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	subject := newID()
	for range 40 {
		f.addGrant(t, c.UID, func(g *oauth.Grant) { g.SubjectKey = subject })
	}
	var (
		mu    sync.Mutex
		total int
	)
	race(t, nil, func(ctx context.Context, _ int) error {
		for {
			n, err := f.RevokeGrants(ctx, subject, oauth.GrantFilter{}, noon, 3)
			if err != nil {
				return fmt.Errorf("RevokeGrants(): %w", err)
			}
			mu.Lock()
			total += n
			mu.Unlock()
			if n == 0 {
				return nil
			}
		}
	})
	if total != 40 {
		t.Errorf("%d revocations of 40 consents", total)
	}
}

// A skipped consent is added while the one that it rests on is revoked. Where
// two statements may miss each other's rows, the code must still be worthless.
func consentRevokeSkipRace(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for range 12 {
		parent := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.ConsentUntil = oauth.Never })
		var added [contenders]oauth.ID
		race(t, oauth.ErrGone, func(ctx context.Context, n int) error {
			if n%8 == 3 {
				_, err := f.RevokeGrant(ctx, parent.ID, noon)
				return err
			}
			g := openGrant(c.UID)
			g.Parent, g.Skip = parent.ID, true
			err := f.AddGrant(ctx, g, oauth.Standing{Now: noon, Parent: parent.ID})
			if err == nil {
				added[n] = g.ID
			}
			return err
		})
		for _, id := range added {
			if id.IsZero() {
				continue
			}
			s := codeSpend()
			s.Parent = parent.ID
			wantErr(t, "SpendCode() after the revocation", f.SpendCode(t.Context(), id, s), oauth.ErrUsed)
		}
	}
}
