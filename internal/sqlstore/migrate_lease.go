package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Only one node may change a schema at a time. Locks of the engine do not say
// that for all of them: those of Galera are a node's own, and a pooler moves
// sessions to and fro. So it is a row with an owner and an end, as for the jobs.
const (
	createSchemaLease = `
		CREATE TABLE IF NOT EXISTS schema_lease (
			id         BIGINT NOT NULL PRIMARY KEY,
			owner_id   BIGINT NOT NULL,
			expires_at BIGINT NOT NULL
		)`
	insertSchemaLease = `
		INSERT INTO schema_lease (id, owner_id, expires_at)
		SELECT n.id, 0, 0 FROM (SELECT 1 AS id) n WHERE NOT EXISTS (SELECT 1 FROM schema_lease v WHERE v.id = n.id)`
	takeSchemaLease = `UPDATE schema_lease SET owner_id = ?, expires_at = ? WHERE id = 1 AND (owner_id = ? OR expires_at <= ?)`
	dropSchemaLease = `UPDATE schema_lease SET expires_at = 0 WHERE id = 1 AND owner_id = ?`
)

const (
	schemaLease      = time.Minute      // after which a dead owner is out
	schemaLeaseRenew = 15 * time.Second // while the owner lives
	schemaLeasePoll  = 200 * time.Millisecond
)

var errLeaseLost = errors.New("sqlstore: another node has taken over the migration, because this one was too slow")

// migrate waits until no other node migrates, as long as the context lets it.
func (e *served) migrate(ctx context.Context, f func(context.Context, *sql.DB) error) error {
	if err := e.persist(ctx, createSchemaLease); err != nil {
		return err
	}
	if err := e.persist(ctx, insertSchemaLease); err != nil {
		return err
	}
	owner := rand.Int64()
	for {
		got, err := e.takeLease(ctx, owner)
		if err != nil {
			return err
		}
		if got {
			break
		}
		if err := pause(ctx, schemaLeasePoll); err != nil {
			return fmt.Errorf("sqlstore: another node migrates: %w", err)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for pause(ctx, schemaLeaseRenew) == nil {
			if got, err := e.takeLease(ctx, owner); err != nil || !got {
				cancel(errors.Join(errLeaseLost, err))
			}
		}
	}()
	err := f(ctx, e.db)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errLeaseLost) {
		err = cause
	}
	cancel(nil)
	<-stopped
	ctx = context.WithoutCancel(ctx)
	return errors.Join(err, e.persist(ctx, dropSchemaLease, owner))
}

func (e *served) takeLease(ctx context.Context, owner int64) (bool, error) {
	now := e.now()
	n, err := e.exec(ctx, func() {}, takeSchemaLease, []any{owner, now.Add(schemaLease).UnixMicro(), owner, now.UnixMicro()})
	if err != nil && e.dialect.transient(err) {
		return false, nil // asked again soon; what was taken is taken again
	}
	if err != nil {
		return false, &failure{err}
	}
	return n > 0, nil
}

// persist runs a statement that may be run twice until it succeeds, because
// two that create the same table at once get in each other's way.
func (e *served) persist(ctx context.Context, stmt string, args ...any) error {
	for try := 0; ; try++ {
		_, err := e.exec(ctx, func() {}, stmt, args)
		switch {
		case err == nil:
			return nil
		case try == tries-1, !e.dialect.transient(err) && !e.dialect.duplicate(err) && sqlState(err) != "42P07" && sqlState(err) != "42710":
			return &failure{err}
		}
		if err := pause(ctx, rand.N(min(firstPause<<try, longestWait))); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
