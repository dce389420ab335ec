package sqlstore

import (
	"bytes"
	"context"
	"time"

	"hydra/internal/oauth"
)

const (
	keyColumns = `set_name, kid, alg, use_for, slot, created_at, active_from, retired_at, verify_until, data`

	selectKeySet = `SELECT ` + keyColumns + ` FROM json_web_keys WHERE set_key = ? ORDER BY created_at DESC, kid_key`
	selectKey    = `SELECT ` + keyColumns + ` FROM json_web_keys WHERE set_key = ? AND kid_key = ?`
	insertKey    = `
		INSERT INTO json_web_keys (set_key, kid_key, ` + keyColumns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	retireKey = `
		UPDATE json_web_keys SET retired_at = ?, verify_until = ?
		WHERE set_key = ? AND kid_key = ? AND retired_at IS NULL`
	deleteKeySet = `DELETE FROM json_web_keys WHERE set_key = ?`
	deleteKey    = `DELETE FROM json_web_keys WHERE set_key = ? AND kid_key = ?`
)

func scanKey(r record, k *oauth.KeyRow) error {
	return r.Scan(textInto{&k.Set}, textInto{&k.KID}, textInto{&k.Alg}, textInto{&k.Use}, idInto{&k.Slot}, timeInto{&k.CreatedAt},
		timeInto{&k.ActiveFrom}, timeInto{&k.RetiredAt}, timeInto{&k.VerifyUntil}, &k.Data)
}

// KeySet returns the keys of a set, newest first; none is no error.
func (s *Store) KeySet(ctx context.Context, set string) ([]oauth.KeyRow, error) {
	if hasNUL(set) {
		return nil, nil
	}
	return all(ctx, s, scanKey, selectKeySet, nameKey(set))
}

// AddKeys adds all keys or none. ErrExists when a kid or a slot is taken.
func (s *Store) AddKeys(ctx context.Context, keys []oauth.KeyRow) error {
	return s.changeKeys(ctx, keys, func(t *Store) error { return t.addKeys(ctx, keys) })
}

// ReplaceKeySet puts the keys in place of all that the set had.
func (s *Store) ReplaceKeySet(ctx context.Context, set string, keys []oauth.KeyRow) error {
	if hasNUL(set) {
		return errNUL
	}
	return s.changeKeys(ctx, keys, func(t *Store) error {
		if err := t.change(ctx, deleteKeySet, nameKey(set)); err != nil {
			return err
		}
		return t.addKeys(ctx, keys)
	})
}

// ReplaceKeys puts the keys in place of those that have one of the kids.
// ErrExists when another key of the set has a kid or a slot.
func (s *Store) ReplaceKeys(ctx context.Context, set string, kids []string, keys []oauth.KeyRow) error {
	if hasNUL(append([]string{set}, kids...)...) {
		return errNUL
	}
	return s.changeKeys(ctx, keys, func(t *Store) error {
		for _, kid := range kids {
			if err := t.change(ctx, deleteKey, nameKey(set), nameKey(kid)); err != nil {
				return err
			}
		}
		return t.addKeys(ctx, keys)
	})
}

// RetireKeys sets the times of keys that were not retired before.
func (s *Store) RetireKeys(ctx context.Context, set string, kids []string, at, until time.Time) error {
	if hasNUL(append([]string{set}, kids...)...) || len(kids) == 0 {
		return nil // there are none of these names
	}
	return s.changeKeys(ctx, nil, func(t *Store) error {
		for _, kid := range kids {
			if err := t.change(ctx, retireKey, micros(at), micros(until), nameKey(set), nameKey(kid)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteKeySet returns how many keys went.
func (s *Store) DeleteKeySet(ctx context.Context, set string) (int, error) {
	if hasNUL(set) {
		return 0, nil
	}
	return s.deleteKeys(ctx, deleteKeySet, nameKey(set))
}

// DeleteKey returns how many keys went: one or none.
func (s *Store) DeleteKey(ctx context.Context, set, kid string) (int, error) {
	if hasNUL(set, kid) {
		return 0, nil
	}
	return s.deleteKeys(ctx, deleteKey, nameKey(set), nameKey(kid))
}

func (s *Store) deleteKeys(ctx context.Context, stmt string, args ...any) (int, error) {
	var n int64
	err := s.atomic(ctx, func(t *Store) error {
		out, err := t.exec(ctx, stmt, args...)
		if err != nil {
			return err
		}
		if out.rows == 0 && out.unknown {
			return nil // n is what the earlier try deleted, if anything
		}
		if n = out.rows; n == 0 {
			return nil
		}
		return t.raise(ctx, groupKeys)
	})
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

func (s *Store) changeKeys(ctx context.Context, keys []oauth.KeyRow, f func(*Store) error) error {
	for _, k := range keys {
		if hasNUL(k.Set, k.KID, k.Alg, k.Use) {
			return errNUL
		}
	}
	return s.atomic(ctx, func(t *Store) error {
		if t.tx.unknown && len(keys) > 0 && t.hasKeys(ctx, keys) {
			return nil // an earlier try was committed
		}
		// First, because it lets one change wait for the other: of two that
		// replace a set at once, the later must find what the earlier has put in.
		if err := t.raise(ctx, groupKeys); err != nil {
			return err
		}
		return f(t)
	})
}

// hasKeys reports whether the keys are stored as they are. Their data are
// sealed, so nobody else can have written the same.
func (s *Store) hasKeys(ctx context.Context, keys []oauth.KeyRow) bool {
	for _, k := range keys {
		have, err := one(ctx, s, scanKey, selectKey, nameKey(k.Set), nameKey(k.KID))
		if err != nil || have.Slot != k.Slot || !bytes.Equal(have.Data, k.Data) {
			return false
		}
	}
	return true
}

func (s *Store) addKeys(ctx context.Context, keys []oauth.KeyRow) error {
	for _, k := range keys {
		err := s.change(ctx, insertKey, nameKey(k.Set), nameKey(k.KID), text(k.Set), text(k.KID), text(k.Alg), text(k.Use), k.Slot[:],
			due(k.CreatedAt), micros(k.ActiveFrom), micros(k.RetiredAt), micros(k.VerifyUntil), k.Data)
		if err != nil {
			return err
		}
	}
	return nil
}
