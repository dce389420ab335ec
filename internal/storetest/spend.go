package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var spendChecks = []check{
	{"a code is worth one token response, however many race for it", spendOnce},
	{"a code is refused when one condition does not hold", spendConditions},
	{"only the decision that was read is paid out", spendReplaced},
	{"what the exchange writes comes back", spendWrites},
	{"the authorization endpoint pays once, however many race for it", frontOnce},
	{"the authorization endpoint pays nothing when one condition does not hold", frontConditions},
	{"a refresh token is worth one answer, however many race for it", rotateOnce},
	{"a refresh is refused when one condition does not hold", rotateConditions},
	{"what a refresh writes comes back, and nothing is lowered", rotateWrites},
	{"answers to the previous generation are counted", graceCounted},
}

func codeSpend() oauth.CodeSpend {
	return oauth.CodeSpend{Op: newID(), Now: noon, RotationID: [8]byte{7}, RefreshExpiresAt: noon.Add(time.Hour),
		ExpiresAt: noon.Add(4 * time.Hour), PurgeAt: noon.Add(5 * time.Hour)}
}

func spendOnce(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for range 10 {
		g := f.addGrant(t, c.UID, nil)
		wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error { return f.SpendCode(ctx, g.ID, codeSpend()) })
		if wins != 1 {
			t.Fatalf("%d callers spent the code, want 1", wins)
		}
	}
}

// deaths are the ways in which a Grant's values die.
func deaths(t *testing.T, f *fixture, client string) map[string]func(*oauth.Grant) error {
	return map[string]func(*oauth.Grant) error{
		"ended": func(g *oauth.Grant) error { return f.EndGrant(t.Context(), g.ID, oauth.EndedByClient, noon) },
		"revoked": func(g *oauth.Grant) error {
			_, err := f.RevokeGrant(t.Context(), g.ID, noon)
			return err
		},
		"z client deleted": func(*oauth.Grant) error { return f.DeleteClient(t.Context(), client, noon) },
	}
}

// spendReplaced replaces a decision after it was read.
func spendReplaced(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	code, front := codeSpend(), frontPayout()
	for name, spend := range map[string]func(id, was oauth.ID) error{
		"SpendCode()": func(id, was oauth.ID) error { code.Was = was; return f.SpendCode(t.Context(), id, code) },
		"PayFront()":  func(id, was oauth.ID) error { front.Was = was; return f.PayFront(t.Context(), id, front) },
	} {
		g := f.addGrant(t, c.UID, nil)
		first := g.OpID
		g.OpID, g.Data = newID(), []byte("replaced")
		must(t, f.UpdateOpenGrant(t.Context(), g, oauth.Standing{Now: noon}))
		wantErr(t, name+" of the decision before", spend(g.ID, first), oauth.ErrUsed)
		if row := f.grant(t, g.ID); row.PaidOut() || string(row.Data) != "replaced" {
			t.Errorf("%s left paid out %v, data %q", name, row.PaidOut(), row.Data)
		}
		must(t, spend(g.ID, g.OpID))
	}
}

func spendConditions(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for name, at := range map[string]time.Time{"expired": noon, "no code yet": {}} {
		g := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.CodeExpiresAt = at })
		wantErr(t, "SpendCode(): "+name, f.SpendCode(t.Context(), g.ID, codeSpend()), oauth.ErrUsed)
	}
	last := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.CodeExpiresAt = noon.Add(time.Microsecond) })
	must(t, f.SpendCode(t.Context(), last.ID, codeSpend()))
	wantErr(t, "SpendCode(): used", f.SpendCode(t.Context(), last.ID, codeSpend()), oauth.ErrUsed)
	wantErr(t, "SpendCode(): unknown", f.SpendCode(t.Context(), newID(), codeSpend()), oauth.ErrUsed)
	for name, die := range deaths(t, f, "doomed") {
		d := f.addClient(t, "doomed")
		g := f.addGrant(t, d.UID, nil)
		must(t, die(g))
		wantErr(t, "SpendCode(): "+name, f.SpendCode(t.Context(), g.ID, codeSpend()), oauth.ErrUsed)
		if row := f.grant(t, g.ID); !row.CodeUsedAt.IsZero() {
			t.Errorf("%s: the code was marked used", name)
		}
		if name != "z client deleted" {
			must(t, f.DeleteClient(t.Context(), "doomed", noon))
		}
	}
}

func spendWrites(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	s := codeSpend()
	must(t, f.SpendCode(t.Context(), g.ID, s))
	want := *g
	want.CodeUsedAt, want.RotationID, want.RefreshExpiresAt = noon, s.RotationID, s.RefreshExpiresAt
	want.ExpiresAt, want.PurgeAt, want.OpID = s.ExpiresAt, s.PurgeAt, s.Op
	wantSame(t, "grant", &f.grant(t, g.ID).Grant, &want)

	g = f.addGrant(t, c.UID, func(g *oauth.Grant) { g.HookData = []byte("before") })
	must(t, f.SpendCode(t.Context(), g.ID, codeSpend()))
	wantSame(t, "what a hook said before", string(f.grant(t, g.ID).HookData), "before")
	g = f.addGrant(t, c.UID, nil)
	s = codeSpend()
	s.HookData = []byte("hook")
	must(t, f.SpendCode(t.Context(), g.ID, s))
	wantSame(t, "what a hook says", string(f.grant(t, g.ID).HookData), "hook")

	g = f.addGrant(t, c.UID, nil)
	s = codeSpend()
	s.RefreshExpiresAt = time.Time{}
	must(t, f.SpendCode(t.Context(), g.ID, s))
	if row := f.grant(t, g.ID); !row.RefreshExpiresAt.IsZero() {
		t.Errorf("a Grant without refresh token has one until %v", row.RefreshExpiresAt)
	}
}

func rotation(from int64, rotation [8]byte) oauth.Rotation {
	return oauth.Rotation{Op: newID(), Now: noon, FromGeneration: from, ToGeneration: from + 1, FromRotation: rotation,
		ToRotation: newRotation(), AccessFloor: from + 1, RefreshExpiresAt: oauth.Never,
		ExpiresAt: noon.Add(6 * time.Hour), PurgeAt: noon.Add(7 * time.Hour)}
}

func rotateOnce(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	current := f.spend(t, g)
	for generation := range int64(10) {
		wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error { return f.Rotate(ctx, g.ID, rotation(generation, current)) })
		row := f.grant(t, g.ID)
		if wins != 1 || row.Generation != generation+1 {
			t.Fatalf("%d callers refreshed and the generation is %d, want 1 and %d", wins, row.Generation, generation+1)
		}
		current = row.RotationID
	}
}

func rotateConditions(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	fresh := func(client oauth.ID) (*oauth.Grant, [8]byte) {
		g := f.addGrant(t, client, nil)
		return g, f.spend(t, g)
	}
	for name, edit := range map[string]func(*oauth.Rotation){
		"older generation":    func(r *oauth.Rotation) { r.FromGeneration-- },
		"newer generation":    func(r *oauth.Rotation) { r.FromGeneration++ },
		"another rotation id": func(r *oauth.Rotation) { r.FromRotation[7]++ },
		"expired":             func(r *oauth.Rotation) { r.Now = noon.Add(time.Hour) },
	} {
		g, current := fresh(c.UID)
		r := rotation(0, current)
		edit(&r)
		wantErr(t, "Rotate(): "+name, f.Rotate(t.Context(), g.ID, r), oauth.ErrUsed)
	}
	g := f.addGrant(t, c.UID, nil)
	s := codeSpend()
	s.RefreshExpiresAt = time.Time{}
	must(t, f.SpendCode(t.Context(), g.ID, s))
	wantErr(t, "Rotate(): no refresh token", f.Rotate(t.Context(), g.ID, rotation(0, s.RotationID)), oauth.ErrUsed)
	for name, die := range deaths(t, f, "doomed") {
		d := f.addClient(t, "doomed")
		g, current := fresh(d.UID)
		must(t, die(g))
		wantErr(t, "Rotate(): "+name, f.Rotate(t.Context(), g.ID, rotation(0, current)), oauth.ErrUsed)
		wantErr(t, "UseGrace(): "+name, f.UseGrace(t.Context(), g.ID, 0, newID(), noon), oauth.ErrUsed)
		if name != "z client deleted" {
			must(t, f.DeleteClient(t.Context(), "doomed", noon))
		}
	}
}

func rotateWrites(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	current := f.spend(t, g)
	r := rotation(0, current)
	r.ToGeneration = 5 // a database that went back in time is fast-forwarded
	r.AccessFloor = 5
	must(t, f.Rotate(t.Context(), g.ID, r))
	row := f.grant(t, g.ID)
	want := row.Grant
	want.Generation, want.RotationID, want.RefreshedAt, want.AccessFloor = 5, r.ToRotation, noon, 5
	want.RefreshExpiresAt, want.ExpiresAt, want.PurgeAt, want.OpID = oauth.Never, r.ExpiresAt, r.PurgeAt, r.Op
	wantSame(t, "grant", &row.Grant, &want)

	low := rotation(5, r.ToRotation)
	low.AccessFloor, low.PurgeAt, low.HookData = 1, noon.Add(time.Minute), []byte("hook")
	must(t, f.Rotate(t.Context(), g.ID, low))
	must(t, f.Rotate(t.Context(), g.ID, rotation(6, low.ToRotation)))
	wantSame(t, "what a hook said the refresh before", string(f.grant(t, g.ID).HookData), "hook")
	if row := f.grant(t, g.ID); row.AccessFloor != 7 || !row.PurgeAt.Equal(r.PurgeAt) {
		t.Errorf("access floor %d and purge at %v were lowered", row.AccessFloor, row.PurgeAt)
	}
}

func graceCounted(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, nil)
	r := rotation(0, f.spend(t, g))
	r.RefreshExpiresAt = noon.Add(time.Hour)
	must(t, f.Rotate(t.Context(), g.ID, r))
	wins := race(t, nil, func(ctx context.Context, _ int) error { return f.UseGrace(ctx, g.ID, 1, newID(), noon) })
	if row := f.grant(t, g.ID); wins != contenders || row.GraceUses != contenders || row.Generation != 1 {
		t.Errorf("%d answers, %d counted at generation %d; want %d, %d, 1", wins, row.GraceUses, row.Generation, contenders, contenders)
	}
	wantErr(t, "UseGrace() of another generation", f.UseGrace(t.Context(), g.ID, 0, newID(), noon), oauth.ErrUsed)
	wantErr(t, "UseGrace() when expired", f.UseGrace(t.Context(), g.ID, 1, newID(), noon.Add(time.Hour)), oauth.ErrUsed)
	wantErr(t, "UseGrace() of no row", f.UseGrace(t.Context(), newID(), 1, newID(), noon), oauth.ErrUsed)
	next := rotation(1, r.ToRotation)
	must(t, f.Rotate(t.Context(), g.ID, next))
	if row := f.grant(t, g.ID); row.GraceUses != 0 {
		t.Errorf("%d answers are counted for a new generation", row.GraceUses)
	}
}
