package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	sessionColumns = `s.id, s.subject_key, s.authenticated_at, s.created_at, s.expires_at, s.ended_at, s.purge_at, s.data`
	selectSession  = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id = ?`

	// spent finds the flow's Grant when it was paid out or is dead.
	spent = `EXISTS (SELECT 1 FROM grants g WHERE g.id = ? AND (g.code_used_at IS NOT NULL OR g.front_at IS NOT NULL
		OR (g.kind = 2 AND g.code_expires_at IS NOT NULL) OR g.ended_at IS NOT NULL OR g.revoked_at IS NOT NULL))`
	insertSession = `
		INSERT INTO sessions (id, subject_key, authenticated_at, created_at, expires_at, ended_at, purge_at, b, data)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = ?) AND NOT ` + spent
	updateSession = `
		UPDATE sessions SET subject_key = ?, authenticated_at = ?, created_at = ?, expires_at = ?, ended_at = ?, purge_at = ?, data = ?
		WHERE id = ? AND ended_at IS NULL AND NOT ` + spent
	extendSession = `
		UPDATE sessions SET expires_at = CASE WHEN expires_at < ? THEN ? ELSE expires_at END,
			purge_at = CASE WHEN purge_at < ? THEN ? ELSE purge_at END, data = ?
		WHERE id = ? AND ended_at IS NULL`
	endSession  = `UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL`
	endSessions = `UPDATE sessions SET ended_at = ? WHERE subject_key = ? AND ended_at IS NULL`
)

func scanSession(r record, s *oauth.Session) error { return r.Scan(sessionDest(s)...) }

func sessionDest(s *oauth.Session) []any {
	return []any{idInto{&s.ID}, idInto{&s.SubjectKey}, timeInto{&s.AuthenticatedAt}, timeInto{&s.CreatedAt},
		timeInto{&s.ExpiresAt}, timeInto{&s.EndedAt}, timeInto{&s.PurgeAt}, &s.Data}
}

// Session returns a session, ended ones too. ErrNotFound.
func (s *Store) Session(ctx context.Context, id oauth.ID) (*oauth.Session, error) {
	return one(ctx, s, scanSession, selectSession, id[:])
}

// PutSession inserts the session, or replaces it while it is not ended; either
// only while the flow's Grant was not paid out and is not dead. ErrUsed.
// Doing it twice leaves what doing it once leaves, so it needs no op id.
func (s *Store) PutSession(ctx context.Context, v *oauth.Session, flow oauth.ID) error {
	out, err := s.exec(ctx, insertSession, v.ID[:], key(v.SubjectKey), due(v.AuthenticatedAt), due(v.CreatedAt), due(v.ExpiresAt),
		micros(v.EndedAt), due(v.PurgeAt), bucket(v.ID), v.Data, v.ID[:], key(flow))
	if err == nil && out.rows > 0 || err != nil && !errors.Is(err, oauth.ErrExists) {
		return err
	}
	out, err = s.exec(ctx, updateSession, key(v.SubjectKey), due(v.AuthenticatedAt), due(v.CreatedAt), due(v.ExpiresAt),
		micros(v.EndedAt), due(v.PurgeAt), v.Data, v.ID[:], key(flow))
	if err == nil && out.rows == 0 {
		return oauth.ErrUsed
	}
	return err
}

// ExtendSession moves the ends of a session that is not ended to later times,
// never to earlier ones, and replaces its data. ErrUsed when it was ended or
// is gone. Doing it twice leaves what doing it once leaves.
func (s *Store) ExtendSession(ctx context.Context, v *oauth.Session) error {
	out, err := s.exec(ctx, extendSession, due(v.ExpiresAt), due(v.ExpiresAt), due(v.PurgeAt), due(v.PurgeAt), v.Data, v.ID[:])
	if err == nil && out.rows == 0 {
		return oauth.ErrUsed
	}
	return err
}

// EndSession ends the session and reports whether it had not been ended. It is
// no error when there is none.
func (s *Store) EndSession(ctx context.Context, id oauth.ID, now time.Time) (bool, error) {
	out, err := s.exec(ctx, endSession, due(now), id[:])
	return out.count() > 0, err
}

// EndSessions ends every session of a subject and returns how many had not
// been ended.
func (s *Store) EndSessions(ctx context.Context, subject oauth.ID, now time.Time) (int, error) {
	out, err := s.exec(ctx, endSessions, due(now), key(subject))
	return out.count(), err
}
