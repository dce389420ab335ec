package sqlstore_test

import (
	"testing"

	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// Whatever a server's defaults are, the store's own connections have what it
// relies on.
func TestSessionsOnServers(t *testing.T) {
	t.Parallel()
	const weak = "tx_isolation='READ-UNCOMMITTED'&sql_mode=''&parseTime=true&clientFoundRows=false&interpolateParams=false&charset=latin1"
	for _, test := range []struct {
		engine               *storetest.Engine
		options, query, want string
	}{
		{storetest.MariaDB, weak, "SELECT @@tx_isolation", "READ-COMMITTED"},
		{storetest.MariaDB, weak, "SELECT @@sql_mode", "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"},
		{storetest.MariaDB, weak, "SELECT @@collation_connection", "utf8mb4_bin"},
		{storetest.MariaDB, "", "SELECT @@tx_isolation", "REPEATABLE-READ"},
		{storetest.MariaDB, "innodb_snapshot_isolation=1", "SELECT @@innodb_snapshot_isolation", "1"},
		{storetest.PostgreSQL, "", "SHOW transaction_isolation", "read committed"},
		{storetest.PostgreSQL, "default_transaction_isolation=serializable", "SHOW transaction_isolation", "serializable"},
		{storetest.PostgreSQL, "application_name=hydra-7&max_conns=1", "SHOW application_name", "hydra-7"},
	} {
		s := storetest.Open(t, sqlstore.Config{DSN: test.engine.DSN(t, test.options)})
		if got, err := s.One(test.query); err != nil || got != test.want {
			t.Errorf("%s with %q: %s is %q, %v, want %q", test.engine.Name, test.options, test.query, got, err, test.want)
		}
	}
}
