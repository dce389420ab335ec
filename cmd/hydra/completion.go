package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// completionCommand prints a script that lets a shell complete command lines.
func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion <shell>", Short: "Print a script that completes commands and flags.", Args: exactly(1),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Long:      "Print a script with which bash, zsh, fish or powershell complete the names of commands and flags.",
		Example: `  source <(hydra completion bash)
  hydra completion zsh > "${fpath[1]}/_hydra"
  hydra completion fish > ~/.config/fish/completions/hydra.fish
  hydra completion powershell | Out-String | Invoke-Expression`,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return advice{errors.New("no script for this shell"), "There are bash, zsh, fish and powershell."}
		},
	}
}
