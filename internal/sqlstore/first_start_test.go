package sqlstore_test

import (
	"path/filepath"
	"sync"
	"testing"

	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// Whoever makes the first connection to a new file turns it into one with a
// write-ahead log. SQLite does not let the others wait for that by
// busy_timeout: they are told that the file is locked.
func TestMigrateANewFileAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(t.TempDir(), "new.sqlite")
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for range 4 {
			s := storetest.Open(t, sqlstore.Config{DSN: "sqlite://" + path})
			wg.Go(func() {
				<-begin
				if err := s.Migrate(t.Context()); err != nil {
					t.Errorf("Migrate() = %v", err)
				}
			})
		}
		close(begin)
		wg.Wait()
	}
}
