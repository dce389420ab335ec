package storetest

import (
	"testing"

	"hydra/internal/oauth"
)

// Acknowledged checks that two stores of one database, on servers of their
// own, decide alike: whatever here has acknowledged binds the next statement
// of there, although behind has just kept there's server from applying it.
func Acknowledged(t *testing.T, here, there oauth.Store, behind func()) {
	h, th := &fixture{here}, &fixture{there}
	c := h.addClient(t, "app")
	consent := func(edit func(*oauth.Grant)) *oauth.Grant {
		return h.addGrant(t, c.UID, func(g *oauth.Grant) {
			g.ConsentUntil = oauth.Never
			if edit != nil {
				edit(g)
			}
		})
	}
	revoke := func(g *oauth.Grant) {
		t.Helper()
		behind()
		if n, err := h.RevokeGrant(t.Context(), g.ID, noon); n == 0 || err != nil {
			t.Fatalf("RevokeGrant() = %d, %v", n, err)
		}
	}
	t.Run("a code is not spent after its consent was revoked", func(t *testing.T) {
		parent := consent(nil)
		g := consent(func(g *oauth.Grant) { g.Skip = true })
		s := codeSpend()
		s.Parent = parent.ID
		revoke(parent)
		wantErr(t, "SpendCode()", th.SpendCode(t.Context(), g.ID, s), oauth.ErrUsed)
	})
	t.Run("no Grant rests on a revoked consent", func(t *testing.T) {
		parent := consent(nil)
		g := openGrant(c.UID)
		g.Parent, g.Skip = parent.ID, true
		revoke(parent)
		wantErr(t, "AddGrant()", th.AddGrant(t.Context(), g, oauth.Standing{Now: noon, Parent: parent.ID}), oauth.ErrGone)
	})
	t.Run("an open Grant is not changed after its consent was revoked", func(t *testing.T) {
		parent := consent(nil)
		g := consent(nil)
		g.Parent, g.Skip = parent.ID, true
		revoke(parent)
		err := th.UpdateOpenGrant(t.Context(), g, oauth.Standing{Now: noon, Parent: parent.ID})
		wantErr(t, "UpdateOpenGrant()", err, oauth.ErrGone)
	})
	t.Run("a revocation finds what was just granted", func(t *testing.T) {
		behind()
		g := consent(nil)
		if n, err := th.RevokeGrants(t.Context(), g.SubjectKey, oauth.GrantFilter{}, noon, 10); n != 1 || err != nil {
			t.Errorf("RevokeGrants() = %d, %v, want 1", n, err)
		}
	})
	t.Run("a deleted client is granted nothing", func(t *testing.T) {
		gone := h.addClient(t, "gone")
		behind()
		must(t, h.DeleteClient(t.Context(), "gone", noon))
		wantErr(t, "AddGrant()", th.AddGrant(t.Context(), openGrant(gone.UID), oauth.Standing{Now: noon}), oauth.ErrGone)
	})
}
