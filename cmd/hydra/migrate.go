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
	sql.AddCommand(migrateSQLCommand("up [database-url]", "Apply pending migrations."), migrateStatusCommand())
	cmd.AddCommand(sql, renamed(migrateStatusCommand(), "status [database-url]", "migrate sql status", "hydra migrate status -e"))
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
	cmd.Flags().Bool("dry-run", false, "print the statements, what they lock and whether a table is rewritten; change nothing")
	configFlags(cmd.Flags())
	return cmd
}

// migrateTarget returns the database that the command line names, and the
// directory to make if the database is the server's own file. Without any it
// shows the help and returns an empty DSN: exit 0, as the original does.
func migrateTarget(cmd *cobra.Command, args []string) (dsn oauth.Secret, dataDir string, err error) {
	fromConfig, err := cmd.Flags().GetBool("read-from-env")
	if err != nil {
		return "", "", err
	}
	switch {
	case fromConfig && len(args) > 0:
		return "", "", usageError{errors.New("give either a database URL or -e"), exitFailure}
	case fromConfig:
		cfg, err := loadConfig(cmd)
		if err != nil {
			return "", "", err
		}
		if cfg.OwnFile() {
			dataDir = cfg.DataDir
		}
		return cfg.DSN, dataDir, nil
	case len(args) > 0:
		return oauth.Secret(args[0]), "", nil
	}
	return "", "", cmd.Help()
}

func migrateSQL(cmd *cobra.Command, args []string) error {
	dsn, dataDir, err := migrateTarget(cmd, args)
	if err != nil || dsn == "" {
		return err
	}
	out := cmd.OutOrStdout()
	dry, err := cmd.Flags().GetBool("dry-run")
	if err != nil {
		return err
	}
	if dry {
		schema, err := server.Schema(cmd.Context(), dsn)
		if err != nil {
			return err
		}
		return printPlan(out, schema)
	}
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
