package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hydra/internal/config"
	"hydra/internal/key"
	"hydra/internal/secret"
	"hydra/internal/sqlstore"
)

// Data is a database with its key ring unlocked, for commands that work on it
// beside running servers.
type Data struct {
	Config *config.Config
	Log    *slog.Logger
	Now    func() time.Time

	store *sqlstore.Store
	ring  *key.Ring
}

// OpenData opens the database of the configuration and unlocks its key ring
// with the system secrets. It changes no schema.
func OpenData(ctx context.Context, c *config.Config, log *slog.Logger, now func() time.Time) (*Data, error) {
	if c.Memory() {
		return nil, errors.New("the database \"memory\" lives in the server's own process: set dsn (DATABASE_URL)")
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: string(c.DSN)})
	if err != nil {
		return nil, err
	}
	d := &Data{Config: c, Log: log, Now: now, store: store}
	if err := store.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("storage %s: %w", c.Storage(), err), store.Close())
	}
	sealer := secret.NewSealer(c.URLs.Issuer)
	sealer.Now = now
	d.ring = &key.Ring{
		Store: store, Sealer: sealer, Watch: &key.Watch{Store: store, Now: now}, Now: now,
		RotateEvery: orNever(c.Keys.SealRotation), Lives: lives,
	}
	if err := openRing(ctx, c, d.ring, log); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return d, nil
}

// Close closes the database.
func (d *Data) Close() error { return d.store.Close() }

// Rewrapped is how many data keys were wrapped anew under the first system
// secret when the data was opened.
func (d *Data) Rewrapped() int { return d.ring.Rewrapped() }

// RotateRows makes a new key for columns at rest, waits until every node knows
// it, and seals them all anew. It goes on where an earlier call stopped. say
// is told what goes on, in sentences.
func (d *Data) RotateRows(ctx context.Context, announce time.Duration, say func(string)) error {
	active, resumed, err := d.ring.RotateRows(ctx, announce)
	if err != nil {
		return err
	}
	if resumed {
		say("An earlier run has made the new key; going on.")
	}
	if wait := active.Sub(d.Now()); wait > 0 {
		say(fmt.Sprintf("Waiting %s, until every node knows the new key.", wait.Round(time.Second)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	told := time.Now()
	total, err := d.ring.Reseal(ctx, d.store, func(p key.Resealed) {
		if now := time.Now(); now.Sub(told) > 5*time.Second {
			told = now
			say(fmt.Sprintf("  %d columns seen so far, %d sealed anew; at %s", p.Seen, p.Sealed, p.Table))
		}
	})
	if err != nil {
		return fmt.Errorf("%w (%d columns were sealed anew; run it again to go on)", err, total.Sealed)
	}
	say(fmt.Sprintf("All %d columns are sealed with the newest key; %d were sealed anew.", total.Seen, total.Sealed))
	left, err := d.ring.RowKeys(ctx)
	if err == nil && left > 1 {
		say("The key before stays for an hour, for nodes that are late. Run \"hydra secrets rotate --finish\" after it to delete the key.")
	}
	return err
}

// FinishRows looks once more for columns of older keys, and deletes the keys
// that were retired more than an hour ago.
func (d *Data) FinishRows(ctx context.Context, say func(string)) error {
	total, err := d.ring.Reseal(ctx, d.store, func(key.Resealed) {})
	if err != nil {
		return err
	}
	left, err := d.ring.RowKeys(ctx)
	if err != nil {
		return err
	}
	say(fmt.Sprintf("All %d columns are sealed with the newest key.", total.Seen))
	if left > 1 {
		say("The key before was retired less than an hour ago: it stays for now.")
	} else {
		say("No older key is left.")
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DropKeys ends all values of a kind: a new key takes the place of theirs.
func (d *Data) DropKeys(ctx context.Context, kind string) error {
	if slices.Contains(Kinds(), kind) {
		for _, k := range secret.Kinds() {
			if k.String() == kind {
				return d.ring.Drop(ctx, k)
			}
		}
	}
	return fmt.Errorf("there is no kind %q: it is one of %s", kind, strings.Join(Kinds(), ", "))
}

// Kinds are the names of the kinds of values that DropKeys can end.
func Kinds() []string {
	var names []string
	for _, k := range secret.Kinds() {
		if k != secret.Row && k != secret.Index {
			names = append(names, k.String())
		}
	}
	slices.Sort(names)
	return names
}
