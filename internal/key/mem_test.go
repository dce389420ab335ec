package key

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// memStore is a store of keys in memory, with the rules of oauth.Store.
type memStore struct {
	mu       sync.Mutex
	keys     []oauth.KeyRow
	seal     []oauth.SealKey
	settings map[string][]byte
	versions oauth.VersionSet
	down     error
	asked    int // calls of Versions
	loads    int // calls of KeySet and SealKeys
	onLoad   func()
	onAdd    func() // with the lock held
	onOffer  func() // the same, also of keys that are refused
}

func (m *memStore) begin() (end func(), err error) {
	m.mu.Lock()
	return m.mu.Unlock, m.down
}

func (m *memStore) Versions(context.Context) (oauth.VersionSet, error) {
	end, err := m.begin()
	defer end()
	m.asked++
	return m.versions, err
}

func (m *memStore) SealedRows(context.Context, oauth.SealedTable, []byte, int) ([]oauth.SealedRow, error) {
	return nil, m.down
}

func (m *memStore) ReplaceSealed(context.Context, oauth.SealedTable, string, []byte, []byte, []byte) (bool, error) {
	return false, m.down
}

func (m *memStore) KeySet(_ context.Context, set string) ([]oauth.KeyRow, error) {
	end, err := m.begin()
	defer end()
	m.loads++
	var out []oauth.KeyRow
	for _, k := range m.keys {
		if k.Set == set {
			out = append(out, k)
		}
	}
	return out, err
}

func (m *memStore) AddKeys(_ context.Context, keys []oauth.KeyRow) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	if m.onOffer != nil {
		m.onOffer()
	}
	for i, k := range keys {
		for _, other := range slices.Concat(m.keys, keys[:i]) {
			if other.Set == k.Set && (other.KID == k.KID || other.Slot == k.Slot) {
				return oauth.ErrExists
			}
		}
	}
	m.versions.Keys++
	m.keys = append(m.keys, keys...)
	if m.onAdd != nil {
		m.onAdd()
	}
	return nil
}

func (m *memStore) ReplaceKeySet(_ context.Context, set string, keys []oauth.KeyRow) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	m.versions.Keys++
	m.keys = append(slices.DeleteFunc(m.keys, func(k oauth.KeyRow) bool { return k.Set == set }), keys...)
	return nil
}

func (m *memStore) ReplaceKeys(_ context.Context, set string, kids []string, keys []oauth.KeyRow) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	m.versions.Keys++
	m.keys = append(slices.DeleteFunc(m.keys, func(k oauth.KeyRow) bool { return k.Set == set && slices.Contains(kids, k.KID) }), keys...)
	return nil
}

func (m *memStore) RetireKeys(_ context.Context, set string, kids []string, at, until time.Time) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	m.versions.Keys++
	for i, k := range m.keys {
		if k.Set == set && slices.Contains(kids, k.KID) && k.RetiredAt.IsZero() {
			m.keys[i].RetiredAt, m.keys[i].VerifyUntil = at, until
		}
	}
	return nil
}

func (m *memStore) DeleteKeySet(_ context.Context, set string) (int, error) {
	return m.drop(func(k oauth.KeyRow) bool { return k.Set == set })
}

func (m *memStore) DeleteKey(_ context.Context, set, kid string) (int, error) {
	return m.drop(func(k oauth.KeyRow) bool { return k.Set == set && k.KID == kid })
}

func (m *memStore) drop(which func(oauth.KeyRow) bool) (int, error) {
	end, err := m.begin()
	defer end()
	if err != nil {
		return 0, err
	}
	m.versions.Keys++
	n := len(m.keys)
	m.keys = slices.DeleteFunc(m.keys, which)
	return n - len(m.keys), nil
}

func (m *memStore) SealKeys(context.Context) ([]oauth.SealKey, error) {
	end, err := m.begin()
	m.loads++
	rows, hook := slices.Clone(m.seal), m.onLoad
	m.onLoad = nil
	end()
	if hook != nil {
		hook()
	}
	return rows, err
}

func (m *memStore) AddSealKeys(_ context.Context, keys []oauth.SealKey) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	for i, k := range keys {
		for _, other := range slices.Concat(m.seal, keys[:i]) {
			if other.KID == k.KID || other.Kind == k.Kind && other.Slot == k.Slot {
				return oauth.ErrExists
			}
		}
	}
	m.versions.Seal++
	m.seal = append(m.seal, keys...)
	return nil
}

func (m *memStore) PutSealKey(_ context.Context, key oauth.SealKey) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.seal, func(k oauth.SealKey) bool { return k.KID == key.KID })
	if i < 0 {
		return oauth.ErrNotFound
	}
	m.versions.Seal++
	m.seal[i] = key
	return nil
}

func (m *memStore) DeleteSealKeys(_ context.Context, kids []uint32) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	m.versions.Seal++
	m.seal = slices.DeleteFunc(m.seal, func(k oauth.SealKey) bool { return slices.Contains(kids, k.KID) })
	return nil
}

func (m *memStore) Setting(_ context.Context, name string) ([]byte, error) {
	end, err := m.begin()
	defer end()
	v, ok := m.settings[name]
	if err == nil && !ok {
		err = oauth.ErrNotFound
	}
	return v, err
}

func (m *memStore) AddSetting(_ context.Context, name string, value []byte) error {
	end, err := m.begin()
	defer end()
	if err != nil {
		return err
	}
	if _, ok := m.settings[name]; ok {
		return oauth.ErrExists
	}
	if m.settings == nil {
		m.settings = make(map[string][]byte)
	}
	m.settings[name] = bytes.Clone(value)
	return nil
}

func (m *memStore) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

var errDown = errors.New("the database is out")

// clock is a time that tests move by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const systemSecret = "the system secret of the tests"

// newRing returns a ring of one node. Its watch asks the store each time.
func newRing(t testing.TB, m *memStore, c *clock, secrets ...string) *Ring {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{systemSecret}
	}
	system, err := secret.NewSystem(secrets)
	if err != nil {
		t.Fatal(err)
	}
	s := secret.NewSealer("https://a.example/")
	s.Now = c.Now
	return &Ring{Store: m, System: system, Sealer: s, Watch: &Watch{Store: m, Now: c.Now}, Now: c.Now}
}

func mustStart(t testing.TB, r *Ring) *Ring {
	t.Helper()
	if err := r.Start(t.Context()); err != nil {
		t.Fatalf("Start() = %v", err)
	}
	return r
}

// newService returns a key service with an empty store.
func newService(t testing.TB) (*Service, *memStore, *clock) {
	t.Helper()
	m, c := &memStore{}, newClock()
	r := mustStart(t, newRing(t, m, c))
	return &Service{Store: m, Sealer: r.Sealer, Watch: &Watch{Store: m, Now: c.Now}, Now: c.Now}, m, c
}
