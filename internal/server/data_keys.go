package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/token"
)

// RotatedSets are the key sets that RotateKeys knows.
func RotatedSets() []string { return append(SigningSets(), flow.RequestObjectSet) }

// KeyDoes says what the keys of a set are for.
func KeyDoes(set string) string {
	if set == flow.RequestObjectSet {
		return "encrypts"
	}
	return "signs"
}

// SigningSets are the key sets that sign for others.
func SigningSets() []string { return []string{token.IDTokenSet, token.AccessTokenSet} }

// RotateKeys replaces the keys of a set, or of all for "": those that sign, and
// those that clients encrypt to unless an alg is given. New signing keys are
// announced for as long as the configuration says. alg, if not
// empty, is the algorithm from then on; else that of the configuration, or the
// one that there is. A set that was named and has no key gets its first.
func (d *Data) RotateKeys(ctx context.Context, set, alg string) ([]key.Rotated, error) {
	sets := RotatedSets()
	switch {
	case set != "" && !slices.Contains(sets, set):
		return nil, fmt.Errorf("the set %q is not rotated; it is one of %s", set, strings.Join(sets, ", "))
	case set == flow.RequestObjectSet && alg != "":
		return nil, fmt.Errorf("the keys of the set %q sign nothing and have the algorithms that clients encrypt with", set)
	case set != "":
		sets = []string{set}
	case alg != "":
		sets = SigningSets()
	}
	keys := &key.Service{
		Store: d.store, Sealer: d.ring.Sealer, Watch: d.ring.Watch, Now: d.Now, AnnounceFor: d.Config.Keys.AnnounceFor, PublishFor: publishFor(d.Config),
	}
	var done []key.Rotated
	for _, one := range sets {
		if one == flow.RequestObjectSet {
			made, err := keys.RotateEncryption(ctx, one)
			if done = append(done, made...); err != nil {
				return done, err
			}
			continue
		}
		wanted := alg
		if wanted == "" {
			wanted = signingSets(d.Config)[one]
		}
		made, err := keys.Rotate(ctx, one, wanted)
		if err != nil {
			return done, err
		}
		done = append(done, made...)
	}
	return done, nil
}
