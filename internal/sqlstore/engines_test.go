package sqlstore_test

import (
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// settings are ways to set a server up in which the store must keep its
// promises. Serializable PostgreSQL fails as CockroachDB does; MariaDB with
// snapshot isolation as its newer versions do by default.
var settings = []struct {
	name    string
	engine  *storetest.Engine
	options string
}{
	{"PostgreSQL", storetest.PostgreSQL, ""},
	{"PostgreSQL, serializable", storetest.PostgreSQL, "default_transaction_isolation=serializable"},
	{"MariaDB", storetest.MariaDB, ""},
	{"MariaDB, snapshot isolation", storetest.MariaDB, "innodb_snapshot_isolation=1"},
}

func TestContractOnServers(t *testing.T) {
	t.Parallel()
	for _, set := range settings {
		t.Run(set.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) oauth.Store {
				return storetest.Open(t, sqlstore.Config{DSN: set.engine.DSN(t, set.options)})
			})
		})
	}
}
