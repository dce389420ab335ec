package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

// clientColumns are the columns of a table of clients.
var clientColumns = []string{"CLIENT ID", "CLIENT SECRET", "GRANT TYPES", "RESPONSE TYPES", "SCOPE", "AUDIENCE", "REDIRECT URIS"}

// clientRow is what of a client stands in a table.
type clientRow struct {
	ID            string   `json:"client_id"`
	Secret        string   `json:"client_secret"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	Scope         string   `json:"scope"`
	Audience      []string `json:"audience"`
	RedirectURIs  []string `json:"redirect_uris"`
}

// clientsAnswer shows clients as the server describes them.
func clientsAnswer(clients ...json.RawMessage) (show.Answer, error) {
	a := show.Answer{Columns: clientColumns, One: len(clients) == 1, Value: clients}
	if len(clients) == 1 {
		a.Value = clients[0]
	}
	for _, raw := range clients {
		var c clientRow
		if err := json.Unmarshal(raw, &c); err != nil {
			return a, err
		}
		a.IDs = append(a.IDs, c.ID)
		a.Rows = append(a.Rows, []string{c.ID, c.Secret, strings.Join(c.GrantTypes, ", "), strings.Join(c.ResponseTypes, ", "),
			c.Scope, strings.Join(c.Audience, ", "), strings.Join(c.RedirectURIs, ", ")})
	}
	return a, nil
}

const clientsPath = "/admin/clients"

func clientPath(id string) string { return clientsPath + "/" + remote.Segment(id) }

func createClientCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "oauth2-client", Aliases: []string{"client"}, Short: "Register an OAuth 2.0 client.", Args: atMost(0),
		Long: `Register an OAuth 2.0 client. Without --secret the server makes one, which is
shown now and never again; clients with --token-endpoint-auth-method none or
private_key_jwt have none. --file takes all members that the API knows, as
JSON; flags count more than the file.`,
		Example: `  hydra create oauth2-client --name "My shop" --grant-type authorization_code,refresh_token \
    --redirect-uri https://shop.example.com/callback --scope openid,offline
  hydra create oauth2-client --grant-type client_credentials --format 'jsonpath={.client_id}'
  hydra create oauth2-client --file client.json --endpoint http://127.0.0.1:4445`,
	}
	clientFlags(cmd.Flags())
	cmd.Flags().String("id", "", "`id` of the client; made by the server when absent")
	return remoteCommand(cmd, adminPort, createClient)
}

func createClient(cmd *cobra.Command, _ []string) (show.Answer, error) {
	body, err := clientBody(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	raw, err := c.JSON(cmd.Context(), remote.Call{Goal: "create the client", Method: http.MethodPost, Path: clientsPath, JSON: body}, &clientRow{})
	if remote.IsStatus(err, http.StatusConflict) {
		return show.Answer{}, advice{err, "Take another --id, or change the client that has it with \"hydra update oauth2-client\"."}
	}
	if err != nil {
		return show.Answer{}, err
	}
	return clientsAnswer(raw)
}

func updateClientCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "oauth2-client <id>", Aliases: []string{"client"}, Short: "Replace the metadata of a client.", Args: exactly(1),
		Long: `Replace the metadata of a client: what is not given gets its default. The
secret stays unless --secret names a new one.`,
		Example: `  hydra update oauth2-client my-shop --grant-type authorization_code,refresh_token \
    --redirect-uri https://shop.example.com/callback --scope openid
  hydra get oauth2-client my-shop --format json | jq '.client_name = "Shop"' | hydra update oauth2-client my-shop --file -`,
	}
	clientFlags(cmd.Flags())
	return remoteCommand(cmd, adminPort, updateClient)
}

func updateClient(cmd *cobra.Command, args []string) (show.Answer, error) {
	body, err := clientBody(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	raw, err := c.JSON(cmd.Context(), remote.Call{Goal: "update the client " + args[0], Method: http.MethodPut, Path: clientPath(args[0]), JSON: body}, &clientRow{})
	if err != nil {
		return show.Answer{}, noSuch(err, "hydra list oauth2-clients")
	}
	return clientsAnswer(raw)
}

// noSuch advises about what is not there.
func noSuch(err error, list string) error {
	if no, ok := errors.AsType[*remote.Refusal](err); ok && no.Status == http.StatusNotFound && no.Code != "" {
		return advice{err, "\"" + list + "\" shows what there is."}
	}
	return err
}

func getClientCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "oauth2-client <id>...", Aliases: []string{"client", "clients", "oauth2-clients"}, Short: "Show clients.", Args: atLeast(1),
		Long: "Show clients, without their secrets, which nobody can read back.",
		Example: `  hydra get oauth2-client my-shop
  hydra get oauth2-client my-shop --format 'jsonpath={.redirect_uris[*]}'`,
	}, adminPort, getClients)
}

func getClients(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	var found []json.RawMessage
	_, failed := each(args, func(id string) error {
		raw, err := c.JSON(cmd.Context(), remote.Call{Goal: "get the client " + id, Method: http.MethodGet, Path: clientPath(id)}, &clientRow{})
		if err != nil {
			return noSuch(err, "hydra list oauth2-clients")
		}
		found = append(found, raw)
		return nil
	})
	answer, err := clientsAnswer(found...)
	return answer, errors.Join(failed, err)
}

func deleteClientCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "oauth2-client <id>...", Aliases: []string{"client", "clients", "oauth2-clients"}, Short: "Delete clients, with all their tokens.", Args: atLeast(1),
		Long:    "Delete clients. Their codes and tokens end at once. It is no error when a client is not there.",
		Example: "  hydra delete oauth2-client my-shop another-shop",
	}, adminPort, deleteClients)
}

func deleteClients(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	done, err := each(args, func(id string) error {
		_, err := c.Do(cmd.Context(), remote.Call{Goal: "delete the client " + id, Method: http.MethodDelete, Path: clientPath(id)})
		return err
	})
	return idsAnswer("CLIENT ID", done), err
}

func listClientsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "oauth2-clients", Aliases: []string{"oauth2-client", "clients", "client"}, Short: "List clients, page by page.", Args: atMost(0),
		Example: `  hydra list oauth2-clients
  hydra list oauth2-clients --page-size 500 --format 'jsonpath={.items[*].client_id}'
  hydra list oauth2-clients --page-token "$(hydra list oauth2-clients --format jsonpointer=/next_page_token)"`,
	}
	pageFlags(cmd)
	cmd.Flags().String("owner", "", "only clients of this `owner`")
	cmd.Flags().String("client-name", "", "only clients with this `name`")
	return remoteCommand(cmd, adminPort, listClients)
}

func pageFlags(cmd *cobra.Command) {
	cmd.Flags().Int("page-size", 100, "how many there are on a page, at most 500")
	cmd.Flags().String("page-token", "", "`token` of the page, from the answer with the page before")
}

func listClients(cmd *cobra.Command, _ []string) (show.Answer, error) {
	q := url.Values{}
	for name, parameter := range map[string]string{"owner": "owner", "client-name": "client_name"} {
		if v := flag(cmd, name); v != "" {
			q.Set(parameter, v)
		}
	}
	list, err := page(cmd, "list the clients", clientsPath, q)
	if err != nil {
		return show.Answer{}, err
	}
	a, err := clientsAnswer(list.Items...)
	return list.answer(a), err
}

// pageOf is one page of a list, as it is shown to programs.
type pageOf struct {
	Items []json.RawMessage `json:"items"`
	Next  string            `json:"next_page_token"`
	Last  bool              `json:"is_last_page"`
}

// page gets the page of a list that the flags ask for.
func page(cmd *cobra.Command, goal, path string, q url.Values) (pageOf, error) {
	size, err := cmd.Flags().GetInt("page-size")
	if err != nil {
		return pageOf{}, err
	}
	q.Set("page_size", strconv.Itoa(size))
	if token := flag(cmd, "page-token"); token != "" {
		q.Set("page_token", token)
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return pageOf{}, err
	}
	answer, err := c.Do(cmd.Context(), remote.Call{Goal: goal, Method: http.MethodGet, Path: path, Query: q})
	if err != nil {
		return pageOf{}, err
	}
	p := pageOf{Items: []json.RawMessage{}, Next: answer.Next("page_token")}
	p.Last = p.Next == ""
	return p, json.Unmarshal(answer.Body, &p.Items)
}

// answer completes the answer with where the list goes on.
func (p pageOf) answer(a show.Answer) show.Answer {
	a.One, a.Value = false, p
	a.Notes = [][2]string{{"NEXT PAGE TOKEN", p.Next}, {"IS LAST PAGE", strconv.FormatBool(p.Last)}}
	return a
}

func deleteAccessTokensCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "access-tokens <client-id>", Aliases: []string{"access-token"}, Short: "End all access tokens of a client.", Args: exactly(1),
		Long:    "End all access tokens of a client. Its refresh tokens and consents stay.",
		Example: "  hydra delete access-tokens my-shop",
	}, adminPort, deleteAccessTokens)
}

func deleteAccessTokens(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	_, err = c.Do(cmd.Context(), remote.Call{Goal: "delete the access tokens of " + args[0], Method: http.MethodDelete, Path: "/admin/oauth2/tokens", Query: url.Values{"client_id": {args[0]}}})
	if err != nil {
		return show.Answer{}, noSuch(err, "hydra list oauth2-clients")
	}
	return idsAnswer("CLIENT ID", args), nil
}
