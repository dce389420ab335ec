package token

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// issuedRefresh is a refresh token that a walk was given, with its generation.
type issuedRefresh struct {
	value      oauth.Secret
	generation int
}

// walk is the model of one Grant: a generation, the moment of its last
// rotation, and whether it is over.
type walk struct {
	*world
	client, stranger *oauth.Client
	seed             oauth.Seed
	tokens           []issuedRefresh
	access           map[oauth.Secret]int // with the generation it was issued in
	accessUntil      map[oauth.Secret]time.Time
	generation       int
	rotated          time.Time
	ended            bool
}

// TestRefreshWalk presents any token that was ever issued, at any time, and
// compares with the model.
func TestRefreshWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c, stranger := w.addClient("app", nil), w.addClient("stranger", nil)
	rapid.Check(t, func(t *rapid.T) {
		seed, res := w.signIn(c)
		k := &walk{
			world: w, client: c, stranger: stranger, seed: seed,
			access: map[oauth.Secret]int{}, accessUntil: map[oauth.Secret]time.Time{},
		}
		k.keep(res)
		t.Repeat(map[string]func(*rapid.T){
			"refresh": k.refresh,
			"stranger": func(t *rapid.T) {
				_, err := w.Exchange(w.t.Context(), stranger, refreshForm(k.any(t).value))
				if !errors.Is(err, oauth.InvalidGrant) {
					t.Fatalf("a stranger's refresh = %v", err)
				}
			},
			"wait": func(t *rapid.T) {
				w.wait(time.Duration(rapid.IntRange(1, 8).Draw(t, "seconds")) * time.Second)
			},
			"": k.check,
		})
	})
}

func (k *walk) keep(res *Response) {
	k.tokens = append(k.tokens, issuedRefresh{res.RefreshToken, k.generation})
	k.access[res.AccessToken] = k.generation
	k.accessUntil[res.AccessToken] = k.clock().Truncate(time.Second).Add(time.Hour)
}

func (k *walk) any(t *rapid.T) issuedRefresh {
	// Mostly a recent one, or the walk is over too soon.
	back := min(rapid.IntRange(0, 3).Draw(t, "back"), len(k.tokens)-1)
	return k.tokens[len(k.tokens)-1-back]
}

func (k *walk) refresh(t *rapid.T) {
	presented := k.any(t)
	res, err := k.Exchange(k.world.t.Context(), k.client, refreshForm(presented.value))
	want := "refused"
	switch {
	case k.ended:
	case presented.generation == k.generation:
		want = "rotated"
	case presented.generation == k.generation-1 && k.clock().Before(k.rotated.Add(10*time.Second)):
		want = "repeated"
	default:
		k.ended = true
	}
	switch {
	case want == "refused" && !errors.Is(err, oauth.InvalidGrant):
		t.Fatalf("generation %d of %d: %v, want invalid_grant", presented.generation, k.generation, err)
	case want == "refused":
		return
	case err != nil:
		t.Fatalf("generation %d of %d: %v, want %s", presented.generation, k.generation, err, want)
	}
	if want == "rotated" {
		k.generation, k.rotated = k.generation+1, k.clock()
	}
	k.keep(res)
}

// check holds after every step: exactly the tokens of the current generation
// live.
func (k *walk) check(t *rapid.T) {
	g := k.grant(k.seed)
	if g.Dead() != k.ended || g.Generation != int64(k.generation) {
		t.Fatalf("row: dead %v, generation %d; model: %v, %d", g.Dead(), g.Generation, k.ended, k.generation)
	}
	last := k.tokens[max(0, len(k.tokens)-3):]
	for _, issued := range last {
		want := !k.ended && issued.generation == k.generation
		if got := k.active(issued.value); got != want {
			t.Fatalf("refresh token of generation %d of %d: active %v", issued.generation, k.generation, got)
		}
	}
	for value, generation := range k.access {
		want := !k.ended && generation == k.generation && k.clock().Before(k.accessUntil[value])
		if got := k.active(value); got != want {
			t.Fatal(fmt.Sprintf("access token of generation %d of %d: active %v", generation, k.generation, got))
		}
		if !want {
			delete(k.access, value)
		}
	}
}
