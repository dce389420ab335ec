package server

import (
	"context"
	"fmt"
	"slices"

	"hydra/internal/key"
	"hydra/internal/token"
)

// SigningSets are the key sets that sign for others.
func SigningSets() []string { return []string{token.IDTokenSet, token.AccessTokenSet} }

// RotateKeys replaces the signing keys of a set, or of all that sign for "". The
// new ones are announced for as long as the configuration says. alg, if not
// empty, is the algorithm from then on; else that of the configuration, or the
// one that there is. A set that was named and has no key gets its first.
func (d *Data) RotateKeys(ctx context.Context, set, alg string) ([]key.Rotated, error) {
	sets := SigningSets()
	if set != "" {
		if !slices.Contains(sets, set) {
			return nil, fmt.Errorf("the set %q signs nothing; it is one of %q and %q", set, sets[0], sets[1])
		}
		sets = []string{set}
	}
	keys := &key.Service{Store: d.store, Sealer: d.ring.Sealer, Watch: d.ring.Watch, Now: d.Now, AnnounceFor: d.Config.Keys.AnnounceFor}
	var done []key.Rotated
	for _, one := range sets {
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
