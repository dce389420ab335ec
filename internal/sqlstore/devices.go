package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	insertDevice = `
		INSERT INTO devices (id, client_uid, user_code_key, status, holder, created_at, expires_at, purge_at, b, op_id, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectDevice = `
		SELECT id, client_uid, user_code_key, status, holder, created_at, expires_at, purge_at, op_id, data
		FROM devices WHERE user_code_key = ?`
	selectDeviceOp = `SELECT op_id FROM devices WHERE id = ?`
	decideDevice   = `
		UPDATE devices SET status = ?, holder = ?, op_id = ?
		WHERE id = ? AND status = 0 AND expires_at > ?`
)

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

// Device finds a request by the hash of its user code. ErrNotFound.
func (s *Store) Device(ctx context.Context, userCode oauth.ID) (*oauth.Device, error) {
	return one(ctx, s, func(rows *sql.Rows, d *oauth.Device) error {
		return rows.Scan(idInto{&d.ID}, idInto{&d.ClientUID}, idInto{&d.UserCode}, &d.Status, idInto{&d.Holder},
			timeInto{&d.CreatedAt}, timeInto{&d.ExpiresAt}, timeInto{&d.PurgeAt}, idInto{&d.OpID}, &d.Data)
	}, selectDevice, userCode[:])
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
