package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

// mysqlDialect speaks to MySQL, MariaDB and Galera, and to what understands
// their protocol: TiDB.
var mysqlDialect = dialect{
	name:      "MySQL",
	schemes:   []string{"mysql", "mariadb"},
	open:      openMySQL,
	goose:     goose.DialectMySQL,
	folder:    "migrations/mysql",
	rebind:    joined,
	hasSchema: `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'goose_db_version'`,
	begin:     "START TRANSACTION",
	duplicate: func(err error) bool { n := mysqlNumber(err); return n == 1062 || n == 1586 },
	mild:      func(err error) bool { n := mysqlNumber(err); return n == 1062 || n == 1586 },
	conflict: func(err error) bool {
		switch mysqlNumber(err) {
		case 1213, // deadlock; Galera: another node was first
			1205,             // a lock was waited for too long
			1020,             // MariaDB with innodb_snapshot_isolation: the row has changed
			9007, 8022, 8028: // TiDB: write conflict, commit to be retried, the schema has changed
			return true
		}
		return false
	},
	cut: mysqlCut,
}

func openMySQL(_ context.Context, d *dialect, cfg Config) (engine, error) {
	dsn, p, err := takePool(cfg.DSN)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(dsn, "://")
	conn, err := mysql.ParseDSN(withNetwork(rest))
	if err != nil {
		return nil, errors.New("sqlstore: the DSN is not of the form mysql://user:password@tcp(host:port)/database?options, " +
			"or one of its options is unknown")
	}
	name, _, _ := strings.Cut(rest[strings.LastIndexByte(rest, '/')+1:], "?")
	if name == "" || strings.Contains(name, "@") { // which is in front of the hosts
		return nil, errors.New("sqlstore: the DSN names no database, or has an @ in its name that is not written %40: " +
			"mysql://user:password@tcp(host:port)/database")
	}
	conn.ClientFoundRows = true   // affected means matched, as everywhere else
	conn.ParseTime = false        // times are numbers
	conn.MultiStatements = false  // one statement is one statement
	conn.InterpolateParams = true // one round trip; safe with utf8mb4 and a fixed sql_mode
	conn.RejectReadOnly = true    // a server that was demoted is left
	conn.Logger = &mysql.NopLogger{}
	if conn.Timeout == 0 {
		conn.Timeout = connectTimeout
	}
	if err := conn.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	c, err := mysql.NewConnector(conn)
	if err != nil {
		return nil, errors.New("sqlstore: the options of the DSN cannot be used together")
	}
	return serve(d, mysqlConnector{c}, p, cfg), nil
}

// withNetwork puts the address of user:password@host:port/database into the
// form that the driver reads.
func withNetwork(dsn string) string {
	path, query, hasQuery := strings.Cut(dsn, "?")
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 {
		return dsn
	}
	at := strings.LastIndexByte(path[:slash], '@')
	address := path[at+1 : slash]
	if address == "" || strings.ContainsAny(address, "()/") || !strings.ContainsAny(address, ".:") && (address == "tcp" || address == "unix") {
		return dsn
	}
	dsn = path[:at+1] + "tcp(" + address + ")" + path[slash:]
	if hasQuery {
		dsn += "?" + query
	}
	return dsn
}

const (
	// mysqlVariables are settings that may differ from server to server.
	mysqlVariables = `SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation', 'wsrep_on')`
	// strict refuses what does not fit instead of cutting it off, and fixes what
	// quotes and backslashes mean.
	setStrict = `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`
	// committed is the least isolation on which the store's races are decided.
	setCommitted = `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED`
	// setSyncWait lets a Galera node wait until it has what another one has
	// acknowledged: before reads (1), and before UPDATE and DELETE (2) and INSERT
	// (4), whose conditions look at rows that certification does not compare.
	setSyncWait = `SET SESSION wsrep_sync_wait = 7`
)

// mysqlConnector prepares new connections for what the store relies on.
type mysqlConnector struct{ driver.Connector }

func (c mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := prepareMySQL(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func prepareMySQL(ctx context.Context, conn driver.Conn) error {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, mysqlVariables, nil)
	if err != nil {
		return err
	}
	need := []string{setStrict}
	for {
		v := make([]driver.Value, 2)
		if err := rows.Next(v); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errors.Join(err, rows.Close())
		}
		switch fmt.Sprintf("%s=%s", v[0], v[1]) {
		case "tx_isolation=READ-UNCOMMITTED", "transaction_isolation=READ-UNCOMMITTED":
			need = append(need, setCommitted)
		case "wsrep_on=ON":
			need = append(need, setSyncWait)
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for _, stmt := range need {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, stmt, nil); err != nil {
			return err
		}
	}
	return nil
}

// mysqlNumber returns the server's error number, 0 for another error.
func mysqlNumber(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

func mysqlCut(err error) bool {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch e.Number {
		case 1047, 1180, // Galera: the node is not ready, or has lost its cluster
			1053, 1927, 3169, // the server stops, or the connection was killed
			1040, 1203, // too many connections
			1290, 1792, 1836: // it takes no writes any more
			return true
		}
		return strings.HasPrefix(string(e.SQLState[:]), "08")
	}
	return errors.Is(err, mysql.ErrInvalidConn) || networkCut(err)
}
