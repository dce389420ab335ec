package sqlstore

import (
	"context"
	"time"

	"hydra/internal/oauth"
)

// Each of these statements decides a race by itself: it repeats every
// condition that its caller has read, and one affected row means won.
const (
	living = `ended_at IS NULL AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM clients c WHERE c.uid = grants.client_uid)`
	// unchanged holds what is paid out to the decision that was read, and to the
	// consent on which it rests.
	unchanged = ` AND (? = 0 OR op_id = ?)
		  AND (? = 0 OR NOT EXISTS (SELECT 1 FROM (SELECT p.id FROM grants p WHERE p.id = ? AND p.revoked_at IS NOT NULL LIMIT 1) x))`

	spendCode = `
		UPDATE grants SET code_used_at = ?, rotation_id = ?, refresh_expires_at = ?, expires_at = ?, purge_at = ?, op_id = ?,
			hook_data = COALESCE(?, hook_data)
		WHERE id = ? AND code_used_at IS NULL AND code_expires_at > ? AND ` + living + unchanged
	payFront = `
		UPDATE grants SET front_at = ?, expires_at = ?, purge_at = ?, op_id = ?
		WHERE id = ? AND front_at IS NULL AND code_used_at IS NULL AND flow_expires_at > ? AND ` + living + unchanged
	rotateGrant = `
		UPDATE grants SET generation = ?, rotation_id = ?, refreshed_at = ?, grace_uses = 0,
			access_floor = CASE WHEN access_floor < ? THEN ? ELSE access_floor END,
			refresh_expires_at = ?, expires_at = ?, purge_at = CASE WHEN purge_at < ? THEN ? ELSE purge_at END, op_id = ?,
			hook_data = COALESCE(?, hook_data)
		WHERE id = ? AND generation = ? AND rotation_id = ? AND refresh_expires_at > ? AND ` + living
	useGrace = `
		UPDATE grants SET grace_uses = grace_uses + 1, op_id = ?
		WHERE id = ? AND generation = ? AND refresh_expires_at > ? AND op_id <> ? AND ` + living
	approveDevice = `UPDATE grants SET code_expires_at = ?, op_id = ? WHERE id = ? AND kind = 2 AND ` + open
	endGrant      = `UPDATE grants SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL`
)

// spend runs a statement that only one caller may win. ErrUsed.
func (s *Store) spend(ctx context.Context, id, op oauth.ID, stmt string, args ...any) error {
	out, err := s.exec(ctx, stmt, args...)
	switch {
	case err != nil || out.rows > 0:
		return err
	case out.unknown:
		return s.unlessOwn(ctx, oauth.ErrUsed, selectGrantOp, id, op)
	}
	return oauth.ErrUsed
}

// SpendCode marks the code used: exactly one caller gets nil, all others
// ErrUsed. It looks at the parent once more: below serializable isolation the
// statement that added a skipped Grant may not have seen that its parent was
// revoked, nor the revocation that Grant, but both were committed before a code
// is spent.
func (s *Store) SpendCode(ctx context.Context, id oauth.ID, c oauth.CodeSpend) error {
	return s.spend(ctx, id, c.Op, spendCode, due(c.Now), c.RotationID[:], micros(c.RefreshExpiresAt), due(c.ExpiresAt),
		due(c.PurgeAt), c.Op[:], optionalBytes(c.HookData), key(id), due(c.Now), given(c.Was), c.Was[:], given(c.Parent), c.Parent[:])
}

// PayFront marks that tokens are paid out at the authorization endpoint:
// exactly one caller gets nil, all others ErrUsed. It looks at the parent for
// the reason that SpendCode does.
func (s *Store) PayFront(ctx context.Context, id oauth.ID, f oauth.FrontPayout) error {
	return s.spend(ctx, id, f.Op, payFront, due(f.Now), due(f.ExpiresAt), due(f.PurgeAt), f.Op[:],
		key(id), due(f.Now), given(f.Was), f.Was[:], given(f.Parent), f.Parent[:])
}

// Rotate advances generation and rotation id. The count of answers to the
// previous generation begins anew. ErrUsed.
func (s *Store) Rotate(ctx context.Context, id oauth.ID, r oauth.Rotation) error {
	return s.spend(ctx, id, r.Op, rotateGrant, r.ToGeneration, r.ToRotation[:], due(r.Now), r.AccessFloor, r.AccessFloor,
		micros(r.RefreshExpiresAt), due(r.ExpiresAt), due(r.PurgeAt), due(r.PurgeAt), r.Op[:], optionalBytes(r.HookData),
		key(id), r.FromGeneration, r.FromRotation[:], due(r.Now))
}

// UseGrace counts an answer to the previous generation. ErrUsed. One op is
// counted once.
func (s *Store) UseGrace(ctx context.Context, id oauth.ID, generation int64, op oauth.ID, now time.Time) error {
	return s.spend(ctx, id, op, useGrace, op[:], key(id), generation, due(now), op[:])
}

// ApproveDevice lets the device fetch its tokens until the given time. ErrUsed.
func (s *Store) ApproveDevice(ctx context.Context, id oauth.ID, until time.Time, op oauth.ID) error {
	return s.spend(ctx, id, op, approveDevice, due(until), op[:], key(id))
}

// EndGrant kills code and tokens. It is no error when they are dead or the row
// is gone.
func (s *Store) EndGrant(ctx context.Context, id oauth.ID, why oauth.EndReason, now time.Time) error {
	return s.change(ctx, endGrant, due(now), int64(why), key(id))
}
