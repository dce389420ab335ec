package sqlstore

import (
	"bytes"
	"context"
	"errors"

	"hydra/internal/oauth"
)

const (
	selectSetting = `SELECT value FROM settings WHERE name = ?`
	insertSetting = `INSERT INTO settings (name, value) VALUES (?, ?)`
)

// Setting returns a value. ErrNotFound.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	if hasNUL(name) {
		return nil, oauth.ErrNotFound
	}
	v, err := one(ctx, s, func(r record, v *[]byte) error { return r.Scan(v) }, selectSetting, text(name))
	if err != nil {
		return nil, err
	}
	return *v, nil
}

// AddSetting stores a value that does not exist yet. ErrExists.
func (s *Store) AddSetting(ctx context.Context, name string, value []byte) error {
	if hasNUL(name) {
		return errNUL
	}
	out, err := s.exec(ctx, insertSetting, text(name), value)
	if out.unknown && errors.Is(err, oauth.ErrExists) {
		// Perhaps our own. The same value from somebody else is as good.
		have, readErr := s.Setting(ctx, name)
		if readErr != nil {
			return readErr
		}
		if bytes.Equal(have, value) {
			return nil
		}
	}
	return err
}
