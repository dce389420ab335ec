package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"hydra/internal/oauth"
)

var sealedChecks = []check{
	{"a walk meets every row once, in the order of its keys", sealedWalk},
	{"a replacement needs the value that it replaces", sealedReplace},
}

// fillSealedTables stores three rows or more of every table with sealed columns.
func fillSealedTables(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for uid, ids := range map[oauth.ID][]oauth.ID{{71}: {{1}, {2}}, {72}: {{1}}} { // two secrets of one client
		var secrets []oauth.ClientSecret
		for _, id := range ids {
			secrets = append(secrets, oauth.ClientSecret{ClientUID: uid, ID: id, Hash: "h", Sealed: []byte{0, 255}, ExpiresAt: oauth.Never})
		}
		must(t, f.AddClient(t.Context(), &oauth.Client{UID: uid, ID: "mac" + uid.String(), Version: 1, ExpiresAt: oauth.Never}, secrets))
	}
	for i := range byte(3) {
		id, data := oauth.ID{i + 1}, []byte{0, i, 255}
		must(t, f.AddGrant(t.Context(), &oauth.Grant{ID: id, ClientUID: c.UID, Kind: oauth.ConsentGrant, HandledAt: noon, CodeExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: data},
			oauth.Standing{Now: noon}))
		must(t, f.SpendCode(t.Context(), id, oauth.CodeSpend{Op: id, Now: noon, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, HookData: data}))
		must(t, f.PutSession(t.Context(), &oauth.Session{ID: id, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: data}, oauth.ID{}))
		must(t, f.AddRequest(t.Context(), &oauth.StoredRequest{ID: id, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: data}))
		must(t, f.AddDevice(t.Context(), &oauth.Device{ID: id, ClientUID: c.UID, UserCode: id, ExpiresAt: oauth.Never, Data: data}))
		must(t, f.AddLogoutCall(t.Context(), &oauth.LogoutCall{ID: id, ClientUID: c.UID, DueAt: oauth.Never, GiveUpAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: data}))
		must(t, f.AddSetting(t.Context(), fmt.Sprint("name", i), data))
		must(t, f.AddImportedSecret(t.Context(), &oauth.ImportedSecret{ID: id, CreatedAt: noon, Data: data}))
		for k := range byte(3) { // two keys of a walk can be in one set
			must(t, f.AddKeys(t.Context(), []oauth.KeyRow{{Set: fmt.Sprint("set", i), KID: fmt.Sprint("kid", k), Slot: oauth.ID{k}, Data: data}}))
		}
	}
}

func sealedWalk(t *testing.T, f *fixture) {
	fillSealedTables(t, f)
	for _, table := range oauth.SealedTables() {
		all, err := f.SealedRows(t.Context(), table, nil, 100)
		must(t, err)
		want := 3
		if table == oauth.SealedKeys {
			want = 9
		}
		if len(all) != want {
			t.Errorf("%s has %d rows, want %d", table, len(all), want)
		}
		var walked []oauth.SealedRow
		var after []byte
		for range want + 1 {
			rows, err := f.SealedRows(t.Context(), table, after, 1)
			must(t, err)
			for _, row := range rows {
				if bytes.Compare(after, row.Key) >= 0 {
					t.Errorf("%s: %x comes after %x", table, row.Key, after)
				}
				if table == oauth.SealedKeys && (row.Set == "" || row.KID == "") {
					t.Errorf("a key without a name: %+v", row)
				}
				after = row.Key
			}
			walked = append(walked, rows...)
		}
		wantSame(t, "rows one by one", walked, all)
	}
	if _, err := f.SealedRows(t.Context(), "clients", nil, 1); err == nil {
		t.Error("a table without sealed columns was walked over")
	}
}

func sealedReplace(t *testing.T, f *fixture) {
	fillSealedTables(t, f)
	for _, table := range oauth.SealedTables() {
		rows, err := f.SealedRows(t.Context(), table, nil, 1)
		must(t, err)
		row := rows[0]
		for _, c := range row.Columns {
			for _, step := range []struct {
				old  []byte
				want bool
			}{{[]byte("another"), false}, {c.Data, true}, {c.Data, false}} {
				got, err := f.ReplaceSealed(t.Context(), table, c.Name, row.Key, step.old, []byte("new"))
				if err != nil || got != step.want {
					t.Errorf("%s.%s: ReplaceSealed() = %v, %v, want %v", table, c.Name, got, err, step.want)
				}
			}
		}
		again, err := f.SealedRows(t.Context(), table, nil, 2)
		must(t, err)
		for i := range again[0].Columns {
			if string(again[0].Columns[i].Data) != "new" || string(again[1].Columns[i].Data) == "new" {
				t.Errorf("%s: the rows are %+v", table, again)
			}
		}
		if _, err := f.ReplaceSealed(t.Context(), table, "op_id", row.Key, nil, nil); err == nil {
			t.Errorf("%s: a column that is not sealed was replaced", table)
		}
	}
}
