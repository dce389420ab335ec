package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hydra/internal/oauth"
)

// kind is how the text of a flag becomes JSON.
type kind int

const (
	text   kind = iota
	list        // repeated, or with commas
	words       // such a list, joined by spaces
	truth       // a boolean
	object      // JSON
	number
)

// clientMember is a flag for a member of a client's metadata.
type clientMember struct {
	flag, short, member string
	kind                kind
	doc                 string
}

// clientMembers are the members that have a flag. The server knows what is
// the default of one that is not given, but for clientDefaults.
var clientMembers = []clientMember{
	{"name", "n", "client_name", text, "`name` for people"},
	{"owner", "", "owner", text, "who the client belongs to"},
	{"contact", "", "contacts", list, "`address` of somebody responsible"},
	{"metadata", "", "metadata", object, "a JSON `object` that the login app gets to see"},
	{"grant-type", "g", "grant_types", list, "allowed grant `type`"},
	{"response-type", "r", "response_types", list, "allowed response `type`"},
	{"scope", "a", "scope", words, "allowed `scope`"},
	{"audience", "", "audience", list, "allowed `audience` of access tokens"},
	{"redirect-uri", "c", "redirect_uris", list, "allowed redirect `URI`"},
	{"post-logout-callback", "", "post_logout_redirect_uris", list, "`URI` where a browser may go after logout"},
	{"token-endpoint-auth-method", "", "token_endpoint_auth_method", text, "client_secret_basic, client_secret_post, private_key_jwt or none (default client_secret_basic)"},
	{"jwks-uri", "", "jwks_uri", text, "`URL` of the client's public keys"},
	{"policy-uri", "", "policy_uri", text, "`URL` of the privacy policy"},
	{"tos-uri", "", "tos_uri", text, "`URL` of the terms of service"},
	{"client-uri", "", "client_uri", text, "`URL` of a page about the client"},
	{"logo-uri", "", "logo_uri", text, "`URL` of a picture"},
	{"allowed-cors-origin", "", "allowed_cors_origins", list, "`origin` whose pages may call the public API"},
	{"subject-type", "", "subject_type", text, "public or pairwise (default public)"},
	{"sector-identifier-uri", "", "sector_identifier_uri", text, "`URL` of the list of redirect URIs, for pairwise subjects"},
	{"request-uri", "", "request_uris", list, "`URL` of a request object"},
	{"request-object-signing-alg", "", "request_object_signing_alg", text, "`algorithm` of request objects"},
	{"require-signed-request-object", "", "require_signed_request_object", truth, "refuse requests that are no signed request object"},
	{"application-type", "", "application_type", text, "web or native: which redirect URIs it may have"},
	{"default-max-age", "", "default_max_age", number, "`seconds` after which users sign in again, where a request does not say"},
	{"require-auth-time", "", "require_auth_time", truth, "the client needs auth_time in ID tokens, which all have"},
	{"default-acr-values", "", "default_acr_values", list, "`acr` that is asked for where a request does not say"},
	{"access-token-strategy", "", "access_token_strategy", text, "opaque or jwt"},
	{"skip-consent", "", "skip_consent", truth, "tell the consent app that it need not ask"},
	{"skip-logout-consent", "", "skip_logout_consent", truth, "tell the login app that it need not ask before logout"},
	{"backchannel-logout-callback", "", "backchannel_logout_uri", text, "`URL` that is called at logout"},
	{"backchannel-logout-session-required", "", "backchannel_logout_session_required", truth, "name the session there"},
	{"frontchannel-logout-callback", "", "frontchannel_logout_uri", text, "`URL` that is loaded in the browser at logout"},
	{"frontchannel-logout-session-required", "", "frontchannel_logout_session_required", truth, "name the session there"},
}

// clientDefaults are sent unless a flag or a file describes the client: the
// server takes them for granted, and shows a client that has none.
var clientDefaults = map[string][]string{"grant-type": {oauth.GrantAuthorizationCode}, "response-type": {oauth.ResponseCode}}

// earlier are names that flags had in releases before v2.0.
var earlier = map[string]string{
	"callbacks": "redirect-uri", "grant-types": "grant-type", "response-types": "response-type", "post-logout-callbacks": "post-logout-callback",
	"allowed-cors-origins": "allowed-cors-origin", "contacts": "contact", "request-uris": "request-uri", "redirect-uris": "redirect-uri",
}

func clientFlags(f *pflag.FlagSet) {
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if now, ok := earlier[name]; ok {
			name = now
		}
		return pflag.NormalizedName(name)
	})
	for _, m := range clientMembers {
		switch m.kind {
		case list, words:
			doc := m.doc + "; repeatable, or with commas"
			if clientDefaults[m.flag] != nil {
				doc += "; with --file there is no default"
			}
			f.StringSliceP(m.flag, m.short, clientDefaults[m.flag], doc)
		case truth:
			f.Bool(m.flag, false, m.doc)
		case text, object, number:
			f.StringP(m.flag, m.short, "", m.doc)
		}
	}
	f.String("secret", "", "the client's `secret`, or - to read it from standard input; made by the server when absent")
	f.String("file", "", "read the client's metadata from this JSON `file`, or - for standard input")
	for _, name := range []string{"pgp-key", "pgp-key-url", "keybase"} {
		f.String(name, "", "")
		if err := f.MarkHidden(name); err != nil {
			panic(err) // the flag was defined one line above
		}
	}
}

// clientBody is the metadata that the flags and their file describe.
func clientBody(cmd *cobra.Command) (map[string]json.RawMessage, error) {
	for _, name := range []string{"pgp-key", "pgp-key-url", "keybase"} {
		if flag(cmd, name) != "" {
			return nil, advice{fmt.Errorf("--%s is not supported: this program does not encrypt secrets", name),
				"Pipe the answer into a program that does: hydra create oauth2-client … --format json | gpg --encrypt --recipient …"}
		}
	}
	if flag(cmd, "secret") == "-" && flag(cmd, "file") == "-" {
		return nil, errors.New("--secret and --file cannot both be read from the standard input")
	}
	body := map[string]json.RawMessage{}
	if name := flag(cmd, "file"); name != "" {
		raw, err := readInput(cmd, name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &body); err != nil || body == nil {
			if err == nil {
				err = errors.New("it is null")
			}
			return nil, fmt.Errorf("--file %s is no JSON object with a client's metadata: %w", name, err)
		}
	}
	for _, m := range clientMembers {
		isDefault := clientDefaults[m.flag] != nil && flag(cmd, "file") == ""
		if !cmd.Flags().Changed(m.flag) && !isDefault {
			continue
		}
		value, err := m.value(cmd)
		if err != nil {
			return nil, err
		}
		body[m.member] = value
	}
	secret, err := secretFlag(cmd, "secret", "")
	if err != nil {
		return nil, err
	}
	for member, value := range map[string]string{"client_id": flag(cmd, "id"), "client_secret": string(secret)} {
		if value == "" {
			continue
		}
		if body[member], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func (m clientMember) value(cmd *cobra.Command) (json.RawMessage, error) {
	switch m.kind {
	case list, words:
		values, err := cmd.Flags().GetStringSlice(m.flag)
		if err != nil {
			return nil, err
		}
		if m.kind == words {
			return json.Marshal(strings.Join(values, " "))
		}
		return json.Marshal(values)
	case truth:
		return strconv.AppendBool(nil, on(cmd, m.flag)), nil
	case object:
		raw := []byte(flag(cmd, m.flag))
		if !json.Valid(raw) || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
			return nil, fmt.Errorf("--%s is no JSON object", m.flag)
		}
		return raw, nil
	case number:
		n, err := strconv.ParseInt(flag(cmd, m.flag), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--%s is no number", m.flag)
		}
		return strconv.AppendInt(nil, n, 10), nil
	case text:
	}
	return json.Marshal(flag(cmd, m.flag))
}
