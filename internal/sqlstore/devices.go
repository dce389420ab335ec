package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	insertDevice = `
		INSERT INTO devices (id, client_uid, user_code_key, status, holder, created_at, expires_at, purge_at, b, op_id, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// selectDevice tells also how many counts of guesses are full.
	selectDevice = `
		SELECT d.id, d.client_uid, d.user_code_key, d.status, d.holder, d.created_at, d.expires_at, d.purge_at, d.op_id, d.data,
			(SELECT COUNT(*) FROM guesses g WHERE g.id IN (?, ?, ?) AND g.n >= g.most)
		FROM devices d WHERE d.user_code_key = ?`
	selectDeviceOp = `SELECT op_id FROM devices WHERE id = ?`
	decideDevice   = `
		UPDATE devices SET status = ?, holder = ?, op_id = ?
		WHERE id = ? AND status = 0 AND expires_at > ?`
	countGuess  = `UPDATE guesses SET n = n + 1 WHERE id = ? AND n < most`
	insertGuess = `INSERT INTO guesses (id, n, most, expires_at, purge_at, b) VALUES (?, 1, ?, ?, ?, ?)`
)

// countsAsked is how many counts of guesses one look-up can ask for.
const countsAsked = 3

// AddDevice stores a device authorization request. ErrExists when the user
// code is taken.
func (s *Store) AddDevice(ctx context.Context, d *oauth.Device) error {
	op := d.OpID
	if op.IsZero() {
		op = s.op()
	}
	out, err := s.exec(ctx, insertDevice, key(d.ID), key(d.ClientUID), key(d.UserCode), int64(d.Status), key(d.Holder),
		due(d.CreatedAt), due(d.ExpiresAt), due(d.PurgeAt), bucket(d.ID), op[:], d.Data)
	if errors.Is(err, oauth.ErrExists) && out.unknown {
		return s.unlessOwn(ctx, err, selectDeviceOp, d.ID, op)
	}
	return err
}

// Device finds a request by the hash of its user code. ErrUsed when a count of
// guesses is full, ErrNotFound.
func (s *Store) Device(ctx context.Context, userCode oauth.ID, counts ...oauth.GuessCount) (*oauth.Device, error) {
	if len(counts) > countsAsked {
		return nil, errors.New("sqlstore: too many counts of guesses")
	}
	var asked [countsAsked]oauth.ID
	for i, c := range counts {
		asked[i] = c.ID
	}
	full := 0
	d, err := one(ctx, s, func(r record, d *oauth.Device) error {
		return r.Scan(idInto{&d.ID}, idInto{&d.ClientUID}, idInto{&d.UserCode}, numberInto[oauth.DeviceStatus]{&d.Status}, idInto{&d.Holder},
			timeInto{&d.CreatedAt}, timeInto{&d.ExpiresAt}, timeInto{&d.PurgeAt}, idInto{&d.OpID}, &d.Data, &full)
	}, selectDevice, asked[0][:], asked[1][:], asked[2][:], userCode[:])
	if err == nil && full > 0 {
		return nil, oauth.ErrUsed
	}
	return d, err
}

// CountGuess adds a wrong user code to each of the counts. ErrUsed at the
// first that is full. A commit whose answer was lost may count twice.
func (s *Store) CountGuess(ctx context.Context, counts ...oauth.GuessCount) error {
	for _, c := range counts {
		if err := s.countGuess(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) countGuess(ctx context.Context, c oauth.GuessCount) error {
	for range 2 { // the second time when somebody else began the count meanwhile
		out, err := s.exec(ctx, countGuess, key(c.ID))
		if err != nil || out.rows > 0 {
			return err
		}
		_, err = s.exec(ctx, insertGuess, key(c.ID), int64(c.Most), due(c.Ends), due(c.Ends), bucket(c.ID))
		if !errors.Is(err, oauth.ErrExists) {
			return err
		}
	}
	return oauth.ErrUsed
}

// DecideDevice writes the first decision about a request. ErrUsed.
func (s *Store) DecideDevice(ctx context.Context, id oauth.ID, status oauth.DeviceStatus, holder, op oauth.ID, now time.Time) error {
	out, err := s.exec(ctx, decideDevice, int64(status), key(holder), op[:], key(id), due(now))
	switch {
	case err != nil || out.rows > 0:
		return err
	case out.unknown:
		return s.unlessOwn(ctx, oauth.ErrUsed, selectDeviceOp, id, op)
	}
	return oauth.ErrUsed
}
