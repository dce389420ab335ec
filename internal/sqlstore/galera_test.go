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
}
