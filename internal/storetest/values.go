package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var valueChecks = []check{
	{"times keep their microseconds", valueTimes},
	{"large values come back", valueLarge},
	{"ids differ in every byte", valueIDs},
	{"what was acknowledged is seen at once", valueReadOwnWrites},
	{"ping answers", valuePing},
}

func valueTimes(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	east := time.FixedZone("east", 5*3600)
	for name, test := range map[string]struct{ put, want time.Time }{
		"zero":                 {time.Time{}, time.Time{}},
		"microsecond":          {noon.Add(time.Microsecond), noon.Add(time.Microsecond)},
		"finer is cut":         {noon.Add(1999 * time.Nanosecond), noon.Add(time.Microsecond)},
		"another zone":         {noon.In(east), noon},
		"never":                {oauth.Never, oauth.Never},
		"later than never":     {time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), oauth.Never},
		"just before never":    {time.UnixMicro(math.MaxInt64 - 1), time.UnixMicro(math.MaxInt64 - 1).UTC()},
		"before 1970":          {time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)},
		"monotonic is dropped": {time.Now().Truncate(time.Microsecond), time.Now()},
	} {
		if name == "monotonic is dropped" {
			test.want = test.put.UTC().Round(0)
		}
		g := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.ConsentUntil, g.ExpiresAt = test.put, test.put })
		row := f.grant(t, g.ID)
		if row.ConsentUntil != test.want || row.ExpiresAt != test.want {
			t.Errorf("%s: %v and %v, want %v", name, row.ConsentUntil, row.ExpiresAt, test.want)
		}
	}
}

func valueLarge(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	for _, size := range []int{1, 64 << 10, 1 << 20} {
		data := bytes.Repeat([]byte{0, 255, '\'', 'x'}, size/4+1)[:size]
		g := f.addGrant(t, c.UID, func(g *oauth.Grant) { g.Data, g.HookData = data, data })
		row := f.grant(t, g.ID)
		if !bytes.Equal(row.Data, data) || !bytes.Equal(row.HookData, data) {
			t.Errorf("%d bytes came back as %d and %d", size, len(row.Data), len(row.HookData))
		}
	}
	big := &oauth.Client{UID: newID(), ID: strings.Repeat("é", 1000), Version: 1, ExpiresAt: oauth.Never,
		Metadata: json.RawMessage(`"` + strings.Repeat("m", 64<<10) + `"`)}
	must(t, f.AddClient(t.Context(), big, nil))
	got, _, err := f.Client(t.Context(), big.ID)
	must(t, err)
	wantSame(t, "client", got, big)
}

func valueIDs(t *testing.T, f *fixture) {
	base := newID()
	base[0] = 0
	must(t, f.AddReplay(t.Context(), base, noon))
	for i := range base {
		for _, bit := range []byte{1, 0x20, 0x80} {
			id := base
			id[i] ^= bit
			if err := f.AddReplay(t.Context(), id, noon); err != nil {
				t.Errorf("byte %d, bit %#x: %v", i, bit, err)
			}
		}
	}
}

func valueReadOwnWrites(t *testing.T, f *fixture) {
	wins := race(t, nil, func(ctx context.Context, n int) error {
		for i := range 25 {
			name := fmt.Sprint(n, "-", i)
			if err := f.AddSetting(ctx, name, []byte(name)); err != nil {
				return err
			}
			if v, err := f.Setting(ctx, name); err != nil || string(v) != name {
				return fmt.Errorf("Setting(%q) = %q, %w", name, v, err)
			}
		}
		return nil
	})
	if wins != contenders {
		t.Errorf("%d of %d callers saw all that they wrote", wins, contenders)
	}
}

func valuePing(t *testing.T, f *fixture) {
	must(t, f.Ping(t.Context()))
	must(t, f.Ping(t.Context()))
	if err := f.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if err := f.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
	if err := f.AddReplay(t.Context(), newID(), noon); err == nil {
		t.Error("a closed store takes writes")
	}
	if err := f.Tx(t.Context(), func(oauth.Store) error { return nil }); err == nil {
		t.Error("a closed store begins transactions")
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close() again = %v", err)
	}
}
