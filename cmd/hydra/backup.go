package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/server"
)

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup file", Short: "Copy a SQLite database while servers work on it.", GroupID: serverGroup,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("say to which file, which must not exist yet"), exitFailure}
			}
			return nil
		},
		Long: `Copy a SQLite database, whole and consistent, to a new file, while servers work
on it, and read the copy back. For PostgreSQL, MySQL and MariaDB take their own
programs: see docs/operations/backup.md.`,
		Example: `  hydra backup -c hydra.yml /var/backups/hydra-$(date +%F).sqlite`,
		RunE:    backup,
	}
	configFlags(cmd.Flags())
	return cmd
}

func backup(cmd *cobra.Command, args []string) error {
	cfg, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	began := time.Now()
	err = server.Backup(cmd.Context(), cfg.DSN, args[0])
	if errors.Is(err, server.ErrNoBackup) {
		return advice{fmt.Errorf("hydra backup is for SQLite files, not for %s", cfg.Storage()), "pg_dump --format=custom, or mariadb-dump --single-transaction"}
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s: %d bytes, read back. To restore it: hydra restored --backup-time %s\n", args[0], info.Size(), began.UTC().Format(time.RFC3339))
	if len(cfg.Secrets.System) == 0 {
		fmt.Fprintf(out, "Back up the system secret, too, in another place: %s\n", filepath.Join(cfg.DataDir, "system-secret"))
	}
	return nil
}

func restoredCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restored", Short: "Make a restored database fit to be served.", Args: atMost(0), GroupID: serverGroup,
		Long: `Make a database fit to be served that was restored from a backup. Run it before
the servers start.

Nothing short-lived comes back: codes, access tokens, sign-ins under way, device
codes and session cookies that were made before now are dead, since the database
no longer knows which of them were used or revoked after the backup. Refresh
tokens go on to work, also those that are newer than the backup: no client loses
its authorization.

What was revoked or deleted after the backup is revoked no more. --log reads the
servers' logs and audit logs (log.format: json), lists it, and does again what
they name exactly: revoked tokens and consents, deleted clients, keys, trusted
issuers and initial access tokens, ended access tokens and sessions. The rest of
the list is for you to do again. It may be run more than once.`,
		Example: `  hydra restored -c hydra.yml --backup-time 2026-11-23T03:00:00Z --log hydra.log
  journalctl -u hydra -o cat | hydra restored --backup-time 2026-11-23T03:00:00Z --log -`,
		RunE: restored,
	}
	f := cmd.Flags()
	f.String("backup-time", "", "when the backup was begun, as in 2026-11-23T03:00:00Z")
	f.StringArray("log", nil, "a JSON log of a server since the backup; - is the standard input; repeatable")
	f.Bool("keep-sessions", false, "let remembered logins live, also those that were ended after the backup")
	configFlags(f)
	return cmd
}

func restored(cmd *cobra.Command, _ []string) error {
	text, err := cmd.Flags().GetString("backup-time")
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return usageError{errors.New("--backup-time is a time such as 2026-11-23T03:00:00Z"), exitFailure}
	}
	names, err := cmd.Flags().GetStringArray("log")
	if err != nil {
		return err
	}
	var logs []io.Reader
	for _, name := range names {
		if name == "-" {
			logs = append(logs, cmd.InOrStdin())
			continue
		}
		f, err := os.Open(name) //nolint:gosec // the operator names the file
		if err != nil {
			return err
		}
		defer f.Close()
		logs = append(logs, f)
	}
	return withData(cmd, func(ctx context.Context, d *server.Data) error {
		done, err := d.Restored(ctx, at, on(cmd, "keep-sessions"), logs...)
		if err != nil {
			return err
		}
		return reportRestored(cmd.OutOrStdout(), done, len(names) > 0)
	})
}

func reportRestored(w io.Writer, r server.Restored, logs bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Dead from now on are all values of the kinds %s.\n", strings.Join(r.Dropped, ", "))
	fmt.Fprintf(&b, "%d stored requests and device requests were deleted. Refresh tokens go on to work.\n", r.Deleted)
	switch {
	case !logs:
		b.WriteString("What was revoked or deleted since the backup is not known without --log.\n")
	case len(r.Events) == 0:
		b.WriteString("The logs tell of nothing that was revoked or deleted since the backup.\n")
	default:
		fmt.Fprintf(&b, "Since the backup, according to the logs (%d are done again, the others are yours to repeat):\n", r.Ended)
	}
	for _, e := range r.Events {
		again := "to repeat"
		if e.Again {
			again = "done again"
		}
		fmt.Fprintf(&b, "  %s  %-11s  %s", e.Time.UTC().Format(time.RFC3339), again, e.Name)
		for _, part := range []struct{ name, value string }{{"client", e.ClientID}, {"grant", e.Grant}, {"", e.Object}, {"", e.Detail}} {
			if part.value != "" {
				fmt.Fprintf(&b, "  %s", strings.TrimSpace(part.name+" "+harmless(part.value)))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
