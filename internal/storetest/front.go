package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

func frontPayout() oauth.FrontPayout {
	return oauth.FrontPayout{Op: newID(), Now: noon, ExpiresAt: noon.Add(3 * time.Hour), PurgeAt: noon.Add(5 * time.Hour)}
}

func frontOnce(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for range 10 {
		g := f.addGrant(t, c.UID, nil)
		wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error { return f.PayFront(ctx, g.ID, frontPayout()) })
		if wins != 1 {
			t.Fatalf("%d callers were paid, want 1", wins)
		}
	}
	g := f.addGrant(t, c.UID, nil)
	p := frontPayout()
	must(t, f.PayFront(t.Context(), g.ID, p))
	want := *g
	want.FrontAt, want.ExpiresAt, want.PurgeAt, want.OpID = noon, p.ExpiresAt, p.PurgeAt, p.Op
	wantSame(t, "grant", &f.grant(t, g.ID).Grant, &want)
	wantErr(t, "UpdateOpenGrant() of one that was paid out", f.UpdateOpenGrant(t.Context(), g, oauth.Standing{Now: noon}), oauth.ErrUsed)
	must(t, f.SpendCode(t.Context(), g.ID, codeSpend())) // a hybrid flow's code
	wantErr(t, "PayFront() after the code", f.PayFront(t.Context(), g.ID, frontPayout()), oauth.ErrUsed)
}

func frontConditions(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	late := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.FlowExpiresAt = noon })
	wantErr(t, "PayFront(): the flow is over", f.PayFront(t.Context(), late.ID, frontPayout()), oauth.ErrUsed)
	spent := f.addGrant(t, c.UID, nil)
	must(t, f.SpendCode(t.Context(), spent.ID, codeSpend()))
	wantErr(t, "PayFront(): the code was spent", f.PayFront(t.Context(), spent.ID, frontPayout()), oauth.ErrUsed)
	wantErr(t, "PayFront(): unknown", f.PayFront(t.Context(), newID(), frontPayout()), oauth.ErrUsed)
	parent := f.addGrant(t, c.UID, nil)
	child := frontPayout()
	child.Parent = parent.ID
	if _, err := f.RevokeGrant(t.Context(), parent.ID, noon); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "PayFront(): the parent was revoked", f.PayFront(t.Context(), f.addGrant(t, c.UID, nil).ID, child), oauth.ErrUsed)
	for name, die := range deaths(t, f, "doomed") {
		d := f.addClient(t, "doomed")
		g := f.addGrant(t, d.UID, nil)
		must(t, die(g))
		wantErr(t, "PayFront(): "+name, f.PayFront(t.Context(), g.ID, frontPayout()), oauth.ErrUsed)
		if row := f.grant(t, g.ID); !row.FrontAt.IsZero() {
			t.Errorf("%s: it is marked paid out", name)
		}
		if name != "z client deleted" {
			must(t, f.DeleteClient(t.Context(), "doomed", noon))
		}
	}
}
