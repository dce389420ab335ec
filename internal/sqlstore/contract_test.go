package sqlstore_test

import (
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

func TestContractOnFile(t *testing.T) { storetest.Run(t, storetest.New) }

func TestContractInMemory(t *testing.T) {
	storetest.Run(t, func(t testing.TB) oauth.Store {
		s := storetest.Open(t, sqlstore.Config{DSN: "memory"})
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate() = %v", err)
		}
		return s
	})
}
