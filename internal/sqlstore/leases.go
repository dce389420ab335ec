package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	renewLease  = `UPDATE leases SET owner = ?, until = ? WHERE name = ? AND (owner = ? OR until <= ?)`
	insertLease = `INSERT INTO leases (name, owner, until) SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM leases WHERE name = ?)`
	deleteLease = `DELETE FROM leases WHERE name = ? AND owner = ?`
)

// TakeLease takes or renews the named lease until the given time, if it is
// free, expired at now, or the owner's already.
func (s *Store) TakeLease(ctx context.Context, name string, owner oauth.ID, now, until time.Time) (bool, error) {
	if hasNUL(name) {
		return false, errNUL
	}
	out, err := s.exec(ctx, renewLease, owner[:], due(until), text(name), owner[:], due(now))
	if err != nil || out.rows > 0 {
		return err == nil, err
	}
	out, err = s.exec(ctx, insertLease, text(name), owner[:], due(until), text(name))
	if err != nil && !errors.Is(err, oauth.ErrExists) {
		return false, err
	}
	if out.unknown && out.rows == 0 {
		// An earlier try may have taken it for this owner.
		out, err = s.exec(ctx, renewLease, owner[:], due(until), text(name), owner[:], due(now))
		if err != nil {
			return false, err
		}
	}
	return out.rows > 0, nil
}

// DropLease gives the lease back early. It is no error when it is another's.
func (s *Store) DropLease(ctx context.Context, name string, owner oauth.ID) error {
	if hasNUL(name) {
		return errNUL
	}
	return s.change(ctx, deleteLease, text(name), owner[:])
}
