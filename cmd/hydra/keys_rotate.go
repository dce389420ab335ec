package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/server"
)

func keysRotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate [set]", Short: "Replace the keys that sign tokens or open request objects, without downtime.", Args: atMost(1),
		Long: `Replace the keys that sign tokens, while servers run. For each algorithm in use
a new key is published at once, and signs when it was announced for as long as
keys.announce_for says; the old one then signs no more, but verifies what it
has signed. Nothing needs to be restarted.

The sets are hydra.openid.id-token (ID tokens, userinfo), hydra.jwt.access-token
(JWT access tokens) and hydra.request-object (the keys that clients encrypt
request objects to: a new one is used at once, the old one opens what was
encrypted to it for keys.publish_retired_for). Without one all are rotated.

To rotate by itself, set keys.rotation_interval. To remove a stolen key at once,
delete it: see "hydra delete jwk".`,
		Example: `  hydra keys rotate -c hydra.yml
  hydra keys rotate hydra.openid.id-token --alg ES256`,
		RunE: rotateKeys,
	}
	cmd.Flags().String("alg", "", "the algorithm from then on; empty: that of the configuration, or the one that there is")
	configFlags(cmd.Flags())
	return cmd
}

func rotateKeys(cmd *cobra.Command, args []string) error {
	alg, err := cmd.Flags().GetString("alg")
	if err != nil {
		return err
	}
	set := ""
	if len(args) > 0 {
		set = args[0]
	}
	return withData(cmd, func(ctx context.Context, d *server.Data) error {
		made, err := d.RotateKeys(ctx, set, alg)
		for _, k := range made {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %-5s  %s  %s from %s\n", k.Set, k.Alg, k.KID, server.KeyDoes(k.Set), k.ActiveFrom.Format(time.RFC3339)); err != nil {
				return err
			}
		}
		if err == nil && len(made) == 0 {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "There is no key to replace: a server makes the first ones when it starts or needs them.")
		}
		return err
	})
}
