package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	insertRegistration = `INSERT INTO registrations (client_uid, client_id, unused_until) VALUES (?, ?, ?)`
	countRegistrations = `SELECT COUNT(*) FROM registrations`
	dueRegistrations   = `SELECT client_uid, client_id, unused_until FROM registrations WHERE unused_until <= ? ORDER BY unused_until LIMIT ?`
	keepRegistration   = `UPDATE registrations SET unused_until = ? WHERE client_uid = ?`
	deleteRegistration = `DELETE FROM registrations WHERE client_uid = ?`

	initialColumns = `t.id, t.created_at, t.expires_at, t.uses_left, t.note`
	insertInitial  = `INSERT INTO initial_access_tokens (id, created_at, expires_at, uses_left, op_id, note) VALUES (?, ?, ?, ?, ?, ?)`
	selectInitial  = `SELECT ` + initialColumns + ` FROM initial_access_tokens t WHERE t.id = ?`
	listInitial    = `SELECT ` + initialColumns + ` FROM initial_access_tokens t WHERE t.id > ? ORDER BY t.id LIMIT ?`
	// useInitial asks for uses_left before it changes it: MySQL assigns from
	// left to right.
	useInitial = `
		UPDATE initial_access_tokens SET expires_at = CASE WHEN uses_left = 1 THEN ? ELSE expires_at END, uses_left = uses_left - 1, op_id = ?
		WHERE id = ? AND uses_left > 0 AND expires_at > ?`
	initialOp     = `SELECT op_id FROM initial_access_tokens WHERE id = ?`
	deleteInitial = `DELETE FROM initial_access_tokens WHERE id = ?`
)

// AddRegistration stores a registration without a token. The same UID again is
// no error.
func (s *Store) AddRegistration(ctx context.Context, r oauth.Registration) error {
	if hasNUL(r.ClientID) {
		return errNUL
	}
	_, err := s.exec(ctx, insertRegistration, r.ClientUID[:], text(r.ClientID), due(r.UnusedUntil))
	if errors.Is(err, oauth.ErrExists) {
		return nil
	}
	return err
}

// CountRegistrations returns how many there are.
func (s *Store) CountRegistrations(ctx context.Context) (int, error) {
	return s.number(ctx, countRegistrations)
}

// DueRegistrations returns those whose time is over.
func (s *Store) DueRegistrations(ctx context.Context, now time.Time, limit int) ([]oauth.Registration, error) {
	return all(ctx, s, func(r record, v *oauth.Registration) error {
		return r.Scan(idInto{&v.ClientUID}, textInto{&v.ClientID}, timeInto{&v.UnusedUntil})
	}, dueRegistrations, due(now), max(limit, 0))
}

// KeepRegistration sets its UnusedUntil to Never. None is no error.
func (s *Store) KeepRegistration(ctx context.Context, uid oauth.ID) error {
	return s.change(ctx, keepRegistration, due(oauth.Never), uid[:])
}

// DeleteRegistration removes it. None is no error.
func (s *Store) DeleteRegistration(ctx context.Context, uid oauth.ID) error {
	return s.change(ctx, deleteRegistration, uid[:])
}

func scanInitial(r record, t *oauth.InitialAccessToken) error {
	return r.Scan(idInto{&t.ID}, timeInto{&t.CreatedAt}, timeInto{&t.ExpiresAt}, &t.UsesLeft, textInto{&t.Note})
}

// AddInitialAccessToken stores a token. ErrExists.
func (s *Store) AddInitialAccessToken(ctx context.Context, t oauth.InitialAccessToken) error {
	op := s.op()
	out, err := s.exec(ctx, insertInitial, t.ID[:], due(t.CreatedAt), due(t.ExpiresAt), t.UsesLeft, op[:], text(t.Note))
	if out.unknown && errors.Is(err, oauth.ErrExists) {
		return s.unlessOwn(ctx, err, initialOp, t.ID, op)
	}
	return err
}

// InitialAccessToken returns a token, also one that has expired. ErrNotFound.
func (s *Store) InitialAccessToken(ctx context.Context, id oauth.ID) (*oauth.InitialAccessToken, error) {
	return one(ctx, s, scanInitial, selectInitial, id[:])
}

// InitialAccessTokens lists tokens in the order of their ids, behind one.
func (s *Store) InitialAccessTokens(ctx context.Context, after oauth.ID, limit int) ([]oauth.InitialAccessToken, error) {
	return all(ctx, s, scanInitial, listInitial, after[:], max(limit, 0))
}

// UseInitialAccessToken counts one use, and the last one ends the token.
// ErrUsed when none is left.
func (s *Store) UseInitialAccessToken(ctx context.Context, id, op oauth.ID, now time.Time) error {
	out, err := s.exec(ctx, useInitial, due(now), op[:], id[:], due(now))
	switch {
	case err != nil || out.rows > 0:
		return err
	case out.unknown:
		return s.unlessOwn(ctx, oauth.ErrUsed, initialOp, id, op)
	}
	return oauth.ErrUsed
}

// DeleteInitialAccessToken removes it. ErrNotFound.
func (s *Store) DeleteInitialAccessToken(ctx context.Context, id oauth.ID) error {
	out, err := s.exec(ctx, deleteInitial, id[:])
	if err == nil && out.count() == 0 {
		return oauth.ErrNotFound
	}
	return err
}
