package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hydra/internal/config"
	"hydra/internal/server"
)

// adminTokenCommand makes what serve.admin.auth.tokens takes. The server knows
// the hash alone, so the token is shown here and never again.
func adminTokenCommand() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{
		Use:   "admin-token <name> <scope>...",
		Short: "Make a bearer token for the admin API, and its entry in the configuration.",
		Long: "Make a bearer token for the admin API, and its entry for serve.admin.auth.tokens. The token is shown once; the configuration holds only its SHA-256.\n\n" +
			"Scopes: " + strings.Join(config.AdminScopes(), ", ") + ".",
		Example: "  hydra admin-token login-app requests clients:read\n  hydra admin-token prometheus metrics:read\n  hydra admin-token --stdin ci '*' < token.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{fmt.Errorf("%q needs a name and at least one scope", cmd.CommandPath()), exitFailure}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, s := range args[1:] {
				if !slices.Contains(config.AdminScopes(), s) {
					return fmt.Errorf("there is no scope %q; there are %s", s, strings.Join(config.AdminScopes(), ", "))
				}
			}
			token := server.NewAdminToken()
			if stdin {
				data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 4096))
				if err != nil {
					return err
				}
				if token = strings.TrimSpace(string(data)); len(token) < 22 || len(strings.Fields(token)) != 1 {
					return fmt.Errorf("the token on the standard input must be one word of at least 22 characters, drawn at random: only its fast hash is kept")
				}
			}
			sum := sha256.Sum256([]byte(token))
			digest := hex.EncodeToString(sum[:])
			if _, err := config.Load(config.Input{Environ: []string{"SERVE_ADMIN_AUTH_TOKENS=" + strings.Join(append([]string{args[0], digest}, args[1:]...), " ")}}); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if !stdin {
				fmt.Fprintf(out, "Token, shown only now; send it as \"Authorization: Bearer …\":\n\n%s\n\n", token)
			}
			quoted := make([]string, len(args)-1)
			for i, s := range args[1:] {
				quoted[i] = fmt.Sprintf("%q", s)
			}
			fmt.Fprintf(out, "Entry in the configuration file:\n\nserve:\n  admin:\n    auth:\n      tokens:\n        - {name: %s, sha256: \"%s\", scopes: [%s]}\n\n", args[0], digest, strings.Join(quoted, ", "))
			fmt.Fprintf(out, "or in the environment:\n\nSERVE_ADMIN_AUTH_TOKENS='%s'\n", strings.Join(append([]string{args[0], digest}, args[1:]...), " "))
			return nil
		},
	}
	cmd.Flags().BoolVar(&stdin, "stdin", false, "hash the token on the standard input instead of making one")
	return cmd
}
