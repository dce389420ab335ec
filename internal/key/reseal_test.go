package key

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

// cutShort is a store that goes away after some replacements.
type cutShort struct {
	oauth.Sealed
	left int
}

var errCut = errors.New("the store is gone")

func (c *cutShort) ReplaceSealed(ctx context.Context, table oauth.SealedTable, column string, key, old, sealed []byte) (bool, error) {
	if c.left--; c.left < 0 {
		return false, errCut
	}
	return c.Sealed.ReplaceSealed(ctx, table, column, key, old, sealed)
}

// fillSealed stores n Grants with sealed columns, a signing key and a row of
// every other kind.
func fillSealed(t *testing.T, r *Ring, s *Service, store oauth.Store, n int) (check func(*Ring)) {
	t.Helper()
	seal := func(table, column string, id oauth.ID) []byte {
		data, err := r.Sealer.SealRow(table, column, id[:], []byte(table+column))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Ensure(t.Context(), "set", "ES256"))
	client := &oauth.Client{UID: oauth.ID{1}, ID: "app", ExpiresAt: oauth.Never}
	copied := oauth.ClientSecret{ClientUID: client.UID, ID: oauth.ID{3}, Hash: "h", ExpiresAt: oauth.Never}
	var err error
	copied.Sealed, err = r.Sealer.SealRow("client_secret_copies", "sealed", slices.Concat(copied.ClientUID[:], copied.ID[:]), []byte("secret"))
	must(err)
	must(store.AddClient(t.Context(), client, []oauth.ClientSecret{copied}))
	for i := range n {
		id := digest("grant", fmt.Sprint(i))
		g := &oauth.Grant{ID: id, ClientUID: client.UID, Kind: oauth.ConsentGrant, HandledAt: noon, ExpiresAt: oauth.Never, PurgeAt: oauth.Never,
			CodeExpiresAt: oauth.Never, Data: seal("grants", "data", id)}
		must(store.AddGrant(t.Context(), g, oauth.Standing{Now: noon}))
		if i%3 == 0 {
			must(store.SpendCode(t.Context(), id, oauth.CodeSpend{Op: id, Now: noon, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, HookData: seal("grants", "hook_data", id)}))
		}
	}
	one := oauth.ID{9}
	must(store.PutSession(t.Context(), &oauth.Session{ID: one, SubjectKey: oauth.ID{2}, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: seal("sessions", "data", one)}, oauth.ID{}))
	must(store.AddRequest(t.Context(), &oauth.StoredRequest{ID: one, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: seal("requests", "data", one)}))
	must(store.AddDevice(t.Context(), &oauth.Device{ID: one, ClientUID: client.UID, UserCode: one, ExpiresAt: oauth.Never, Data: seal("devices", "data", one)}))
	must(store.AddLogoutCall(t.Context(), &oauth.LogoutCall{ID: one, ClientUID: client.UID, DueAt: oauth.Never, GiveUpAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: seal("outbox", "data", one)}))
	must(store.AddImportedSecret(t.Context(), &oauth.ImportedSecret{ID: one, CreatedAt: noon, Data: seal("imported_secrets", "data", one)}))
	return func(r *Ring) {
		t.Helper()
		for i := range n {
			id := digest("grant", fmt.Sprint(i))
			g, err := store.Grant(t.Context(), id)
			must(err)
			if text, err := r.Sealer.OpenRow("grants", "data", id[:], g.Data); err != nil || string(text) != "grantsdata" {
				t.Errorf("Grant %d: %q, %v", i, text, err)
			}
			if g.HookData != nil {
				if text, err := r.Sealer.OpenRow("grants", "hook_data", id[:], g.HookData); err != nil || string(text) != "grantshook_data" {
					t.Errorf("Grant %d: %q, %v", i, text, err)
				}
			}
		}
		keys, err := (&Service{Store: store, Sealer: r.Sealer, Watch: r.Watch, Now: r.Now}).load(t.Context(), "set")
		if err != nil || len(keys.keys) == 0 {
			t.Errorf("the signing set: %v", err)
		}
	}
}

// Columns at rest are sealed with a new key: in batches, beside nodes that
// work, cut short and resumed. The old key goes when nothing needs it.
func TestResealing(t *testing.T) {
	t.Parallel()
	const grants = 450 // more than two batches
	store, c := storetest.New(t), newClock()
	r, s := node(t, store, c)
	mustStart(t, r)
	check := fillSealed(t, r, s, store, grants)
	other, _ := node(t, store, c)
	mustStart(t, other)
	old, err := r.rowKeys(t.Context())
	if err != nil || len(old) != 1 {
		t.Fatal(old, err)
	}

	active, resumed, err := r.RotateRows(t.Context(), time.Minute)
	if err != nil || resumed || !active.Equal(c.Now().Add(time.Minute)) {
		t.Fatalf("RotateRows() = %v, %v, %v", active, resumed, err)
	}
	quiet := func(Resealed) {}
	if _, err := r.Reseal(t.Context(), store, quiet); err == nil {
		t.Error("columns were sealed before every node knew the key")
	}
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.add(time.Minute)
	if _, err := r.Reseal(t.Context(), &cutShort{store, 130}, quiet); !errors.Is(err, errCut) {
		t.Errorf("Reseal() of a store that goes away = %v", err)
	}
	check(other)

	// Another process goes on where the first one stopped.
	next, _ := node(t, store, c)
	mustStart(t, next)
	again, resumed, err := next.RotateRows(t.Context(), time.Minute)
	if err != nil || !resumed || !again.Equal(active) {
		t.Errorf("RotateRows() of what is half done = %v, %v, %v", again, resumed, err)
	}
	steps := 0
	total, err := next.Reseal(t.Context(), store, func(Resealed) { steps++ })
	// The canary, the two halves of a signing key, six rows and the Grants.
	want := 1 + 2 + 6 + grants + grants/3
	if err != nil || total.Seen != want || total.Sealed != want-130 || total.Failed != 0 || steps < 8 {
		t.Errorf("Reseal() = %+v in %d steps, %v, want %d columns", total, steps, err, want)
	}
	check(other)
	for _, table := range oauth.SealedTables() {
		rows, err := store.SealedRows(t.Context(), table, nil, 1000)
		if err != nil || len(rows) == 0 {
			t.Errorf("SealedRows(%s): %d, %v", table, len(rows), err)
		}
		for _, row := range rows {
			for _, col := range row.Columns {
				if kid, ok := secret.RowKID(col.Data); len(col.Data) > 0 && (!ok || kid == old[0].KID) {
					t.Errorf("a column of %s is still sealed with the old key", table)
				}
			}
		}
	}

	// The key stays as long as a late node may have used it, then it goes.
	for _, step := range []struct {
		wait time.Duration
		keys int
	}{{0, 2}, {clockSlack, 1}} {
		c.add(step.wait)
		if _, err := next.Reseal(t.Context(), store, quiet); err != nil {
			t.Errorf("Reseal() again = %v", err)
		}
		if n, err := next.RowKeys(t.Context()); err != nil || n != step.keys {
			t.Errorf("after %v there are %d keys of rows, %v, want %d", step.wait, n, err, step.keys)
		}
	}
	fresh, _ := node(t, store, c)
	check(mustStart(t, fresh))
}

// A column that does not open is named, and the key that may have sealed it
// stays.
func TestResealingKeepsTheKeyOfWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	store, c := storetest.New(t), newClock()
	r, s := node(t, store, c)
	mustStart(t, r)
	fillSealed(t, r, s, store, 1)
	other := oauth.ID{8}
	data, err := r.Sealer.SealRow("grants", "data", other[:], []byte("of another row"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.AddRequest(t.Context(), &oauth.StoredRequest{ID: other, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: data}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.RotateRows(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.add(2 * clockSlack)
	for range 2 {
		if total, err := r.Reseal(t.Context(), store, func(Resealed) {}); !errors.Is(err, ErrSealedRows) || total.Failed != 1 {
			t.Errorf("Reseal() = %+v, %v", total, err)
		}
	}
	if n, err := r.RowKeys(t.Context()); err != nil || n != 2 {
		t.Errorf("%d keys of rows, %v", n, err)
	}
}

// A refresh token that was made after a backup opens in the database that was
// restored from it, although the ring went on meanwhile.
func TestBackupHasTheKeysOfAPeriodAhead(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	r := mustStart(t, newRing(t, m, c))
	if err := r.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 14 { // a backup each day, restored a week later
		backup := &memStore{seal: append([]oauth.SealKey(nil), m.seal...), settings: m.settings}
		values := map[secret.Kind]string{}
		for range 7 {
			c.add(24 * time.Hour)
			if err := r.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			values = sealAll(t, r)
		}
		restored := mustStart(t, newRing(t, backup, c))
		for _, k := range []secret.Kind{secret.Refresh, secret.SessionCookie, secret.Registration} {
			if _, err := restored.Sealer.Open(t.Context(), values[k], k); err != nil {
				t.Errorf("a %s value of the last week: %v", k, err)
			}
		}
		c.add(24 * time.Hour)
		if err := r.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a backup that was restored in part, without the ring, nothing is served:
// a new ring is never made beside what another one has sealed.
func TestNoNewRingBesideSealedRows(t *testing.T) {
	t.Parallel()
	store, c := storetest.New(t), newClock()
	r, s := node(t, store, c)
	mustStart(t, r)
	fillSealed(t, r, s, store, 1)
	seal, err := store.SealKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, ring := range map[string]*partOf{
		"the whole ring is gone":               {Store: store},
		"the ring is that of another database": {Store: store, keys: foreign(t, c)},
	} {
		next, _ := node(t, ring, c)
		if err := next.Start(t.Context()); !errors.Is(err, ErrForeignRing) {
			t.Errorf("%s: Start() = %v", name, err)
		}
		if ring.added > 0 {
			t.Errorf("%s: %d keys were made", name, ring.added)
		}
	}
	// Only the canary is gone: the ring is proven by what it sealed.
	next, _ := node(t, &partOf{Store: store, keys: seal}, c)
	mustStart(t, next)
}

// partOf is a store of which settings and, perhaps, the ring were lost.
type partOf struct {
	oauth.Store
	keys  []oauth.SealKey
	added int
}

func (p *partOf) Setting(context.Context, string) ([]byte, error)  { return nil, oauth.ErrNotFound }
func (p *partOf) AddSetting(context.Context, string, []byte) error { return nil }
func (p *partOf) SealKeys(context.Context) ([]oauth.SealKey, error) {
	return p.keys, nil
}

func (p *partOf) AddSealKeys(context.Context, []oauth.SealKey) error {
	p.added++
	return nil
}

// foreign returns the ring of another database.
func foreign(t *testing.T, c *clock) []oauth.SealKey {
	t.Helper()
	store := storetest.New(t)
	r, _ := node(t, store, c)
	mustStart(t, r)
	keys, err := store.SealKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
