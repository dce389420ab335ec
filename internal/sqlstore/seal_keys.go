package sqlstore

import (
	"bytes"
	"context"
	"errors"

	"hydra/internal/oauth"
)

const (
	sealKeyColumns = `kid, kind, slot, announced_at, active_from, retired_at, delete_after, data`

	selectSealKeys = `SELECT ` + sealKeyColumns + ` FROM seal_keys ORDER BY kid`
	selectSealKey  = `SELECT ` + sealKeyColumns + ` FROM seal_keys WHERE kid = ?`
	insertSealKey  = `INSERT INTO seal_keys (` + sealKeyColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	updateSealKey  = `
		UPDATE seal_keys SET kind = ?, slot = ?, announced_at = ?, active_from = ?, retired_at = ?, delete_after = ?, data = ?
		WHERE kid = ?`
	deleteSealKey = `DELETE FROM seal_keys WHERE kid = ?`
)

func scanSealKey(r record, k *oauth.SealKey) error {
	return r.Scan(numberInto[uint32]{&k.KID}, &k.Kind, idInto{&k.Slot}, timeInto{&k.AnnouncedAt}, timeInto{&k.ActiveFrom}, timeInto{&k.RetiredAt},
		timeInto{&k.DeleteAfter}, &k.Data)
}

// SealKeys returns all data keys, by their ids.
func (s *Store) SealKeys(ctx context.Context) ([]oauth.SealKey, error) {
	return all(ctx, s, scanSealKey, selectSealKeys)
}

// AddSealKeys adds all or none. ErrExists when a kid or a slot is taken.
func (s *Store) AddSealKeys(ctx context.Context, keys []oauth.SealKey) error {
	return s.atomic(ctx, func(t *Store) error {
		for _, k := range keys {
			err := t.change(ctx, insertSealKey, int64(k.KID), k.Kind, k.Slot[:], micros(k.AnnouncedAt), micros(k.ActiveFrom),
				micros(k.RetiredAt), micros(k.DeleteAfter), k.Data)
			if t.tx.unknown && errors.Is(err, oauth.ErrExists) && t.hasSealKeys(ctx, keys) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return t.raise(ctx, groupSeal)
	})
}

// hasSealKeys reports whether the keys are stored as they are. They are random
// and wrapped, so nobody else can have written the same.
func (s *Store) hasSealKeys(ctx context.Context, keys []oauth.SealKey) bool {
	for _, k := range keys {
		have, err := one(ctx, s, scanSealKey, selectSealKey, int64(k.KID))
		if err != nil || have.Kind != k.Kind || have.Slot != k.Slot || !bytes.Equal(have.Data, k.Data) {
			return false
		}
	}
	return true
}

// PutSealKey replaces the key of the same kid: another wrapping, other times.
// ErrNotFound.
func (s *Store) PutSealKey(ctx context.Context, k oauth.SealKey) error {
	return s.atomic(ctx, func(t *Store) error {
		out, err := t.exec(ctx, updateSealKey, k.Kind, k.Slot[:], micros(k.AnnouncedAt), micros(k.ActiveFrom), micros(k.RetiredAt),
			micros(k.DeleteAfter), k.Data, int64(k.KID))
		switch {
		case err != nil:
			return err
		case out.rows == 0:
			return oauth.ErrNotFound
		}
		return t.raise(ctx, groupSeal)
	})
}

// DeleteSealKeys removes the keys with these ids.
func (s *Store) DeleteSealKeys(ctx context.Context, kids []uint32) error {
	return s.atomic(ctx, func(t *Store) error {
		for _, kid := range kids {
			if err := t.change(ctx, deleteSealKey, int64(kid)); err != nil {
				return err
			}
		}
		return t.raise(ctx, groupSeal)
	})
}
