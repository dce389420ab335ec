package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// dialect is what differs between database engines.
type dialect struct {
	name      string
	schemes   []string // of DSNs
	open      func(context.Context, *dialect, Config) (engine, error)
	goose     goose.Dialect
	folder    string                   // of the migrations
	rebind    func(stmt string) string // from the portable statement to the engine's
	hasSchema string                   // not 0 when there is the table of applied migrations
	begin     string                   // begins a transaction

	// spoils says that a statement that fails ends the whole transaction, as
	// in PostgreSQL; a savepoint is needed where the transaction is to go on.
	spoils bool

	// together sends several SELECTs at once and hands over the rows of each;
	// nil where the protocol has no way to. With an error no row that was handed
	// over counts; the error of a passenger is that of reading its own rows.
	together func(ctx context.Context, conn *sql.Conn, load []*passenger) error

	duplicate func(error) bool // a primary or unique key is taken
	mild      func(error) bool // the statement failed alone, the transaction stands
	conflict  func(error) bool // nothing was done; the same again may succeed
	cut       func(error) bool // the connection is of no use; what it was doing is unknown
}

var dialects = []*dialect{&sqliteDialect, &postgresDialect, &mysqlDialect}

// dialectOf finds the engine that a DSN names. Its errors do not repeat the
// DSN, which may hold a password.
func dialectOf(dsn string) (*dialect, error) {
	if strings.ContainsRune(dsn, 0) {
		return nil, errors.New("sqlstore: the DSN holds a NUL character")
	}
	if dsn == "memory" {
		return &sqliteDialect, nil
	}
	scheme, _, _ := strings.Cut(dsn, "://")
	for _, d := range dialects {
		for _, s := range d.schemes {
			if s == scheme && scheme != dsn {
				return d, nil
			}
		}
	}
	return nil, errors.New("sqlstore: a DSN is sqlite:///absolute/path, sqlite://relative/path, memory, postgres://…, cockroach://… or mysql://…")
}

// transient reports whether the same work may succeed when it is done again.
func (d *dialect) transient(err error) bool { return d.conflict(err) || d.cut(err) }
