package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// Source reads a database of somebody else: in one transaction that sees one
// moment and cannot write.
type Source struct {
	dialect *dialect
	db      *sql.DB
	tx      *sql.Tx
}

// OpenSource begins to read the database that a DSN names; see Config.DSN. Its
// errors do not repeat the DSN.
func OpenSource(ctx context.Context, dsn string) (_ *Source, err error) {
	d, err := dialectOf(dsn)
	if err != nil {
		return nil, err
	}
	s := &Source{dialect: d}
	o := &sql.TxOptions{ReadOnly: true}
	if d == &sqliteDialect {
		s.db, err = openSourceFile(dsn)
	} else {
		var e engine
		if e, err = d.open(ctx, d, Config{DSN: dsn}); err == nil {
			s.db, o.Isolation = e.handle(), sql.LevelRepeatableRead
		}
	}
	if err != nil {
		return nil, err
	}
	if s.tx, err = s.db.BeginTx(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlstore: begin to read: %w", err), s.db.Close())
	}
	return s, nil
}

func openSourceFile(dsn string) (*sql.DB, error) {
	file, _, _ := strings.Cut(dsn, "?") // options are for those who write
	loc, err := parseDSN(file)
	if err != nil {
		return nil, err
	}
	if loc.path == "" {
		return nil, errors.New("sqlstore: a database in memory belongs to the process that made it")
	}
	if _, err := os.Stat(loc.path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sqlstore: there is no file %s", loc.path)
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}}
	name := "file:" + (&url.URL{Path: loc.path}).EscapedPath() + "?" + q.Encode()
	return sql.OpenDB(connector{driver: sqliteDriver, dsn: name}), nil
}

// Engine names the engine: "SQLite", "PostgreSQL" or "MySQL".
func (s *Source) Engine() string { return s.dialect.name }

// Rows reads all rows that a SELECT finds, with the values of its columns as
// the driver gives them, by name. It is for pages of a bounded size.
func (s *Source) Rows(ctx context.Context, stmt string, args ...any) (columns []string, values [][]any, err error) {
	rows, err := s.tx.QueryContext(ctx, s.dialect.rebind(stmt), args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	if columns, err = rows.Columns(); err != nil {
		return nil, nil, err
	}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, nil, err
		}
		values = append(values, row)
	}
	return columns, values, rows.Err()
}

// tablesOf lists the tables that a statement of Rows can name without a schema.
var tablesOf = map[*dialect]string{
	&sqliteDialect:   `SELECT name FROM sqlite_master WHERE type IN ('table', 'view')`,
	&postgresDialect: `SELECT table_name FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false))`,
	&mysqlDialect:    `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()`,
}

// Tables returns the names of the tables.
func (s *Source) Tables(ctx context.Context) (map[string]bool, error) {
	_, rows, err := s.Rows(ctx, tablesOf[s.dialect])
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(rows))
	for _, row := range rows {
		switch name := row[0].(type) {
		case string:
			names[name] = true
		case []byte:
			names[string(name)] = true
		}
	}
	return names, nil
}

// Close ends the connection, and with it the transaction, which wrote nothing.
func (s *Source) Close() error {
	_ = s.tx.Rollback() // it may have ended with its context
	return s.db.Close()
}
