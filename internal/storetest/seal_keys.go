package storetest

import (
	"context"
	"math"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var sealKeyChecks = []check{
	{"everything comes back", sealKeyRoundTrip},
	{"all are added or none", sealKeyAddAll},
	{"one of many first starts makes the key", sealKeySlotRace},
	{"put replaces, delete removes", sealKeyPut},
	{"each change raises the version of its group", sealKeyVersions},
}

func sealKey(kid uint32) oauth.SealKey {
	return oauth.SealKey{KID: kid, Kind: 3, Slot: newID(), AnnouncedAt: noon, ActiveFrom: noon.Add(time.Minute), DeleteAfter: oauth.Never,
		Data: []byte(newID().String())}
}

func sealKeyRoundTrip(t *testing.T, f *fixture) {
	low, high := sealKey(0), sealKey(math.MaxUint32)
	high.RetiredAt = noon.Add(time.Hour)
	must(t, f.AddSealKeys(t.Context(), []oauth.SealKey{high, low}))
	got, err := f.SealKeys(t.Context())
	must(t, err)
	wantSame(t, "keys", got, []oauth.SealKey{low, high})
}

func sealKeyAddAll(t *testing.T, f *fixture) {
	first := sealKey(1)
	must(t, f.AddSealKeys(t.Context(), []oauth.SealKey{first}))
	sameSlot := sealKey(3)
	sameSlot.Slot = first.Slot
	wantErr(t, "a taken kid", f.AddSealKeys(t.Context(), []oauth.SealKey{sealKey(2), sealKey(1)}), oauth.ErrExists)
	wantErr(t, "a taken slot", f.AddSealKeys(t.Context(), []oauth.SealKey{sealKey(2), sameSlot}), oauth.ErrExists)
	got, err := f.SealKeys(t.Context())
	must(t, err)
	wantSame(t, "keys", got, []oauth.SealKey{first})
	sameSlot.Kind++
	must(t, f.AddSealKeys(t.Context(), []oauth.SealKey{sameSlot})) // slots are unique per kind
}

func sealKeySlotRace(t *testing.T, f *fixture) {
	slot := newID()
	wins := race(t, oauth.ErrExists, func(ctx context.Context, n int) error {
		fixed := sealKey(uint32(1000 + n))
		fixed.Slot = slot
		return f.AddSealKeys(ctx, []oauth.SealKey{sealKey(uint32(n)), fixed})
	})
	got, err := f.SealKeys(t.Context())
	must(t, err)
	if wins != 1 || len(got) != 2 {
		t.Errorf("%d starts won and left %d keys, want 1 and 2", wins, len(got))
	}
}

func sealKeyPut(t *testing.T, f *fixture) {
	a, b := sealKey(1), sealKey(2)
	must(t, f.AddSealKeys(t.Context(), []oauth.SealKey{a, b}))
	a.Data, a.RetiredAt, a.DeleteAfter = []byte("wrapped anew"), noon, noon.Add(time.Hour)
	must(t, f.PutSealKey(t.Context(), a))
	wantErr(t, "PutSealKey() of none", f.PutSealKey(t.Context(), sealKey(9)), oauth.ErrNotFound)
	must(t, f.DeleteSealKeys(t.Context(), []uint32{2, 77}))
	got, err := f.SealKeys(t.Context())
	must(t, err)
	wantSame(t, "keys", got, []oauth.SealKey{a})
}

func sealKeyVersions(t *testing.T, f *fixture) {
	k := sealKey(1)
	raises(t, f, func(v oauth.VersionSet) int64 { return v.Seal }, map[string]func() error{
		"1 add":    func() error { return f.AddSealKeys(t.Context(), []oauth.SealKey{k}) },
		"2 put":    func() error { return f.PutSealKey(t.Context(), k) },
		"3 delete": func() error { return f.DeleteSealKeys(t.Context(), []uint32{1}) },
	})
}
