package storetest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
)

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

var keyChecks = []check{
	{"everything comes back, newest first", keyRoundTrip},
	{"set and key names are compared byte for byte", keyBytes},
	{"all keys are added or none", keyAddAll},
	{"one of many first starts makes the key", keySlotRace},
	{"replace, put and delete", keyReplace},
	{"of many replacements at once one is left, whole", keyReplaceRace},
	{"each change raises the version of its group", keyVersions},
	{"keys are retired once, and none comes back", keyRetire},
	{"names with NUL never reach the database", keyNUL},
}

func keyRow(set, kid string) oauth.KeyRow {
	return oauth.KeyRow{Set: set, KID: kid, Alg: "RS256", Use: "sig", Slot: newID(), CreatedAt: noon, ActiveFrom: noon,
		VerifyUntil: oauth.Never, Data: []byte(set + kid)}
}

func keyRoundTrip(t *testing.T, f *fixture) {
	older, newer := keyRow("set", "older"), keyRow("set", "newer")
	newer.CreatedAt = noon.Add(time.Microsecond)
	older.RetiredAt, older.VerifyUntil = noon.Add(time.Hour), noon.Add(2*time.Hour)
	must(t, f.AddKeys(t.Context(), []oauth.KeyRow{older, newer}))
	got, err := f.KeySet(t.Context(), "set")
	must(t, err)
	wantSame(t, "set", got, []oauth.KeyRow{newer, older})
	got, err = f.KeySet(t.Context(), "unknown")
	if err != nil || len(got) != 0 {
		t.Errorf("KeySet() of an unknown set = %v, %v", got, err)
	}
}

func keyBytes(t *testing.T, f *fixture) {
	for _, name := range foreignNames {
		must(t, f.AddKeys(t.Context(), []oauth.KeyRow{keyRow(name, "kid"), keyRow("one set", name)}))
	}
	for _, name := range foreignNames {
		got, err := f.KeySet(t.Context(), name)
		must(t, err)
		if len(got) != 1 || got[0].Set != name {
			t.Errorf("KeySet(%q) = %v", name, got)
		}
	}
	if got, err := f.KeySet(t.Context(), "one set"); err != nil || len(got) != len(foreignNames) {
		t.Errorf("%d keys, %v; want %d", len(got), err, len(foreignNames))
	}
}

func keyAddAll(t *testing.T, f *fixture) {
	taken := keyRow("set", "taken")
	must(t, f.AddKeys(t.Context(), []oauth.KeyRow{taken}))
	sameKID, sameSlot := keyRow("set", "taken"), keyRow("set", "other")
	sameSlot.Slot = taken.Slot
	for name, bad := range map[string]oauth.KeyRow{"kid": sameKID, "slot": sameSlot} {
		err := f.AddKeys(t.Context(), []oauth.KeyRow{keyRow("set", "good"), bad})
		wantErr(t, "AddKeys() with a taken "+name, err, oauth.ErrExists)
	}
	got, err := f.KeySet(t.Context(), "set")
	must(t, err)
	wantSame(t, "set", got, []oauth.KeyRow{taken})
}

func keySlotRace(t *testing.T, f *fixture) {
	slot := newID()
	wins := race(t, oauth.ErrExists, func(ctx context.Context, n int) error {
		private, public := keyRow("set", "private:"+newID().String()), keyRow("set", "public:"+newID().String())
		private.Slot = slot
		return f.AddKeys(ctx, []oauth.KeyRow{public, private})
	})
	got, err := f.KeySet(t.Context(), "set")
	must(t, err)
	if wins != 1 || len(got) != 2 {
		t.Errorf("%d starts won and left %d keys, want 1 and 2", wins, len(got))
	}
}

func keyReplace(t *testing.T, f *fixture) {
	a, b, c := keyRow("set", "a"), keyRow("set", "b"), keyRow("set", "c")
	foreign := keyRow("other", "a")
	must(t, f.AddKeys(t.Context(), []oauth.KeyRow{a, b, foreign}))
	must(t, f.ReplaceKeySet(t.Context(), "set", []oauth.KeyRow{a, c})) // a again, byte for byte
	names := func(set string) map[string]string {
		rows, err := f.KeySet(t.Context(), set)
		must(t, err)
		m := map[string]string{}
		for _, k := range rows {
			m[k.KID] = string(k.Data)
		}
		return m
	}
	wantSame(t, "replaced set", names("set"), map[string]string{"a": "seta", "c": "setc"})
	c.Data = []byte("changed")
	must(t, f.ReplaceKeys(t.Context(), "set", []string{"c"}, []oauth.KeyRow{c}))
	must(t, f.ReplaceKeys(t.Context(), "set", []string{"d"}, []oauth.KeyRow{keyRow("set", "d")}))
	wantSame(t, "after put", names("set"), map[string]string{"a": "seta", "c": "changed", "d": "setd"})
	must(t, f.ReplaceKeys(t.Context(), "set", []string{"d", "e"}, []oauth.KeyRow{keyRow("set", "e")}))
	wantSame(t, "after a pair was put", names("set"), map[string]string{"a": "seta", "c": "changed", "e": "sete"})
	wantErr(t, "ReplaceKeys() of another kid", f.ReplaceKeys(t.Context(), "set", []string{"e"}, []oauth.KeyRow{keyRow("set", "a")}), oauth.ErrExists)

	duplicate := []oauth.KeyRow{keyRow("set", "x"), keyRow("set", "x")}
	wantErr(t, "ReplaceKeySet() with one kid twice", f.ReplaceKeySet(t.Context(), "set", duplicate), oauth.ErrExists)
	if len(names("set")) != 3 {
		t.Errorf("a refused replacement left %v", names("set"))
	}
	for _, step := range []struct {
		name string
		run  func() (int, error)
		want int
	}{
		{"DeleteKey()", func() (int, error) { return f.DeleteKey(t.Context(), "set", "a") }, 1},
		{"DeleteKey() again", func() (int, error) { return f.DeleteKey(t.Context(), "set", "a") }, 0},
		{"DeleteKeySet()", func() (int, error) { return f.DeleteKeySet(t.Context(), "set") }, 2},
		{"DeleteKeySet() again", func() (int, error) { return f.DeleteKeySet(t.Context(), "set") }, 0},
	} {
		if n, err := step.run(); n != step.want || err != nil {
			t.Errorf("%s = %d, %v, want %d", step.name, n, err, step.want)
		}
	}
	wantSame(t, "the other set", names("other"), map[string]string{"a": "othera"})
}

func keyReplaceRace(t *testing.T, f *fixture) {
	names := make([]string, contenders)
	for n := range names {
		names[n] = fmt.Sprintf("key %d", n)
	}
	race(t, nil, func(ctx context.Context, n int) error {
		return f.ReplaceKeySet(ctx, "set", []oauth.KeyRow{keyRow("set", names[n]), keyRow("set", names[n]+" too")})
	})
	got, err := f.KeySet(t.Context(), "set")
	must(t, err)
	if len(got) != 2 || strings.TrimSuffix(got[0].KID, " too") != strings.TrimSuffix(got[1].KID, " too") {
		t.Errorf("the set holds %d keys of several replacements", len(got))
	}
	race(t, nil, func(ctx context.Context, _ int) error {
		return f.ReplaceKeys(ctx, "one", []string{"same"}, []oauth.KeyRow{keyRow("one", "same")})
	})
	if got, err := f.KeySet(t.Context(), "one"); len(got) != 1 || err != nil {
		t.Errorf("%d keys, %v, after many have put one", len(got), err)
	}
}

func keyVersions(t *testing.T, f *fixture) {
	k := keyRow("set", "kid")
	count := func(_ int, err error) error { return err }
	raises(t, f, func(v oauth.VersionSet) int64 { return v.Keys }, map[string]func() error{
		"1 add":        func() error { return f.AddKeys(t.Context(), []oauth.KeyRow{k}) },
		"2 put":        func() error { return f.ReplaceKeys(t.Context(), "set", []string{"kid"}, []oauth.KeyRow{k}) },
		"3 delete":     func() error { return count(f.DeleteKey(t.Context(), "set", "kid")) },
		"4 replace":    func() error { return f.ReplaceKeySet(t.Context(), "set", []oauth.KeyRow{k}) },
		"5 retire":     func() error { return f.RetireKeys(t.Context(), "set", []string{"kid"}, noon, noon.Add(1)) },
		"6 delete all": func() error { return count(f.DeleteKeySet(t.Context(), "set")) },
	})
}

// A rotation retires keys once, and none that was removed meanwhile comes back.
func keyRetire(t *testing.T, f *fixture) {
	a, b := keyRow("set", "a"), keyRow("set", "b")
	must(t, f.AddKeys(t.Context(), []oauth.KeyRow{a, b, keyRow("other", "a")}))
	at := noon.Add(time.Hour)
	must(t, f.RetireKeys(t.Context(), "set", []string{"a", "removed"}, at, at.Add(time.Hour)))
	must(t, f.RetireKeys(t.Context(), "set", []string{"a"}, at.Add(time.Minute), at.Add(time.Minute)))
	must(t, f.RetireKeys(t.Context(), "set", nil, at, at))
	must(t, f.RetireKeys(t.Context(), "set", []string{"k\x00d"}, at, at))
	for set, want := range map[string]map[string]time.Time{"set": {"a": at, "b": {}}, "other": {"a": {}}} {
		rows, err := f.KeySet(t.Context(), set)
		must(t, err)
		got := map[string]time.Time{}
		for _, k := range rows {
			got[k.KID] = k.RetiredAt
			if retired := !k.RetiredAt.IsZero(); retired != k.VerifyUntil.Equal(at.Add(time.Hour)) {
				t.Errorf("%s/%s was retired at %v and verifies until %v", set, k.KID, k.RetiredAt, k.VerifyUntil)
			}
		}
		wantSame(t, "times of "+set, got, want)
	}
}

func keyNUL(t *testing.T, f *fixture) {
	bad := keyRow("s\x00t", "kid")
	wantErr(t, "AddKeys()", f.AddKeys(t.Context(), []oauth.KeyRow{bad}), oauth.InvalidRequest)
	wantErr(t, "ReplaceKeys()", f.ReplaceKeys(t.Context(), "s\x00t", nil, []oauth.KeyRow{bad}), oauth.InvalidRequest)
	wantErr(t, "ReplaceKeys()", f.ReplaceKeys(t.Context(), "set", []string{"k\x00d"}, nil), oauth.InvalidRequest)
	wantErr(t, "ReplaceKeySet()", f.ReplaceKeySet(t.Context(), "s\x00t", nil), oauth.InvalidRequest)
	if n, err := f.DeleteKeySet(t.Context(), "s\x00t"); n != 0 || err != nil {
		t.Errorf("DeleteKeySet() = %d, %v", n, err)
	}
	if n, err := f.DeleteKey(t.Context(), "set", "k\x00d"); n != 0 || err != nil {
		t.Errorf("DeleteKey() = %d, %v", n, err)
	}
	if rows, err := f.KeySet(t.Context(), "s\x00t"); len(rows) != 0 || err != nil {
		t.Errorf("KeySet() = %v, %v", rows, err)
	}
}
