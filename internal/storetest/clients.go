package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var clientChecks = []check{
	{"everything comes back", clientRoundTrip},
	{"unknown ids are not found", clientUnknown},
	{"ids are compared byte for byte", clientBytes},
	{"a taken id exists", clientExists},
	{"one of many new clients gets an id", clientAddRace},
	{"one of many updates wins", clientUpdateRace},
	{"secrets stay, are replaced or go", clientSecrets},
	{"delete leaves nothing that comes back to life", clientDelete},
	{"lists are in byte order and page", clientList},
	{"lists go on behind an id", clientListFrom},
	{"lists and counts are narrowed by owner and name", clientFilters},
	{"epochs only rise", clientEpoch},
	{"each change raises the version of its group", clientVersions},
}

func fullClient() (*oauth.Client, []oauth.ClientSecret) {
	yes, hour := true, time.Hour
	uid := newID()
	c := &oauth.Client{
		UID: uid, ID: "app/%20 🙂'\"", Epoch: 3, Version: 7, CreatedAt: noon, UpdatedAt: noon.Add(time.Microsecond),
		ExpiresAt: oauth.Never, RegistrationGeneration: 2, Name: "Näme <b>&", Owner: "own\ter", RedirectURIs: []string{"https://a/?b=c&d", "x:/"},
		GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code"}, Scope: "a b", Audience: []string{"https://api"},
		Contacts: []string{"a@b"}, AllowedCORSOrigins: []string{"https://c"}, SubjectType: "public", JWKS: json.RawMessage(`{"keys":[]}`),
		AuthMethod: "client_secret_post", Metadata: json.RawMessage(`{"a":"<&>","n":12345678901234567890}`), SkipLogoutConsent: &yes,
		Lifespans: oauth.Lifespans{RefreshAccess: &hour},
	}
	secrets := []oauth.ClientSecret{
		{ID: newID(), ClientUID: uid, Hash: "$old$", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)},
		{ID: newID(), ClientUID: uid, Hash: "$new$", Sealed: []byte{0, 1, 255}, CreatedAt: noon.Add(time.Second), ExpiresAt: oauth.Never},
	}
	return c, secrets
}

func clientRoundTrip(t *testing.T, f *fixture) {
	c, secrets := fullClient()
	must(t, f.AddClient(t.Context(), c, secrets))
	got, gotSecrets, err := f.Client(t.Context(), c.ID)
	must(t, err)
	wantSame(t, "client", got, c)
	wantSame(t, "secrets", gotSecrets, secrets)
}

func clientUnknown(t *testing.T, f *fixture) {
	_, _, err := f.Client(t.Context(), "nobody")
	wantErr(t, "Client()", err, oauth.ErrNotFound)
	_, _, err = f.Client(t.Context(), "nul\x00")
	wantErr(t, "Client() with NUL", err, oauth.ErrNotFound)
	for _, id := range []string{"nobody", "nul\x00"} {
		_, err = f.ReadClient(t.Context(), id)
		wantErr(t, "ReadClient()", err, oauth.ErrNotFound)
	}
	wantErr(t, "DeleteClient()", f.DeleteClient(t.Context(), "nobody", noon), oauth.ErrNotFound)
	wantErr(t, "RaiseEpoch()", f.RaiseEpoch(t.Context(), "nobody"), oauth.ErrNotFound)
	wantErr(t, "UpdateClient()", f.UpdateClient(t.Context(), &oauth.Client{UID: newID(), ID: "nobody"}, nil), oauth.ErrUsed)
	list, err := f.ListClients(t.Context(), oauth.ClientQuery{Limit: 10})
	if err != nil || len(list) != 0 {
		t.Errorf("ListClients() = %v, %v, want none", list, err)
	}
}

// foreignNames differ only in what a careless comparison would drop.
var foreignNames = []string{"foo", "Foo", "FOO", "foo ", " foo", "fóo", "fo\u0301o", "foo/", "foo%", "foo%2F", "fo_", "f%", "🙂", "🙃", "foo\u200b", "ﬀoo", ""}

func clientBytes(t *testing.T, f *fixture) {
	uids := map[string]oauth.ID{}
	for _, id := range foreignNames {
		uids[id] = f.addClient(t, id).UID
	}
	for _, id := range foreignNames {
		c, _, err := f.Client(t.Context(), id)
		must(t, err)
		if c.UID != uids[id] || c.ID != id {
			t.Errorf("Client(%q) is %q", id, c.ID)
		}
		alone, err := f.ReadClient(t.Context(), id)
		must(t, err)
		wantSame(t, "ReadClient()", alone, c)
	}
}

func clientExists(t *testing.T, f *fixture) {
	first := f.addClient(t, "app")
	second := &oauth.Client{UID: newID(), ID: "app", ExpiresAt: oauth.Never}
	secret := []oauth.ClientSecret{{ID: newID(), Hash: "x", ExpiresAt: oauth.Never}}
	wantErr(t, "AddClient()", f.AddClient(t.Context(), second, secret), oauth.ErrExists)
	c, secrets, err := f.Client(t.Context(), "app")
	must(t, err)
	if c.UID != first.UID || len(secrets) != 0 {
		t.Errorf("the refused client left traces: %v, %v", c.UID, secrets)
	}
	wantErr(t, "AddClient() with NUL", f.AddClient(t.Context(), &oauth.Client{UID: newID(), ID: "a\x00"}, nil), oauth.InvalidRequest)
}

func clientAddRace(t *testing.T, f *fixture) {
	wins := race(t, oauth.ErrExists, func(ctx context.Context, n int) error {
		return f.AddClient(ctx, &oauth.Client{UID: newID(), ID: "app", Version: int64(n), ExpiresAt: oauth.Never}, nil)
	})
	if wins != 1 {
		t.Errorf("%d clients got the id, want 1", wins)
	}
}

func clientUpdateRace(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, n int) error {
		mine := *c
		mine.Name = fmt.Sprint("writer ", n)
		return f.UpdateClient(ctx, &mine, []oauth.ClientSecret{{ID: newID(), Hash: mine.Name, ExpiresAt: oauth.Never}})
	})
	got, secrets, err := f.Client(t.Context(), "app")
	must(t, err)
	if wins != 1 || got.Version != c.Version+1 {
		t.Errorf("%d updates won and the version is %d, want 1 and %d", wins, got.Version, c.Version+1)
	}
	if len(secrets) != 1 || secrets[0].Hash != got.Name {
		t.Errorf("the client is %q and its secrets are %v: two updates are mixed", got.Name, secrets)
	}
}

func clientSecrets(t *testing.T, f *fixture) {
	c, secrets := fullClient()
	must(t, f.AddClient(t.Context(), c, secrets))
	for _, step := range []struct {
		name string
		put  []oauth.ClientSecret
		want int
	}{{"nil leaves them", nil, 2}, {"a list replaces them", secrets[:1], 1}, {"an empty list removes them", []oauth.ClientSecret{}, 0}} {
		must(t, f.UpdateClient(t.Context(), c, step.put))
		c.Version++
		_, got, err := f.Client(t.Context(), c.ID)
		must(t, err)
		if len(got) != step.want {
			t.Errorf("%s: %d secrets, want %d", step.name, len(got), step.want)
		}
	}
}

func clientDelete(t *testing.T, f *fixture) {
	c, secrets := fullClient()
	must(t, f.AddClient(t.Context(), c, secrets))
	g := f.addGrant(t, c.UID, nil)
	must(t, f.DeleteClient(t.Context(), c.ID, noon))
	_, _, err := f.Client(t.Context(), c.ID)
	wantErr(t, "Client() after delete", err, oauth.ErrNotFound)
	again := f.addClient(t, c.ID)
	_, left, err := f.Client(t.Context(), again.ID)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("the new client inherited %d secrets", len(left))
	}
	if row := f.grant(t, g.ID); row.Client.Exists {
		t.Error("the old client's Grant found the new client")
	}
	state, _, err := f.MachineToken(t.Context(), newID(), c.UID)
	must(t, err)
	if state.Exists {
		t.Error("the old client's token found the new client")
	}
}

func clientList(t *testing.T, f *fixture) {
	want := []string{}
	for i := range 23 {
		want = append(want, fmt.Sprintf("%c-%d", "aAzZ🙂"[i%4], i))
	}
	for _, id := range want {
		f.addClient(t, id)
	}
	slices.Sort(want)
	var got []string
	for offset := 0; ; offset += 5 {
		page, err := f.ListClients(t.Context(), oauth.ClientQuery{Offset: offset, Limit: 5})
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			got = append(got, c.ID)
		}
	}
	wantSame(t, "all pages", got, want)
}

// Paging by place shows everything once, in spite of clients that come and go
// in between.
func clientListFrom(t *testing.T, f *fixture) {
	for _, id := range foreignNames {
		f.addClient(t, id)
	}
	want := slices.Sorted(slices.Values(foreignNames))
	var got []string
	var after *string
	for n := 0; ; n++ {
		page, err := f.ListClients(t.Context(), oauth.ClientQuery{After: after, Limit: 3})
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			got = append(got, c.ID)
		}
		after = &page[len(page)-1].ID
		f.addClient(t, fmt.Sprint("\x01", n)) // before the place: never seen
		if n == 0 {
			must(t, f.DeleteClient(t.Context(), *after, noon)) // the place itself: no harm
		}
	}
	wantSame(t, "all pages", got, want)
	_, err := f.ListClients(t.Context(), oauth.ClientQuery{After: new("a\x00"), Limit: 3})
	wantErr(t, "ListClients() behind NUL", err, oauth.InvalidRequest)
}

func clientFilters(t *testing.T, f *fixture) {
	for i, c := range []struct{ owner, name string }{{"me", "App"}, {"me", "app"}, {"Me", "App"}, {"", ""}, {"me", "App"}} {
		must(t, f.AddClient(t.Context(), &oauth.Client{UID: newID(), ID: fmt.Sprint(i), Owner: c.owner, Name: c.name, ExpiresAt: oauth.Never}, nil))
	}
	for _, test := range []struct {
		filter oauth.ClientFilter
		want   []string
	}{
		{oauth.ClientFilter{}, []string{"0", "1", "2", "3", "4"}},
		{oauth.ClientFilter{Owner: "me"}, []string{"0", "1", "4"}},
		{oauth.ClientFilter{Name: "App"}, []string{"0", "2", "4"}},
		{oauth.ClientFilter{Owner: "me", Name: "App"}, []string{"0", "4"}},
		{oauth.ClientFilter{Owner: "nobody"}, nil},
		{oauth.ClientFilter{Owner: "a\x00b", Name: "App"}, nil},
	} {
		n, err := f.CountClients(t.Context(), test.filter)
		if n != len(test.want) || err != nil {
			t.Errorf("CountClients(%+v) = %d, %v, want %d", test.filter, n, err, len(test.want))
		}
		list := func(q oauth.ClientQuery) (ids []string) {
			q.ClientFilter = test.filter
			page, err := f.ListClients(t.Context(), q)
			must(t, err)
			for _, c := range page {
				ids = append(ids, c.ID)
			}
			return ids
		}
		wantSame(t, "list", list(oauth.ClientQuery{Limit: 10}), test.want)
		if len(test.want) > 1 {
			wantSame(t, "second", list(oauth.ClientQuery{Offset: 1, Limit: 1}), test.want[1:2])
			wantSame(t, "behind the first", list(oauth.ClientQuery{After: &test.want[0], Limit: 10}), test.want[1:])
		}
	}
	// An update moves a client from one owner to the other.
	c, _, err := f.Client(t.Context(), "1")
	must(t, err)
	c.Owner = "you"
	must(t, f.UpdateClient(t.Context(), c, nil))
	if n, err := f.CountClients(t.Context(), oauth.ClientFilter{Owner: "you"}); n != 1 || err != nil {
		t.Errorf("CountClients() after the update = %d, %v, want 1", n, err)
	}
}

func clientEpoch(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	must(t, f.RaiseEpoch(t.Context(), "app"))
	wantErr(t, "UpdateClient() of an older version", f.UpdateClient(t.Context(), c, nil), oauth.ErrUsed)
	got, _, err := f.Client(t.Context(), "app")
	must(t, err)
	if got.Epoch != 1 || got.Version != c.Version+1 {
		t.Errorf("epoch %d, version %d; want 1, %d", got.Epoch, got.Version, c.Version+1)
	}
	got.Epoch = 0
	must(t, f.UpdateClient(t.Context(), got, nil))
	state, _, err := f.MachineToken(t.Context(), newID(), c.UID)
	must(t, err)
	wantSame(t, "state", state, oauth.ClientState{Exists: true, ID: "app", Epoch: 1, Version: c.Version + 2})
}

func clientVersions(t *testing.T, f *fixture) {
	c := &oauth.Client{UID: newID(), ID: "app", ExpiresAt: oauth.Never}
	raises(t, f, func(v oauth.VersionSet) int64 { return v.Clients }, map[string]func() error{
		"1 add":    func() error { return f.AddClient(t.Context(), c, nil) },
		"2 update": func() error { return f.UpdateClient(t.Context(), c, nil) },
		"3 epoch":  func() error { return f.RaiseEpoch(t.Context(), "app") },
		"4 delete": func() error { return f.DeleteClient(t.Context(), "app", noon) },
	})
}

// raises checks, in the order of their names, that each change moves the
// counter of its group and no other.
func raises(t *testing.T, f *fixture, group func(oauth.VersionSet) int64, changes map[string]func() error) {
	t.Helper()
	sum := func(v oauth.VersionSet) int64 { return v.Clients + v.Keys + v.Seal }
	for _, name := range slices.Sorted(keysOf(changes)) {
		before, err := f.Versions(t.Context())
		must(t, err)
		if err := changes[name](); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after, err := f.Versions(t.Context())
		must(t, err)
		if moved := group(after) - group(before); moved != 1 || sum(after)-sum(before) != moved {
			t.Errorf("%s: versions went from %+v to %+v", name, before, after)
		}
	}
}
