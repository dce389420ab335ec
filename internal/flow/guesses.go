package flow

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hydra/internal/oauth"
)

// Wrong user codes are counted where they were typed: for each browser that
// began to type, for the network that it is in, and for all together. A right
// code costs nothing, so that many people behind one address do not get into
// each other's way.
//
// The counts are in the memory of the node. At their most, guesses against one
// node are 62,000 in the ten minutes that a code lives, from as many networks
// as that takes: one in six million for the codes of the default preset, one
// in 16,000 for nine digits.
const (
	guessesEach   = 10               // of one browser, then it has to begin again
	guessesBurst  = 30               // of one network
	guessesEvery  = 10 * time.Second // … and then one more in this time
	guessesTotal  = 100              // of all, a second
	guessesTracks = 10_000           // browsers and networks that are told apart
)

// guesses counts wrong codes. The zero value is ready.
type guesses struct {
	mu       sync.Mutex
	browsers map[oauth.ID]int
	networks map[oauth.ID]*rate.Limiter
	shared   *rate.Limiter
}

// begin takes a guess from the counts before anything is looked up, so that
// guesses side by side count as well, and returns what gives it back.
func (g *guesses) begin(browser, network oauth.ID, now time.Time) (right func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.room()
	if g.browsers[browser] >= guessesEach {
		return nil, tooManyGuesses("Too many wrong codes were typed. Start again from the address that the device shows.")
	}
	l := g.networks[network]
	if l == nil {
		l = rate.NewLimiter(rate.Every(guessesEvery), guessesBurst)
		g.networks[network] = l
	}
	local, ok := reserve(l, now)
	if !ok {
		return nil, tooManyGuesses("Too many wrong codes came from this network. Wait a moment.")
	}
	all, ok := reserve(g.shared, now)
	if !ok {
		local.CancelAt(now)
		return nil, tooManyGuesses("Too many wrong codes are being typed. Wait a moment.")
	}
	g.browsers[browser]++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		local.CancelAt(now)
		all.CancelAt(now)
		if n := g.browsers[browser]; n > 1 {
			g.browsers[browser] = n - 1
		} else {
			delete(g.browsers, browser)
		}
	}, nil
}

// reserve takes one, if it is there now.
func reserve(l *rate.Limiter, now time.Time) (*rate.Reservation, bool) {
	r := l.ReserveN(now, 1)
	if !r.OK() || r.DelayFrom(now) > 0 {
		r.CancelAt(now)
		return nil, false
	}
	return r, true
}

// room forgets everything when there is too much. The shared bound stays.
func (g *guesses) room() {
	if g.browsers == nil || len(g.browsers) >= guessesTracks {
		g.browsers = make(map[oauth.ID]int)
	}
	if g.networks == nil || len(g.networks) >= guessesTracks {
		g.networks = make(map[oauth.ID]*rate.Limiter)
	}
	if g.shared == nil {
		g.shared = rate.NewLimiter(guessesTotal, 20*guessesTotal)
	}
}

func tooManyGuesses(hint string) *oauth.Error {
	e := oauth.TemporarilyUnavailable.Hint(hint)
	e.Status, e.RetryAfter = 429, int(guessesEvery/time.Second)
	return e
}
