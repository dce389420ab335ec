//go:build galera

package sqlstore_test

import (
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// The contract on a cluster, where each connection of a store leads to another
// server: make test-galera.
func TestContractOnGalera(t *testing.T) {
	c := storetest.StartGalera(t)
	storetest.Run(t, func(t testing.TB) oauth.Store {
		return storetest.Open(t, sqlstore.Config{DSN: c.DSN(t, "max_conns=4")})
	})
	// A server that applies a large transaction of another one is behind: what
	// was committed after that one waits for its turn.
	t.Run("What another server has acknowledged", func(t *testing.T) {
		dsns := c.DSNs(t, "")
		db := c.DB(t, dsns[0])
		do := func(stmt string) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), stmt); err != nil {
				t.Fatal(err)
			}
		}
		do(`CREATE TABLE large (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)`)
		do(`INSERT INTO large SELECT seq, 0 FROM seq_1_to_100000`)
		storetest.Acknowledged(t, storetest.Open(t, sqlstore.Config{DSN: dsns[0]}), storetest.Open(t, sqlstore.Config{DSN: dsns[1]}),
			func() { do(`UPDATE large SET n = n + 1`) })
	})
}
