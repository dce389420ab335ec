package key

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// sealAll seals one value of every kind.
func sealAll(t *testing.T, r *Ring) map[secret.Kind]string {
	t.Helper()
	values := make(map[secret.Kind]string)
	for _, k := range secret.Kinds() {
		v, err := r.Sealer.Seal(k, []byte("payload"))
		if err != nil {
			t.Fatalf("Seal(%s) = %v", k, err)
		}
		values[k] = v
	}
	return values
}

func openAll(t *testing.T, r *Ring, values map[secret.Kind]string) {
	t.Helper()
	for k, v := range values {
		if _, err := r.Sealer.Open(t.Context(), v, k); err != nil {
			t.Errorf("Open(%s) = %v", k, err)
		}
	}
}

// Two nodes' first start at once → one seal ring.
func TestManyNodesStartAtOnce(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	rings := make([]*Ring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		rings[i] = newRing(t, m, c)
		wg.Go(func() {
			if err := rings[i].Start(t.Context()); err != nil {
				t.Errorf("Start() = %v", err)
			}
		})
	}
	wg.Wait()
	if len(m.seal) != len(secret.Kinds()) {
		t.Errorf("%d keys for %d kinds", len(m.seal), len(secret.Kinds()))
	}
	values := sealAll(t, rings[0])
	for _, r := range rings {
		openAll(t, r, values)
		if r.Sealer.Index("a", "b") != rings[0].Sealer.Index("a", "b") {
			t.Error("two nodes hash differently")
		}
	}
}

// The node that lost the race re-reads, also when the winner came between its
// reading and its writing.
func TestStartLosesTheRace(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	winner, loser := newRing(t, m, c), newRing(t, m, c)
	m.onLoad = func() { mustStart(t, winner) }
	mustStart(t, loser)
	openAll(t, loser, sealAll(t, winner))
}

func TestRestartKeepsTheRing(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	values := sealAll(t, mustStart(t, newRing(t, m, c)))
	c.add(24 * time.Hour)
	r := mustStart(t, newRing(t, m, c))
	openAll(t, r, values)
	if len(m.seal) != len(secret.Kinds()) {
		t.Errorf("a restart made keys: %d", len(m.seal))
	}
}

// A release that knows a new kind adds its key beside those that are there.
func TestStartAddsMissingKinds(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	values := sealAll(t, mustStart(t, newRing(t, m, c)))
	m.seal = slices.DeleteFunc(m.seal, func(k oauth.SealKey) bool { return k.Kind == int(secret.PageToken) })
	delete(values, secret.PageToken)
	r := mustStart(t, newRing(t, m, c))
	openAll(t, r, values)
	openAll(t, r, sealAll(t, r))
}

// Old and new release side by side → no random refusals.
func TestKindsOfANewerReleaseAreLeftAlone(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	values := sealAll(t, mustStart(t, newRing(t, m, c)))
	for kid, kind := range map[uint32]int{1: 200, 2: 300, 3: -1} {
		m.seal = append(m.seal, oauth.SealKey{KID: kid, Kind: kind, ActiveFrom: noon, DeleteAfter: oauth.Never, Data: []byte("another wrapping")})
	}
	r := mustStart(t, newRing(t, m, c))
	openAll(t, r, values)
	c.add(365 * 24 * time.Hour)
	if err := r.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kid := range uint32(3) {
		if !slices.ContainsFunc(m.seal, func(k oauth.SealKey) bool { return k.KID == kid+1 }) {
			t.Errorf("key %d of a newer release is gone", kid+1)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func(m *memStore)
		secret string
		want   error
	}{
		{"another system secret", func(*memStore) {}, "some other system secret", ErrWrongSystemSecret},
		{"a damaged key", func(m *memStore) { m.seal[3].Data[40] ^= 1 }, systemSecret, ErrWrongSystemSecret},
		{"two keys exchanged", func(m *memStore) { m.seal[3].Data, m.seal[4].Data = m.seal[4].Data, m.seal[3].Data }, systemSecret, ErrWrongSystemSecret},
		{"the ring is gone", func(m *memStore) { m.seal = nil }, systemSecret, ErrForeignRing},
		{"the row key is gone", func(m *memStore) {
			m.seal = slices.DeleteFunc(m.seal, func(k oauth.SealKey) bool { return k.Kind == int(secret.Row) })
		}, systemSecret, ErrForeignRing},
		{"a canary of another ring", func(m *memStore) {
			other := &memStore{}
			mustStart(t, newRing(t, other, newClock()))
			m.settings = other.settings
		}, systemSecret, ErrForeignRing},
		{"no database", func(m *memStore) { m.down = errDown }, systemSecret, errDown},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, c := &memStore{}, newClock()
			mustStart(t, newRing(t, m, c))
			test.damage(m)
			n := len(m.seal)
			if err := newRing(t, m, c, test.secret).Start(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("Start() = %v, want %v", err, test.want)
			}
			if len(m.seal) != n {
				t.Errorf("a refused start left %d keys where %d were", len(m.seal), n)
			}
		})
	}
}

// Secret rotation with old values listed: the rows are wrapped anew, no value
// dies, and a node that still runs with the old secret goes on (contract case
// 226).
func TestSystemSecretIsRotated(t *testing.T) {
	t.Parallel()
	const next = "the next system secret"
	m, c := &memStore{}, newClock()
	old := mustStart(t, newRing(t, m, c))
	values := sealAll(t, old)

	mustStart(t, newRing(t, m, c, next, systemSecret))
	renewed := mustStart(t, newRing(t, m, c, next))
	openAll(t, renewed, values)

	if err := old.Refresh(t.Context()); err != nil {
		t.Errorf("Refresh() with the old secret = %v", err)
	}
	openAll(t, old, sealAll(t, renewed))
	if err := renewed.Drop(t.Context(), secret.Code); err != nil {
		t.Fatal(err)
	}
	if err := old.Refresh(t.Context()); !errors.Is(err, ErrWrongSystemSecret) {
		t.Errorf("Refresh() that meets a new key with the old secret = %v, want ErrWrongSystemSecret", err)
	}
	delete(values, secret.Code)
	openAll(t, old, values)
	if err := newRing(t, m, c).Start(t.Context()); !errors.Is(err, ErrWrongSystemSecret) {
		t.Errorf("Start() with the old secret alone = %v, want ErrWrongSystemSecret", err)
	}
}

func TestRefreshLoadsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	one, two := mustStart(t, newRing(t, m, c)), mustStart(t, newRing(t, m, c))
	refresh := func(r *Ring) {
		t.Helper()
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatalf("Refresh() = %v", err)
		}
	}
	refresh(two)
	loads := m.loads
	refresh(two)
	if m.loads != loads {
		t.Error("an unchanged ring was loaded")
	}
	gone := sealAll(t, two)[secret.Refresh]
	if err := one.Drop(t.Context(), secret.Refresh); err != nil {
		t.Fatal(err)
	}
	refresh(two)
	if _, err := two.Sealer.Open(t.Context(), gone, secret.Refresh); !errors.Is(err, secret.ErrUnknown) {
		t.Errorf("a dropped value: Open() = %v, want ErrUnknown", err)
	}
	openAll(t, two, sealAll(t, one))
	m.set(func() { m.down = errDown })
	if err := two.Refresh(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Refresh() = %v, want the store's error", err)
	}
	openAll(t, two, sealAll(t, one)) // what is known stays in use
}

// A value of a key that another node has just made opens at once.
func TestUnknownKeyIDLoadsTheRing(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	one, two := mustStart(t, newRing(t, m, c)), mustStart(t, newRing(t, m, c))
	if err := one.Drop(t.Context(), secret.Code); err != nil {
		t.Fatal(err)
	}
	fresh := sealAll(t, one)[secret.Code]
	m.set(func() { m.down = errDown })
	if _, err := two.Sealer.Open(t.Context(), fresh, secret.Code); !errors.Is(err, errDown) {
		t.Errorf("Open() while the database is out = %v, want its error", err)
	}
	m.set(func() { m.down = nil })
	c.add(time.Second)
	if _, err := two.Sealer.Open(t.Context(), fresh, secret.Code); err != nil {
		t.Errorf("Open() = %v", err)
	}
}

func TestRowsAndHashesCannotBeDropped(t *testing.T) {
	t.Parallel()
	r := mustStart(t, newRing(t, &memStore{}, newClock()))
	for _, k := range []secret.Kind{secret.Row, secret.Index, 0, 99} {
		if err := r.Drop(t.Context(), k); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("Drop(%s) = %v, want invalid_request", k, err)
		}
	}
}

// countOf returns how many keys of a kind are announced, active or retired.
func countOf(m *memStore, k secret.Kind, now time.Time) (announced, active, retired int) {
	for _, row := range m.seal {
		switch {
		case row.Kind != int(k):
		case !row.RetiredAt.IsZero():
			retired++
		case now.Before(row.ActiveFrom):
			announced++
		default:
			active++
		}
	}
	return announced, active, retired
}

// Announced → active → retired → deleted, and no value dies before its time.
func TestRingRotates(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	m, c := &memStore{}, newClock()
	r := newRing(t, m, c)
	r.Lives = map[secret.Kind]time.Duration{secret.Code: 10 * time.Minute, secret.Access: 3 * day}
	mustStart(t, r)
	other := mustStart(t, newRing(t, m, c))
	first := sealAll(t, r)
	rows := first[secret.Row]
	steps := []struct {
		name                       string
		wait                       time.Duration
		announced, active, retired [3]int // of code, access and refresh
	}{
		// The key that follows that of refresh tokens is there a period ahead.
		{"young", 7*day - 1, [3]int{0, 0, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 0}},
		{"announced", 1, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 0}},
		{"still announced", 10*time.Minute - 1, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 1}},
		{"the old one retired", 1, [3]int{0, 0, 1}, [3]int{1, 1, 1}, [3]int{1, 1, 1}},
		{"codes may still live", time.Hour + 10*time.Minute - 1, [3]int{0, 0, 1}, [3]int{1, 1, 1}, [3]int{1, 1, 1}},
		{"codes are dead", 1, [3]int{0, 0, 1}, [3]int{1, 1, 1}, [3]int{0, 1, 1}},
		{"access tokens are dead", 3 * day, [3]int{0, 0, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 1}},
	}
	for _, step := range steps {
		c.add(step.wait)
		if err := r.Rotate(t.Context()); err != nil {
			t.Fatalf("%s: Rotate() = %v", step.name, err)
		}
		for i, k := range []secret.Kind{secret.Code, secret.Access, secret.Refresh} {
			announced, active, retired := countOf(m, k, c.Now())
			if announced != step.announced[i] || active != step.active[i] || retired != step.retired[i] {
				t.Errorf("%s: %s has %d announced, %d active, %d retired keys, want %d, %d, %d",
					step.name, k, announced, active, retired, step.announced[i], step.active[i], step.retired[i])
			}
			v := first[k]
			if _, err := r.Sealer.Open(t.Context(), v, k); step.retired[i]+step.active[i]+step.announced[i] > 1 && err != nil {
				t.Errorf("%s: a %s value died early: %v", step.name, k, err)
			}
		}
		if err := other.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		openAll(t, other, sealAll(t, r))
	}
	if _, err := r.Sealer.Open(t.Context(), first[secret.Code], secret.Code); !errors.Is(err, secret.ErrUnknown) {
		t.Errorf("a value of a deleted key: Open() = %v, want ErrUnknown", err)
	}
	if _, err := r.Sealer.Open(t.Context(), rows, secret.Row); err != nil {
		t.Errorf("the key of rows was rotated: %v", err)
	}
	if a, n, o := countOf(m, secret.Index, c.Now()); a != 0 || n != 1 || o != 0 {
		t.Error("the key of hashes was rotated")
	}
}

func TestRotationCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	r := newRing(t, m, c)
	r.RotateEvery = -1
	mustStart(t, r)
	c.add(1000 * time.Hour)
	if err := r.Rotate(t.Context()); err != nil || len(m.seal) != len(secret.Kinds()) {
		t.Errorf("Rotate() = %v, %d keys for %d kinds", err, len(m.seal), len(secret.Kinds()))
	}
}

func TestTwoNodesRotateAtOnce(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	one, two := mustStart(t, newRing(t, m, c)), mustStart(t, newRing(t, m, c))
	c.add(7 * 24 * time.Hour)
	m.onLoad = func() {
		if err := two.Rotate(t.Context()); err != nil {
			t.Errorf("Rotate() = %v", err)
		}
	}
	if err := one.Rotate(t.Context()); err != nil {
		t.Errorf("Rotate() of the slower node = %v", err)
	}
	if announced, active, _ := countOf(m, secret.Code, c.Now()); announced != 1 || active != 1 {
		t.Errorf("%d announced and %d active keys, want 1 and 1", announced, active)
	}
}

// What the job finds most of the time, nothing to do, costs requests nothing.
func TestRotationThatChangesNothingAsksNobody(t *testing.T) {
	t.Parallel()
	m, c := &memStore{}, newClock()
	r := newRing(t, m, c)
	r.Watch.Staleness = time.Hour
	mustStart(t, r)
	if err := r.Rotate(t.Context()); err != nil { // announces what follows
		t.Fatal(err)
	}
	mustCurrent(t, r.Watch, t.Context())
	asked := m.asked
	if err := r.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mustCurrent(t, r.Watch, t.Context()); m.asked != asked {
		t.Error("the versions were asked for again")
	}
	c.add(7 * 24 * time.Hour)
	mustCurrent(t, r.Watch, t.Context())
	asked = m.asked
	if err := r.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mustCurrent(t, r.Watch, t.Context()); m.asked == asked {
		t.Error("after new keys were made, the versions were not asked for")
	}
}
