package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Stamped by the linker; see the Makefile.
var (
	version = "dev-master"
	commit  = ""
	date    = ""
)

// build tells what this program was built from. A program built by go install
// knows it from its version control stamps.
func build() (v, hash, at string) {
	v, hash, at = version, commit, date
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && hash == "":
				hash = s.Value
			case s.Key == "vcs.time" && at == "":
				at = s.Value
			}
		}
	}
	return v, orUnknown(hash), orUnknown(at)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print version, commit and build time.", Args: atMost(0),
		Example: "  hydra version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, hash, at := build()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Version:    %s\nGit Hash:   %s\nBuild Time: %s\n", v, hash, at)
			return err
		},
	}
}
