package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresDialect speaks to PostgreSQL and to what understands its protocol:
// CockroachDB and YugabyteDB.
var postgresDialect = dialect{
	name:      "PostgreSQL",
	schemes:   []string{"postgres", "postgresql", "cockroach", "cockroachdb"},
	open:      openPostgres,
	goose:     goose.DialectPostgres,
	folder:    "migrations/postgres",
	rebind:    numbered,
	hasSchema: `SELECT CASE WHEN to_regclass('goose_db_version') IS NULL THEN 0 ELSE 1 END`,
	begin:     "BEGIN",
	spoils:    true,
	together:  togetherPostgres,
	duplicate: func(err error) bool { return sqlState(err) == "23505" },
	mild:      func(err error) bool { return strings.HasPrefix(sqlState(err), "23") },
	conflict: func(err error) bool {
		switch sqlState(err) {
		case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
			return true
		}
		return false
	},
	cut: postgresCut,
}

func openPostgres(_ context.Context, d *dialect, cfg Config) (engine, error) {
	dsn, p, err := takePool(cfg.DSN)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(dsn, "://")
	if strayAt(rest) {
		return nil, errors.New("sqlstore: the DSN has an @ too many; special characters of the password are percent-encoded: %40 for @, %2F for /")
	}
	conn, err := pgx.ParseConfig("postgres://" + rest)
	if err != nil {
		// The driver's error repeats the DSN.
		return nil, errors.New("sqlstore: the DSN is not of the form postgres://user:password@host:port/database?options, " +
			"or one of its options is unknown")
	}
	if !strings.Contains(dsn, "target_session_attrs=") && !sameHost(conn) {
		// Of several hosts one takes writes, and only there is everything that
		// was acknowledged to be seen.
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout // for each host
	}
	return serve(d, stdlib.GetConnector(*conn), p, cfg), nil
}

// askPostgres is ask without the driver's adapter to database/sql, which makes a
// function and a variable for each column of each answer.
func askPostgres(ctx context.Context, c *pgx.Conn, stmt string, args []any, each func(record) error) error {
	if c.IsClosed() {
		return driver.ErrBadConn
	}
	rows, err := c.Query(ctx, stmt, args...)
	if pgconn.SafeToRetry(err) {
		return driver.ErrBadConn // nothing was sent
	}
	if err != nil {
		return err
	}
	return handPostgres(rows, each)
}

// togetherPostgres uses the protocol's pipeline: all statements, one Sync. They
// are one transaction, which the first that fails ends.
func togetherPostgres(ctx context.Context, conn *sql.Conn, load []*passenger) error {
	return conn.Raw(func(adapter any) error {
		c := adapter.(*stdlib.Conn).Conn()
		if c.IsClosed() {
			return driver.ErrBadConn
		}
		batch := &pgx.Batch{}
		for _, p := range load {
			p.begin()
			batch.Queue(numbered(p.stmt), p.args...)
		}
		answers := c.SendBatch(ctx, batch)
		for _, p := range load {
			rows, err := answers.Query()
			if err != nil {
				break // Close returns it
			}
			p.err = handPostgres(rows, p.each)
		}
		return answers.Close()
	})
}

func handPostgres(rows pgx.Rows, each func(record) error) error {
	defer rows.Close()
	r := make(record, len(rows.FieldDescriptions()))
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		for i, v := range values {
			switch n := v.(type) {
			case int16:
				v = int64(n)
			case int32:
				v = int64(n)
			}
			r[i] = v
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// strayAt reports whether there is an @ where hosts and the database stand:
// the driver ends the password at the first @, or has none behind a slash, so
// that the rest of it would be a name, and errors repeat names.
func strayAt(dsn string) bool {
	if end := strings.IndexAny(dsn, "@/"); end >= 0 && dsn[end] == '@' {
		dsn = dsn[end+1:]
	}
	place, _, _ := strings.Cut(dsn, "?")
	hosts, database, _ := strings.Cut(place, "/")
	return strings.Contains(hosts, "%40") || strings.Contains(hosts+database, "@")
}

// sameHost tells several hosts from several ways to reach one.
func sameHost(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return false
		}
	}
	return true
}

// numberings remembers what numbered has made: there are only so many
// statements.
var numberings sync.Map

// numbered writes $1, $2 … in the place of each question mark.
func numbered(stmt string) string {
	if s, ok := numberings.Load(stmt); ok {
		return s.(string)
	}
	var b strings.Builder
	n := 0
	for _, r := range stmt {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	numberings.Store(stmt, b.String())
	return b.String()
}

// sqlState returns the five characters of
// https://www.postgresql.org/docs/current/errcodes-appendix.html, or "".
func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

func postgresCut(err error) bool {
	switch state := sqlState(err); {
	case state == "":
	case strings.HasPrefix(state, "08"): // connection exception
		return true
	default:
		switch state {
		case "40003", // the statement's completion is unknown (CockroachDB)
			"57P01", "57P02", "57P03", // the server stops, crashed, or starts
			"53300", // too many connections
			"25006": // it takes no writes any more: it was demoted
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true // no host answered, or none of them takes writes
	}
	return networkCut(err)
}

// networkCut recognises the failures that both drivers report as they come
// from the network.
func networkCut(err error) bool {
	if _, ok := errors.AsType[*silence](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	for _, known := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}
