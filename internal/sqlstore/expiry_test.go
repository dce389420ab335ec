package sqlstore_test

import (
	"database/sql"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// A year of traffic: every Grant has been asked for at some moment of it. Of
// five, three had access tokens for an hour, and two refresh tokens, which
// lived for 30 days. Sealed data has the 750 bytes of a usual login with a nonce and two claims. The rows
// are made by the database itself.
const yearColumns = `INSERT INTO grants (id, client_uid, kind, subject_key, session_id, skip, requested_at, handled_at, flow_expires_at, code_expires_at,
	code_used_at, generation, rotation_id, grace_uses, access_floor, refresh_expires_at, end_reason, expires_at, purge_at, b, op_id, data) `

// years has for each engine the rows number 1 to {n}, the bytes of the table
// with its indexes, and what brings the figures up to date.
var years = map[string]struct{ fill, tidy, size string }{
	"SQLite": {
		yearColumns + `
			WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {n}),
			v AS MATERIALIZED (SELECT i, randomblob(16) AS id, {start} + i * {step} AS at, CASE WHEN i % 5 < 3 THEN {hour} ELSE {month} END AS life FROM s)
			SELECT id, {uid}, 1, randomblob(16), randomblob(16), 0, at, at, at + {hour}, at + {hour}, at, 0, randomblob(8), 0, 0, at + life, 0,
				at + life, at + life + {margin}, instr('0123456789ABCDEF', substr(hex(id), 2, 1)) - 1, id, randomblob(750) FROM v`,
		"PRAGMA optimize",
		"SELECT SUM(pgsize) FROM dbstat WHERE name LIKE 'grants%' OR name LIKE 'sqlite_autoindex_grants%'",
	},
	"PostgreSQL": {
		yearColumns + `
			SELECT id, {uid}, 1, id, id, 0, at, at, at + {hour}, at + {hour}, at, 0, substring(id FROM 1 FOR 8), 0, 0, at + life, 0,
				at + life, at + life + {margin}, get_byte(id, 0) & 15, id,
				(SELECT string_agg(sha256((i || '/' || k)::bytea), '') FROM generate_series(1, 23) k WHERE i > 0)
			FROM (SELECT i, substring(sha256(i::text::bytea) FROM 1 FOR 16) AS id, {start} + i * {step} AS at,
				CASE WHEN i % 5 < 3 THEN {hour} ELSE {month} END AS life FROM generate_series(1::bigint, {n}) i) v`,
		"VACUUM ANALYZE grants",
		"SELECT pg_total_relation_size('grants')",
	},
	"MariaDB": {
		yearColumns + `
			SELECT id, {uid}, 1, id, id, 0, at, at, at + {hour}, at + {hour}, at, 0, SUBSTR(id, 1, 8), 0, 0, at + life, 0,
				at + life, at + life + {margin}, CONV(SUBSTR(HEX(id), 2, 1), 16, 10), id, RANDOM_BYTES(750)
			FROM (SELECT seq AS i, UNHEX(MD5(seq)) AS id, {start} + seq * {step} AS at,
				CASE WHEN seq % 5 < 3 THEN {hour} ELSE {month} END AS life FROM seq_1_to_{n}) v`,
		"ANALYZE TABLE grants",
		"SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'grants'",
	},
}

// most bounds the bytes of a Grant, with its indexes.
const most = 2500

// Rows go when nothing points to them any more: of a year of traffic only the
// last weeks are left. YEAR_GRANTS is how many Grants there were; see
// make million.
func TestYearOfTraffic(t *testing.T) {
	t.Parallel()
	n := 20_000
	if text := os.Getenv("YEAR_GRANTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1000 {
			t.Fatalf("YEAR_GRANTS=%s is no number of at least 1000", text)
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir() + "/year.sqlite"
		s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
		if err := s.MigrateTo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		year(t, "SQLite", s, raw(t, path), n, func() (time.Duration, error) { return 0, nil })
	})
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.Fresh(t, "max_conns=2")
			s := storetest.Open(t, sqlstore.Config{DSN: dsn})
			if err := s.MigrateTo(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			year(t, e.Name, s, e.DB(t, dsn), n, e.CPU)
		})
	}
}

func year(t *testing.T, engine string, s *sqlstore.Store, db *sql.DB, n int, server func() (time.Duration, error)) {
	const hour = int64(time.Hour / time.Microsecond)
	blob := map[string]string{"PostgreSQL": `'\x01010101010101010101010101010101'::bytea`}[engine]
	if blob == "" {
		blob = "X'01010101010101010101010101010101'"
	}
	start, length := noon.Add(-365*24*time.Hour).UnixMicro(), 365*24*hour
	number := func(i int64) string { return strconv.FormatInt(i, 10) }
	fill := strings.NewReplacer("{n}", strconv.Itoa(n), "{start}", number(start), "{step}", number(length/int64(n)), "{hour}", number(hour),
		"{month}", number(720*hour), "{margin}", number(hour/6), "{uid}", blob)
	y := years[engine]
	mustExec(t, db, strings.ReplaceAll("INSERT INTO clients (uid, client_id, epoch, version, registration_generation, created_at, updated_at, expires_at, op_id, data) "+
		"VALUES ({uid}, {uid}, 1, 1, 0, 1, 1, 9223372036854775807, {uid}, {uid})", "{uid}", blob))
	mustExec(t, db, fill.Replace(y.fill))
	mustExec(t, db, y.tidy)

	began := time.Now()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	migrated := time.Since(began)
	var bytes, want, left int64
	if err := db.QueryRow(y.size).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	if each := bytes / int64(n); each > most || each < 750 {
		t.Errorf("a Grant takes %d bytes, want at most %d", each, most)
	}
	if err := db.QueryRow("SELECT COUNT(*) FROM grants WHERE purge_at > " + number(noon.UnixMicro())).Scan(&want); err != nil {
		t.Fatal(err)
	}

	own, theirs := times(t, server)
	began = time.Now()
	deleted := 0
	for bucket := range oauth.Buckets {
		for seen := 500; seen == 500; {
			var gone int
			var err error
			if gone, seen, err = s.Purge(t.Context(), oauth.ExpiredGrants, bucket, noon, noon.Add(24*time.Hour), 500); err != nil {
				t.Fatal(err)
			}
			deleted += gone
		}
	}
	took := time.Since(began)
	ownAfter, theirsAfter := times(t, server)
	if err := db.QueryRow("SELECT COUNT(*) FROM grants").Scan(&left); err != nil || left != want || left+int64(deleted) != int64(n) {
		t.Errorf("%d rows were deleted and %d are left of %d, want %d left; %v", deleted, left, n, want, err)
	}
	if share := float64(left) / float64(n); share > 0.4*31/365 {
		t.Errorf("%.1f %% of a year are left", 100*share)
	}
	rows := float64(deleted)
	if os.Getenv("YEAR_GRANTS") != "" && engine == "PostgreSQL" { // else other tests count, too
		if each := micro(ownAfter-own+theirsAfter-theirs) / rows; each > 50 || rows/took.Seconds() < 2000 {
			t.Errorf("a purged row costs %.1f µs, %.0f go in a second; 2,000 rows/s must cost less than a tenth of a core", each, rows/took.Seconds())
		}
	}
	t.Logf("%s: %d Grants of a year, %d bytes each; pending migrations took %v; %d left; %d purged in %v: %.0f rows/s, "+
		"CPU %.1f µs a row here and %.1f µs in the database: %.1f %% of a core here, %.1f %% there at 2,000 rows/s",
		engine, n, bytes/int64(n), migrated.Round(time.Millisecond), left, deleted, took.Round(time.Millisecond), rows/took.Seconds(),
		micro(ownAfter-own)/rows, micro(theirsAfter-theirs)/rows, micro(ownAfter-own)/rows*0.2, micro(theirsAfter-theirs)/rows*0.2)
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// times returns the CPU time of this process and of the database server.
func times(t *testing.T, server func() (time.Duration, error)) (own, theirs time.Duration) {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	theirs, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), theirs
}
