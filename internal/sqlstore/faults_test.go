package sqlstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func faulty(t *testing.T, options string) (*sqlstore.Store, *storetest.Faults) {
	t.Helper()
	f := new(storetest.Faults)
	return storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + storetest.File(t) + options, Wrap: f.Wrap}), f
}

// write is a method that changes rows, with what it did.
type write struct {
	name    string
	prepare func() error
	run     func() error
	done    func() error // an error unless it was done exactly once
}

func expect[T comparable](what string, got, want T, err error) error {
	if err != nil {
		return err
	}
	if got != want {
		return errors.New(what + " is not what one run leaves")
	}
	return nil
}

// writes are all the methods that change rows.
func writes(ctx context.Context, s *sqlstore.Store) []write {
	client := &oauth.Client{UID: oauth.ID{1}, ID: "app", Version: 1, ExpiresAt: oauth.Never}
	secret := []oauth.ClientSecret{{ID: oauth.ID{2}, Hash: "h", ExpiresAt: oauth.Never}}
	grant := func(n byte) *oauth.Grant {
		return &oauth.Grant{ID: oauth.ID{n}, ClientUID: client.UID, Kind: oauth.ConsentGrant, SubjectKey: oauth.ID{77}, HandledAt: noon,
			CodeExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, OpID: oauth.ID{n, 1}, RevokedAt: time.Time{}}
	}
	stands := oauth.Standing{Now: noon}
	add := func(n byte) func() error { return func() error { return s.AddGrant(ctx, grant(n), stands) } }
	spend := func(n byte) func() error {
		return func() error {
			return s.SpendCode(ctx, oauth.ID{n}, oauth.CodeSpend{Op: oauth.ID{n, 2}, Now: noon, RefreshExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never})
		}
	}
	both := func(f ...func() error) func() error {
		return func() error {
			for _, f := range f {
				if err := f(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	row := func(n byte, ok func(*oauth.GrantRow) bool) func() error {
		return func() error {
			g, err := s.Grant(ctx, oauth.ID{n})
			if err != nil {
				return err
			}
			return expect("the Grant", ok(g), true, nil)
		}
	}
	versions := func() (v oauth.VersionSet) { v, _ = s.Versions(ctx); return v }
	var before oauth.VersionSet
	note := func() error { before = versions(); return nil }
	keys := []oauth.KeyRow{{Set: "s", KID: "a", Slot: oauth.ID{1}, Data: []byte("x")}, {Set: "s", KID: "b", Slot: oauth.ID{2}, Data: []byte("y")}}
	moved := func(want oauth.VersionSet) func() error {
		return func() error {
			now := versions()
			return expect("the version", oauth.VersionSet{Clients: now.Clients - before.Clients, Keys: now.Keys - before.Keys, Seal: now.Seal - before.Seal}, want, nil)
		}
	}
	count := func(want int, f func() (int, error)) func() error {
		return func() error { n, err := f(); return expect("the count", n, want, err) }
	}
	session := &oauth.Session{ID: oauth.ID{5}, SubjectKey: oauth.ID{78}, ExpiresAt: oauth.Never, PurgeAt: oauth.Never}
	none := func() error { return nil }
	return []write{
		{"AddClient", note, func() error { return s.AddClient(ctx, client, secret) }, moved(oauth.VersionSet{Clients: 1})},
		{"UpdateClient", note, func() error { return s.UpdateClient(ctx, client, secret) }, func() error {
			c, secrets, err := s.Client(ctx, "app")
			if err != nil {
				return err
			}
			return errors.Join(expect("the client", c.Version, 2, err), expect("the secrets", len(secrets), 1, err), moved(oauth.VersionSet{Clients: 1})())
		}},
		{"AddGrant", none, add(10), row(10, func(g *oauth.GrantRow) bool { return !g.Dead() })},
		{"UpdateOpenGrant", add(11), func() error {
			g := grant(11)
			g.Data, g.OpID = []byte("new"), oauth.ID{3}
			return s.UpdateOpenGrant(ctx, g, stands)
		}, row(11, func(g *oauth.GrantRow) bool { return string(g.Data) == "new" })},
		{"RejectGrant", none, func() error {
			g := grant(12)
			g.RevokedAt, g.EndedAt = noon, noon
			return s.RejectGrant(ctx, g, oauth.ID{4})
		}, row(12, func(g *oauth.GrantRow) bool { return g.Dead() })},
		{"RejectGrant of an open one", add(13), func() error {
			g := grant(13)
			g.RevokedAt, g.EndedAt = noon, noon
			return s.RejectGrant(ctx, g, oauth.ID{4})
		}, row(13, func(g *oauth.GrantRow) bool { return g.Dead() })},
		{"ReplaceSealed", func() error {
			return s.AddRequest(ctx, &oauth.StoredRequest{ID: oauth.ID{41}, Data: []byte("old"), ExpiresAt: oauth.Never})
		}, func() error {
			id := oauth.ID{41}
			done, err := s.ReplaceSealed(ctx, oauth.SealedRequests, "data", id[:], []byte("old"), []byte("new"))
			return expect("the replacement", done, true, err)
		}, func() error {
			r, err := s.Request(ctx, oauth.ID{41})
			if err != nil {
				return err
			}
			return expect("the data", string(r.Data), "new", nil)
		}},
		{"AddDevice", none, func() error {
			return s.AddDevice(ctx, &oauth.Device{ID: oauth.ID{31}, ClientUID: client.UID, UserCode: oauth.ID{32}, ExpiresAt: oauth.Never, OpID: oauth.ID{33}})
		}, func() error { _, err := s.Device(ctx, oauth.ID{32}); return err }},
		{"DecideDevice", none, func() error {
			return s.DecideDevice(ctx, oauth.ID{31}, oauth.DeviceRejected, oauth.ID{34}, oauth.ID{35}, noon)
		}, func() error {
			d, err := s.Device(ctx, oauth.ID{32})
			return expect("the device", err == nil && d.Status == oauth.DeviceRejected && d.Holder == oauth.ID{34}, true, err)
		}},
		{"ApproveDevice", func() error {
			g := grant(36)
			g.Kind, g.CodeExpiresAt = oauth.DeviceGrant, time.Time{}
			return s.AddGrant(ctx, g, stands)
		}, func() error { return s.ApproveDevice(ctx, oauth.ID{36}, noon, oauth.ID{37}) },
			row(36, func(g *oauth.GrantRow) bool { return g.Approved() && g.CodeExpiresAt.Equal(noon) })},
		{"SpendCode", add(14), spend(14), row(14, func(g *oauth.GrantRow) bool { return g.CodeUsedAt.Equal(noon) })},
		{"Rotate", both(add(15), spend(15)), func() error {
			return s.Rotate(ctx, oauth.ID{15}, oauth.Rotation{Op: oauth.ID{6}, Now: noon, ToGeneration: 1, ToRotation: [8]byte{1},
				RefreshExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never})
		}, row(15, func(g *oauth.GrantRow) bool { return g.Generation == 1 })},
		{"UseGrace", both(add(16), spend(16)), func() error { return s.UseGrace(ctx, oauth.ID{16}, 0, oauth.ID{7}, noon) },
			row(16, func(g *oauth.GrantRow) bool { return g.GraceUses == 1 })},
		{"EndGrant", add(17), func() error { return s.EndGrant(ctx, oauth.ID{17}, oauth.EndedByClient, noon) },
			row(17, func(g *oauth.GrantRow) bool { return g.EndReason == oauth.EndedByClient })},
		{"RevokeGrant", add(18), count(1, func() (int, error) { return s.RevokeGrant(ctx, oauth.ID{18}, noon) }),
			row(18, func(g *oauth.GrantRow) bool { return g.Dead() })},
		{"RevokeGrants", func() error {
			g := grant(19)
			g.SubjectKey = oauth.ID{79}
			return s.AddGrant(ctx, g, stands)
		}, count(1, func() (int, error) { return s.RevokeGrants(ctx, oauth.ID{79}, oauth.GrantFilter{}, noon, 5) }),
			row(19, func(g *oauth.GrantRow) bool { return g.Dead() })},
		{"PutSession", none, func() error { return s.PutSession(ctx, session, oauth.ID{}) },
			func() error { _, err := s.Session(ctx, session.ID); return err }},
		{"EndSessions", none, count(1, func() (int, error) { return s.EndSessions(ctx, oauth.ID{78}, noon) }), none},
		{"AddRequest", none, func() error { return s.AddRequest(ctx, &oauth.StoredRequest{ID: oauth.ID{8}}) },
			func() error { _, err := s.Request(ctx, oauth.ID{8}); return err }},
		{"AddReplay", none, func() error { return s.AddReplay(ctx, oauth.ID{9}, noon) }, none},
		{"RevokeToken", none, func() error { return s.RevokeToken(ctx, oauth.ID{9}, oauth.ID{1}, noon, 1) }, none},
		{"TakeLease", none, func() error {
			got, err := s.TakeLease(ctx, "l", oauth.ID{1}, noon, oauth.Never)
			return expect("the lease", got, true, err)
		}, none},
		{"AddSetting", none, func() error { return s.AddSetting(ctx, "a", []byte("1")) }, none},
		{"AddKeys", note, func() error { return s.AddKeys(ctx, keys) }, moved(oauth.VersionSet{Keys: 1})},
		{"ReplaceKeys", none, func() error { return s.ReplaceKeys(ctx, "s", []string{"a"}, keys[:1]) }, none},
		{"RetireKeys", none, func() error { return s.RetireKeys(ctx, "s", []string{"a"}, noon, oauth.Never) }, none},
		{"DeleteKey", none, count(1, func() (int, error) { return s.DeleteKey(ctx, "s", "a") }), none},
		{"AddSealKeys", note, func() error {
			return s.AddSealKeys(ctx, []oauth.SealKey{{KID: 1, Kind: 1, Data: []byte("x")}, {KID: 2, Kind: 2, Data: []byte("y")}})
		}, moved(oauth.VersionSet{Seal: 1})},
		{"DeleteClient", none, func() error { return s.DeleteClient(ctx, "app", noon) }, none},
		{"Tx", none, func() error {
			return s.Tx(ctx, func(s oauth.Store) error {
				return errors.Join(s.AddReplay(ctx, oauth.ID{30}, noon), s.AddSetting(ctx, "in", []byte("1")))
			})
		}, func() error { _, err := s.Setting(ctx, "in"); return err }},
	}
}

// Whatever the database does, a write that is answered with nil was done
// exactly once.
func TestWritesSurviveFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, on string
		fault    storetest.Fault
		times    int
	}{
		{"conflict on a statement", " ", storetest.Conflict, 3},
		{"conflict on begin", "BEGIN", storetest.Conflict, 3},
		{"conflict on commit", "COMMIT", storetest.Conflict, 3},
		{"connection lost before a statement", " ", storetest.Cut, 1},
		{"connection lost before the commit", "COMMIT", storetest.Cut, 1},
		{"connection lost after a statement", " ", storetest.Lost, 1},
		{"commit done, connection lost", "COMMIT", storetest.Lost, 1},
		{"commit done, connection lost, twice", "COMMIT", storetest.Lost, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, faults := faulty(t, "")
			for _, w := range writes(t.Context(), s) {
				if err := w.prepare(); err != nil {
					t.Fatalf("%s: prepare: %v", w.name, err)
				}
				faults.Inject(test.on, test.fault, test.times)
				err := w.run()
				if hits := faults.Clear(); hits != test.times {
					t.Errorf("%s: %d faults happened, want %d", w.name, hits, test.times)
				}
				if err != nil {
					t.Errorf("%s = %v", w.name, err)
				}
				if err := w.done(); err != nil {
					t.Errorf("%s: %v", w.name, err)
				}
			}
		})
	}
}

// A fault that lasts is an error of its own, never an answer, and nothing is
// left behind.
func TestLastingFaults(t *testing.T) {
	t.Parallel()
	answers := []error{oauth.ErrExists, oauth.ErrGone, oauth.ErrNotFound, oauth.ErrUsed}
	for _, test := range []struct {
		name, on string
		fault    storetest.Fault
		hits     int
		again    bool // the caller is told that it is good to repeat
	}{
		{"conflict", "BEGIN", storetest.Conflict, 10, true},
		{"disk full", "INSERT", storetest.Full, 1, false},
		{"disk full on commit", "COMMIT", storetest.Full, 1, false},
		{"read-only", "INSERT", storetest.ReadOnly, 1, false},
		{"disk broken", "INSERT", storetest.Broken, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, faults := faulty(t, "")
			faults.Inject(test.on, test.fault, 1000)
			err := s.AddReplay(t.Context(), oauth.ID{1}, noon)
			if hits := faults.Clear(); hits != test.hits {
				t.Errorf("%d tries, want %d", hits, test.hits)
			}
			if err == nil {
				t.Error("the write succeeded")
			}
			if errors.Is(err, oauth.ErrUnavailable) != test.again {
				t.Errorf("the write ended with %v", err)
			}
			for _, answer := range answers {
				if errors.Is(err, answer) {
					t.Errorf("the failure is reported as %v", answer)
				}
			}
			if err := s.AddReplay(t.Context(), oauth.ID{1}, noon); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

// Retries end with the request's deadline.
func TestRetriesEndWithTheContext(t *testing.T) {
	t.Parallel()
	s, faults := faulty(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	faults.Inject("BEGIN", storetest.Conflict, 1000)
	if err := s.AddReplay(ctx, oauth.ID{1}, noon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("AddReplay() = %v, want the deadline", err)
	}
	if hits := faults.Clear(); hits >= 10 {
		t.Errorf("%d tries were made", hits)
	}
}

// Reads are repeated, too, and a failing read is no "not found".
func TestReadsSurviveFaults(t *testing.T) {
	t.Parallel()
	s, faults := faulty(t, "")
	if err := s.AddSetting(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []storetest.Fault{storetest.Conflict, storetest.Cut} {
		faults.Inject("SELECT", fault, 1)
		if v, err := s.Setting(t.Context(), "a"); err != nil || string(v) != "1" {
			t.Errorf("Setting() = %q, %v", v, err)
		}
		if hits := faults.Clear(); hits != 1 {
			t.Errorf("%d faults happened", hits)
		}
	}
	faults.Inject("SELECT", storetest.Broken, 1)
	if _, err := s.Setting(t.Context(), "a"); err == nil || errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("Setting() on a broken disk = %v", err)
	}
	if _, err := s.Setting(t.Context(), "a"); err != nil {
		t.Errorf("Setting() afterwards = %v", err)
	}
}
