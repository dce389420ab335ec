package server_test

import (
	"maps"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/oryimport/orytest"
	"hydra/internal/server"
)

// Attack: after an import the other server went on. A token that it has
// replaced since, or revoked, must not live here, also not after a second
// import; what did not move goes on.
func TestImportORYAfterTheOtherServerWentOn(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	from := server.ImportORY{DSN: oauth.Secret(d.DSN)}
	if _, _, err := take(t, home, from); err != nil {
		t.Fatal(err)
	}
	d.Exec("UPDATE hydra_oauth2_refresh SET active = ? WHERE request_id = ? OR request_id = ?", false, "r-second", "r-third")
	renewed := d.Refresh(orytest.Refresh{
		Consent: orytest.Consent{Challenge: "second", Client: "app", Subject: "v", Scope: []string{"openid", "offline", "a"}, At: d.now},
		At:      d.now, ExpiresAt: d.now.Add(24 * time.Hour),
	})
	want := unchanged()
	maps.Copy(want, map[string]string{"authorization app second": server.ImportEnded, "authorization public third": server.ImportEnded})
	dry := from
	dry.DryRun = true
	for name, o := range map[string]server.ImportORY{"the dry run": dry, "a dry run once more": dry} {
		got, _, err := take(t, home, o)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name, got, want)
	}
	got, _, err := take(t, home, from)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the second report", got, want)

	w := newWorldAt(t, home)
	c := &party{ID: "app", Secret: oldSecret}
	for name, token := range map[string]string{"replaced over there": d.other, "replaced before": d.spent, "not known here": renewed} {
		if r := w.refresh(t, c, token); r.Status != 400 {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	if r := w.refresh(t, &party{ID: "public"}, d.revoked); r.Status != 400 {
		t.Errorf("revoked over there: %d %s", r.Status, r.Body)
	}
	used := w.refresh(t, c, d.live).object(t, 200)
	// What is used here is this server's, whatever the other one does later.
	d.Exec("UPDATE hydra_oauth2_refresh SET active = ? WHERE request_id = ?", false, "r-remembered")
	if got, _, err = take(t, home, from); err != nil || got["authorization app remembered"] != server.ImportUnchanged {
		t.Errorf("the third import: %v, %v", got, err)
	}
	w.refresh(t, c, used["refresh_token"]).object(t, 200)
}

// A chain with a grace period has several tokens that can be used. Each ends
// when it would have; one that has ended is unknown, and no sign of a thief.
func TestImportORYEndsOfTokens(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	consent := orytest.Consent{Challenge: "branches", Client: "app", Subject: "w", Scope: []string{"openid", "offline"}, At: d.now.Add(-48 * time.Hour)}
	d.Consent(consent)
	token := func(at, until time.Duration) string {
		return d.Refresh(orytest.Refresh{Consent: consent, At: d.now.Add(at), ExpiresAt: d.now.Add(until)})
	}
	ended, ends, last := token(-48*time.Hour, -8*time.Hour), token(-47*time.Hour, time.Hour), token(-46*time.Hour, 24*time.Hour)
	if _, _, err := take(t, home, server.ImportORY{DSN: oauth.Secret(d.DSN)}); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, home)
	c := &party{ID: "app", Secret: oldSecret}
	if !w.active(t, ends) || !w.active(t, last) {
		t.Error("a token that has not ended is not active")
	}
	w.clock.Advance(2 * time.Hour)
	for name, v := range map[string]string{"before the import": ended, "since": ends} {
		if r := w.refresh(t, c, v); r.Status != 400 || w.active(t, v) {
			t.Errorf("a token that ended %s: %d %s", name, r.Status, r.Body)
		}
	}
	w.refresh(t, c, last).object(t, 200)
}

// Attack: a token that was replaced long ago is not "repeated" because another
// was renewed a moment ago, or because the other server's clock is ahead.
func TestImportORYGivesNoGrace(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	consent := orytest.Consent{Challenge: "fresh", Client: "app", Subject: "w", Scope: []string{"openid", "offline"}, At: d.now.Add(-time.Hour)}
	d.Consent(consent)
	old := d.Refresh(orytest.Refresh{Consent: consent, At: d.now.Add(-time.Hour), Spent: true})
	d.Refresh(orytest.Refresh{Consent: consent, At: d.now.Add(-time.Minute), Spent: true})
	live := d.Refresh(orytest.Refresh{Consent: consent, At: d.now.Add(10 * time.Minute)})
	if _, _, err := take(t, home, server.ImportORY{DSN: oauth.Secret(d.DSN)}); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, home)
	c := &party{ID: "app", Secret: oldSecret}
	if r := w.refresh(t, c, old); r.Status != 400 {
		t.Errorf("an old token: %d %s", r.Status, r.Body)
	}
	if r := w.refresh(t, c, live); r.Status != 400 {
		t.Errorf("its reuse did not end the chain: %d %s", r.Status, r.Body)
	}
}

// A client that is here with another secret is told, and gets the other
// server's when the operator wants it.
func TestImportORYOtherSecret(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	from := server.ImportORY{DSN: oauth.Secret(d.DSN)}
	if _, _, err := take(t, home, from); err != nil {
		t.Fatal(err)
	}
	d.Exec("UPDATE hydra_client SET client_secret = ? WHERE id = 'app'", oldHash(t, orytest.V1))
	for _, step := range []struct {
		replace bool
		want    string
	}{{false, server.ImportDiffers}, {true, server.ImportUpdated}, {true, server.ImportUnchanged}, {false, server.ImportUnchanged}} {
		from.Replace = step.replace
		if got, _, err := take(t, home, from); err != nil || got["client app"] != step.want {
			t.Errorf("overwrite %t: %q, %v, want %q", step.replace, got["client app"], err, step.want)
		}
	}
	w := newWorldAt(t, home)
	w.token(t, &party{ID: "app", Secret: oldSecret}, "grant_type", "client_credentials").object(t, 200)
}
