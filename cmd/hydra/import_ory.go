package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"hydra/internal/oauth"
	"hydra/internal/server"
	"hydra/internal/show"
)

// Where the other server's secrets and address may stand, so that no process
// list shows them.
const (
	otherSecrets = "ORY_SECRETS_SYSTEM" //nolint:gosec // the name of a variable
	otherDSN     = "ORY_DSN"
)

func importORYCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ory", Short: "Take over the database of an ORY Hydra.", Args: atMost(0),
		Long: `Take over what the database of an ORY Hydra holds, from v1.11 to v26.2, on
PostgreSQL, MySQL or SQLite: clients with their secrets, key sets, trusted
issuers, remembered consents and live refresh tokens, so that nobody has to sign
in again. The other database is only read. It is written straight into the
database of the configuration, which has to be migrated; servers may run.

The system secrets of the other server are needed, all that its configuration
has in secrets.system. They are taken from the variable ` + otherSecrets + `,
with commas between them, or from a file with one in each line. They are kept
sealed in the database, to recognise the refresh tokens with; the configuration
does not need them.

What is here already stays as it is, so that to run it twice changes nothing.
Stop the other server before the import: a refresh token that it renews after
it was taken over is not known here. docs/guides/migrate-from-ory.md goes
through it step by step.`,
		Example: `  ORY_SECRETS_SYSTEM=… hydra import ory --dsn postgres://hydra@old/hydra -c hydra.yml --dry-run
  hydra import ory --dsn sqlite:///var/lib/ory/db.sqlite --secrets-file /run/secrets/ory -c hydra.yml`,
		RunE: importORY,
	}
	f := cmd.Flags()
	f.String("dsn", "", "`address` of the other database, as its configuration has it; else "+otherDSN+" from the environment")
	f.String("secrets-file", "", "`file` with the system secrets of the other server, one in each line; - is the standard input; else "+otherSecrets)
	f.String("network", "", "`id` of the network to take over, where the other database has several")
	f.Bool("dry-run", false, "list what would happen, and change nothing")
	f.Bool("overwrite", false, "replace clients that are here with the same id and other members")
	f.BoolP("verbose", "v", false, "list every authorization, too; a dry run does")
	f.String("format", "text", "text, or json: one object for each line")
	configFlags(f)
	return cmd
}

func importORY(cmd *cobra.Command, _ []string) error {
	o := server.ImportORY{
		DSN: oauth.Secret(flag(cmd, "dsn")), Network: flag(cmd, "network"), Replace: on(cmd, "overwrite"), DryRun: on(cmd, "dry-run"),
	}
	if o.DSN == "" {
		o.DSN = oauth.Secret(os.Getenv(otherDSN))
	}
	if o.DSN == "" {
		return usageError{errors.New("say where the other database is: --dsn, or " + otherDSN + " in the environment"), exitFailure}
	}
	format := flag(cmd, "format")
	if format != "text" && format != "json" {
		return usageError{errors.New("--format is text or json"), exitFailure}
	}
	var err error
	if o.Secrets, err = secretsOfOther(cmd); err != nil {
		return err
	}
	out := &importReport{to: cmd.OutOrStdout(), json: format == "json", all: on(cmd, "verbose") || o.DryRun, counts: map[[2]string]int{}}
	o.Tell = out.tell
	return withData(cmd, func(ctx context.Context, d *server.Data) error {
		err := d.ImportORY(ctx, o)
		if err == nil || errors.Is(err, server.ErrImportIncomplete) {
			out.end(o.DryRun)
		}
		return errors.Join(err, out.err)
	})
}

// secretsOfOther reads the system secrets of the other server.
func secretsOfOther(cmd *cobra.Command) ([]oauth.Secret, error) {
	text, separator := os.Getenv(otherSecrets), ","
	if name := flag(cmd, "secrets-file"); name != "" {
		raw, err := readInput(cmd, name)
		if err != nil {
			return nil, err
		}
		text, separator = string(raw), "\n"
	}
	var secrets []oauth.Secret
	for one := range strings.SplitSeq(text, separator) {
		if one = strings.Trim(one, "\r\n"); one != "" {
			secrets = append(secrets, oauth.Secret(one))
		}
	}
	if len(secrets) == 0 {
		return nil, advice{errors.New("the system secrets of the other server are not set"),
			"Set " + otherSecrets + ", or give them with --secrets-file: what its configuration has in secrets.system (SECRETS_SYSTEM)."}
	}
	return secrets, nil
}

// importReport writes what became of each thing, and counts.
type importReport struct {
	to     io.Writer
	json   bool
	all    bool
	counts map[[2]string]int // by what it is and what became of it
	err    error
}

func (r *importReport) tell(one server.ImportResult) {
	r.counts[[2]string{one.What, one.Result}]++
	if one.What == "authorization" && one.Result != server.ImportFailed && one.Result != server.ImportEnded && !r.all {
		return
	}
	r.write(one, fmt.Sprintf("%-9s  %s %s%s", one.Result, one.What, show.Printable(one.Name), reason(one.Why)))
}

func reason(why string) string {
	if why == "" {
		return ""
	}
	return ": " + show.Printable(why)
}

// end writes how many there were of each.
func (r *importReport) end(dry bool) {
	results := []string{server.ImportCreated, server.ImportUpdated, server.ImportUnchanged, server.ImportDiffers, server.ImportEnded, server.ImportSkipped, server.ImportFailed}
	for _, what := range []string{"client", "key", "trusted issuer", "authorization"} {
		var parts []string
		counts := map[string]int{}
		for _, result := range results {
			if n := r.counts[[2]string{what, result}]; n > 0 {
				parts, counts[result] = append(parts, fmt.Sprintf("%d %s", n, result)), n
			}
		}
		if len(parts) == 0 {
			parts = []string{"none"}
		}
		r.write(map[string]any{"total": what, "counts": counts, "dry_run": dry}, fmt.Sprintf("%-16s %s", what+"s:", strings.Join(parts, ", ")))
	}
	if dry && !r.json {
		r.write(nil, "Nothing was written: this was a dry run.")
	}
}

func (r *importReport) write(value any, line string) {
	if r.err != nil {
		return
	}
	if r.json {
		r.err = json.NewEncoder(r.to).Encode(value)
		return
	}
	_, r.err = fmt.Fprintln(r.to, line)
}
