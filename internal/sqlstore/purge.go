package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hydra/internal/oauth"
)

// Of the rows of a bucket whose appointment has come, first those that must
// stay get a new one, which takes them out of the window; what is left of the
// window goes. Both look at the same rows, in the order of the index.
const (
	// grantKept tells that a value can still point to the row, that its flow
	// may come back, that the consent is remembered, or that its client has to
	// hear of the end of the session; and that its client exists.
	grantKept = `((grants.expires_at > ? AND grants.ended_at IS NULL AND grants.revoked_at IS NULL)
		OR grants.flow_expires_at > ? OR (grants.revoked_at IS NULL AND grants.consent_until > ?)
		OR ((grants.code_used_at IS NOT NULL OR grants.front_at IS NOT NULL)
			AND EXISTS (SELECT 1 FROM logout_clients l WHERE l.client_uid = grants.client_uid)
			AND EXISTS (SELECT 1 FROM sessions v WHERE v.id = grants.session_id AND v.ended_at IS NULL AND v.expires_at > ?)))
		AND EXISTS (SELECT 1 FROM clients c WHERE c.uid = grants.client_uid)`

	keepGrants = `UPDATE grants SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT g.id FROM grants g
		WHERE g.b = ? AND g.purge_at <= ? ORDER BY g.purge_at LIMIT ?) x) AND ` + grantKept
	purgeGrants = `DELETE FROM grants WHERE id IN (SELECT id FROM (SELECT g.id FROM grants g
		WHERE g.b = ? AND g.purge_at <= ? ORDER BY g.purge_at LIMIT ?) x) AND NOT COALESCE(` + grantKept + `, FALSE)`

	keepSessions = `UPDATE sessions SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM sessions v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeSessions = `DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT v.id FROM sessions v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepRequests = `UPDATE requests SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM requests v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeRequests = `DELETE FROM requests WHERE id IN (SELECT id FROM (SELECT v.id FROM requests v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepDevices = `UPDATE devices SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM devices v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeDevices = `DELETE FROM devices WHERE id IN (SELECT id FROM (SELECT v.id FROM devices v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepReplays = `UPDATE replays SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM replays v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeReplays = `DELETE FROM replays WHERE id IN (SELECT id FROM (SELECT v.id FROM replays v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepRevokedTokens = `UPDATE revoked_tokens SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM revoked_tokens v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeRevokedTokens = `DELETE FROM revoked_tokens WHERE id IN (SELECT id FROM (SELECT v.id FROM revoked_tokens v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepOutbox = `UPDATE outbox SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM outbox v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeOutbox = `DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT v.id FROM outbox v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepGuesses = `UPDATE guesses SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM guesses v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeGuesses = `DELETE FROM guesses WHERE id IN (SELECT id FROM (SELECT v.id FROM guesses v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	keepImported = `UPDATE imported_tokens SET purge_at = ? WHERE id IN (SELECT id FROM (SELECT v.id FROM imported_tokens v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at > ?`
	purgeImported = `DELETE FROM imported_tokens WHERE id IN (SELECT id FROM (SELECT v.id FROM imported_tokens v
		WHERE v.b = ? AND v.purge_at <= ? ORDER BY v.purge_at LIMIT ?) x) AND expires_at <= ?`

	// These have neither buckets nor appointments: there are few.
	purgeTrusted = `DELETE FROM trusted_issuers WHERE id IN (SELECT id FROM (SELECT t.id FROM trusted_issuers t
		WHERE t.expires_at <= ? ORDER BY t.expires_at LIMIT ?) x) AND expires_at <= ?`
	purgeInitial = `DELETE FROM initial_access_tokens WHERE id IN (SELECT id FROM (SELECT t.id FROM initial_access_tokens t
		WHERE t.expires_at <= ? ORDER BY t.expires_at LIMIT ?) x) AND expires_at <= ?`
)

// purges has the two statements of each group; times is how often they ask
// for the time after the window.
var purges = map[oauth.Expiring]struct {
	keep, purge string
	times       int
}{
	oauth.ExpiredGrants:         {keepGrants, purgeGrants, 4},
	oauth.ExpiredSessions:       {keepSessions, purgeSessions, 1},
	oauth.ExpiredRequests:       {keepRequests, purgeRequests, 1},
	oauth.ExpiredDevices:        {keepDevices, purgeDevices, 1},
	oauth.ExpiredReplays:        {keepReplays, purgeReplays, 1},
	oauth.ExpiredRevokedTokens:  {keepRevokedTokens, purgeRevokedTokens, 1},
	oauth.ExpiredLogoutCalls:    {keepOutbox, purgeOutbox, 1},
	oauth.ExpiredGuesses:        {keepGuesses, purgeGuesses, 1},
	oauth.ExpiredImportedTokens: {keepImported, purgeImported, 1},
}

// Purge looks at up to limit rows of a bucket whose appointment has come
// (purge_at <= now), deletes those that nothing can point to any more and gives
// the others a new appointment, which must be later than now.
func (s *Store) Purge(ctx context.Context, what oauth.Expiring, bucket int, now, again time.Time, limit int) (deleted, seen int, err error) {
	switch what {
	case oauth.ExpiredTrustedIssuers:
		return s.purgeFew(ctx, purgeTrusted, bucket, now, limit)
	case oauth.ExpiredInitialAccessTokens:
		return s.purgeFew(ctx, purgeInitial, bucket, now, limit)
	}
	p, ok := purges[what]
	switch {
	case !ok:
		return 0, 0, fmt.Errorf("sqlstore: purge: unknown group %q", what)
	case !again.After(now):
		return 0, 0, errors.New("sqlstore: purge: the new appointment is not later than now")
	case limit <= 0:
		return 0, 0, nil
	}
	times := slices.Repeat([]any{due(now)}, p.times)
	err = s.atomic(ctx, func(t *Store) error {
		kept, err := t.exec(ctx, p.keep, append([]any{due(again), bucket, due(now), limit}, times...)...)
		if err != nil {
			return err
		}
		left := limit - int(kept.rows)
		if left <= 0 {
			deleted, seen = 0, int(kept.rows)
			return nil
		}
		gone, err := t.exec(ctx, p.purge, append([]any{bucket, due(now), left}, times...)...)
		deleted, seen = int(gone.rows), int(kept.rows+gone.rows)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return deleted, seen, nil
}

// purgeFew deletes rows without buckets that have expired. They all count as
// those of the first bucket.
func (s *Store) purgeFew(ctx context.Context, stmt string, bucket int, now time.Time, limit int) (deleted, seen int, err error) {
	if bucket != 0 || limit <= 0 {
		return 0, 0, nil
	}
	out, err := s.exec(ctx, stmt, due(now), limit, due(now))
	if err != nil {
		return 0, 0, err
	}
	return int(out.rows), int(out.rows), nil
}
