package flow

import (
	"encoding/binary"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hydra/internal/oauth"
)

// Wrong user codes are counted where they were typed: for each browser that
// began to type, for the network that it is in, and for all together (RFC 8628
// §5.1). A right code costs nothing, so that many people behind one address do
// not get into each other's way.
//
// They are counted twice. The memory of the node keeps a flood away from the
// database; the counts in the database hold however many nodes there are, and
// cost a write for a wrong code and nothing for a right one. At their most,
// guesses are 66,000 in the ten minutes that a code lives: one in six million
// for the codes of the default preset, one in 15,000 for nine digits.
const (
	guessesEach   = 10               // of one browser, then it has to begin again
	guessesBurst  = 30               // of one network on one node
	guessesEvery  = 10 * time.Second // … and then one more in this time
	guessesTotal  = 100              // of all on one node, a second
	guessesTracks = 10_000           // browsers and networks that are told apart

	networkSpan = 10 * time.Minute // on all nodes together, one network has
	networkMost = 90               // so many
	totalSpan   = time.Minute      // … and all have
	totalMost   = 6_000
)

// guessCounts are the counts in the database that a wrong code of this browser
// goes to. A browser's lasts as long as its challenge, and begins anew with
// another.
func (s *Service) guessCounts(t *deviceTrip, now time.Time) []oauth.GuessCount {
	span := func(of string, id []byte, length time.Duration, most int) oauth.GuessCount {
		begun := now.Truncate(length)
		id = binary.BigEndian.AppendUint64(id, uint64(begun.Unix())) //nolint:gosec // no time before 1970
		return oauth.GuessCount{ID: oauth.ID(s.Sealer.Index(of, string(id))), Most: most, Ends: begun.Add(length + lag)}
	}
	return []oauth.GuessCount{
		{ID: oauth.ID(s.Sealer.Index("guesses of a browser", string(t.holder[:]))), Most: guessesEach, Ends: t.RequestedAt.Add(s.Options.FlowTTL + lag)},
		span("guesses of a network", t.network[:], networkSpan, networkMost),
		span("guesses of all", nil, totalSpan, totalMost),
	}
}

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

func errGuessesSpent() error {
	return tooManyGuesses("Too many wrong codes were typed. Wait a few minutes, then start again from the address that the device shows.")
}
