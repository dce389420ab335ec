package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"hydra/internal/config"
	"hydra/internal/server"
)

// Exit codes of "migrate sql status", beside exitFailure.
const (
	exitPending = 2 // migrations are to be applied
	exitNewer   = 3 // a later release has migrated the database
)

// told is the end of a command that has said everything: only its exit code
// is left.
type told struct{ exit int }

func (t told) Error() string { return fmt.Sprintf("exit code %d", t.exit) }

func migrateStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [database-url]", Short: "Tell which migrations a database has.", Args: atMost(1),
		Long: `Tell which migrations a database has, and change nothing. The exit code is 0
when the database is up to date, 2 when migrations are pending, 3 when a later
release has migrated it, and 1 when that cannot be found out.`,
		Example: `  hydra migrate sql status postgres://hydra@db.example.com/hydra
  hydra migrate sql status -e --format json`,
		RunE: migrateStatus,
	}
	cmd.Flags().BoolP("read-from-env", "e", false, "take the database from the configuration: dsn, DSN or DATABASE_URL")
	cmd.Flags().String("format", "text", "text or json")
	configFlags(cmd.Flags())
	return cmd
}

func migrateStatus(cmd *cobra.Command, args []string) error {
	format, err := cmd.Flags().GetString("format")
	if err != nil {
		return err
	}
	if format != "text" && format != "json" {
		return usageError{errors.New("--format is text or json"), exitFailure}
	}
	dsn, _, err := migrateTarget(cmd, args)
	if err != nil || dsn == "" {
		return err
	}
	schema, err := server.Schema(cmd.Context(), dsn)
	if err != nil {
		return err
	}
	if format == "json" {
		err = printSchemaJSON(cmd.OutOrStdout(), schema)
	} else {
		err = printSchema(cmd.OutOrStdout(), config.RedactDSN(string(dsn)), schema)
	}
	switch {
	case err != nil:
		return err
	case schema.Newer():
		return told{exitNewer}
	case schema.Pending() > 0:
		return told{exitPending}
	}
	return nil
}

func printSchema(w io.Writer, database string, s server.SchemaStatus) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): version %d; this program needs %d.\n", database, s.Engine, s.Version, s.Needs)
	for _, m := range s.Migrations {
		fmt.Fprintf(&b, "  %-8s %s\n", state(m), m.Name)
	}
	switch n := s.Pending(); {
	case s.Newer():
		b.WriteString("A later release has migrated it: use that one, or restore a backup from before.\n")
	case n > 0:
		fmt.Fprintf(&b, "%d pending: \"hydra migrate sql up --dry-run\" shows what they do, \"hydra migrate sql up\" applies them.\n", n)
	default:
		b.WriteString("The database is up to date.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func state(m server.Migration) string {
	if m.Applied {
		return "applied"
	}
	return "pending"
}

func printSchemaJSON(w io.Writer, s server.SchemaStatus) error {
	type migration struct {
		Version int64  `json:"version"`
		Name    string `json:"name"`
		State   string `json:"state"`
	}
	out := struct {
		Engine     string      `json:"engine"`
		Version    int64       `json:"version"`
		Needs      int64       `json:"needs"`
		Pending    int         `json:"pending"`
		Migrations []migration `json:"migrations"`
	}{Engine: s.Engine, Version: s.Version, Needs: s.Needs, Pending: s.Pending()}
	for _, m := range s.Migrations {
		out.Migrations = append(out.Migrations, migration{m.Version, m.Name, state(m)})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// printPlan shows what the pending migrations would do, as SQL with remarks.
func printPlan(w io.Writer, s server.SchemaStatus) error {
	var b strings.Builder
	for _, m := range s.Migrations {
		if m.Applied {
			continue
		}
		fmt.Fprintf(&b, "\n-- %s\n", m.Name)
		for _, step := range m.Steps {
			rewrites := "no table is rewritten"
			if step.Rewrites {
				rewrites = "the table is rewritten"
			}
			fmt.Fprintf(&b, "-- locks: %s; %s\n%s\n", step.Locks, rewrites, step.Statement)
		}
	}
	fmt.Fprintf(&b, "\n-- %d migrations are pending; nothing was changed.\n", s.Pending())
	_, err := io.WriteString(w, b.String())
	return err
}
