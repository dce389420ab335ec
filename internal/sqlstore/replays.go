package sqlstore

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
)

const (
	insertReplay   = `INSERT INTO replays (id, op_id, expires_at, purge_at, b) VALUES (?, ?, ?, ?, ?)`
	selectReplayOp = `SELECT op_id FROM replays WHERE id = ?`
)

// AddReplay remembers the key. ErrExists when it was seen before.
func (s *Store) AddReplay(ctx context.Context, id oauth.ID, expiresAt time.Time) error {
	op := s.op()
	out, err := s.exec(ctx, insertReplay, id[:], op[:], due(expiresAt), due(expiresAt), bucket(id))
	if out.unknown && errors.Is(err, oauth.ErrExists) {
		return s.unlessOwn(ctx, err, selectReplayOp, id, op)
	}
	return err
}

// unlessOwn decides after a commit with an unknown outcome: when the row holds
// one's own op id, one had won, else the loss stands.
func (s *Store) unlessOwn(ctx context.Context, loss error, selectOp string, id, op oauth.ID) error {
	have, err := one(ctx, s, func(r record, have *oauth.ID) error { return r.Scan(idInto{have}) }, selectOp, id[:])
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return loss
	case err != nil:
		return err
	case *have == op:
		return nil
	}
	return loss
}
