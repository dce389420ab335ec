package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	insertRevokedToken = `
		INSERT INTO revoked_tokens (id, client_uid, expires_at, purge_at, b)
		SELECT ?, ?, ?, ?, ?
		WHERE (SELECT COUNT(*) FROM (SELECT 1 AS n FROM revoked_tokens WHERE client_uid = ? LIMIT ?) x) < ?
		   OR EXISTS (SELECT 1 FROM revoked_tokens WHERE id = ?)`
	selectMachineToken = `
		SELECT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = ?), ` + clientState + `
		FROM (SELECT 1 AS n) one LEFT JOIN clients c ON c.uid = ?`
)

// RevokeToken lists the token until it expires; one that is listed already is
// no error. ErrGone when the client has max entries: the count is looked at in
// the inserting statement, so that racing calls may pass it by a few.
func (s *Store) RevokeToken(ctx context.Context, token, clientUID oauth.ID, expiresAt time.Time, max int) error {
	out, err := s.exec(ctx, insertRevokedToken, token[:], clientUID[:], due(expiresAt), due(expiresAt), bucket(token),
		clientUID[:], max, max, token[:])
	switch {
	case errors.Is(err, oauth.ErrExists):
		return nil
	case err == nil && out.rows == 0:
		return oauth.ErrGone
	}
	return err
}

// MachineToken tells in one statement whether the token is listed and how its
// client stands today.
func (s *Store) MachineToken(ctx context.Context, token, clientUID oauth.ID) (oauth.ClientState, bool, error) {
	type answer struct {
		client oauth.ClientState
		listed bool
	}
	a, err := one(ctx, s, func(r record, a *answer) error {
		return r.Scan(append([]any{flagInto{&a.listed}}, clientStateDest(&a.client)...)...)
	}, selectMachineToken, token[:], clientUID[:])
	if err != nil {
		return oauth.ClientState{}, false, err
	}
	return a.client, a.listed, nil
}
