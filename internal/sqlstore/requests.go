package sqlstore

import (
	"context"
	"errors"

	"hydra/internal/oauth"
)

const (
	insertRequest = `
		INSERT INTO requests (id, kind, client_uid, created_at, expires_at, purge_at, b, data)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM requests WHERE id = ?)`
	selectRequest = `SELECT id, kind, client_uid, created_at, expires_at, purge_at, data FROM requests WHERE id = ?`
)

// AddRequest stores a sealed request. The same id again is no error: it is
// made from the value, so it is the same value.
func (s *Store) AddRequest(ctx context.Context, r *oauth.StoredRequest) error {
	err := s.change(ctx, insertRequest, r.ID[:], r.Kind, key(r.ClientUID), due(r.CreatedAt), due(r.ExpiresAt),
		due(r.PurgeAt), bucket(r.ID), r.Data, r.ID[:])
	if errors.Is(err, oauth.ErrExists) {
		return nil
	}
	return err
}

// Request returns a stored request, expired or not. ErrNotFound.
func (s *Store) Request(ctx context.Context, id oauth.ID) (*oauth.StoredRequest, error) {
	return one(ctx, s, func(row record, r *oauth.StoredRequest) error {
		return row.Scan(idInto{&r.ID}, &r.Kind, idInto{&r.ClientUID}, timeInto{&r.CreatedAt}, timeInto{&r.ExpiresAt},
			timeInto{&r.PurgeAt}, &r.Data)
	}, selectRequest, id[:])
}
