package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/token"
)

// Purge deletes from a database what nobody can use any more since the given
// time, at most bound rows (0 is all). Servers may run meanwhile.
func Purge(ctx context.Context, dsn oauth.Secret, at time.Time, bound int) (done token.Purged, err error) {
	if dsn == "memory" {
		return done, errors.New("the database \"memory\" lives in the server's process, which cleans it by itself")
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: string(dsn)})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	pending, err := store.Pending(ctx)
	if err != nil {
		return done, err
	}
	if len(pending) > 0 {
		return done, fmt.Errorf("%d migrations are pending: run \"hydra migrate sql up\"", len(pending))
	}
	tokens := token.Service{Store: store, Now: time.Now}
	return tokens.Purge(ctx, at, bound)
}
