package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	grantColumns = `g.id, g.client_uid, g.kind, g.subject_key, g.session_id, g.parent, g.remember_key, g.skip,
		g.requested_at, g.handled_at, g.consent_until, g.flow_expires_at, g.code_expires_at, g.code_used_at, g.front_at,
		g.generation, g.rotation_id, g.refreshed_at, g.grace_uses, g.access_floor, g.refresh_expires_at,
		g.ended_at, g.end_reason, g.revoked_at, g.expires_at, g.purge_at, g.op_id, g.data, g.hook_data`
	noGrant = `NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`
	noSession = `NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`

	selectGrant = `SELECT ` + grantColumns + `, ` + clientState + `, s.ended_at
		FROM grants g
		LEFT JOIN clients c ON c.uid = g.client_uid
		LEFT JOIN sessions s ON s.id = g.session_id
		WHERE g.id = ?`
	selectGrantOp = `SELECT op_id FROM grants WHERE id = ?`
	// selectLoginState finds three things at once; the last column tells which.
	// PostgreSQL wants that of the first two parts one tells a column's type.
	selectLoginState = `
		SELECT ` + noGrant + `, ` + sessionColumns + `, 3 AS part FROM sessions s WHERE s.id = ?
		UNION ALL
		SELECT ` + grantColumns + `, ` + noSession + `, 1 AS part FROM grants g WHERE g.id = ?
		UNION ALL
		SELECT x.*, ` + noSession + `, 2 AS part FROM (SELECT ` + grantColumns + ` FROM grants g
			WHERE g.remember_key = ? AND g.revoked_at IS NULL AND g.consent_until > ?
			ORDER BY g.handled_at DESC LIMIT 8) x`
	// listed are the consents that a list shows.
	listed = `g.subject_key = ? AND g.revoked_at IS NULL AND g.skip = 0 AND g.handled_at IS NOT NULL
		  AND (g.consent_until IS NULL OR g.consent_until > ?)
		  AND (? = 0 OR g.client_uid = ?) AND (? = 0 OR g.session_id = ?)`
	selectListed = `SELECT ` + grantColumns + `, ` + clientState + `, s.ended_at
		FROM grants g
		JOIN clients c ON c.uid = g.client_uid
		LEFT JOIN sessions s ON s.id = g.session_id
		WHERE ` + listed
	selectGrantsOf    = selectListed + ` ORDER BY g.requested_at DESC, g.id DESC LIMIT ? OFFSET ?`
	selectGrantsAfter = selectListed + ` AND (g.requested_at < ? OR (g.requested_at = ? AND g.id < ?))
		ORDER BY g.requested_at DESC, g.id DESC LIMIT ?`
	countGrantsOf = `SELECT COUNT(*) FROM grants g JOIN clients c ON c.uid = g.client_uid WHERE ` + listed
)

// grantDest reads the columns grantColumns; they are zero where there is no row.
func grantDest(g *oauth.Grant) []any {
	return append(make([]any, 0, mostColumns),
		idInto{&g.ID}, idInto{&g.ClientUID}, numberInto[oauth.GrantKind]{&g.Kind}, idInto{&g.SubjectKey}, idInto{&g.SessionID}, idInto{&g.Parent},
		idInto{&g.RememberKey}, flagInto{&g.Skip},
		timeInto{&g.RequestedAt}, timeInto{&g.HandledAt}, timeInto{&g.ConsentUntil}, timeInto{&g.FlowExpiresAt},
		timeInto{&g.CodeExpiresAt}, timeInto{&g.CodeUsedAt}, timeInto{&g.FrontAt},
		numberInto[int64]{&g.Generation}, rotationInto{&g.RotationID}, timeInto{&g.RefreshedAt}, numberInto[int64]{&g.GraceUses},
		numberInto[int64]{&g.AccessFloor}, timeInto{&g.RefreshExpiresAt},
		timeInto{&g.EndedAt}, numberInto[oauth.EndReason]{&g.EndReason}, timeInto{&g.RevokedAt}, timeInto{&g.ExpiresAt}, timeInto{&g.PurgeAt}, idInto{&g.OpID},
		&g.Data, &g.HookData)
}

// mostColumns is room for a Grant and what is read beside it.
const mostColumns = 40

// grantArgs writes the columns grantColumns.
func grantArgs(g *oauth.Grant) []any {
	return []any{key(g.ID), key(g.ClientUID), int64(g.Kind), key(g.SubjectKey), key(g.SessionID), key(g.Parent),
		key(g.RememberKey), flag(g.Skip),
		due(g.RequestedAt), micros(g.HandledAt), micros(g.ConsentUntil), micros(g.FlowExpiresAt),
		micros(g.CodeExpiresAt), micros(g.CodeUsedAt), micros(g.FrontAt),
		g.Generation, g.RotationID[:], micros(g.RefreshedAt), g.GraceUses, g.AccessFloor, micros(g.RefreshExpiresAt),
		micros(g.EndedAt), int64(g.EndReason), micros(g.RevokedAt), due(g.ExpiresAt), due(g.PurgeAt), g.OpID[:],
		g.Data, g.HookData}
}

func scanGrantRow(r record, g *oauth.GrantRow) error {
	var sessionEnded time.Time
	dest := append(grantDest(&g.Grant), clientStateDest(&g.Client)...)
	if err := r.Scan(append(dest, timeInto{&sessionEnded})...); err != nil {
		return err
	}
	g.SessionEnded = !sessionEnded.IsZero()
	return nil
}

// Grant returns the row with the state of its client and session, in one
// statement. ErrNotFound.
func (s *Store) Grant(ctx context.Context, id oauth.ID) (*oauth.GrantRow, error) {
	return one(ctx, s, scanGrantRow, selectGrant, id[:])
}

// LoginState answers with one statement: the Grant of the flow if there is
// one, the live consents under the remember key, newest decision first, and
// the session. Zero IDs are not looked for.
func (s *Store) LoginState(ctx context.Context, flow, remember, session oauth.ID, now time.Time) (oauth.LoginState, error) {
	var state oauth.LoginState
	q := question{stmt: selectLoginState, args: []any{key(session), key(flow), key(remember), due(now)}, brief: true}
	q.begin = func() { state = oauth.LoginState{} }
	q.each = func(r record) error {
		var (
			part int
			g    oauth.Grant
			v    oauth.Session
		)
		if err := r.Scan(append(append(grantDest(&g), sessionDest(&v)...), &part)...); err != nil {
			return err
		}
		switch part {
		case 1:
			state.Flow = &g
		case 2:
			state.Remembered = append(state.Remembered, g)
		case 3:
			state.Session = &v
		default:
			return errors.New("a login state has an unknown part")
		}
		return nil
	}
	if err := s.query(ctx, q); err != nil {
		return oauth.LoginState{}, err
	}
	return state, nil
}

// GrantsOf lists accepted, not skipped, not revoked consents of a subject,
// newest requested_at first (ties by id, descending), without remembered ones
// that ran out and without those whose client was deleted.
func (s *Store) GrantsOf(ctx context.Context, subject oauth.ID, f oauth.GrantFilter, now time.Time, offset, limit int) ([]oauth.GrantRow, error) {
	return all(ctx, s, scanGrantRow, selectGrantsOf, append(listedArgs(subject, f, now), max(limit, 0), max(offset, 0))...)
}

func listedArgs(subject oauth.ID, f oauth.GrantFilter, now time.Time) []any {
	return []any{key(subject), due(now), given(f.ClientUID), f.ClientUID[:], given(f.SessionID), f.SessionID[:]}
}

// GrantsAfter is GrantsOf from behind a place in that list.
func (s *Store) GrantsAfter(ctx context.Context, subject oauth.ID, f oauth.GrantFilter, now time.Time, after oauth.GrantPosition, limit int) ([]oauth.GrantRow, error) {
	at := due(after.RequestedAt)
	return all(ctx, s, scanGrantRow, selectGrantsAfter, append(listedArgs(subject, f, now), at, at, after.ID[:], max(limit, 0))...)
}

// CountGrantsOf returns how long the list of GrantsOf is.
func (s *Store) CountGrantsOf(ctx context.Context, subject oauth.ID, f oauth.GrantFilter, now time.Time) (int, error) {
	return s.number(ctx, countGrantsOf, listedArgs(subject, f, now)...)
}
