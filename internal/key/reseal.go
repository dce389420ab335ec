package key

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

const (
	resealBatch  = 200 // rows that are read at a time
	resealPasses = 10  // more are not needed where nodes know the key
)

// ErrSealedRows says that columns are left that the newest key has not sealed:
// they are damaged, or the rotation is not finished.
var ErrSealedRows = errors.New("key: columns are left that an older key has sealed")

// Rewrapped is how many keys Start wrapped anew, because an older system
// secret than the first held them.
func (r *Ring) Rewrapped() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rewrapped
}

// RotateRows announces a new key for columns at rest and returns when it
// begins to seal. A rotation that was begun and not finished goes on instead:
// then resumed is true.
func (r *Ring) RotateRows(ctx context.Context, announce time.Duration) (active time.Time, resumed bool, err error) {
	keys, err := r.rowKeys(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	if len(keys) > 1 && keys[1].RetiredAt.IsZero() {
		return keys[0].ActiveFrom, true, nil
	}
	now := r.now()
	// The slot depends on the key that is followed: of two that rotate at once
	// one wins, and both go on with its key.
	slot := digest("after", fmt.Sprintf("%d/%08x", keys[0].Kind, keys[0].KID))
	active = now.Add(announce)
	if !active.After(keys[0].ActiveFrom) {
		active = keys[0].ActiveFrom.Add(time.Microsecond) // the newest is the one that begins last
	}
	row, err := r.row(secret.Row, slot, now, active)
	if err != nil {
		return time.Time{}, false, err
	}
	if err := r.change(ctx, []oauth.SealKey{row}, nil); err != nil {
		return time.Time{}, false, err
	}
	if keys, err = r.rowKeys(ctx); err != nil {
		return time.Time{}, false, err
	}
	return keys[0].ActiveFrom, false, nil
}

// Resealed counts what Reseal did.
type Resealed struct {
	Table  oauth.SealedTable // that it is at
	Seen   int               // sealed columns
	Sealed int               // of them, sealed anew
	Failed int               // of them, that do not open
}

// Reseal seals every column at rest with the newest key, and retires the keys
// before it when none is left. It may be stopped at any time and called again;
// what is done already is recognised by the key id. Nodes go on working beside
// it. It passes over the tables until a whole pass found nothing to do, since a
// node that learns of the key late still seals with the one before.
func (r *Ring) Reseal(ctx context.Context, store oauth.Sealed, progress func(Resealed)) (total Resealed, err error) {
	keys, err := r.rowKeys(ctx)
	if err != nil {
		return total, err
	}
	if r.now().Before(keys[0].ActiveFrom) {
		return total, fmt.Errorf("key: the newest key of columns seals from %s on, not yet", keys[0].ActiveFrom.Format(time.RFC3339))
	}
	if err := r.reload(ctx); err != nil {
		return total, err
	}
	for range resealPasses {
		pass := Resealed{}
		for _, table := range oauth.SealedTables() {
			pass.Table = table
			if err := r.resealTable(ctx, store, keys[0].KID, &pass, progress); err != nil {
				return total, err
			}
		}
		total.Seen, total.Sealed, total.Failed = pass.Seen, total.Sealed+pass.Sealed, pass.Failed
		switch {
		case pass.Failed > 0:
			return total, fmt.Errorf("%w: %d do not open", ErrSealedRows, total.Failed)
		case pass.Sealed == 0:
			return total, r.retireRows(ctx, keys)
		}
	}
	return total, fmt.Errorf("%w: some node goes on sealing with one", ErrSealedRows)
}

func (r *Ring) resealTable(ctx context.Context, store oauth.Sealed, newest uint32, p *Resealed, progress func(Resealed)) error {
	var after []byte
	for {
		rows, err := store.SealedRows(ctx, p.Table, after, resealBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			for _, c := range row.Columns {
				if err := r.resealColumn(ctx, store, newest, row, c, p); err != nil {
					return err
				}
			}
			after = row.Key
		}
		progress(*p)
		if len(rows) < resealBatch {
			return nil
		}
	}
}

func (r *Ring) resealColumn(ctx context.Context, store oauth.Sealed, newest uint32, row oauth.SealedRow, c oauth.SealedColumn, p *Resealed) error {
	if len(c.Data) == 0 || p.Table == oauth.SealedSettings && string(row.Key) != canaryName {
		return nil
	}
	p.Seen++
	if kid, ok := secret.RowKID(c.Data); ok && kid == newest {
		return nil
	}
	bound := row.Key
	if p.Table == oauth.SealedKeys {
		bound = place(row.Set, row.KID)
	}
	plain, err := r.Sealer.OpenRow(string(p.Table), c.Name, bound, c.Data)
	if err != nil {
		p.Failed++ // of another key or damaged: it cannot be used as it is, either
		return nil
	}
	sealed, err := r.Sealer.SealRow(string(p.Table), c.Name, bound, plain)
	if err != nil {
		return err
	}
	if _, err := store.ReplaceSealed(ctx, p.Table, c.Name, row.Key, c.Data, sealed); err != nil {
		return err
	}
	p.Sealed++ // or somebody else has just written it: the next pass looks again
	return nil
}

// retireRows marks the keys before the newest, and deletes those that were
// retired so long ago that no node can have sealed with them since: the pass
// that has just ended found none of their columns.
func (r *Ring) retireRows(ctx context.Context, keys []oauth.SealKey) error {
	now := r.now()
	var dead []uint32
	for _, row := range keys[1:] {
		if !row.RetiredAt.IsZero() {
			if oauth.Past(row.DeleteAfter, now) {
				dead = append(dead, row.KID)
			}
			continue
		}
		row.RetiredAt, row.DeleteAfter = now, now.Add(clockSlack)
		if err := r.Store.PutSealKey(ctx, row); err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return err
		}
	}
	return r.change(ctx, nil, dead)
}

// RowKeys counts the keys of columns at rest: the one that seals, and those
// that are retired and wait for their end.
func (r *Ring) RowKeys(ctx context.Context) (int, error) {
	keys, err := r.rowKeys(ctx)
	return len(keys), err
}

// rowKeys returns the keys of columns at rest, newest first.
func (r *Ring) rowKeys(ctx context.Context) ([]oauth.SealKey, error) {
	rows, err := r.Store.SealKeys(ctx)
	if err != nil {
		return nil, err
	}
	keys := ofKind(rows, secret.Row)
	if len(keys) == 0 {
		return nil, ErrForeignRing
	}
	return keys, nil
}
