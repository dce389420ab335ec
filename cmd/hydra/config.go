package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hydra/internal/config"
)

// configFlags adds the flags that config.Load understands.
func configFlags(f *pflag.FlagSet) {
	f.StringArrayP("config", "c", nil, "configuration `file` (YAML or JSON); repeatable, later ones win")
	f.String("data-dir", "", "`directory` of the database file and the generated secret (default \"hydra-data\")")
}

// loadConfig reads the configuration with the flags that were given.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	files, err := cmd.Flags().GetStringArray("config")
	if err != nil {
		return nil, err
	}
	in := config.Input{Files: files, Environ: os.Environ()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if config.HasFlag(f.Name) {
			in.Flags = append(in.Flags, config.Flag{Name: f.Name, Value: f.Value.String()})
		}
	})
	return config.Load(in)
}

func configCommand() *cobra.Command {
	cmd := group("config", "Show the configuration.")
	show := &cobra.Command{
		Use: "print", Short: "Print the effective configuration and where each value comes from; secrets are redacted.", Args: atMost(0),
		Example: "  hydra config print -c hydra.yml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings() {
				fmt.Fprintf(cmd.ErrOrStderr(), "Warning: %s\n", w)
			}
			return cfg.Print(cmd.OutOrStdout())
		},
	}
	configFlags(show.Flags())
	serveFlags(show.Flags())
	docs := &cobra.Command{
		Use: "docs", Short: "Print the manual of all options, docs/configuration.md.", Hidden: true, Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.Manual())
			return err
		},
	}
	cmd.AddCommand(show, docs)
	return cmd
}
