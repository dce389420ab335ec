package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/server"
)

func secretsCommand() *cobra.Command {
	cmd := group("secrets", "Replace the secrets that protect the database.")
	cmd.GroupID = serverGroup
	rotate := &cobra.Command{
		Use: "rotate", Short: "Wrap and seal the database anew.", Args: atMost(0),
		Long: `Wrap the data keys under the first of the system secrets, make a new key for
what is sealed at rest, and seal all of it anew, in batches, while servers run.
It may be stopped and run again: it goes on where it stopped.

To replace a system secret, put the new one first in secrets.system, keep the
old one behind it, restart the servers, run this, and then remove the old one.
The key that has sealed until now is deleted by --finish, an hour later.`,
		Example: `  hydra secrets rotate -c hydra.yml
  hydra secrets rotate --wrap-only
  hydra secrets rotate --finish`,
		RunE: rotateSecrets,
	}
	f := rotate.Flags()
	f.Bool("wrap-only", false, "only wrap the data keys anew: a few rows, done in a moment")
	f.Bool("finish", false, "make no new key: look for what an older key has sealed, and delete keys that nothing needs")
	f.Duration("announce", 30*time.Second, "how long the new key waits before it seals, so that every node knows it")
	configFlags(f)
	rotate.MarkFlagsMutuallyExclusive("wrap-only", "finish")
	cmd.AddCommand(rotate)
	return cmd
}

// withData runs f on the database of the configuration.
func withData(cmd *cobra.Command, f func(context.Context, *server.Data) error) (err error) {
	cfg, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := server.OpenData(ctx, cfg, server.NewLogger(cmd.ErrOrStderr(), cfg.Log), time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return f(ctx, d)
}

func rotateSecrets(cmd *cobra.Command, _ []string) error {
	announce, err := cmd.Flags().GetDuration("announce")
	if err != nil {
		return err
	}
	if announce < 0 || announce > 24*time.Hour {
		return usageError{errors.New("--announce is a duration of at most 24h"), exitFailure}
	}
	return withData(cmd, func(ctx context.Context, d *server.Data) error {
		say := func(text string) { fmt.Fprintln(cmd.OutOrStdout(), text) }
		say(fmt.Sprintf("The data keys are wrapped under the first system secret; %d were wrapped anew.", d.Rewrapped()))
		switch {
		case on(cmd, "wrap-only"):
			return nil
		case on(cmd, "finish"):
			return d.FinishRows(ctx, say)
		}
		return d.RotateRows(ctx, announce, say)
	})
}

func keysCommand() *cobra.Command {
	cmd := group("keys", "Replace the keys that sign tokens, and those that seal them.")
	cmd.GroupID = serverGroup
	drop := &cobra.Command{
		Use: "drop", Short: "End all values of a kind at once.", Args: atMost(0),
		Long: `End all values of a kind at once, on every node within a second or two: their
keys are deleted, and a new one takes their place. There is no way back.

The kinds: ` + strings.Join(server.Kinds(), ", ") + `.`,
		Example: `  hydra keys drop --kind access      # clients refresh and go on
  hydra keys drop --kind refresh     # everybody signs in again`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind, err := cmd.Flags().GetString("kind")
			if err != nil {
				return err
			}
			if kind == "" {
				return usageError{errors.New("say which values to end: --kind is one of " + strings.Join(server.Kinds(), ", ")), exitFailure}
			}
			return withData(cmd, func(ctx context.Context, d *server.Data) error {
				if err := d.DropKeys(ctx, kind); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "All values of kind %s that were made until now are dead.\n", kind)
				return err
			})
		},
	}
	drop.Flags().String("kind", "", "the kind of values to end")
	configFlags(drop.Flags())
	cmd.AddCommand(drop, keysRotateCommand())
	return cmd
}
