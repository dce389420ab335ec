package main

import "github.com/spf13/cobra"

// verbs are the commands that begin with what is to be done, as they have
// since v2.0. They are clients of a running server.
func verbs() []*cobra.Command {
	verb := func(use, short string, what ...*cobra.Command) *cobra.Command {
		cmd := group(use, short)
		cmd.GroupID = remoteGroup
		cmd.AddCommand(what...)
		return cmd
	}
	list := verb("list", "List clients, trusted issuers and initial access tokens.", listClientsCommand(), listTrustCommand(), listInitialCommand())
	list.Aliases = []string{"ls"}
	return []*cobra.Command{
		verb("create", "Create clients, keys, trusted issuers and initial access tokens.", createClientCommand(), createKeysCommand(), createTrustCommand(), createInitialCommand()),
		verb("get", "Show clients, keys and trusted issuers.", getClientCommand(), getKeysCommand(), getTrustCommand()),
		list,
		verb("update", "Change clients.", updateClientCommand()),
		verb("delete", "Delete clients, keys, tokens and trusted issuers.", deleteClientCommand(), deleteKeysCommand(), deleteAccessTokensCommand(), deleteTrustCommand(), deleteInitialCommand()),
		verb("import", "Put clients and keys from files into the server, or take over another one.", importClientsCommand(), importKeysCommand(), importORYCommand()),
		verb("introspect", "Look at tokens.", introspectCommand()),
		verb("revoke", "End tokens.", revokeCommand()),
		verb("perform", "Get tokens, as an application would.", signInCommand(), clientCredentialsCommand(), deviceCommand()),
	}
}
