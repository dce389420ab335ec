package sqlstore

import (
	"context"
	"errors"

	"hydra/internal/oauth"
)

const (
	insertImported = `INSERT INTO imported_tokens (id, chain, generation, expires_at, purge_at, b, op_id)
		VALUES (?, ?, ?, ?, ?, ?, ?)`
	selectImported       = `SELECT id, chain, generation, expires_at FROM imported_tokens WHERE id = ?`
	selectImportedOp     = `SELECT op_id FROM imported_tokens WHERE id = ?`
	insertImportedSecret = `INSERT INTO imported_secrets (id, created_at, data) VALUES (?, ?, ?)`
	selectImportedSecret = `SELECT id, created_at, data FROM imported_secrets`
)

// AddImportedToken stores a token of another server. ErrExists when the id is
// taken.
func (s *Store) AddImportedToken(ctx context.Context, t *oauth.ImportedToken) error {
	op := s.op()
	out, err := s.exec(ctx, insertImported, t.ID[:], t.Chain[:], t.Generation, due(t.ExpiresAt), due(t.ExpiresAt), bucket(t.ID), op[:])
	if out.unknown && errors.Is(err, oauth.ErrExists) {
		return s.unlessOwn(ctx, err, selectImportedOp, t.ID, op)
	}
	return err
}

// ImportedToken returns a token of another server, expired or not. ErrNotFound.
func (s *Store) ImportedToken(ctx context.Context, id oauth.ID) (*oauth.ImportedToken, error) {
	return one(ctx, s, func(r record, t *oauth.ImportedToken) error {
		return r.Scan(idInto{&t.ID}, idInto{&t.Chain}, &t.Generation, timeInto{&t.ExpiresAt})
	}, selectImported, id[:])
}

// AddImportedSecret stores a system secret of another server and raises the
// version "seal". ErrExists.
func (s *Store) AddImportedSecret(ctx context.Context, secret *oauth.ImportedSecret) error {
	return s.atomic(ctx, func(t *Store) error {
		if _, err := t.exec(ctx, insertImportedSecret, secret.ID[:], due(secret.CreatedAt), secret.Data); err != nil {
			return err
		}
		return t.raise(ctx, groupSeal)
	})
}

// ImportedSecrets returns all system secrets of other servers.
func (s *Store) ImportedSecrets(ctx context.Context) ([]oauth.ImportedSecret, error) {
	return all(ctx, s, func(r record, v *oauth.ImportedSecret) error {
		return r.Scan(idInto{&v.ID}, timeInto{&v.CreatedAt}, &v.Data)
	}, selectImportedSecret)
}
