package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

const initialPath = "/admin/oauth2/register/tokens"

// initialRow is what of an initial access token stands in a table.
type initialRow struct {
	ID        string     `json:"id"`
	Token     string     `json:"token"`
	Note      string     `json:"note"`
	ExpiresAt *time.Time `json:"expires_at"`
	UsesLeft  *int64     `json:"uses_left"`
}

func initialAnswer(tokens ...json.RawMessage) (show.Answer, error) {
	a := show.Answer{Columns: []string{"ID", "USES LEFT", "EXPIRES AT", "NOTE"}, Value: tokens}
	for _, raw := range tokens {
		var t initialRow
		if err := json.Unmarshal(raw, &t); err != nil {
			return a, err
		}
		uses, end := "(any number)", "(never)"
		if t.UsesLeft != nil {
			uses = strconv.FormatInt(*t.UsesLeft, 10)
		}
		if t.ExpiresAt != nil {
			end = t.ExpiresAt.UTC().Format(time.RFC3339)
		}
		a.IDs = append(a.IDs, t.ID)
		a.Rows = append(a.Rows, []string{t.ID, uses, end, t.Note})
	}
	return a, nil
}

func createInitialCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "initial-access-token", Short: "Let somebody register clients.", Args: atMost(0),
		Long: `Make an initial access token, with which its bearer may register clients
(RFC 7591). Its value is shown this once.`,
		Example: `  hydra create initial-access-token --uses 5 --expires-in 720h --note "partner portal"
  hydra create initial-access-token --uses 1 --format 'jsonpath={.token}'`,
	}
	f := cmd.Flags()
	f.Int64("uses", 0, "how many clients it registers; else any number")
	f.String("note", "", "what it is for, to be shown in lists")
	f.String("expires-at", "", "`time` when it ends (RFC 3339); else never")
	f.Duration("expires-in", 0, "how long it lasts; else forever")
	cmd.MarkFlagsMutuallyExclusive("expires-at", "expires-in")
	return remoteCommand(cmd, adminPort, createInitial)
}

func createInitial(cmd *cobra.Command, _ []string) (show.Answer, error) {
	uses, err := cmd.Flags().GetInt64("uses")
	if err != nil {
		return show.Answer{}, err
	}
	body := map[string]any{"note": flag(cmd, "note")}
	if cmd.Flags().Changed("uses") {
		body["uses"] = uses
	}
	if cmd.Flags().Changed("expires-at") || cmd.Flags().Changed("expires-in") {
		if body["expires_at"], err = expiry(cmd, "the token"); err != nil {
			return show.Answer{}, err
		}
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	var t initialRow
	raw, err := c.JSON(cmd.Context(), remote.Call{Goal: "create the initial access token", Method: http.MethodPost, Path: initialPath, JSON: body}, &t)
	if err != nil {
		return show.Answer{}, err
	}
	a, err := initialAnswer(raw)
	a.One, a.Value = true, raw
	a.Columns, a.Rows[0] = append([]string{"TOKEN"}, a.Columns...), append([]string{t.Token}, a.Rows[0]...)
	return a, err
}

func listInitialCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "initial-access-tokens", Aliases: []string{"initial-access-token"}, Short: "List initial access tokens.", Args: atMost(0),
		Long:    "List initial access tokens, without their values. One that has expired or was\nused up is shown for a day.",
		Example: "  hydra list initial-access-tokens",
	}, adminPort, listInitial)
}

func listInitial(cmd *cobra.Command, _ []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	all, q := []json.RawMessage{}, url.Values{}
	for {
		var page []json.RawMessage
		if _, err := c.JSON(cmd.Context(), remote.Call{Goal: "list the initial access tokens", Method: http.MethodGet, Path: initialPath, Query: q}, &page); err != nil {
			return show.Answer{}, err
		}
		if len(page) == 0 {
			a, err := initialAnswer(all...)
			return pageOf{Items: all, Last: true}.answer(a), err
		}
		all = append(all, page...)
		var last initialRow
		if err := json.Unmarshal(page[len(page)-1], &last); err != nil {
			return show.Answer{}, err
		}
		q.Set("after", last.ID)
	}
}

func deleteInitialCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "initial-access-token <id>...", Aliases: []string{"initial-access-tokens"}, Short: "End initial access tokens.", Args: atLeast(1),
		Long:    "End initial access tokens. Clients that they registered stay.",
		Example: "  hydra delete initial-access-token 0f1e2d3c4b5a69788796a5b4c3d2e1f0",
	}, adminPort, deleteInitial)
}

func deleteInitial(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	done, err := each(args, func(id string) error {
		_, err := c.Do(cmd.Context(), remote.Call{Goal: "delete the initial access token " + id, Method: http.MethodDelete, Path: initialPath + "/" + remote.Segment(id)})
		return noSuch(err, "hydra list initial-access-tokens")
	})
	return idsAnswer("ID", done), err
}
