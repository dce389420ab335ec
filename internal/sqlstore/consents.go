package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

// Conditions under which a Grant may be written. A parameter 0 switches a
// condition off. The parent is looked for in a derived table, because MySQL
// does not let an UPDATE read its own table directly, and LIMIT keeps it from
// making that of it.
const (
	clientStands = `EXISTS (SELECT 1 FROM clients c WHERE c.uid = ?)`
	parentStands = `(? = 0 OR EXISTS (SELECT 1 FROM (SELECT p.id FROM grants p
		WHERE p.id = ? AND p.revoked_at IS NULL AND p.consent_until > ? LIMIT 1) x))`
	sessionStands = `(? = 0 OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = ? AND s.ended_at IS NULL))`
	standing      = clientStands + ` AND ` + parentStands + ` AND ` + sessionStands

	// A device's Grant is decided once the browser brought the consent back.
	open = `code_used_at IS NULL AND front_at IS NULL AND ended_at IS NULL AND revoked_at IS NULL
		AND (kind <> 2 OR code_expires_at IS NULL)`
)

const (
	grantNames = `id, client_uid, kind, subject_key, session_id, parent, remember_key, skip,
		requested_at, handled_at, consent_until, flow_expires_at, code_expires_at, code_used_at, front_at,
		generation, rotation_id, refreshed_at, grace_uses, access_floor, refresh_expires_at,
		ended_at, end_reason, revoked_at, expires_at, purge_at, op_id, data, hook_data, b`
	grantValues = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`

	insertGrant     = `INSERT INTO grants (` + grantNames + `) SELECT ` + grantValues + ` WHERE ` + standing
	insertTombstone = `INSERT INTO grants (` + grantNames + `) VALUES (` + grantValues + `)`
	updateOpenGrant = `
		UPDATE grants SET subject_key = ?, session_id = ?, parent = ?, remember_key = ?, skip = ?,
			requested_at = ?, handled_at = ?, consent_until = ?, flow_expires_at = ?, code_expires_at = ?, refresh_expires_at = ?,
			expires_at = ?, purge_at = ?, op_id = ?, data = ?, hook_data = ?
		WHERE id = ? AND client_uid = ? AND ` + open + ` AND ` + standing
	rejectGrant = `
		UPDATE grants SET revoked_at = ?, ended_at = ?, end_reason = ?, op_id = ?
		WHERE id = ? AND ` + open
	revokeGrant    = `UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`
	revokeChildren = `
		UPDATE grants SET revoked_at = ? WHERE id IN (SELECT id FROM (SELECT g.id FROM grants g
			WHERE g.parent = ? AND g.revoked_at IS NULL LIMIT ?) x) AND revoked_at IS NULL`
	revokeGrants = `
		UPDATE grants SET revoked_at = ? WHERE id IN (SELECT id FROM (SELECT g.id FROM grants g
			WHERE g.subject_key = ? AND g.revoked_at IS NULL
			  AND (? = 0 OR g.client_uid = ?) AND (? = 0 OR g.session_id = ?)
			LIMIT ?) x) AND revoked_at IS NULL`
)

func standingArgs(g *oauth.Grant, must oauth.Standing) []any {
	return []any{key(g.ClientUID), given(must.Parent), must.Parent[:], due(must.Now), given(must.Session), must.Session[:]}
}

// AddGrant inserts an open Grant if its client exists and the rest stands.
// ErrExists when the id is taken, ErrGone when something does not stand.
func (s *Store) AddGrant(ctx context.Context, g *oauth.Grant, must oauth.Standing) error {
	row := *g
	if row.OpID.IsZero() {
		row.OpID = s.op()
	}
	args := append(append(grantArgs(&row), bucket(row.ID)), standingArgs(&row, must)...)
	out, err := s.exec(ctx, insertGrant, args...)
	switch {
	case err == nil && out.rows > 0:
		return nil
	case err == nil:
		err = oauth.ErrGone
	case !errors.Is(err, oauth.ErrExists):
		return err
	}
	if out.unknown {
		return s.unlessOwn(ctx, err, selectGrantOp, row.ID, row.OpID)
	}
	return err
}

// UpdateOpenGrant replaces what the consent app decided, while nothing was
// paid out and the Grant is neither ended nor revoked. ErrUsed when it is;
// ErrGone when there is no such Grant of the client or something that it rests
// on does not stand.
func (s *Store) UpdateOpenGrant(ctx context.Context, g *oauth.Grant, must oauth.Standing) error {
	op := g.OpID
	if op.IsZero() {
		op = s.op()
	}
	args := []any{key(g.SubjectKey), key(g.SessionID), key(g.Parent), key(g.RememberKey), flag(g.Skip),
		due(g.RequestedAt), micros(g.HandledAt), micros(g.ConsentUntil), micros(g.FlowExpiresAt), micros(g.CodeExpiresAt),
		micros(g.RefreshExpiresAt), due(g.ExpiresAt), due(g.PurgeAt), op[:], g.Data, g.HookData, key(g.ID), key(g.ClientUID)}
	out, err := s.exec(ctx, updateOpenGrant, append(args, standingArgs(g, must)...)...)
	if err != nil || out.rows > 0 {
		return err
	}
	have, err := s.Grant(ctx, g.ID)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return oauth.ErrGone
	case err != nil:
		return err
	case out.unknown && have.OpID == op:
		return nil
	case have.PaidOut() || have.Dead():
		return oauth.ErrUsed
	}
	return oauth.ErrGone
}

// RejectGrant writes a tombstone for a rejection that the browser brought
// back: it inserts g with its RevokedAt and EndedAt, or revokes the open Grant
// with the same id. ErrUsed when that was paid out or is dead.
func (s *Store) RejectGrant(ctx context.Context, g *oauth.Grant, op oauth.ID) error {
	row := *g
	row.OpID = op
	first, err := s.exec(ctx, insertTombstone, append(grantArgs(&row), bucket(row.ID))...)
	if !errors.Is(err, oauth.ErrExists) {
		return err
	}
	out, err := s.exec(ctx, rejectGrant, due(g.RevokedAt), due(g.EndedAt), int64(g.EndReason), op[:], key(g.ID))
	switch {
	case err != nil || out.rows > 0:
		return err
	case first.unknown || out.unknown:
		return s.unlessOwn(ctx, oauth.ErrUsed, selectGrantOp, g.ID, op)
	}
	return oauth.ErrUsed
}

// revokeBatch bounds how many children one statement takes back.
const revokeBatch = 500

// RevokeGrant takes the consent back, with the Grants that rest on it. It
// returns how many rows changed, which may be more than none beside an error.
//
// The consent comes first and by itself. From then on none is added under it
// and none of its codes is spent, so that the batches find all that were: one
// statement for all of them would miss what is added and spent while it runs.
func (s *Store) RevokeGrant(ctx context.Context, id oauth.ID, now time.Time) (int, error) {
	out, err := s.exec(ctx, revokeGrant, due(now), key(id))
	total := out.count()
	for err == nil {
		out, err = s.exec(ctx, revokeChildren, due(now), key(id), revokeBatch)
		if out.count() == 0 {
			break
		}
		total += out.count()
	}
	return total, err
}

// RevokeGrants takes back at most limit consents of a subject that are not
// revoked yet, skipped and open ones too, and returns how many.
func (s *Store) RevokeGrants(ctx context.Context, subject oauth.ID, f oauth.GrantFilter, now time.Time, limit int) (int, error) {
	out, err := s.exec(ctx, revokeGrants, due(now), key(subject), given(f.ClientUID), f.ClientUID[:],
		given(f.SessionID), f.SessionID[:], max(limit, 0))
	return out.count(), err
}
