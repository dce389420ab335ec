package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

// trustRow is what of a trusted issuer stands in a table.
type trustRow struct {
	ID      string   `json:"id"`
	Issuer  string   `json:"issuer"`
	Subject string   `json:"subject"`
	Any     bool     `json:"allow_any_subject"`
	Scope   []string `json:"scope"`
	Key     struct {
		KID string `json:"kid"`
	} `json:"public_key"`
	ExpiresAt time.Time `json:"expires_at"`
}

func trustAnswer(issuers ...json.RawMessage) (show.Answer, error) {
	a := show.Answer{Columns: []string{"ID", "ISSUER", "SUBJECT", "SCOPE", "KEY ID", "EXPIRES AT"}, One: len(issuers) == 1, Value: issuers}
	if len(issuers) == 1 {
		a.Value = issuers[0]
	}
	for _, raw := range issuers {
		var t trustRow
		if err := json.Unmarshal(raw, &t); err != nil {
			return a, err
		}
		if t.Any {
			t.Subject = "(any)"
		}
		a.IDs = append(a.IDs, t.ID)
		a.Rows = append(a.Rows, []string{t.ID, t.Issuer, t.Subject, strings.Join(t.Scope, " "), t.Key.KID, t.ExpiresAt.UTC().Format(time.RFC3339)})
	}
	return a, nil
}

const trustPath = "/admin/trust/grants/jwt-bearer/issuers"

func createTrustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "trusted-issuer", Aliases: []string{"trusted-jwt-grant-issuer"}, Short: "Trust an issuer of JWT bearer assertions.", Args: atMost(0),
		Long: `Trust whoever holds a key to speak for a subject, or for any, with JWT bearer
assertions (RFC 7523). Of the key, only its public half is sent.`,
		Example: `  hydra create trusted-issuer --issuer https://ci.example.com --subject deploy --scope deploy \
    --key ci.pem --expires-in 8760h
  hydra create trusted-issuer --issuer https://idp.example.com --allow-any-subject --scope profile \
    --key idp.jwk.json --expires-at 2030-01-01T00:00:00Z`,
	}
	f := cmd.Flags()
	f.String("issuer", "", "`iss` of the assertions")
	f.String("subject", "", "the one `sub` that the issuer may speak for")
	f.Bool("allow-any-subject", false, "the issuer may speak for anybody")
	f.StringSlice("scope", nil, "`scope` that it may ask for; repeatable, or with commas")
	f.String("key", "", "`file` with its key: JWK, PEM or DER, or - for standard input")
	f.String("expires-at", "", "`time` when the trust ends (RFC 3339)")
	f.Duration("expires-in", 0, "how long the trust lasts")
	return remoteCommand(cmd, adminPort, createTrust)
}

func createTrust(cmd *cobra.Command, _ []string) (show.Answer, error) {
	body := map[string]any{"issuer": flag(cmd, "issuer"), "subject": flag(cmd, "subject"), "allow_any_subject": on(cmd, "allow-any-subject"), "scope": append([]string{}, slice(cmd, "scope")...)}
	if body["issuer"] == "" || flag(cmd, "key") == "" {
		return show.Answer{}, usageError{errors.New("--issuer and --key are required"), exitFailure}
	}
	raw, err := readInput(cmd, flag(cmd, "key"))
	if err != nil {
		return show.Answer{}, err
	}
	keys, err := remote.Keys(raw)
	if err == nil && len(keys) != 1 {
		err = fmt.Errorf("the file holds %d keys, not one", len(keys))
	}
	if err == nil && keys[0].Text("kty") == "oct" {
		err = errors.New("this is a shared secret and no key pair")
	}
	if err != nil {
		return show.Answer{}, fmt.Errorf("--key: %w", err)
	}
	for _, m := range privateMembers {
		delete(keys[0], m)
	}
	body["jwk"] = keys[0]
	if body["expires_at"], err = expiry(cmd, "the trust"); err != nil {
		return show.Answer{}, err
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	answer, err := c.JSON(cmd.Context(), remote.Call{Goal: "trust the issuer", Method: http.MethodPost, Path: trustPath, JSON: body}, &trustRow{})
	if err != nil {
		return show.Answer{}, err
	}
	return trustAnswer(answer)
}

// expiry is when the flags want it to end.
func expiry(cmd *cobra.Command, it string) (time.Time, error) {
	in, err := cmd.Flags().GetDuration("expires-in")
	if err != nil {
		return time.Time{}, err
	}
	text := flag(cmd, "expires-at")
	if (text == "") == (in == 0) {
		return time.Time{}, usageError{fmt.Errorf("say when %s ends: --expires-at or --expires-in", it), exitFailure}
	}
	if in != 0 {
		return time.Now().Add(in).UTC().Truncate(time.Second), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, errors.New("--expires-at is a time such as 2030-01-01T00:00:00Z")
	}
	return at, nil
}

func listTrustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "trusted-issuers", Aliases: []string{"trusted-issuer", "trusted-jwt-grant-issuers"}, Short: "List trusted issuers, page by page.", Args: atMost(0),
		Example: `  hydra list trusted-issuers
  hydra list trusted-issuers --issuer https://ci.example.com -q`,
	}
	pageFlags(cmd)
	cmd.Flags().String("issuer", "", "only with this `iss`")
	return remoteCommand(cmd, adminPort, listTrust)
}

func listTrust(cmd *cobra.Command, _ []string) (show.Answer, error) {
	q := url.Values{}
	if iss := flag(cmd, "issuer"); iss != "" {
		q.Set("issuer", iss)
	}
	list, err := page(cmd, "list the trusted issuers", trustPath, q)
	if err != nil {
		return show.Answer{}, err
	}
	a, err := trustAnswer(list.Items...)
	return list.answer(a), err
}

func getTrustCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "trusted-issuer <id>...", Aliases: []string{"trusted-issuers", "trusted-jwt-grant-issuer"}, Short: "Show trusted issuers.", Args: atLeast(1),
		Example: "  hydra get trusted-issuer 0a1b2c3d-…",
	}, adminPort, getTrust)
}

func getTrust(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	var found []json.RawMessage
	_, failed := each(args, func(id string) error {
		raw, err := c.JSON(cmd.Context(), remote.Call{Goal: "get the trusted issuer " + id, Method: http.MethodGet, Path: trustPath + "/" + remote.Segment(id)}, &trustRow{})
		if err != nil {
			return noSuch(err, "hydra list trusted-issuers")
		}
		found = append(found, raw)
		return nil
	})
	answer, err := trustAnswer(found...)
	return answer, errors.Join(failed, err)
}

func deleteTrustCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "trusted-issuer <id>...", Aliases: []string{"trusted-issuers", "trusted-jwt-grant-issuer"}, Short: "Trust issuers no longer.", Args: atLeast(1),
		Example: "  hydra delete trusted-issuer 0a1b2c3d-…",
	}, adminPort, deleteTrust)
}

func deleteTrust(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	done, err := each(args, func(id string) error {
		_, err := c.Do(cmd.Context(), remote.Call{Goal: "delete the trusted issuer " + id, Method: http.MethodDelete, Path: trustPath + "/" + remote.Segment(id)})
		return noSuch(err, "hydra list trusted-issuers")
	})
	return idsAnswer("ID", done), err
}
