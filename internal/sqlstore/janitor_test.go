package sqlstore_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// A store full of ended authorizations is emptied in small steps, while codes
// are spent beside it.
func TestPurgeOfManyRows(t *testing.T) {
	t.Parallel()
	const rows, limit = purgeRows, 500
	path := storetest.File(t)
	s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
	client := &oauth.Client{UID: oauth.ID{1}, ID: "app", ExpiresAt: oauth.Never}
	if err := s.AddClient(t.Context(), client, nil); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	if _, err := db.Exec(`
		WITH RECURSIVE n(i, id) AS (SELECT 1, randomblob(16) UNION ALL SELECT i + 1, randomblob(16) FROM n WHERE i < ?)
		INSERT INTO grants (id, client_uid, kind, subject_key, skip, requested_at, handled_at, generation, rotation_id, grace_uses,
			access_floor, ended_at, end_reason, expires_at, purge_at, b, op_id, data)
		SELECT id, ?, 1, randomblob(16), 0, 1, 1, 0, zeroblob(8), 0, 0, 1, 1, ?, ?,
			(instr('0123456789ABCDEF', substr(hex(id), 2, 1)) - 1), zeroblob(16), randomblob(300) FROM n`,
		rows, client.UID[:], noon.UnixMicro(), noon.UnixMicro()); err != nil {
		t.Fatal(err)
	}

	var (
		stop, stopped = make(chan struct{}), make(chan struct{})
		spent         atomic.Int32
	)
	go func() {
		defer close(stopped)
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			g := &oauth.Grant{ID: id(i), ClientUID: client.UID, CodeExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never}
			err := errors.Join(s.AddGrant(t.Context(), g, oauth.Standing{Now: noon}),
				s.SpendCode(t.Context(), g.ID, oauth.CodeSpend{Op: id(i), Now: noon, ExpiresAt: oauth.Never, PurgeAt: oauth.Never}))
			if err != nil {
				t.Errorf("a code beside the purge: %v", err)
				return
			}
			spent.Add(1)
		}
	}()
	begun, total := time.Now(), 0
	for bucket := range oauth.Buckets {
		for {
			deleted, seen, err := s.Purge(t.Context(), oauth.ExpiredGrants, bucket, noon, noon.Add(time.Hour), limit)
			if err != nil {
				t.Fatal(err)
			}
			if deleted > limit || seen > limit {
				t.Fatalf("one transaction deleted %d of %d rows, the limit is %d", deleted, seen, limit)
			}
			if total += deleted; seen == 0 {
				break
			}
		}
	}
	close(stop)
	<-stopped
	t.Logf("%d rows went in %v, with %d codes spent meanwhile", total, time.Since(begun).Round(time.Millisecond), spent.Load())
	if total != rows {
		t.Errorf("%d rows went, want %d", total, rows)
	}
	var left int
	if err := db.QueryRow("SELECT COUNT(*) FROM grants").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != int(spent.Load()) {
		t.Errorf("%d rows are left, want the %d that were made meanwhile", left, spent.Load())
	}
	if spent.Load() == 0 {
		t.Error("no code was spent beside the purge")
	}
}
