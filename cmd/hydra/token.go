package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hydra/internal/oauth"
	"hydra/internal/remote"
	"hydra/internal/show"
)

// credentialFlags say as which client a command speaks.
func credentialFlags(f *pflag.FlagSet) {
	f.String("client-id", "", "`id` of the client; else OAUTH2_CLIENT_ID from the environment")
	f.String("client-secret", "", "its `secret`, or - to read it from standard input; else OAUTH2_CLIENT_SECRET, or the file named by OAUTH2_CLIENT_SECRET_FILE; none for a public client")
}

func credentials(cmd *cobra.Command) (remote.Credentials, error) {
	as := remote.Credentials{ID: flag(cmd, "client-id")}
	if as.ID == "" {
		as.ID = os.Getenv("OAUTH2_CLIENT_ID")
	}
	if as.ID == "" {
		return as, advice{errors.New("the client is not named"), "Give --client-id (OAUTH2_CLIENT_ID) and, unless the client is public, --client-secret (OAUTH2_CLIENT_SECRET)."}
	}
	var err error
	as.Secret, err = secretFlag(cmd, "client-secret", "OAUTH2_CLIENT_SECRET")
	return as, err
}

// tokenArgument is the token that a command is about; - reads it from the
// standard input.
func tokenArgument(cmd *cobra.Command, args []string) (string, error) {
	if args[0] != "-" {
		return args[0], nil
	}
	raw, err := readInput(cmd, "-")
	token := strings.TrimSpace(string(raw))
	if err == nil && token == "" {
		err = errors.New("there is no token on the standard input")
	}
	return token, err
}

func introspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token <token>", Short: "Say whether a token is alive, and what it is good for.", Args: exactly(1),
		Long: `Say whether an access or refresh token is alive, and what it is good for
(RFC 7662). The token - is read from standard input. A dead token is an answer
and no failure: look at ACTIVE.`,
		Example: `  hydra introspect token ory_at_…
  hydra introspect token - --scope profile --format 'jsonpath={.active}' < token.txt`,
	}
	cmd.Flags().StringSlice("scope", nil, "the token counts as dead without this `scope`; repeatable, or with commas")
	return remoteCommand(cmd, adminPort, introspect)
}

func introspect(cmd *cobra.Command, args []string) (show.Answer, error) {
	token, err := tokenArgument(cmd, args)
	if err != nil {
		return show.Answer{}, err
	}
	form := url.Values{"token": {token}}
	if scope := slice(cmd, "scope"); len(scope) > 0 {
		form.Set("scope", strings.Join(scope, " "))
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	var t struct {
		Active   bool   `json:"active"`
		Subject  string `json:"sub"`
		ClientID string `json:"client_id"`
		Scope    string `json:"scope"`
		Expires  int64  `json:"exp"`
		Use      string `json:"token_use"`
	}
	raw, err := c.JSON(cmd.Context(), remote.Call{Goal: "introspect the token", Method: http.MethodPost, Path: "/admin/oauth2/introspect", Form: form}, &t)
	if err != nil {
		return show.Answer{}, err
	}
	expiry := ""
	if t.Expires != 0 {
		expiry = time.Unix(t.Expires, 0).UTC().Format(time.RFC3339)
	}
	active := strconv.FormatBool(t.Active)
	return show.Answer{
		IDs: []string{active}, Columns: []string{"ACTIVE", "SUBJECT", "CLIENT ID", "SCOPE", "EXPIRY", "TOKEN USE"}, One: true,
		Rows: [][]string{{active, t.Subject, t.ClientID, t.Scope, expiry, t.Use}}, Value: raw,
	}, nil
}

// slice returns a flag that is a list.
func slice(cmd *cobra.Command, name string) []string {
	values, err := cmd.Flags().GetStringSlice(name)
	if err != nil {
		return nil // the command has no such flag
	}
	return values
}

func revokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token <token>", Short: "End a token.", Args: exactly(1),
		Long: `End an access or refresh token (RFC 7009), as the client that it was issued to.
A refresh token takes the access tokens with it. The token - is read from
standard input. It is no error when the token is dead or unknown.`,
		Example: `  hydra revoke token ory_rt_… --client-id my-shop
  hydra revoke token - --client-id my-shop < token.txt`,
	}
	credentialFlags(cmd.Flags())
	return remoteCommand(cmd, publicPort, revoke)
}

func revoke(cmd *cobra.Command, args []string) (show.Answer, error) {
	as, err := credentials(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	token, err := tokenArgument(cmd, args)
	if err != nil {
		return show.Answer{}, err
	}
	c, err := connect(cmd, publicPort)
	if err != nil {
		return show.Answer{}, err
	}
	_, err = c.Authenticated(cmd.Context(), remote.Call{Goal: "revoke the token", Method: http.MethodPost, Path: remote.RevokePath, Form: url.Values{"token": {token}}}, as)
	if err != nil {
		return show.Answer{}, err
	}
	return idsAnswer("TOKEN", []string{token}), nil
}

func clientCredentialsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "client-credentials", Short: "Get an access token for a client itself.", Args: atMost(0),
		Long: "Get an access token for a client itself, with the client credentials grant (RFC 6749 §4.4).",
		Example: `  OAUTH2_CLIENT_SECRET_FILE=/run/secrets/my-job hydra perform client-credentials --client-id my-job
  TOKEN=$(hydra perform client-credentials --client-id my-job --client-secret - -q < secret.txt)`,
	}
	credentialFlags(cmd.Flags())
	cmd.Flags().StringSlice("scope", nil, "ask for this `scope`; repeatable, or with commas")
	cmd.Flags().StringSlice("audience", nil, "ask for this `audience`; repeatable, or with commas")
	return remoteCommand(cmd, publicPort, clientCredentials)
}

func clientCredentials(cmd *cobra.Command, _ []string) (show.Answer, error) {
	as, err := credentials(cmd)
	if err != nil {
		return show.Answer{}, err
	}
	c, err := connect(cmd, publicPort)
	if err != nil {
		return show.Answer{}, err
	}
	form := url.Values{"grant_type": {oauth.GrantClientCredentials}}
	for _, name := range []string{"scope", "audience"} {
		if values := slice(cmd, name); len(values) > 0 {
			form.Set(name, strings.Join(values, " "))
		}
	}
	t, err := c.Token(cmd.Context(), "get a token", remote.TokenPath, as, form)
	if err != nil {
		return show.Answer{}, err
	}
	return tokensAnswer(t)
}

// tokensAnswer shows a token response. Programs get it as the server sent it,
// with the time when the access token ends beside it.
func tokensAnswer(t remote.Tokens) (show.Answer, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(t.Raw, &members); err != nil {
		return show.Answer{}, err
	}
	expiry := ""
	if t.ExpiresIn > 0 {
		expiry = time.Now().Add(time.Duration(t.ExpiresIn) * time.Second).UTC().Format(time.RFC3339)
		members["expiry"] = fmt.Appendf(nil, "%q", expiry)
	}
	return show.Answer{
		IDs: []string{t.AccessToken}, Columns: []string{"ACCESS TOKEN", "REFRESH TOKEN", "ID TOKEN", "EXPIRY"}, One: true,
		Rows: [][]string{{t.AccessToken, t.RefreshToken, t.IDToken, expiry}}, Value: members,
	}, nil
}
