package key

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"hydra/internal/oauth"
)

// Rotated is a key that a rotation made.
type Rotated struct {
	Set, KID, Alg string // KID as it is published
	ActiveFrom    time.Time
}

// Rotate replaces the keys of a set that signs, and of the one beside it: for
// each algorithm a new pair is announced by AnnounceFor, and the keys before it
// retire when it begins to sign. Retired keys verify for VerifyFor and then go,
// with the next rotation.
//
// alg is the algorithm of the set's own signer from then on, "" the same as
// now. The keys of the algorithm that it had before stay for those who ask for
// that by name.
//
// Of two rotations at once one wins for each key. oauth.InvalidRequest for an
// algorithm that is not one of SigningAlgs.
func (s *Service) Rotate(ctx context.Context, set, alg string) ([]Rotated, error) {
	return s.rotate(ctx, set, alg, func(*stored) bool { return true })
}

// RotateOlder is Rotate for those algorithms whose newest key is at least as
// old as the age. A set that does not sign is left alone.
func (s *Service) RotateOlder(ctx context.Context, set string, age time.Duration) ([]Rotated, error) {
	now := s.now()
	return s.rotate(ctx, set, "", func(k *stored) bool { return !now.Before(k.row.CreatedAt.Add(age)) })
}

// Prefer makes alg the algorithm of the set's own signer, with a key that is
// announced first, unless it is so already.
func (s *Service) Prefer(ctx context.Context, set, alg string) ([]Rotated, error) {
	ks, err := s.load(ctx, set)
	if err != nil {
		return nil, err
	}
	if newest := ks.newest(); newest == nil || newest.alg == alg {
		return nil, s.Ensure(ctx, set, alg)
	}
	return s.rotate(ctx, set, alg, func(*stored) bool { return false })
}

// rotation is the work on one set and the one beside it, as they were loaded.
type rotation struct {
	*Service
	now  time.Time
	own  *keySet
	sets map[string]*keySet // both, by name
}

func (s *Service) rotate(ctx context.Context, set, alg string, due func(*stored) bool) ([]Rotated, error) {
	if alg != "" && !slices.Contains(SigningAlgs(), alg) {
		return nil, errNoSigningAlg
	}
	r := &rotation{Service: s, now: s.now(), sets: make(map[string]*keySet)}
	for _, name := range []string{set, ByAlgorithm(set)} {
		ks, err := s.load(ctx, name)
		if err != nil {
			return nil, err
		}
		r.sets[name] = ks
	}
	r.own = r.sets[set]
	defer s.Watch.Forget()
	if err := r.clear(ctx); err != nil {
		return nil, err
	}
	newest := r.own.newest()
	was := ""
	if newest != nil {
		was = newest.alg
	}
	var done []Rotated
	for _, one := range r.algorithms(alg) {
		into := ByAlgorithm(set)
		switch {
		case one == alg || alg == "" && one == was:
			into = set // its newest key decides what the set signs with
		case alg != "" && one == was:
			continue // its keys stay, for those who ask for them by name
		}
		if k := r.newestOf(one); one != alg && !due(k) {
			continue
		}
		made, err := r.replace(ctx, into, one)
		if err != nil {
			return done, err
		}
		done = append(done, made...)
	}
	return done, nil
}

// newest returns the newest private key that signs, whether announced or
// active; nil when there is none.
func (ks *keySet) newest() *stored {
	for _, k := range ks.keys {
		if k.signs("") && k.row.RetiredAt.IsZero() {
			return k
		}
	}
	return nil
}

func (r *rotation) newestOf(alg string) *stored {
	var newest *stored
	for _, ks := range r.sets {
		for _, k := range ks.keys {
			if k.signs(alg) && k.row.RetiredAt.IsZero() && (newest == nil || k.row.CreatedAt.After(newest.row.CreatedAt)) {
				newest = k
			}
		}
	}
	return newest
}

// algorithms lists those that have a key to follow, and alg.
func (r *rotation) algorithms(alg string) []string {
	var out []string
	for _, one := range SigningAlgs() {
		if one == alg || r.newestOf(one) != nil {
			out = append(out, one)
		}
	}
	return out
}

// replace adds a pair and retires the keys of its algorithm before it.
func (r *rotation) replace(ctx context.Context, into, alg string) ([]Rotated, error) {
	ks, before := r.sets[into], r.newestOf(alg)
	active := r.now
	if before != nil || ks.signer(r.now) != nil {
		active = r.now.Add(r.AnnounceFor)
	}
	// Of two that follow the same key at once, one wins.
	state := []string{"after", alg}
	if k := cmp.Or(before, r.own.newest()); k != nil {
		state = append(state, k.row.Set, k.row.KID)
	}
	kid, err := r.addPair(ctx, into, alg, ks.after(r.now), active, state)
	if errors.Is(err, oauth.ErrExists) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for name, ks := range r.sets {
		var old []string
		for _, k := range ks.keys {
			if !k.symmetric && k.alg == alg && k.row.RetiredAt.IsZero() {
				old = append(old, k.row.KID)
			}
		}
		if len(old) == 0 {
			continue
		}
		if err := r.Store.RetireKeys(ctx, name, old, active, active.Add(VerifyFor)); err != nil {
			return nil, err
		}
	}
	return []Rotated{{Set: into, KID: kid, Alg: alg, ActiveFrom: active}}, nil
}

// clear removes the keys that verify nothing any more, and the private halves
// that will not sign again, which nobody can steal then.
func (r *rotation) clear(ctx context.Context) error {
	for name, ks := range r.sets {
		for _, k := range ks.keys {
			if k.row.RetiredAt.IsZero() || r.now.Before(k.row.VerifyUntil) && !k.spent(ks, r.now) {
				continue
			}
			if _, err := r.Store.DeleteKey(ctx, name, k.row.KID); err != nil {
				return err
			}
		}
	}
	return nil
}

// spent reports whether the key is the private half of a retired pair whose
// public half stays. Nodes with a slow clock may use it for a little longer.
func (k *stored) spent(ks *keySet, now time.Time) bool {
	public := ks.key(publishedKID(k.row.KID))
	return k.private && public != nil && public != k && !public.private && !now.Before(k.row.RetiredAt.Add(clockSlack))
}
