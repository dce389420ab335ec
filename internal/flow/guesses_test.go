package flow

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var guessNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func guessID(n int) oauth.ID { return oauth.ID{byte(n), byte(n >> 8), byte(n >> 16)} }

func TestGuessesOfOneBrowser(t *testing.T) {
	t.Parallel()
	var g guesses
	for n := range 100 { // right ones cost nothing
		right, err := g.begin(guessID(1), guessID(2), guessNoon)
		if err != nil {
			t.Fatalf("right code %d: %v", n, err)
		}
		right()
	}
	// Side by side as many get through as one after the other.
	var wg sync.WaitGroup
	var through atomic.Int32
	for range 50 {
		wg.Go(func() {
			if _, err := g.begin(guessID(1), guessID(2), guessNoon); err == nil {
				through.Add(1)
			}
		})
	}
	wg.Wait()
	if n := through.Load(); n != guessesEach {
		t.Errorf("%d guesses of one browser got through, want %d", n, guessesEach)
	}
	if _, err := g.begin(guessID(1), guessID(2), guessNoon.Add(time.Hour)); err == nil {
		t.Error("time alone gives a browser new guesses")
	}
}

func TestGuessesOfOneNetwork(t *testing.T) {
	t.Parallel()
	var g guesses
	count := func(at time.Time) (n int) {
		for i := range 200 {
			if _, err := g.begin(guessID(int(at.Unix())*1000+i), guessID(1), at); err == nil {
				n++
			} else if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Status != 429 || e.RetryAfter == 0 {
				t.Fatalf("the refusal is %v", err)
			}
		}
		return n
	}
	if n := count(guessNoon); n != guessesBurst {
		t.Errorf("%d guesses of one network got through at once, want %d", n, guessesBurst)
	}
	if n := count(guessNoon.Add(time.Minute)); n != 6 {
		t.Errorf("%d guesses a minute got through, want 6", n)
	}
	if _, err := g.begin(guessID(0), guessID(2), guessNoon.Add(time.Minute)); err != nil {
		t.Errorf("another network is refused: %v", err)
	}
}

// From however many networks they come, all guesses together are bounded, and
// so is what is remembered of them.
func TestGuessesOfAll(t *testing.T) {
	t.Parallel()
	var g guesses
	through := 0
	for i := range 3 * guessesTracks {
		at := guessNoon.Add(time.Duration(i) * time.Millisecond)
		if _, err := g.begin(guessID(i), guessID(i), at); err == nil {
			through++
		}
	}
	if most := 20*guessesTotal + 30*guessesTotal + 1; through > most || through < most-10 {
		t.Errorf("%d guesses got through in 30 seconds, want about %d", through, most)
	}
	if len(g.browsers) > guessesTracks || len(g.networks) > guessesTracks {
		t.Errorf("%d browsers and %d networks are remembered", len(g.browsers), len(g.networks))
	}
}
