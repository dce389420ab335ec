package sqlstore

import (
	"context"
	"fmt"
	"time"

	"hydra/internal/oauth"
)

const (
	insertLogoutClient = `INSERT INTO logout_clients (client_uid) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM logout_clients WHERE client_uid = ?)`
	deleteLogoutClient = `DELETE FROM logout_clients WHERE client_uid = ?`

	// A code that is on its way to the client may still be redeemed.
	selectSessionClients = `
		SELECT ` + clientColumns + `, g.id, g.data
		FROM (SELECT n.client_uid AS uid, MAX(n.requested_at) AS newest FROM grants n WHERE n.session_id = ?
			AND (n.code_used_at IS NOT NULL OR n.front_at IS NOT NULL OR (n.revoked_at IS NULL AND n.code_expires_at > ?))
			GROUP BY n.client_uid) x
		JOIN logout_clients l ON l.client_uid = x.uid
		JOIN clients c ON c.uid = x.uid
		JOIN grants g ON g.session_id = ? AND g.client_uid = x.uid AND g.requested_at = x.newest
		ORDER BY c.client_id`

	callColumns = `id, client_uid, session_id, attempts, created_at, due_at, give_up_at, failed_at, expires_at, purge_at, op_id, note, data`
	insertCall  = `
		INSERT INTO outbox (` + callColumns + `, b) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE id = ?)`
	selectDueCalls = `SELECT ` + callColumns + ` FROM outbox
		WHERE due_at <= ? AND client_uid NOT IN (?, ?, ?, ?, ?, ?, ?, ?) ORDER BY due_at LIMIT ?` // oauth.SkippedClients
	takeCall     = `UPDATE outbox SET attempts = attempts + 1, due_at = ?, op_id = ? WHERE id = ? AND due_at = ?`
	selectCallOp = `SELECT op_id FROM outbox WHERE id = ?`
	putCall      = `UPDATE outbox SET due_at = ?, failed_at = ?, note = ? WHERE id = ? AND op_id = ?`
	retryCall    = `
		UPDATE outbox SET attempts = 0, due_at = ?, give_up_at = ?, failed_at = NULL, expires_at = ?, purge_at = ?, op_id = ?
		WHERE id = ?`
	deleteCall  = `DELETE FROM outbox WHERE id = ?`
	selectCalls = `SELECT ` + callColumns + ` FROM outbox
		WHERE id > ? AND ((? = 1 AND failed_at IS NULL) OR (? = 1 AND failed_at IS NOT NULL)) ORDER BY id LIMIT ?`
	countCalls = `SELECT (SELECT COUNT(*) FROM outbox p WHERE p.due_at < ?), (SELECT COUNT(*) FROM outbox f WHERE f.due_at = ?)`
)

// hears remembers whether the client wants to hear of the end of a session.
func (s *Store) hears(ctx context.Context, c *oauth.Client) error {
	if c.HearsLogout() {
		return s.change(ctx, insertLogoutClient, c.UID[:], c.UID[:])
	}
	return s.change(ctx, deleteLogoutClient, c.UID[:])
}

// SessionClients returns the clients that a session signed in to and that want
// to hear of its end, in the order of their ids.
func (s *Store) SessionClients(ctx context.Context, session oauth.ID, now time.Time) ([]oauth.SessionClient, error) {
	list, err := all(ctx, s, func(r record, v *oauth.SessionClient) error {
		v.Client = new(oauth.Client)
		return scanClient(r, v.Client, idInto{&v.Grant}, &v.Data)
	}, selectSessionClients, key(session), due(now), key(session))
	if err != nil {
		return nil, err
	}
	once := list[:0]
	for _, v := range list { // two Grants may have begun at the same moment
		if len(once) == 0 || once[len(once)-1].Client.UID != v.Client.UID {
			once = append(once, v)
		}
	}
	return once, nil
}

func scanCall(r record, c *oauth.LogoutCall) error {
	return r.Scan(idInto{&c.ID}, idInto{&c.ClientUID}, idInto{&c.SessionID}, &c.Attempts, timeInto{&c.CreatedAt}, timeInto{&c.DueAt},
		timeInto{&c.GiveUpAt}, timeInto{&c.FailedAt}, timeInto{&c.ExpiresAt}, timeInto{&c.PurgeAt}, idInto{&c.OpID}, textInto{&c.Note}, &c.Data)
}

// AddLogoutCall stores a call. The same id again is no error.
func (s *Store) AddLogoutCall(ctx context.Context, c *oauth.LogoutCall) error {
	return s.change(ctx, insertCall, c.ID[:], c.ClientUID[:], c.SessionID[:], c.Attempts, due(c.CreatedAt), due(c.DueAt), due(c.GiveUpAt),
		micros(c.FailedAt), due(c.ExpiresAt), due(c.PurgeAt), c.OpID[:], text(c.Note), c.Data, bucket(c.ID), c.ID[:])
}

// DueLogoutCalls returns calls whose time has come, the oldest first, without
// those to some clients.
func (s *Store) DueLogoutCalls(ctx context.Context, now time.Time, limit int, without ...oauth.ID) ([]oauth.LogoutCall, error) {
	if len(without) > oauth.SkippedClients {
		return nil, fmt.Errorf("sqlstore: %d clients to leave out", len(without))
	}
	args := []any{due(now)}
	for i := range oauth.SkippedClients {
		var none oauth.ID // which no client has
		if i < len(without) {
			none = without[i]
		}
		args = append(args, none[:])
	}
	return all(ctx, s, scanCall, selectDueCalls, append(args, max(limit, 0))...)
}

// TakeLogoutCall begins an attempt. ErrUsed when another one has begun since
// dueAt was read.
func (s *Store) TakeLogoutCall(ctx context.Context, id oauth.ID, dueAt, until time.Time, op oauth.ID) error {
	out, err := s.exec(ctx, takeCall, due(until), op[:], id[:], due(dueAt))
	switch {
	case err != nil || out.rows > 0:
		return err
	case out.unknown:
		return s.unlessOwn(ctx, oauth.ErrUsed, selectCallOp, id, op)
	}
	return oauth.ErrUsed
}

// PutLogoutCall writes how the attempt with OpID ended.
func (s *Store) PutLogoutCall(ctx context.Context, c *oauth.LogoutCall) error {
	return s.change(ctx, putCall, due(c.DueAt), micros(c.FailedAt), text(c.Note), c.ID[:], c.OpID[:])
}

// RetryLogoutCall makes the call due as if it were new. ErrNotFound.
func (s *Store) RetryLogoutCall(ctx context.Context, c *oauth.LogoutCall) error {
	out, err := s.exec(ctx, retryCall, due(c.DueAt), due(c.GiveUpAt), due(c.ExpiresAt), due(c.PurgeAt), c.OpID[:], c.ID[:])
	if err == nil && out.rows == 0 {
		return oauth.ErrNotFound
	}
	return err
}

// DeleteLogoutCall removes a call. ErrNotFound.
func (s *Store) DeleteLogoutCall(ctx context.Context, id oauth.ID) error {
	out, err := s.exec(ctx, deleteCall, id[:])
	if err == nil && out.count() == 0 {
		return oauth.ErrNotFound
	}
	return err
}

// LogoutCalls returns a page of calls in the order of their ids.
func (s *Store) LogoutCalls(ctx context.Context, q oauth.LogoutCallQuery) ([]oauth.LogoutCall, error) {
	return all(ctx, s, scanCall, selectCalls, q.After[:], flag(q.Pending), flag(q.Failed), max(q.Limit, 0))
}

// CountLogoutCalls returns how many calls wait and how many have failed.
func (s *Store) CountLogoutCalls(ctx context.Context) (pending, failed int, err error) {
	type counts struct{ pending, failed int }
	n, err := all(ctx, s, func(r record, n *counts) error { return r.Scan(&n.pending, &n.failed) }, countCalls, int64(never), int64(never))
	if err != nil {
		return 0, 0, err
	}
	return n[0].pending, n[0].failed, nil
}
