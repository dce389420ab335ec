package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/server"
)

func migrateCommand() *cobra.Command {
	cmd := group("migrate", "Bring a database up to date.")
	sql := migrateSQLCommand("sql [database-url]", "Migrations of an SQL database; alone, the same as \"migrate sql up\".")
	sql.AddCommand(migrateSQLCommand("up [database-url]", "Apply pending migrations."))
	cmd.AddCommand(sql)
	return cmd
}

// migrateSQLCommand makes "migrate sql up" and its older name "migrate sql".
func migrateSQLCommand(use, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: atMost(1),
		Long: `Apply pending migrations. Each is a transaction of its own and safe to run
while nodes of the previous release serve. Nothing is asked; run it again at
will. Without a database URL and without -e, this text is shown and nothing is
done.`,
		Example: `  hydra migrate sql up postgres://hydra@db.example.com/hydra
  DATABASE_URL=sqlite:///var/lib/hydra/hydra.sqlite hydra migrate sql up -e
  hydra migrate sql up -e -c hydra.yml`,
		RunE: migrateSQL,
	}
	cmd.Flags().BoolP("read-from-env", "e", false, "take the database from the configuration: dsn, DSN or DATABASE_URL")
	cmd.Flags().BoolP("yes", "y", false, "do not ask; for old command lines, since nothing is asked")
	configFlags(cmd.Flags())
	return cmd
}

func migrateSQL(cmd *cobra.Command, args []string) error {
	fromConfig, err := cmd.Flags().GetBool("read-from-env")
	if err != nil {
		return err
	}
	var dsn oauth.Secret
	dataDir := ""
	switch {
	case fromConfig && len(args) > 0:
		return usageError{errors.New("give either a database URL or -e"), exitFailure}
	case fromConfig:
		cfg, err := loadConfig(cmd)
		if err != nil {
			return err
		}
		dsn = cfg.DSN
		if cfg.OwnFile() {
			dataDir = cfg.DataDir
		}
	case len(args) > 0:
		dsn = oauth.Secret(args[0])
	default:
		return cmd.Help() // exit 0, as the original does
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Migrating %s\n", config.RedactDSN(string(dsn)))
	applied, err := server.Migrate(cmd.Context(), dsn, dataDir)
	if err != nil {
		return err
	}
	return report(out, applied)
}

func report(out io.Writer, applied []string) error {
	for _, name := range applied {
		if _, err := fmt.Fprintf(out, "  %s\n", name); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "Applied %d migrations. The database is up to date.\n", len(applied))
	return err
}
