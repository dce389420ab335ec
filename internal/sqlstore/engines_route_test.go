package sqlstore_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

func TestMigrateThroughPgBouncer(t *testing.T) {
	t.Parallel()
	dsn := storetest.PostgreSQL.Fresh(t, "default_query_exec_mode=exec")
	s := storetest.Open(t, sqlstore.Config{DSN: storetest.ThroughPgBouncer(t, dsn)})
	if err := s.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate() = %v", err)
	}
	works(t, s, "migrated", add(t, s))
}

// Of several hosts the store finds the one that takes writes: not the one
// where nobody listens, and not the one that only reads.
func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := dead.Addr().String()
	dead.Close()
	dsn := storetest.PostgreSQL.DSN(t, "")
	alive := fmt.Sprintf("127.0.0.1:%d", storetest.PostgreSQL.Port())
	s := storetest.Open(t, sqlstore.Config{DSN: strings.Replace(dsn, alive, closed+","+alive, 1)})
	works(t, s, "behind a dead host", add(t, s))

	// The same server twice, as two hosts of which none takes writes.
	db := storetest.PostgreSQL.DB(t, dsn)
	var name string
	if err := db.QueryRow("SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	reader := storetest.Open(t, sqlstore.Config{DSN: strings.Replace(dsn, alive, closed+","+alive, 1)})
	fails(t, reader, "no host takes writes")
	mustExec(t, db, "SET default_transaction_read_only = off; ALTER DATABASE "+name+" RESET default_transaction_read_only")
	works(t, reader, "promoted", "1")
}
