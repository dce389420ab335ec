package sqlstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// What the release with schema 1 wrote and asked, word for word. These texts
// are never changed: they stand for programs that are out there.
const (
	oldClient = `INSERT INTO clients (uid, client_id, epoch, version, registration_generation, created_at, updated_at, expires_at, op_id, data)
		VALUES (?, ?, 3, 1, 0, 1, 1, 9223372036854775807, ?, ?)`
	oldSecret = `INSERT INTO client_secrets (client_uid, id, hash, created_at, expires_at) VALUES (?, ?, ?, 1, 9223372036854775807)`
	oldGrant  = `INSERT INTO grants (id, client_uid, kind, subject_key, skip, requested_at, handled_at, code_expires_at, generation, rotation_id, grace_uses,
		access_floor, end_reason, expires_at, purge_at, b, op_id, data)
		VALUES (?, ?, 1, ?, 0, 1, 1, 9223372036854775807, 0, ?, 0, 0, 0, 9223372036854775807, 9223372036854775807, ?, ?, ?)`
	oldSpend = `UPDATE grants SET code_used_at = 5, rotation_id = ?, refresh_expires_at = 9223372036854775807, op_id = ?
		WHERE id = ? AND code_used_at IS NULL AND code_expires_at > 5 AND ended_at IS NULL AND revoked_at IS NULL
		AND EXISTS (SELECT 1 FROM clients c WHERE c.uid = grants.client_uid)`
	oldLookUp  = `SELECT g.generation, g.data, c.epoch FROM grants g JOIN clients c ON c.uid = g.client_uid WHERE g.id = ?`
	oldSession = `INSERT INTO sessions (id, subject_key, authenticated_at, created_at, expires_at, purge_at, b, data)
		VALUES (?, ?, 1, 1, 9223372036854775807, 9223372036854775807, 1, ?)`
	oldSealKey = `INSERT INTO seal_keys (kid, kind, slot, announced_at, active_from, delete_after, data)
		VALUES (7, 18, ?, 1, 1, 9223372036854775807, ?)`
	oldSetting = `INSERT INTO settings (name, value) VALUES (?, ?)`
	oldIssuer  = `INSERT INTO trusted_issuers (id, issuer_key, subject_key, kid_key, created_at, expires_at, op_id, data)
		VALUES (?, ?, ?, ?, 1, 9223372036854775807, ?, ?)`
	oldDevice = `INSERT INTO devices (id, client_uid, user_code_key, status, created_at, expires_at, purge_at, b, op_id, data)
		VALUES (?, ?, ?, 1, 1, 9223372036854775807, 9223372036854775807, 1, ?, ?)`
	oldDeleted = `INSERT INTO deleted_clients (uid, deleted_at) VALUES (?, 1)`
	oldRequest = `INSERT INTO requests (id, kind, client_uid, created_at, expires_at, purge_at, b, data)
		VALUES (?, 1, ?, 1, 9223372036854775807, 9223372036854775807, 1, ?)`
	oldReplay  = `INSERT INTO replays (id, op_id, expires_at, purge_at, b) VALUES (?, ?, 9223372036854775807, 9223372036854775807, 1)`
	oldRevoked = `INSERT INTO revoked_tokens (id, client_uid, expires_at, purge_at, b) VALUES (?, ?, 9223372036854775807, 9223372036854775807, 1)`
	oldKey     = `INSERT INTO json_web_keys (set_key, kid_key, slot, set_name, kid, alg, use_for, created_at, active_from, verify_until, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1, 9223372036854775807, ?)`
	oldLease        = `INSERT INTO leases (name, owner, until) VALUES (?, ?, 9223372036854775807)`
	oldLogoutClient = `INSERT INTO logout_clients (client_uid) VALUES (?)`
	oldCall         = `INSERT INTO outbox (id, client_uid, session_id, attempts, created_at, due_at, give_up_at, expires_at, purge_at, b, op_id, note, data)
		VALUES (?, ?, ?, 2, 1, 1, 9223372036854775807, 9223372036854775807, 9223372036854775807, 1, ?, ?, ?)`
	oldCopy     = `INSERT INTO client_secret_copies (client_uid, id, sealed) VALUES (?, ?, ?)`
	oldImported = `INSERT INTO imported_tokens (id, chain, generation, expires_at, purge_at, b, op_id)
		VALUES (?, ?, 1, 9223372036854775807, 9223372036854775807, 1, ?)`
	oldImportedSecret = `INSERT INTO imported_secrets (id, created_at, data) VALUES (?, 1, ?)`
	oldGuess          = `INSERT INTO guesses (id, n, most, expires_at, purge_at, b) VALUES (?, 2, 3, 9223372036854775807, 9223372036854775807, 1)`
	oldRegistration   = `INSERT INTO registrations (client_uid, client_id, unused_until) VALUES (?, ?, 9223372036854775807)`
	oldInitial        = `INSERT INTO initial_access_tokens (id, created_at, expires_at, uses_left, op_id, note) VALUES (?, 1, 9223372036854775807, 1, ?, ?)`
)

func row(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }

// old is a program of an earlier release.
type old struct {
	*sql.DB
	rebind func(string) string
}

func (o old) exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	res, err := o.ExecContext(ctx, o.rebind(stmt), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// fill writes a row of each table that the schema version has.
func (o old) fill(t *testing.T, version int64) {
	t.Helper()
	hash := func(name string) []byte { h := sha256.Sum256([]byte(name)); return h[:] }
	for _, r := range []struct {
		since int64
		stmt  string
		args  []any
	}{
		{1, oldClient, []any{row(1), []byte("app"), row(2), []byte(`{"scope":"a"}`)}},
		{1, oldSecret, []any{row(1), row(3), []byte("hash")}},
		{1, oldDeleted, []any{row(4)}},
		{1, oldSession, []any{row(0x41), row(5), []byte("sealed session")}},
		{1, oldRequest, []any{row(0x42), row(1), []byte("sealed request")}},
		{1, oldReplay, []any{row(0x43), row(5)}},
		{1, oldRevoked, []any{row(0x44), row(1)}},
		{1, oldKey, []any{hash("a set"), hash("a key"), row(5), []byte("a set"), []byte("a key"), []byte("RS256"), []byte("sig"), []byte("sealed key")}},
		{1, oldLease, []any{[]byte("a job"), row(5)}},
		{1, oldSealKey, []any{row(6), []byte("wrapped")}},
		{1, oldSetting, []any{[]byte("a"), []byte("1")}},
		{2, oldIssuer, []any{row(7), row(8), row(9), row(10), row(11), []byte(`{}`)}},
		{3, oldDevice, []any{row(0x61), row(1), row(12), row(13), []byte("sealed device")}},
		{4, oldLogoutClient, []any{row(1)}},
		{4, oldCall, []any{row(0x21), row(1), row(0x41), row(14), []byte("502"), []byte("sealed call")}},
		{5, oldCopy, []any{row(1), row(3), []byte("sealed secret")}},
		{8, oldImported, []any{row(0x31), row(0x32), row(16)}},
		{8, oldImportedSecret, []any{row(17), []byte("sealed import")}},
		{11, oldGuess, []any{row(0x71)}},
		{20, oldRegistration, []any{row(1), []byte("app")}},
		{20, oldInitial, []any{row(0x51), row(15), []byte("for a colleague")}},
	} {
		if r.since > version {
			continue
		}
		if _, err := o.exec(t.Context(), r.stmt, r.args...); err != nil {
			t.Fatalf("%s: %v", r.stmt, err)
		}
	}
}

// holds tells that rows which fill wrote are there, as the store reads them.
func holds(t *testing.T, s *sqlstore.Store, version int64) {
	t.Helper()
	ctx := t.Context()
	for _, r := range []struct {
		since int64
		what  string
		ask   func() (is, want any, err error)
	}{
		{1, "the request", func() (any, any, error) {
			r, err := s.Request(ctx, oauth.ID(row(0x42)))
			return string(r.Data), "sealed request", err
		}},
		{1, "the jti", func() (any, any, error) {
			return s.AddReplay(ctx, oauth.ID(row(0x43)), oauth.Never), oauth.ErrExists, nil
		}},
		{1, "the revoked token", func() (any, any, error) {
			_, listed, err := s.MachineToken(ctx, oauth.ID(row(0x44)), oauth.ID(row(1)))
			return listed, true, err
		}},
		{1, "the key", func() (any, any, error) {
			keys, err := s.KeySet(ctx, "a set")
			if len(keys) != 1 {
				return len(keys), 1, err
			}
			return keys[0].KID + " " + string(keys[0].Data), "a key sealed key", err
		}},
		{1, "the lease", func() (any, any, error) {
			got, err := s.TakeLease(ctx, "a job", oauth.ID{1}, noon, oauth.Never)
			return got, false, err
		}},
		{2, "the trusted issuer", func() (any, any, error) {
			issuer, err := s.TrustedIssuer(ctx, oauth.ID(row(7)))
			return issuer.ID, oauth.ID(row(7)), err
		}},
		{3, "the device", func() (any, any, error) {
			d, err := s.Device(ctx, oauth.ID(row(12)))
			return string(d.Data), "sealed device", err
		}},
		{4, "the logout call", func() (any, any, error) {
			calls, err := s.DueLogoutCalls(ctx, noon, 10)
			if len(calls) != 1 {
				return len(calls), 1, err
			}
			return fmt.Sprint(calls[0].Attempts, calls[0].Note, string(calls[0].Data)), fmt.Sprint(2, "502", "sealed call"), err
		}},
		{5, "the copy of the secret", func() (any, any, error) {
			_, secrets, err := s.Client(ctx, "app")
			return string(secrets[0].Sealed), "sealed secret", err
		}},
		{8, "the imported token", func() (any, any, error) {
			got, err := s.ImportedToken(ctx, oauth.ID(row(0x31)))
			return *got, oauth.ImportedToken{ID: oauth.ID(row(0x31)), Chain: oauth.ID(row(0x32)), Generation: 1, ExpiresAt: oauth.Never}, err
		}},
		{8, "the imported secret", func() (any, any, error) {
			got, err := s.ImportedSecrets(ctx)
			if len(got) != 1 {
				return len(got), 1, err
			}
			return string(got[0].Data), "sealed import", err
		}},
		{11, "the guesses", func() (any, any, error) {
			count := oauth.GuessCount{ID: oauth.ID(row(0x71)), Most: 3, Ends: oauth.Never}
			return errors.Join(s.CountGuess(ctx, count), s.CountGuess(ctx, count)).Error(), oauth.ErrUsed.Error(), nil
		}},
		{20, "the registration", func() (any, any, error) {
			n, err := s.CountRegistrations(ctx)
			return n, 1, err
		}},
		{20, "the initial access token", func() (any, any, error) {
			token, err := s.InitialAccessToken(ctx, oauth.ID(row(0x51)))
			return token.Note, "for a colleague", err
		}},
	} {
		if r.since > version {
			continue
		}
		if is, want, err := r.ask(); err != nil || is != want {
			t.Errorf("%s: %v, %v, want %v", r.what, is, err, want)
		}
	}
}

// serve inserts Grants, spends every second one and looks each up, until it is
// told to stop. It returns how many there are.
func (o old) serve(t *testing.T, stop *atomic.Bool, least int) int {
	uid := bytes.Repeat([]byte{1}, 16)
	n := 0
	for ; n < least || !stop.Load(); n++ {
		g := id(n)
		if _, err := o.exec(t.Context(), oldGrant, g[:], uid, g[:], make([]byte, 8), int(g[0]&15), g[:], []byte("sealed grant")); err != nil {
			t.Errorf("the release before cannot insert: %v", err)
			return n
		}
		if n%2 == 0 {
			if won, err := o.exec(t.Context(), oldSpend, make([]byte, 8), g[:], g[:]); err != nil || won != 1 {
				t.Errorf("the release before cannot spend: %d, %v", won, err)
			}
		}
		var generation, epoch int64
		var data []byte
		if err := o.QueryRowContext(t.Context(), o.rebind(oldLookUp), g[:]).Scan(&generation, &data, &epoch); err != nil || epoch != 3 {
			t.Errorf("the release before cannot look up: %v", err)
		}
		if n > 5000 {
			break
		}
	}
	return n
}

// A database of every released schema, filled, is brought up to date while
// programs of that release work on it: nothing of theirs fails, and this
// release works with every row.
func TestUpgradeWhileTheReleaseBeforeServes(t *testing.T) {
	t.Parallel()
	versions, err := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + storetest.File(t)}).Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]func(*testing.T) (string, *sql.DB){
		"SQLite": func(t *testing.T) (string, *sql.DB) {
			path := t.TempDir() + "/old.sqlite"
			s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
			if err := s.MigrateTo(t.Context(), 1); err != nil { // makes the file
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=synchronous(off)")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return "sqlite://" + path, db
		},
	}
	for _, e := range storetest.Engines() {
		places[e.Name] = func(t *testing.T) (string, *sql.DB) {
			dsn := e.Fresh(t, "max_conns=3")
			return dsn, e.DB(t, dsn)
		}
	}
	for name, place := range places {
		for _, m := range versions.Migrations {
			t.Run(fmt.Sprint(name, "/from ", m.Version), func(t *testing.T) {
				t.Parallel()
				dsn, db := place(t)
				upgrade(t, dsn, db, m.Version)
			})
		}
	}
}

func upgrade(t *testing.T, dsn string, db *sql.DB, from int64) {
	s := storetest.Open(t, sqlstore.Config{DSN: dsn})
	if err := s.MigrateTo(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	before := old{db, s.Rebind}
	before.fill(t, from)
	var (
		stop atomic.Bool
		n    int
		wg   sync.WaitGroup
	)
	wg.Go(func() { n = before.serve(t, &stop, 40) })
	schema, err := s.Schema(t.Context())
	if err != nil || schema.Version != from {
		t.Errorf("Schema() = version %d, %v, want %d", schema.Version, err, from)
	}
	if err := s.Ping(t.Context()); schema.Pending() > 0 && !errors.Is(err, sqlstore.ErrSchema) {
		t.Errorf("Ping() before the upgrade = %v", err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate() = %v", err)
	}
	stop.Store(true)
	wg.Wait()

	works(t, s, "upgraded", "1")
	holds(t, s, from)
	c, secrets, err := s.Client(t.Context(), "app")
	if err != nil || c.Epoch != 3 || c.Scope != "a" || len(secrets) != 1 {
		t.Errorf("Client() = %+v, %v, %v", c, secrets, err)
	}
	if keys, err := s.SealKeys(t.Context()); err != nil || len(keys) != 1 || string(keys[0].Data) != "wrapped" {
		t.Errorf("SealKeys() = %+v, %v", keys, err)
	}
	if _, err := s.Session(t.Context(), oauth.ID(bytes.Repeat([]byte{0x41}, 16))); err != nil {
		t.Errorf("Session() = %v", err)
	}
	for i := range n {
		want := error(nil)
		if i%2 == 0 {
			want = oauth.ErrUsed
		}
		g, err := s.Grant(t.Context(), id(i))
		if err != nil || string(g.Data) != "sealed grant" {
			t.Fatalf("Grant(%d) = %+v, %v", i, g, err)
		}
		err = s.SpendCode(t.Context(), g.ID, oauth.CodeSpend{Op: oauth.ID{9}, Now: noon, RefreshExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never})
		if !errors.Is(err, want) {
			t.Errorf("SpendCode(%d) = %v, want %v", i, err, want)
		}
	}
}
