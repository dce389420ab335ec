package key

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

const (
	rotateEvery  = 7 * 24 * time.Hour
	ringAnnounce = 10 * time.Minute
	// clockSlack is added to the life of a retired key: other nodes may have
	// sealed with it a little longer.
	clockSlack = time.Hour
)

// Rotate brings the ring forward by its schedule: it announces a key where the
// newest is RotateEvery old, retires keys that an active one follows, and
// deletes retired keys when no value of theirs can live. A job calls it about
// once an hour under a lease; two nodes that do it at once do no harm.
func (r *Ring) Rotate(ctx context.Context) error {
	rows, err := r.Store.SealKeys(ctx)
	if err != nil {
		return err
	}
	now := r.now()
	var fresh []oauth.SealKey
	var dead []uint32
	for _, k := range secret.Kinds() {
		keys := ofKind(rows, k)
		if len(keys) == 0 || !rotates(k) {
			continue
		}
		next, err := r.next(keys, now)
		if err != nil {
			return err
		}
		fresh = append(fresh, next...)
		gone, err := r.retire(ctx, keys, now)
		if err != nil {
			return err
		}
		dead = append(dead, gone...)
	}
	return r.change(ctx, fresh, dead)
}

// Drop ends every value of a kind at once: a new key takes the place of all
// others. Rows and look-up hashes cannot be dropped: nothing would be left.
func (r *Ring) Drop(ctx context.Context, k secret.Kind) error {
	if !k.Valid() || !rotates(k) {
		return oauth.InvalidRequest.Hint("The keys of this kind cannot be dropped.")
	}
	rows, err := r.Store.SealKeys(ctx)
	if err != nil {
		return err
	}
	now := r.now()
	row, err := r.row(k, secret.NewID(), now, now)
	if err != nil {
		return err
	}
	var dead []uint32
	for _, old := range ofKind(rows, k) {
		dead = append(dead, old.KID)
	}
	return r.change(ctx, []oauth.SealKey{row}, dead)
}

// rotates reports whether keys of the kind are replaced on a schedule. Rows
// have to be sealed anew (Reseal), and hashes could not be found any more.
func rotates(k secret.Kind) bool { return k != secret.Row && k != secret.Index }

// outlives reports whether values of the kind are kept by clients and browsers
// for so long that a restored backup must open those made after it.
func outlives(k secret.Kind) bool {
	return k == secret.Refresh || k == secret.Registration || k == secret.SessionCookie
}

// ofKind returns the keys of a kind, newest first.
func ofKind(rows []oauth.SealKey, k secret.Kind) []oauth.SealKey {
	var keys []oauth.SealKey
	for _, row := range rows {
		if kindOf(row) == k {
			keys = append(keys, row)
		}
	}
	slices.SortFunc(keys, func(a, b oauth.SealKey) int {
		return cmp.Or(b.ActiveFrom.Compare(a.ActiveFrom), cmp.Compare(b.KID, a.KID))
	})
	return keys
}

// next returns the key that follows the newest one, if it is time.
func (r *Ring) next(keys []oauth.SealKey, now time.Time) ([]oauth.SealKey, error) {
	every := cmp.Or(r.RotateEvery, rotateEvery)
	active := now.Add(cmp.Or(r.AnnounceFor, ringAnnounce))
	switch due := keys[0].ActiveFrom.Add(every); {
	case every < 0:
		return nil, nil
	case outlives(kindOf(keys[0])):
		if now.Before(keys[0].ActiveFrom) {
			return nil, nil // it is there already
		}
		if due.After(active) {
			active = due
		}
	case now.Before(due):
		return nil, nil
	}
	// The slot depends on the key that is followed, so that of two nodes that
	// rotate at once one wins.
	slot := digest("after", fmt.Sprintf("%d/%08x", keys[0].Kind, keys[0].KID))
	row, err := r.row(kindOf(keys[0]), slot, now, active)
	return []oauth.SealKey{row}, err
}

// retire marks the keys behind the newest active one, and returns those whose
// values are all dead.
func (r *Ring) retire(ctx context.Context, keys []oauth.SealKey, now time.Time) (dead []uint32, err error) {
	active := slices.IndexFunc(keys, func(k oauth.SealKey) bool { return !now.Before(k.ActiveFrom) })
	if active < 0 {
		return nil, nil
	}
	for _, row := range keys[active+1:] {
		if !row.RetiredAt.IsZero() {
			if oauth.Past(row.DeleteAfter, now) {
				dead = append(dead, row.KID)
			}
			continue
		}
		row.RetiredAt, row.DeleteAfter = now, oauth.Never
		if life, ok := r.Lives[kindOf(row)]; ok {
			row.DeleteAfter = now.Add(life + clockSlack)
		}
		if err := r.Store.PutSealKey(ctx, row); err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return nil, err
		}
	}
	return dead, nil
}

// change writes what Rotate or Drop decided and loads the ring.
func (r *Ring) change(ctx context.Context, fresh []oauth.SealKey, dead []uint32) error {
	for _, row := range fresh { // one by one: a slot that is taken stops no other
		if err := r.Store.AddSealKeys(ctx, []oauth.SealKey{row}); err != nil && !errors.Is(err, oauth.ErrExists) {
			return err
		}
	}
	if len(dead) > 0 {
		if err := r.Store.DeleteSealKeys(ctx, dead); err != nil {
			return err
		}
	}
	if len(fresh)+len(dead) > 0 {
		r.Watch.Forget() // else every hour a request would ask for what nobody has changed
	}
	return r.reload(ctx)
}
