package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

//go:embed migrations
var migrations embed.FS

// dialect is what differs between database engines.
type dialect struct {
	goose     goose.Dialect
	folder    string                   // of the migrations
	rebind    func(stmt string) string // from ? to the engine's placeholders
	hasSchema string                   // counts the table of applied migrations
	driver    driver.Driver
	duplicate func(error) bool // a primary or unique key is taken
	mild      func(error) bool // the statement failed alone, the transaction stands
	conflict  func(error) bool // nothing was done; the same again may succeed
	cut       func(error) bool // the connection is gone; what it was doing is unknown
	damaged   func(error) bool // other connections to the file are suspect, too
}

var sqliteDialect = dialect{
	goose:     goose.DialectSQLite3,
	folder:    "migrations/sqlite",
	rebind:    func(stmt string) string { return stmt },
	hasSchema: `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`,
	driver:    &sqlite.Driver{},
	duplicate: func(err error) bool {
		code := sqliteCode(err)
		return code == constraintPrimaryKey || code == constraintUnique
	},
	mild: func(err error) bool { return sqliteCode(err)&0xff == sqliteConstraint },
	conflict: func(err error) bool {
		code := sqliteCode(err) & 0xff
		return code == sqliteBusy || code == sqliteLocked
	},
	// database/sql answers ErrConnDone when it has tried ErrBadConn again.
	cut: func(err error) bool { return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) },
	damaged: func(err error) bool {
		switch sqliteCode(err) & 0xff {
		case sqliteReadOnly, sqliteIOErr, sqliteCorrupt, sqliteNotADB:
			return true
		}
		return false
	},
}

// SQLite's result codes, https://www.sqlite.org/rescode.html
const (
	sqliteBusy           = 5
	sqliteLocked         = 6
	sqliteReadOnly       = 8
	sqliteIOErr          = 10
	sqliteCorrupt        = 11
	sqliteConstraint     = 19
	sqliteNotADB         = 26
	constraintPrimaryKey = sqliteConstraint | 6<<8
	constraintUnique     = sqliteConstraint | 8<<8
)

// transient reports whether the same work may succeed when it is done again.
func (d *dialect) transient(err error) bool { return d.conflict(err) || d.cut(err) }

// sqliteCode returns SQLite's extended result code, 0 for another error. It
// asks for the method only, so that a test's driver can make such errors too.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return e.Code()
	}
	return 0
}
