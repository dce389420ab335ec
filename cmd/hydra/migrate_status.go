package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/server"
	"hydra/internal/show"
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
  hydra migrate sql status -e --format json
  hydra migrate sql status -e --block && hydra serve all`,
		RunE: migrateStatus,
	}
	cmd.Flags().BoolP("read-from-env", "e", false, "take the database from the configuration: dsn, DSN or DATABASE_URL")
	cmd.Flags().Bool("block", false, "wait until somebody has applied all migrations")
	cmd.Flags().String("format", "table", "`format` of the answer: "+show.Formats)
	complete(cmd, "format", answerFormats...)
	configFlags(cmd.Flags())
	return cmd
}

func migrateStatus(cmd *cobra.Command, args []string) error {
	p, err := printer(cmd)
	if err != nil {
		return usageError{err, exitFailure}
	}
	dsn, _, err := migrateTarget(cmd, args)
	if err != nil || dsn == "" {
		return err
	}
	schema, err := server.Schema(cmd.Context(), dsn)
	if err == nil && on(cmd, "block") {
		schema, err = awaitMigrations(cmd.Context(), cmd.ErrOrStderr(), dsn, schema)
	}
	if err != nil {
		return err
	}
	if err := p.Print(cmd.OutOrStdout(), schemaAnswer(config.RedactDSN(string(dsn)), schema)); err != nil {
		return err
	}
	switch {
	case schema.Newer():
		return told{exitNewer}
	case schema.Pending() > 0:
		return told{exitPending}
	}
	return nil
}

// awaitMigrations looks every second until no migration is pending, or a later
// release has taken over.
func awaitMigrations(ctx context.Context, remarks io.Writer, dsn oauth.Secret, s server.SchemaStatus) (server.SchemaStatus, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	if s.Pending() > 0 {
		fmt.Fprintf(remarks, "Waiting until %d migrations have been applied.\n", s.Pending())
	}
	for s.Pending() > 0 && !s.Newer() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s, ctx.Err()
		}
		var err error
		if s, err = server.Schema(ctx, dsn); err != nil {
			return s, err
		}
	}
	return s, nil
}

// schemaAnswer shows how a database stands. What that means for people is
// beneath the table.
func schemaAnswer(database string, s server.SchemaStatus) show.Answer {
	type migration struct {
		Version int64  `json:"version"`
		Name    string `json:"name"`
		State   string `json:"state"`
	}
	value := struct {
		Engine     string      `json:"engine"`
		Version    int64       `json:"version"`
		Needs      int64       `json:"needs"`
		Pending    int         `json:"pending"`
		Migrations []migration `json:"migrations"`
	}{Engine: s.Engine, Version: s.Version, Needs: s.Needs, Pending: s.Pending()}
	a := show.Answer{Columns: []string{"VERSION", "NAME", "STATUS"}}
	for _, m := range s.Migrations {
		status := "Pending"
		if m.Applied {
			status = "Applied"
		}
		value.Migrations = append(value.Migrations, migration{m.Version, m.Name, strings.ToLower(status)})
		a.Rows = append(a.Rows, []string{strconv.FormatInt(m.Version, 10), m.Name, status})
	}
	a.Value = value
	next := "The database is up to date."
	switch n := s.Pending(); {
	case s.Newer():
		next = "A later release has migrated it: use that one, or restore a backup from before."
	case n > 0:
		next = fmt.Sprintf("%d pending: \"hydra migrate sql up --dry-run\" shows what they do, \"hydra migrate sql up\" applies them.", n)
	}
	a.Notes = [][2]string{
		{"DATABASE", fmt.Sprintf("%s (%s)", database, s.Engine)},
		{"SCHEMA", fmt.Sprintf("version %d; this program needs %d", s.Version, s.Needs)},
		{"RESULT", next},
	}
	return a
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
