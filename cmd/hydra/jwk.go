package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

var keyColumns = []string{"SET ID", "KEY ID", "ALGORITHM", "USE"}

// keySet is a key set of the server, as it is shown to programs: a JWK Set
// (RFC 7517 §5) with its name.
type keySet struct {
	Set  string            `json:"set"`
	Keys []json.RawMessage `json:"keys"`
}

// privateMembers are those of a JWK that are secret (RFC 7518 §6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// isPrivate reports whether something of a key is secret.
func isPrivate(k remote.JWK) bool {
	return slices.ContainsFunc(privateMembers, func(member string) bool { return k[member] != nil })
}

// publicPart is a key without what is secret: of a symmetric key, its name and
// what it is for.
func publicPart(k remote.JWK) (json.RawMessage, error) {
	k = maps.Clone(k)
	for _, m := range privateMembers {
		delete(k, m)
	}
	return json.Marshal(k)
}

// sameKey reports whether two keys are halves of one, or the same half.
func sameKey(a, b remote.JWK) bool {
	x, err := a.Thumbprint()
	if err != nil {
		return false
	}
	y, err := b.Thumbprint()
	return err == nil && x == y
}

// keysAnswer shows key sets; of their keys only the public half if so asked.
func keysAnswer(publicOnly bool, sets ...keySet) (show.Answer, error) {
	a := show.Answer{Columns: keyColumns}
	for i := range sets {
		keys := []json.RawMessage{}
		for _, raw := range sets[i].Keys {
			var k remote.JWK
			if err := json.Unmarshal(raw, &k); err != nil {
				return a, err
			}
			if publicOnly {
				if k.Text("kty") == "oct" {
					continue // all of it is secret
				}
				var err error
				if raw, err = publicPart(k); err != nil {
					return a, err
				}
			}
			keys = append(keys, raw)
			a.IDs = append(a.IDs, k.Text("kid"))
			a.Rows = append(a.Rows, []string{sets[i].Set, k.Text("kid"), k.Text("alg"), k.Text("use")})
		}
		sets[i].Keys = keys
	}
	a.One, a.Value = len(a.Rows) == 1, sets
	if len(sets) == 1 {
		a.Value = sets[0]
	}
	return a, nil
}

const keysPath = "/admin/keys/"

func createKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "jwk <set> [<key-id>]", Aliases: []string{"jwks"}, Short: "Make a new key in a key set.", Args: between(1, 2),
		Long: `Make a new key, or key pair, in a key set; the set comes to be with its first
key. To rotate the server's own signing keys use "hydra keys rotate".`,
		Example: `  hydra create jwk my-set --alg ES256
  hydra create jwk my-set my-key --alg RS256 --use enc --public --format json`,
	}
	keyFlags(cmd)
	cmd.Flags().Bool("public", false, "show the public half only")
	return remoteCommand(cmd, adminPort, createKeys)
}

func keyFlags(cmd *cobra.Command) {
	cmd.Flags().StringP("alg", "a", "RS256", "`algorithm`: RS, PS or ES with 256, 384 or 512; EdDSA; HS256 or HS512")
	cmd.Flags().StringP("use", "u", "sig", "sig or enc")
}

func createKeys(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	body := map[string]string{"alg": flag(cmd, "alg"), "use": flag(cmd, "use")}
	if len(args) > 1 {
		body["kid"] = args[1]
	}
	set := keySet{Set: args[0]}
	_, err = c.JSON(cmd.Context(), remote.Call{Goal: "make a key in the set " + args[0], Method: http.MethodPost, Path: keysPath + remote.Segment(args[0]), JSON: body}, &set)
	if err != nil {
		return show.Answer{}, err
	}
	return keysAnswer(on(cmd, "public"), set)
}

func getKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "jwk <set>...", Aliases: []string{"jwks"}, Short: "Show key sets.", Args: atLeast(1),
		Long: "Show key sets. In other formats than the table the keys are shown in full, with their private parts, unless --public is there.",
		Example: `  hydra get jwk hydra.openid.id-token
  hydra get jwk my-set --public --format json-pretty`,
	}
	cmd.Flags().Bool("public", false, "show the public half only")
	return remoteCommand(cmd, adminPort, getKeys)
}

func getKeys(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	var found []keySet
	_, failed := each(args, func(name string) error {
		set := keySet{Set: name}
		_, err := c.JSON(cmd.Context(), remote.Call{Goal: "get the key set " + name, Method: http.MethodGet, Path: keysPath + remote.Segment(name)}, &set)
		if err != nil {
			return err
		}
		set.Set = name // whatever the answer says
		found = append(found, set)
		return nil
	})
	if len(found) == 0 {
		return show.Answer{}, failed
	}
	a, err := keysAnswer(on(cmd, "public"), found...)
	return a, errors.Join(failed, err)
}

func deleteKeysCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "jwk <set>...", Aliases: []string{"jwks"}, Short: "Delete key sets.", Args: atLeast(1),
		Long:    "Delete key sets with all of their keys. It is no error when a set is not there.",
		Example: "  hydra delete jwk my-set",
	}, adminPort, deleteKeys)
}

func deleteKeys(cmd *cobra.Command, args []string) (show.Answer, error) {
	c, err := connect(cmd, adminPort)
	if err != nil {
		return show.Answer{}, err
	}
	done, err := each(args, func(name string) error {
		_, err := c.Do(cmd.Context(), remote.Call{Goal: "delete the key set " + name, Method: http.MethodDelete, Path: keysPath + remote.Segment(name)})
		return err
	})
	return idsAnswer("SET ID", done), err
}
