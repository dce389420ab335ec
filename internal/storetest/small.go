package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var smallChecks = []check{
	{"a request comes back, and is never changed", requests},
	{"a one-time value is remembered once, however many bring it", replays},
	{"a revoked token is listed, within the client's bound", revokedTokens},
	{"a lease has one owner at a time", leases},
	{"one of many gets a free lease", leaseRace},
	{"a setting is written once", settings},
	{"a token of another server is taken over once", imports},
	{"secrets of other servers are kept, and tell the caches", importedSecrets},
}

func requests(t *testing.T, f *fixture) {
	want := &oauth.StoredRequest{ID: newID(), Kind: 2, ClientUID: newID(), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
		PurgeAt: noon.Add(2 * time.Hour), Data: []byte("sealed")}
	must(t, f.AddRequest(t.Context(), want))
	again := *want
	again.Data = []byte("something else")
	must(t, f.AddRequest(t.Context(), &again))
	got, err := f.Request(t.Context(), want.ID)
	must(t, err)
	wantSame(t, "request", got, want)
	_, err = f.Request(t.Context(), newID())
	wantErr(t, "Request()", err, oauth.ErrNotFound)
	same := &oauth.StoredRequest{ID: newID()}
	if n := race(t, nil, func(ctx context.Context, _ int) error { return f.AddRequest(ctx, same) }); n != contenders {
		t.Errorf("%d of %d could store the same request", n, contenders)
	}
}

func replays(t *testing.T, f *fixture) {
	id := newID()
	if wins := race(t, oauth.ErrExists, func(ctx context.Context, _ int) error { return f.AddReplay(ctx, id, noon) }); wins != 1 {
		t.Errorf("%d callers brought the value first, want 1", wins)
	}
	wantErr(t, "AddReplay()", f.AddReplay(t.Context(), id, noon.Add(time.Hour)), oauth.ErrExists)
	id[15]++
	must(t, f.AddReplay(t.Context(), id, noon))
}

func revokedTokens(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	listed := func(token, client oauth.ID) (bool, oauth.ClientState) {
		t.Helper()
		state, listed, err := f.MachineToken(t.Context(), token, client)
		must(t, err)
		return listed, state
	}
	var tokens []oauth.ID
	for range 3 {
		id := newID()
		tokens = append(tokens, id)
		must(t, f.RevokeToken(t.Context(), id, c.UID, noon, 3))
	}
	must(t, f.RevokeToken(t.Context(), tokens[0], c.UID, noon, 3)) // again, although the list is full
	wantErr(t, "RevokeToken() above the bound", f.RevokeToken(t.Context(), newID(), c.UID, noon, 3), oauth.ErrGone)
	must(t, f.RevokeToken(t.Context(), newID(), newID(), noon, 3)) // another client's list
	for _, id := range tokens {
		if is, state := listed(id, c.UID); !is || !state.Exists || state.ID != "app" {
			t.Errorf("MachineToken() = %v, %+v", is, state)
		}
	}
	if is, state := listed(newID(), c.UID); is || !state.Exists {
		t.Errorf("MachineToken() of a living token = %v, %+v", is, state)
	}
	if is, state := listed(tokens[0], newID()); !is || state.Exists {
		t.Errorf("MachineToken() without client = %v, %+v", is, state)
	}
}

func leases(t *testing.T, f *fixture) {
	a, b := newID(), newID()
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for _, step := range []struct {
		name  string
		lease string
		owner oauth.ID
		now   int
		until int
		want  bool
	}{
		{"free", "purge", a, 0, 10, true},
		{"taken", "purge", b, 9, 19, false},
		{"another lease", "rotate", b, 9, 19, true},
		{"another name's spelling", "Purge", b, 9, 19, true},
		{"renewed", "purge", a, 9, 20, true},
		{"still taken", "purge", b, 19, 29, false},
		{"expired", "purge", b, 20, 30, true},
		{"lost", "purge", a, 21, 31, false},
	} {
		got, err := f.TakeLease(t.Context(), step.lease, step.owner, at(step.now), at(step.until))
		if got != step.want || err != nil {
			t.Errorf("%s: TakeLease() = %v, %v, want %v", step.name, got, err, step.want)
		}
	}
	must(t, f.DropLease(t.Context(), "purge", a)) // not a's any more
	if got, err := f.TakeLease(t.Context(), "purge", a, at(22), at(32)); got || err != nil {
		t.Errorf("TakeLease() after a stranger's drop = %v, %v", got, err)
	}
	must(t, f.DropLease(t.Context(), "purge", b))
	if got, err := f.TakeLease(t.Context(), "purge", a, at(22), at(32)); !got || err != nil {
		t.Errorf("TakeLease() after the drop = %v, %v", got, err)
	}
	must(t, f.DropLease(t.Context(), "unknown", a))
}

func leaseRace(t *testing.T, f *fixture) {
	for _, now := range []time.Time{noon, noon.Add(time.Hour)} { // free, then expired
		wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error {
			got, err := f.TakeLease(ctx, "purge", newID(), now, now.Add(time.Hour))
			if err == nil && !got {
				return oauth.ErrUsed
			}
			return err
		})
		if wins != 1 {
			t.Errorf("%d nodes got the lease, want 1", wins)
		}
	}
}

func settings(t *testing.T, f *fixture) {
	_, err := f.Setting(t.Context(), "canary")
	wantErr(t, "Setting()", err, oauth.ErrNotFound)
	must(t, f.AddSetting(t.Context(), "canary", []byte{0, 1}))
	wantErr(t, "AddSetting()", f.AddSetting(t.Context(), "canary", []byte{0, 1}), oauth.ErrExists)
	must(t, f.AddSetting(t.Context(), "Canary", nil))
	got, err := f.Setting(t.Context(), "canary")
	must(t, err)
	wantSame(t, "canary", got, []byte{0, 1})
	wins := race(t, oauth.ErrExists, func(ctx context.Context, n int) error { return f.AddSetting(ctx, "first", []byte{byte(n)}) })
	if wins != 1 {
		t.Errorf("%d callers wrote the setting, want 1", wins)
	}
	wantErr(t, "AddSetting() with NUL", f.AddSetting(t.Context(), "a\x00", nil), oauth.InvalidRequest)
	_, err = f.Setting(t.Context(), "a\x00")
	wantErr(t, "Setting() with NUL", err, oauth.ErrNotFound)
	_, err = f.TakeLease(t.Context(), "a\x00", newID(), noon, noon)
	wantErr(t, "TakeLease() with NUL", err, oauth.InvalidRequest)
	wantErr(t, "DropLease() with NUL", f.DropLease(t.Context(), "a\x00", newID()), oauth.InvalidRequest)
}

func imports(t *testing.T, f *fixture) {
	want := &oauth.ImportedToken{ID: newID(), Chain: newID(), Generation: 1, ExpiresAt: oauth.Never}
	_, err := f.ImportedToken(t.Context(), want.ID)
	wantErr(t, "ImportedToken()", err, oauth.ErrNotFound)
	wins := race(t, oauth.ErrExists, func(ctx context.Context, _ int) error { return f.AddImportedToken(ctx, want) })
	if wins != 1 {
		t.Errorf("%d callers took the token over, want 1", wins)
	}
	got, err := f.ImportedToken(t.Context(), want.ID)
	must(t, err)
	wantSame(t, "token", got, want)

	gone := &oauth.ImportedToken{ID: bucketID(3), Chain: newID(), ExpiresAt: noon}
	must(t, f.AddImportedToken(t.Context(), gone))
	deleted, _, err := f.Purge(t.Context(), oauth.ExpiredImportedTokens, 3, noon, later, 10)
	must(t, err)
	if deleted != 1 {
		t.Errorf("Purge() deleted %d rows, want the one that has expired", deleted)
	}
	_, err = f.ImportedToken(t.Context(), gone.ID)
	wantErr(t, "ImportedToken() after the purge", err, oauth.ErrNotFound)
	_, err = f.ImportedToken(t.Context(), want.ID)
	must(t, err)
}

func importedSecrets(t *testing.T, f *fixture) {
	before, err := f.Versions(t.Context())
	must(t, err)
	want := oauth.ImportedSecret{ID: newID(), CreatedAt: noon, Data: []byte{0, 255}}
	must(t, f.AddImportedSecret(t.Context(), &want))
	wantErr(t, "AddImportedSecret()", f.AddImportedSecret(t.Context(), &want), oauth.ErrExists)
	got, err := f.ImportedSecrets(t.Context())
	must(t, err)
	wantSame(t, "secrets", got, []oauth.ImportedSecret{want})
	after, err := f.Versions(t.Context())
	must(t, err)
	if after.Seal != before.Seal+1 {
		t.Errorf("the version of sealed values went from %d to %d", before.Seal, after.Seal)
	}
}
