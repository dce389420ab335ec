package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

var sqliteDriver driver.Driver = &sqlite.Driver{}

var sqliteDialect = dialect{
	name:      "SQLite",
	schemes:   []string{"sqlite"},
	open:      openEmbedded,
	goose:     goose.DialectSQLite3,
	folder:    "migrations/sqlite",
	rebind:    func(stmt string) string { return stmt },
	hasSchema: `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`,
	begin:     "BEGIN IMMEDIATE",
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
}

// damaged reports whether other connections to the file are suspect, too.
func damaged(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqliteReadOnly, sqliteIOErr, sqliteCorrupt, sqliteNotADB:
		return true
	}
	return false
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
