package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"hydra/internal/config"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/sqlstore"
)

// openStore opens the database with the tables that this program expects.
func openStore(ctx context.Context, o Options) (*sqlstore.Store, error) {
	if err := prepareDir(o.Config); err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: string(o.Config.DSN), Observe: o.Statement})
	if err != nil {
		return nil, err
	}
	if err := upToDate(ctx, store, o); err != nil {
		return nil, errors.Join(fmt.Errorf("storage %s: %w", o.Config.Storage(), err), store.Close())
	}
	return store, nil
}

// prepareDir makes the data directory if the database is to live in it.
func prepareDir(c *config.Config) error {
	if c.OwnFile() {
		return makeDataDir(c.DataDir)
	}
	return nil
}

func upToDate(ctx context.Context, store *sqlstore.Store, o Options) error {
	pending, err := store.Pending(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(pending) == 0:
	case o.Config.Embedded || o.Migrate:
		if err := store.Migrate(ctx); err != nil {
			return err
		}
		o.Log.Info("Migrations were applied.", "count", len(pending))
	default:
		return fmt.Errorf("%d migrations are pending: run \"hydra migrate sql\", or start with --migrate", len(pending))
	}
	return store.Ping(ctx)
}

// Migrate applies all pending migrations and returns their names. dataDir is
// made first; it is empty when the database lives elsewhere.
func Migrate(ctx context.Context, dsn oauth.Secret, dataDir string) (applied []string, err error) {
	if dsn == "memory" {
		return nil, errNoMemory
	}
	if dataDir != "" {
		if err := makeDataDir(dataDir); err != nil {
			return nil, err
		}
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: string(dsn)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	pending, err := store.Pending(ctx)
	if err != nil {
		return nil, err
	}
	return pending, store.Migrate(ctx)
}

// openRing unlocks the database's keys with the system secrets.
func openRing(ctx context.Context, c *config.Config, ring *key.Ring, log *slog.Logger) error {
	secrets, made, err := systemSecrets(c, log)
	if err != nil {
		return err
	}
	if ring.System, err = secret.NewSystem(secrets); err != nil {
		return fmt.Errorf("secrets.system: %s", strings.TrimPrefix(err.Error(), "secret: "))
	}
	err = ring.Start(ctx)
	if errors.Is(err, key.ErrWrongSystemSecret) && made != "" {
		// The database is older than the secret: the file was lost, and a new
		// one must not look as if it belonged to it.
		return errors.Join(
			fmt.Errorf("the database was made with another system secret, and %s is missing: restore the file, or set secrets.system (SYSTEM_SECRET)", made),
			os.Remove(made))
	}
	if errors.Is(err, key.ErrWrongSystemSecret) {
		return fmt.Errorf("%w; set secrets.system (SYSTEM_SECRET) to the secret that this database was made with; to change it, put the new one first and keep the old one behind it", err)
	}
	return err
}
