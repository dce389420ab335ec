//go:build !race

package sqlstore_test

import (
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

const purgeRows = 100_000

// moreSettings let the servers refuse what they otherwise accept: serializable
// PostgreSQL fails as CockroachDB does, MariaDB with snapshot isolation as its
// newer versions do by default.
var moreSettings = []setting{
	{"PostgreSQL, serializable", storetest.PostgreSQL, "default_transaction_isolation=serializable"},
	{"MariaDB, snapshot isolation", storetest.MariaDB, "innodb_snapshot_isolation=1"},
}

// A pooler in transaction mode hands each transaction to another session, so
// nothing may rest on the session: no prepared statement, no advisory lock.
func TestContractThroughPgBouncer(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) oauth.Store {
		dsn := storetest.PostgreSQL.DSN(t, "default_query_exec_mode=exec")
		return storetest.Open(t, sqlstore.Config{DSN: storetest.ThroughPgBouncer(t, dsn)})
	})
}

// Look-ups that are sent together reach one session.
func TestLookUpsThroughPgBouncer(t *testing.T) {
	t.Parallel()
	dsn := storetest.PostgreSQL.DSN(t, "default_query_exec_mode=exec")
	lookUpAtOnce(t, storetest.Open(t, sqlstore.Config{DSN: storetest.ThroughPgBouncer(t, dsn)}), func() {})
}
