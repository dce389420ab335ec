package ui

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"
)

// What the demo application remembers is bounded, in number and in time: it
// is for looking at, and a development server may run for weeks.
const (
	maxSignIns     = 256
	signInLifetime = time.Hour
)

// signIn is one finished round trip of the demo application. The browser that
// made it holds the key in a cookie of its own, so ten tabs are ten sign-ins.
type signIn struct {
	ID      string
	key     [sha256.Size]byte // hash of the key in the cookie
	created time.Time

	// The mutex is held during a token request, so that a callback that is
	// loaded twice redeems its code once, and two clicks refresh in turn.
	mu        sync.Mutex
	Nonce     string
	Tokens    tokens
	Failure   error // the callback's; there are no tokens then
	Done      bool  // the code has been redeemed or refused
	Refreshed int   // how often
	Note      string
	NoteBad   bool
}

// memory holds the sign-ins of all browsers.
type memory struct {
	now     func() time.Time
	mu      sync.Mutex
	signIns map[string]*signIn
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, signIns: map[string]*signIn{}}
}

// Begin returns the sign-in with this id and key, making it when it is new,
// and nil when the id is another browser's.
func (m *memory) Begin(id, key string) *signIn {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if _, there := m.signIns[id]; !there {
		m.makeRoom(now)
		m.signIns[id] = &signIn{ID: id, key: sha256.Sum256([]byte(key)), created: now}
	}
	return m.find(id, key, now)
}

// Find returns the sign-in with this id and key, or nil.
func (m *memory) Find(id, key string) *signIn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(id, key, m.now())
}

func (m *memory) find(id, key string, now time.Time) *signIn {
	s := m.signIns[id]
	sum := sha256.Sum256([]byte(key))
	if s == nil || subtle.ConstantTimeCompare(s.key[:], sum[:]) != 1 || now.Sub(s.created) >= signInLifetime {
		return nil
	}
	return s
}

// Drop forgets a sign-in.
func (m *memory) Drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.signIns, id)
}

// makeRoom drops what is too old, and the oldest when there are too many.
func (m *memory) makeRoom(now time.Time) {
	oldest := ""
	for id, s := range m.signIns {
		if now.Sub(s.created) >= signInLifetime {
			delete(m.signIns, id)
			continue
		}
		if oldest == "" || s.created.Before(m.signIns[oldest].created) {
			oldest = id
		}
	}
	if len(m.signIns) >= maxSignIns {
		delete(m.signIns, oldest)
	}
}
