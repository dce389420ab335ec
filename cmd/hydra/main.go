// Command hydra is an OAuth 2.0 and OpenID Connect server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"hydra/internal/show"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes, as the original has them.
const (
	exitFailure = 1   // something went wrong while the command ran
	exitUsage   = 255 // there is no such command or flag
)

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if t, ok := errors.AsType[told](err); ok {
		return t.exit
	}
	fmt.Fprintf(errs, "Error: %s\n", harmless(err.Error()))
	if a, ok := errors.AsType[advised](err); ok && a.Advice() != "" {
		fmt.Fprintf(errs, "  Try: %s\n", harmless(a.Advice()))
	}
	if u, ok := errors.AsType[usageError](err); ok {
		fmt.Fprint(errs, "\n", cmd.UsageString())
		return u.exit
	}
	return exitFailure
}

// harmless is a message of one or several lines, in which a server may have
// had a say, without what a terminal obeys.
func harmless(message string) string {
	lines := strings.Split(message, "\n")
	for i := range lines {
		lines[i] = show.Printable(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}

// advised is an error that knows what to try.
type advised interface {
	error
	Advice() string
}

// usageError is a command line that makes no sense: the usage helps.
type usageError struct {
	error
	exit int
}

func rootCommand() *cobra.Command {
	root := group("hydra", "An OAuth 2.0 and OpenID Connect server.")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err, exitUsage} })
	root.AddGroup(&cobra.Group{ID: serverGroup, Title: "The server and its database:"}, &cobra.Group{ID: remoteGroup, Title: "Clients of a running server:"})
	root.AddCommand(verbs()...)
	root.PersistentFlags().Bool("skip-tls-verify", false, "")
	if err := root.PersistentFlags().MarkHidden("skip-tls-verify"); err != nil {
		panic(err) // the flag was defined one line above
	}
	root.AddCommand(secretsCommand(), keysCommand(), backupCommand(), restoredCommand())
	root.AddCommand(janitorCommand(), serveCommand(), migrateCommand(), configCommand(), versionCommand(), adminTokenCommand())
	root.AddCommand(benchCommand())
	addEarlier(root)
	root.AddCommand(docsCommand(), completionCommand())
	for _, c := range root.Commands() {
		if c.GroupID == "" && c.Name() != "version" && c.Name() != "completion" && c.IsAvailableCommand() {
			c.GroupID = serverGroup
		}
	}
	return root
}

// Groups of commands, in the order of the help.
const (
	serverGroup = "server"
	remoteGroup = "remote"
)

// group is a command that only holds others. Alone it prints its help.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), exitUsage}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// atMost refuses more arguments than a command takes.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError{fmt.Errorf("%q takes at most %d arguments, not %d", cmd.CommandPath(), n, len(args)), exitFailure}
		}
		return nil
	}
}
