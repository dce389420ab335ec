package sqlstore_test

import (
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// setting is a way to set a server up in which the store must keep its
// promises.
type setting struct {
	name    string
	engine  *storetest.Engine
	options string
}

func TestContractOnServers(t *testing.T) {
	t.Parallel()
	for _, set := range append([]setting{{"PostgreSQL", storetest.PostgreSQL, ""}, {"MariaDB", storetest.MariaDB, ""}}, moreSettings...) {
		t.Run(set.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) oauth.Store {
				return storetest.Open(t, sqlstore.Config{DSN: set.engine.DSN(t, set.options)})
			})
		})
	}
}
