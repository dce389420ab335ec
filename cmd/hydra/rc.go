package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

// The commands of releases before v2.0: "clients", "keys" and "token". They do
// what their successors do, with the same flags beside their own, and answer
// in the words of those releases unless --format or --quiet is given.

// wording writes an answer as earlier releases did.
type wording func(w io.Writer, cmd *cobra.Command, a show.Answer) error

// renamed gives a command its earlier name, and an example of that.
func renamed(cmd *cobra.Command, use, now, example string) *cobra.Command {
	cmd.Short = "Earlier name of \"hydra " + now + "\"."
	cmd.Use, cmd.Aliases, cmd.Example = use, nil, "  "+example
	cmd.Annotations = map[string]string{earlierMark: now}
	return cmd
}

// earlierCommand gives a command its earlier name and answer.
func earlierCommand(cmd *cobra.Command, use, now, example string, op operation, say wording) *cobra.Command {
	renamed(cmd, use, now, example)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := printer(cmd)
		if err != nil {
			return err
		}
		a, err := op(cmd, args)
		if err != nil && len(a.Rows) == 0 {
			return err
		}
		if cmd.Flags().Changed("format") || cmd.Flags().Changed("quiet") || say == nil {
			return errors.Join(err, p.Print(cmd.OutOrStdout(), a))
		}
		return errors.Join(err, say(cmd.OutOrStdout(), cmd, a))
	}
	return cmd
}

// addEarlier adds the three groups. A group that is there by another right gets
// its commands from both.
func addEarlier(root *cobra.Command) {
	for _, g := range earlierCommands() {
		if there, _, err := root.Find([]string{g.Name()}); err == nil && there != root {
			there.AddCommand(g.Commands()...)
			continue
		}
		root.AddCommand(g)
	}
}

// earlierMark is the annotation of commands with an earlier name: what they
// are called now. On groups of such it is empty.
const earlierMark = "earlier"

// isEarlier tells commands with an earlier name, and groups of them.
func isEarlier(cmd *cobra.Command) bool {
	_, ok := cmd.Annotations[earlierMark]
	return ok
}

func earlierCommands() []*cobra.Command {
	earlierGroup := func(use, short string, cmds ...*cobra.Command) *cobra.Command {
		g := group(use, short)
		g.Hidden, g.GroupID, g.Annotations = true, remoteGroup, map[string]string{earlierMark: ""}
		g.AddCommand(cmds...)
		return g
	}
	update := earlierCommand(updateClientCommand(), "update <id>", "update oauth2-client", "hydra clients update my-shop --callbacks https://shop.example.com/callback --scope openid", updateClient, sayJSON)
	importKeysEarlier := earlierCommand(importKeysCommand(), "import <set> <file>...", "import jwk", "hydra keys import my-set key.pem more.json", importKeys, sayKeysImported)
	importKeysEarlier.Args = atLeast(2)
	importClientsEarlier := earlierCommand(importClientsCommand(), "import <file>...", "import oauth2-client", "hydra clients import clients.json more.json", importClients, sayClientsImported)
	importClientsEarlier.Args = atLeast(1)
	clientToken := earlierCommand(clientCredentialsCommand(), "client", "perform client-credentials", "OAUTH2_CLIENT_SECRET_FILE=/run/secrets/my-job hydra token client --client-id my-job --scope read", clientCredentials, sayAccessToken)
	clientToken.Flags().BoolP("verbose", "v", false, "print the whole token response")
	introspection := earlierCommand(introspectCommand(), "introspect <token>", "introspect token", "hydra token introspect ory_at_… --scope profile", introspect, sayJSON)
	for _, name := range []string{"client-id", "client-secret"} {
		introspection.Flags().String(name, "", "without effect; introspection asks for no client")
	}
	return []*cobra.Command{
		earlierGroup("clients", "Clients, in the grammar of v1.0 to v1.11.",
			earlierCommand(createClientCommand(), "create", "create oauth2-client", "hydra clients create --id my-shop --callbacks https://shop.example.com/callback --grant-types authorization_code,refresh_token --scope openid,offline", createClient, sayClientCreated),
			earlierCommand(getClientCommand(), "get <id>...", "get oauth2-client", "hydra clients get my-shop", getClients, sayJSON),
			earlierCommand(listClientsCommand(), "list", "list oauth2-clients", "hydra clients list --page-size 500", listClients, nil),
			update,
			earlierCommand(deleteClientCommand(), "delete <id>...", "delete oauth2-client", "hydra clients delete my-shop another-shop", deleteClients, saying("OAuth 2.0 Clients deleted: %s")),
			importClientsEarlier,
		),
		earlierGroup("keys", "JSON Web Keys, in the grammar of v1.0 to v1.11.",
			earlierCommand(createKeysCommand(), "create <set> [<key-id>]", "create jwk", "hydra keys create my-set my-key --alg ES256", createKeys, sayKeySet),
			earlierCommand(getKeysCommand(), "get <set>", "get jwk", "hydra keys get my-set", getKeys, sayKeySet),
			earlierCommand(deleteKeysCommand(), "delete <set>", "delete jwk", "hydra keys delete my-set", deleteKeys, saying("Key set deleted: %s")),
			importKeysEarlier,
		),
		earlierGroup("token", "Tokens, in the grammar of v1.0 to v1.11.",
			clientToken,
			earlierCommand(signInCommand(), "user", "perform authorization-code", "hydra token user --client-id my-shop --scope openid,offline --no-open", signIn, sayTokens),
			introspection,
			earlierCommand(revokeCommand(), "revoke <token>", "revoke token", "hydra token revoke - --client-id my-shop < token.txt", revoke, saying("Revoked the token %s")),
			flushCommand(),
			earlierCommand(deleteAccessTokensCommand(), "delete <client-id>", "delete access-tokens", "hydra token delete my-shop", deleteAccessTokens, saying("Deleted the access tokens of %s")),
		),
	}
}

func saying(format string) wording {
	return func(w io.Writer, _ *cobra.Command, a show.Answer) error {
		_, err := fmt.Fprintf(w, format+"\n", show.Printable(strings.Join(a.IDs, ", ")))
		return err
	}
}

// sayJSON prints JSON with tabs.
func sayJSON(w io.Writer, _ *cobra.Command, a show.Answer) error { return tabbed(w, a.Value) }

func tabbed(w io.Writer, v any) error {
	raw, err := json.MarshalIndent(v, "", "\t")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", raw)
	}
	return err
}

// sayKeySet prints key sets as the API shows them, without their names.
func sayKeySet(w io.Writer, _ *cobra.Command, a show.Answer) error {
	one, ok := a.Value.(keySet)
	if !ok {
		return tabbed(w, a.Value)
	}
	return tabbed(w, struct {
		Keys []json.RawMessage `json:"keys"`
	}{one.Keys})
}

func sayClientCreated(w io.Writer, cmd *cobra.Command, a show.Answer) error {
	id, secret := a.Rows[0][0], a.Rows[0][1]
	fmt.Fprintf(w, "OAuth 2.0 Client ID: %s\n", show.Printable(id))
	switch {
	case secret == "":
		fmt.Fprintln(w, "This client has no secret.")
	case !cmd.Flags().Changed("secret"):
		fmt.Fprintf(w, "OAuth 2.0 Client Secret: %s\n", show.Printable(secret))
	}
	return nil
}

func sayClientsImported(w io.Writer, _ *cobra.Command, a show.Answer) error {
	for _, row := range a.Rows {
		id := row[0]
		if row[1] != "" {
			id += ":" + row[1]
		}
		fmt.Fprintf(w, "Imported OAuth 2.0 Client %s (%s)\n", show.Printable(id), row[len(row)-1])
	}
	return nil
}

func sayKeysImported(w io.Writer, _ *cobra.Command, a show.Answer) error {
	for _, row := range a.Rows {
		fmt.Fprintf(w, "Imported the key %s (%s)\n", show.Printable(row[1]), row[len(row)-1])
	}
	_, err := fmt.Fprintf(w, "Keys of the set: %d imported.\n", len(a.Rows))
	return err
}

func sayAccessToken(w io.Writer, cmd *cobra.Command, a show.Answer) error {
	if on(cmd, "verbose") {
		return tabbed(w, a.Value)
	}
	_, err := fmt.Fprintln(w, a.IDs[0])
	return err
}

func sayTokens(w io.Writer, _ *cobra.Command, a show.Answer) error {
	if len(a.Rows) == 0 {
		return nil // ended by Ctrl-C after several were printed
	}
	row := a.Rows[0]
	_, err := fmt.Fprintf(w, "Access Token: %s\nRefresh Token: %s\nExpires in: %s\nID Token: %s\n", row[0], row[1], row[3], row[2])
	return err
}

func flushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "flush", Short: "Delete what has expired, now.", Args: atMost(0),
		Long:    "Ask a running server to delete rows that nobody can use any more, now. It does so by itself in the background; \"hydra janitor\" does it in the database.",
		Example: "  hydra token flush --min-age 24h",
	}
	cmd.Annotations = map[string]string{earlierMark: "janitor"}
	cmd.Flags().Duration("min-age", 0, "keep what expired less than this ago")
	return remoteCommand(cmd, adminPort, func(cmd *cobra.Command, _ []string) (show.Answer, error) {
		age, err := cmd.Flags().GetDuration("min-age")
		if err != nil {
			return show.Answer{}, err
		}
		c, err := connect(cmd, adminPort)
		if err != nil {
			return show.Answer{}, err
		}
		at := time.Now().Add(-age).UTC().Format(time.RFC3339)
		_, err = c.Do(cmd.Context(), remote.Call{Goal: "flush", Method: http.MethodPost, Path: "/oauth2/flush", JSON: map[string]string{"notAfter": at}})
		return show.Answer{Columns: []string{"FLUSHED UP TO"}, One: true, Rows: [][]string{{at}}, IDs: []string{at}, Value: map[string]string{"not_after": at}}, err
	})
}
