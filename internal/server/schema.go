package server

import (
	"context"
	"errors"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
)

// SchemaStatus and Migration tell how a database's tables stand.
type (
	SchemaStatus = sqlstore.Schema
	Migration    = sqlstore.Migration
)

// Schema tells which migrations a database has and what the others would do.
// It changes nothing, and makes no file.
func Schema(ctx context.Context, dsn oauth.Secret) (s SchemaStatus, err error) {
	if dsn == "memory" {
		return s, errNoMemory
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: string(dsn)})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Schema(ctx)
}

var errNoMemory = errors.New("the database \"memory\" has nothing to migrate: each start makes it anew")
