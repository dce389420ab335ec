package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// What is committed is what the commands say.
func TestManual(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), cliPage(rootCommand())); diff != "" {
		t.Errorf("docs/cli.md is old; run \"make docs\":\n%s", diff)
	}
	files, err := filepath.Glob("../../docs/man/*")
	if err != nil {
		t.Fatal(err)
	}
	committed := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		committed[filepath.Base(name)] = string(text)
	}
	if diff := cmp.Diff(committed, manPages(rootCommand())); diff != "" {
		t.Errorf("docs/man is old; run \"make docs\":\n%s", diff)
	}
}

// Every command says what it does, and shows it.
func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	walkCommands(rootCommand(), func(cmd *cobra.Command) {
		if !strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: the short text %q is no sentence", cmd.CommandPath(), cmd.Short)
		}
		if !cmd.HasSubCommands() && !strings.Contains(cmd.Example, "hydra "+strings.SplitN(cmd.CommandPath(), " ", 2)[1]) {
			t.Errorf("%s has no example of itself", cmd.CommandPath())
		}
		for _, f := range ownFlags(cmd) {
			if f.Usage == "" {
				t.Errorf("%s: the flag --%s has no text", cmd.CommandPath(), f.Name)
			}
		}
	})
}

func TestManualPagesAreRoff(t *testing.T) {
	t.Parallel()
	if got := roff("a-b\\c\n.d\n'e…"); got != "a\\-b\\ec\n\\&.d\n\\&'e..." {
		t.Errorf("escaped: %q", got)
	}
}
