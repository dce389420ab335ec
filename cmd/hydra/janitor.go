package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/server"
)

func janitorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "janitor [database-url]", Short: "Delete what has expired, now.", Args: atMost(1), GroupID: serverGroup,
		Long: `Delete rows that nobody can use any more, now. Running servers do the same by
themselves in the background, so that this is needed only where their clean-up
is switched off, or before a backup. A server may run meanwhile.

One of --tokens, --requests and --grants has to be there, as in the original.
Here a row stands for all that came of one authorization, so that each of them
cleans all. Rows know themselves when they end: the flags about lifetimes are
accepted for old command lines and change nothing.`,
		Example: `  hydra janitor --tokens -e -c hydra.yml
  hydra janitor --tokens --keep-if-younger 24h --limit 100000 postgres://hydra@db.example.com/hydra`,
		RunE: janitor,
	}
	f := cmd.Flags()
	f.Int("limit", 10_000, "how many rows to delete at most; 0 for all")
	f.Duration("keep-if-younger", 0, "keep what expired less than this ago")
	f.Bool("tokens", false, "delete expired tokens")
	f.Bool("requests", false, "delete login and consent requests that came to nothing")
	f.Bool("grants", false, "delete expired grants")
	f.BoolP("read-from-env", "e", false, "take the database from the configuration: dsn, DSN or DATABASE_URL")
	configFlags(f)
	f.Int("batch-size", 100, "")
	for _, name := range []string{"access-lifespan", "refresh-lifespan", "consent-request-lifespan"} {
		f.Duration(name, 0, "")
	}
	for _, name := range []string{"batch-size", "access-lifespan", "refresh-lifespan", "consent-request-lifespan"} {
		if err := f.MarkHidden(name); err != nil {
			panic(err) // the flag was defined above
		}
	}
	return cmd
}

func janitor(cmd *cobra.Command, args []string) error {
	if !on(cmd, "tokens") && !on(cmd, "requests") && !on(cmd, "grants") {
		return usageError{errors.New("say what to delete: --tokens, --requests or --grants"), exitFailure}
	}
	limit, err := cmd.Flags().GetInt("limit")
	if err != nil {
		return err
	}
	keep, err := cmd.Flags().GetDuration("keep-if-younger")
	if err != nil {
		return err
	}
	if limit < 0 || keep < 0 {
		return errors.New("--limit and --keep-if-younger are not below zero")
	}
	var dsn oauth.Secret
	switch {
	case on(cmd, "read-from-env") && len(args) > 0:
		return usageError{errors.New("give either a database URL or -e"), exitFailure}
	case on(cmd, "read-from-env"):
		cfg, err := loadConfig(cmd)
		if err != nil {
			return err
		}
		dsn = cfg.DSN
	case len(args) > 0:
		dsn = oauth.Secret(args[0])
	default:
		return usageError{errors.New("say which database: its URL, or -e to take it from the configuration"), exitFailure}
	}
	done, err := server.Purge(cmd.Context(), dsn, time.Now().Add(-keep), limit)
	if err != nil {
		return fmt.Errorf("cannot clean %s: %w", config.RedactDSN(string(dsn)), err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Deleted %d rows.\n", done.Total())
	switch {
	case done.Busy:
		return advice{errors.New("another clean-up is under way in this database"), "Let it end; it deletes the same rows."}
	case done.More:
		fmt.Fprintln(cmd.OutOrStdout(), "There is more; run it again, or with a higher --limit.")
	}
	return nil
}
