package key

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// What a start refuses to go on with.
var (
	// ErrWrongSystemSecret says that a data key was wrapped under a system
	// secret that is not among the configured ones.
	ErrWrongSystemSecret = errors.New("key: the system secrets do not open the key ring of this database; was a secret changed without keeping the old one in the list?")
	// ErrForeignRing says that the data keys are gone or come from elsewhere,
	// while rows that they sealed are still there.
	ErrForeignRing = errors.New("key: the key ring is not the one that sealed this database; restore the table seal_keys")
)

// RingStore is what the Ring needs of a store.
type RingStore interface {
	oauth.SealKeys
	oauth.Settings
	oauth.Sealed
}

// Ring holds the data keys of all kinds: it makes those that are missing,
// unwraps them with the system secret, gives them to the Sealer and rotates
// them on a schedule.
//
// A rotated-in key is announced first, so that every node knows it before
// anybody seals with it, and opens until nothing that it sealed can live.
// Refresh tokens and the like outlive a backup, so the key that follows theirs
// is announced a whole period ahead: a backup then has every key that sealed
// such a value until a period later.
//
// Keys that seal rows follow each other by command alone (RotateRows), those
// that make look-up hashes never.
type Ring struct {
	Store  RingStore
	System *secret.System
	Sealer *secret.Sealer
	Watch  *Watch
	Now    func() time.Time

	// RotateEvery is the age at which a key is followed by a new one; 0: a
	// week; negative: never.
	RotateEvery time.Duration
	// AnnounceFor is how long a new key waits before it seals; 0: 10 minutes.
	AnnounceFor time.Duration
	// Lives holds for each kind the longest life of its values. The keys of a
	// kind that is not in it are kept for ever.
	Lives map[secret.Kind]time.Duration

	mu   sync.Mutex // one load at a time
	seen int64      // version of the loaded ring
	keys map[uint32]secret.DataKey

	rewrapped int
}

const (
	canaryName  = "seal.canary"
	canaryText  = "the key ring belongs to this database"
	startRounds = 10
)

// Start loads the ring, and makes the keys that are missing. When many nodes
// start on an empty database at once, one of them makes the keys and all use
// the same. It wraps keys anew that an older system secret still holds. It
// sets the Sealer's Reload. ErrWrongSystemSecret, ErrForeignRing.
func (r *Ring) Start(ctx context.Context) error {
	// Read before the keys: who sees the canary sees the keys it was made with.
	canary, err := r.Store.Setting(ctx, canaryName)
	if err != nil && !errors.Is(err, oauth.ErrNotFound) {
		return err
	}
	fresh := err != nil
	var found []uint32
	if fresh {
		// Likewise: rows are sealed only after there was a ring to seal them with.
		if found, err = r.evidence(ctx); err != nil {
			return err
		}
	}
	if err := r.create(ctx, fresh && len(found) == 0); err != nil {
		return err
	}
	if fresh {
		for _, kid := range found {
			if key, ok := r.keys[kid]; !ok || key.Kind != secret.Row {
				return ErrForeignRing
			}
		}
		if canary, err = r.plantCanary(ctx); err != nil {
			return err
		}
	}
	text, err := r.Sealer.OpenRow("settings", "value", []byte(canaryName), canary)
	if err != nil || string(text) != canaryText {
		return ErrForeignRing
	}
	r.Sealer.Reload = r.reload
	return nil
}

// create makes the keys of kinds that have none, until none is missing.
func (r *Ring) create(ctx context.Context, fresh bool) error {
	for range startRounds {
		rows, err := r.load(ctx, true)
		if err != nil {
			return err
		}
		has := make(map[secret.Kind]bool)
		for _, row := range rows {
			has[kindOf(row)] = true
		}
		if !fresh && !has[secret.Row] {
			return ErrForeignRing
		}
		now := r.now()
		var missing []oauth.SealKey
		for _, k := range secret.Kinds() {
			if has[k] {
				continue
			}
			// The slot is the same on every node: the store lets one win.
			row, err := r.row(k, digest("first", k.String()), now, now)
			if err != nil {
				return err
			}
			missing = append(missing, row)
		}
		if len(missing) == 0 {
			return nil
		}
		err = r.Store.AddSealKeys(ctx, missing)
		r.Watch.Forget()
		if err != nil && !errors.Is(err, oauth.ErrExists) {
			return err
		}
	}
	return errors.New("key: other nodes keep changing the key ring")
}

// evidence returns the keys that sealed a few of the columns that are there,
// where nothing else tells whether the ring is theirs: with the tables of a
// backup that was restored in part, a new ring must not be made beside them.
func (r *Ring) evidence(ctx context.Context) (kids []uint32, err error) {
	for _, table := range oauth.SealedTables() {
		if table == oauth.SealedSettings {
			continue // the canary is not there
		}
		rows, err := r.Store.SealedRows(ctx, table, nil, 1)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			for _, c := range row.Columns {
				if kid, ok := secret.RowKID(c.Data); ok {
					kids = append(kids, kid)
				}
			}
		}
	}
	return kids, nil
}

// plantCanary stores a text that only this ring opens.
func (r *Ring) plantCanary(ctx context.Context) ([]byte, error) {
	sealed, err := r.Sealer.SealRow("settings", "value", []byte(canaryName), []byte(canaryText))
	if err != nil {
		return nil, err
	}
	err = r.Store.AddSetting(ctx, canaryName, sealed)
	if errors.Is(err, oauth.ErrExists) { // another node was faster
		return r.Store.Setting(ctx, canaryName)
	}
	return sealed, err
}

// Refresh loads the ring anew when it has changed. A job calls it about once
// a second; unknown key ids reload the ring by themselves. When it fails, the
// keys that are known stay in use.
func (r *Ring) Refresh(ctx context.Context) error {
	v, err := r.Watch.Current(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	same := r.keys != nil && r.seen == v.Seal
	r.mu.Unlock()
	if same {
		return nil
	}
	if _, err := r.load(ctx, false); err != nil {
		return err
	}
	// The rows are at least as new as the version that was read before them.
	r.mu.Lock()
	r.seen = v.Seal
	r.mu.Unlock()
	return nil
}

func (r *Ring) reload(ctx context.Context) error {
	_, err := r.load(ctx, false)
	return err
}

// load reads all keys and hands them to the Sealer. A key that is in memory is
// not unwrapped again: a node that still runs with the old system secret goes
// on while a node with the new one wraps the keys anew.
func (r *Ring) load(ctx context.Context, rewrap bool) ([]oauth.SealKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := r.Store.SealKeys(ctx)
	if err != nil {
		return nil, err
	}
	loaded := make(map[uint32]secret.DataKey, len(rows))
	list := make([]secret.DataKey, 0, len(rows))
	var failed error
	for _, row := range rows {
		if !kindOf(row).Valid() {
			continue // of a newer release
		}
		key, known := r.keys[row.KID]
		if !known || rewrap {
			plain, current, err := r.System.Unwrap(purpose(row), row.Data)
			if err != nil || len(plain) != len(key.Key) {
				failed = fmt.Errorf("%w (key %08x of kind %s)", ErrWrongSystemSecret, row.KID, kindOf(row))
				continue
			}
			key.Key = [32]byte(plain)
			if rewrap && !current {
				if err := r.rewrap(ctx, row, plain); err != nil {
					return nil, err
				}
				r.rewrapped++
			}
		}
		key.KID, key.Kind = row.KID, kindOf(row)
		key.ActiveFrom, key.RetiredAt = row.ActiveFrom, row.RetiredAt
		loaded[row.KID] = key
		list = append(list, key)
	}
	if failed != nil && r.keys == nil {
		return nil, failed // nothing is used of a ring that does not open
	}
	r.keys = loaded
	r.Sealer.Use(list)
	return rows, failed
}

// rewrap wraps a key under the newest system secret.
func (r *Ring) rewrap(ctx context.Context, row oauth.SealKey, plain []byte) error {
	data, err := r.System.Wrap(purpose(row), plain)
	if err != nil {
		return err
	}
	row.Data = data
	err = r.Store.PutSealKey(ctx, row)
	r.Watch.Forget()
	if errors.Is(err, oauth.ErrNotFound) { // deleted meanwhile
		return nil
	}
	return err
}

// row makes a new data key.
func (r *Ring) row(k secret.Kind, slot oauth.ID, announced, active time.Time) (oauth.SealKey, error) {
	row := oauth.SealKey{
		KID: newKID(), Kind: int(k), Slot: slot,
		AnnouncedAt: announced, ActiveFrom: active, DeleteAfter: oauth.Never,
	}
	var err error
	row.Data, err = r.System.Wrap(purpose(row), secret.Bytes(32))
	return row, err
}

func newKID() uint32 {
	for {
		if kid := binary.BigEndian.Uint32(secret.Bytes(4)); kid != 0 {
			return kid
		}
	}
}

// purpose binds a wrapped key to its row.
func purpose(row oauth.SealKey) string {
	return fmt.Sprintf("seal_keys/data/%d/%08x", row.Kind, row.KID)
}

func kindOf(row oauth.SealKey) secret.Kind {
	if row.Kind < 0 || row.Kind > 255 {
		return 0
	}
	return secret.Kind(row.Kind)
}

func (r *Ring) now() time.Time { return r.Now().UTC().Truncate(time.Microsecond) }
