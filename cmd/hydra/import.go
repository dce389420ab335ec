package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hydra/internal/remote"
	"hydra/internal/show"
)

// What became of an item that was imported.
const (
	created   = "created"
	updated   = "updated"
	unchanged = "unchanged"
)

// item is one thing out of a file that is to be imported.
type item struct {
	file  string
	place string // "clients.json[3]", for messages
	value map[string]any
}

// results are the outcomes of an import.
type results struct {
	answers []json.RawMessage
	rows    []string // what became of each of them
	files   []string
	failed  []error
}

// importAll puts items into the server, one after the other. One that fails
// does not keep the others out, and neither does a file that was not read.
// While it takes long, a bar shows how far it is.
func importAll(cmd *cobra.Command, items []item, unread []error, put func(item) (json.RawMessage, string, error)) results {
	r := results{failed: unread}
	bar := newProgress(cmd, len(items))
	for i, one := range items {
		answer, result, err := put(one)
		bar.step(i + 1)
		if err != nil {
			r.failed = append(r.failed, fmt.Errorf("%s: %w", one.place, err))
			continue
		}
		r.answers, r.rows, r.files = append(r.answers, answer), append(r.rows, result), append(r.files, one.file)
	}
	bar.end()
	return r
}

func importClientsCommand() *cobra.Command {
	return remoteCommand(&cobra.Command{
		Use: "oauth2-client [<file>...]", Aliases: []string{"client", "clients", "oauth2-clients"}, Short: "Register or update clients from files.",
		Long: `Register clients from JSON files, or from standard input when there is none or
it is called -. A file holds one client, a list of clients, or what "hydra list
oauth2-clients --format json" prints. A client whose client_id exists is
replaced, so that importing twice changes nothing; one without a client_id is
new each time. A client_secret that the client has already leaves its secrets as
they are, and any other becomes its only one. What became of each stands in the
column RESULT; a client that fails, or a file, does not keep the others out.`,
		Example: `  hydra import oauth2-client clients.json more.json
  hydra list oauth2-clients --page-size 500 --format json -e http://old:4445 | hydra import oauth2-client -e http://new:4445`,
	}, adminPort, importClients)
}

func importClients(cmd *cobra.Command, args []string) (show.Answer, error) {
	r, err := putClients(cmd, args)
	if err != nil {
		return show.Answer{}, err
	}
	a, err := clientsAnswer(r.answers...)
	a.Columns = append(append([]string(nil), a.Columns...), "RESULT")
	for i := range a.Rows {
		a.Rows[i] = append(a.Rows[i], r.rows[i])
	}
	return a, errors.Join(append(r.failed, err)...)
}

func putClients(cmd *cobra.Command, args []string) (results, error) {
	items, unread := readItems(cmd, args, clientsOf)
	if len(items) == 0 {
		return results{failed: unread}, nil
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return results{}, errors.Join(append(unread, err)...)
	}
	return importAll(cmd, items, unread, func(i item) (json.RawMessage, string, error) {
		id, _ := i.value["client_id"].(string)
		var before json.RawMessage
		if id != "" {
			before, err = c.JSON(cmd.Context(), remote.Call{Goal: "look for the client " + id, Method: http.MethodGet, Path: clientPath(id)}, &clientRow{})
			if err != nil && !remote.IsStatus(err, http.StatusNotFound) {
				return nil, "", err
			}
		}
		if before == nil {
			raw, err := c.JSON(cmd.Context(), remote.Call{Goal: strings.TrimSpace("create the client " + id), Method: http.MethodPost, Path: clientsPath, JSON: i.value}, &clientRow{})
			return raw, created, err
		}
		return replaceClient(cmd.Context(), c, i, id, before)
	}), nil
}

// replaceClient updates a client, and tells whether that changed anything.
func replaceClient(ctx context.Context, c *remote.Client, i item, id string, before json.RawMessage) (json.RawMessage, string, error) {
	withSecret := i.value["client_secret"] != nil
	var had, has []string
	var err error
	if withSecret {
		if had, err = secretIDs(ctx, c, id); err != nil {
			return nil, "", err
		}
	}
	raw, err := c.JSON(ctx, remote.Call{Goal: "update the client " + id, Method: http.MethodPut, Path: clientPath(id), JSON: i.value}, &clientRow{})
	if err == nil && withSecret {
		has, err = secretIDs(ctx, c, id)
	}
	if err == nil && same(before, raw) && slices.Equal(had, has) {
		return raw, unchanged, nil
	}
	return raw, updated, err
}

// secretIDs names the secrets of a client, which nobody can read back: one that
// is set anew has another name.
func secretIDs(ctx context.Context, c *remote.Client, id string) ([]string, error) {
	var rows []struct {
		ID string `json:"id"`
	}
	_, err := c.JSON(ctx, remote.Call{Goal: "list the secrets of the client " + id, Method: http.MethodGet, Path: clientPath(id) + "/secrets"}, &rows)
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	slices.Sort(ids)
	return ids, err
}

// same reports whether two descriptions of a client say the same, but for the
// time of the change and the secret, which only the answer to a change has.
func same(a, b []byte) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	for _, member := range []string{"updated_at", "client_secret"} {
		delete(x, member)
		delete(y, member)
	}
	return reflect.DeepEqual(x, y)
}

// clientsOf reads what a file of clients holds.
func clientsOf(raw []byte) ([]map[string]any, error) {
	var page struct {
		Items []map[string]any `json:"items"`
	}
	var list []map[string]any
	var one map[string]any
	switch trimmed := bytes.TrimSpace(raw); {
	case len(trimmed) > 0 && trimmed[0] == '[':
		if err := decode(raw, &list); err != nil {
			return nil, fmt.Errorf("this is no list of clients: %w", err)
		}
	case decode(raw, &page) == nil && page.Items != nil:
		list = page.Items
	default:
		if err := decode(raw, &one); err != nil {
			return nil, fmt.Errorf("this is no client in JSON form: %w", err)
		}
		list = []map[string]any{one}
	}
	for i, c := range list {
		if len(c) == 0 {
			return nil, fmt.Errorf("entry %d is no client", i+1)
		}
	}
	return list, nil
}

// decode keeps numbers as they are.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end")
	}
	return nil
}

// readItems reads all files before anything is done. One that cannot be read,
// or holds something else, does not keep the others out.
func readItems(cmd *cobra.Command, files []string, read func([]byte) ([]map[string]any, error)) (items []item, unread []error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		raw, err := readInput(cmd, name)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		values, err := read(raw)
		if name == "-" {
			name = "standard input"
		}
		if err != nil {
			unread = append(unread, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for i, v := range values {
			place := name
			if len(values) > 1 {
				place = fmt.Sprintf("%s[%d]", name, i)
			}
			items = append(items, item{name, place, v})
		}
	}
	return items, unread
}

func importKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "jwk <set> [<file>...]", Aliases: []string{"jwks"}, Short: "Put keys from files into a key set.", Args: atLeast(1),
		Long: `Put keys from files, or from standard input, into a key set: JSON Web Keys or
sets, PEM, or DER; private keys, public keys and certificates. A key without an
id gets its thumbprint (RFC 7638) as one. A key whose id exists in the set is
replaced, so that importing twice changes nothing; the other keys stay. The
public half of a private key that is in the set, or its certificate, changes
nothing, and a public key does not replace the private key of another. What
became of each stands in the column RESULT; a key that fails, or a file, does not
keep the others out.`,
		Example: `  hydra import jwk my-set key.pem --alg PS256
  openssl genpkey -algorithm ed25519 | hydra import jwk my-set`,
	}
	cmd.Flags().StringP("alg", "a", "", "`algorithm` of the keys; by default what they name, or RS256, ES256, ES384, ES512 or EdDSA, as the key is")
	cmd.Flags().StringP("use", "u", "sig", "sig or enc, of keys that name none")
	cmd.Flags().String("default-key-id", "", "`id` of a key that has none, in place of its thumbprint; for one key")
	return remoteCommand(cmd, adminPort, importKeys)
}

func importKeys(cmd *cobra.Command, args []string) (show.Answer, error) {
	r, err := putKeys(cmd, args)
	if err != nil {
		return show.Answer{}, err
	}
	a, err := keysAnswer(false, keySet{Set: args[0], Keys: r.answers}) // which are public parts, also of symmetric keys
	a.Columns = append(append([]string(nil), a.Columns...), "RESULT")
	for i := range a.Rows {
		a.Rows[i] = append(a.Rows[i], r.rows[i])
	}
	return a, errors.Join(append(r.failed, err)...)
}

func putKeys(cmd *cobra.Command, args []string) (results, error) {
	set := args[0]
	items, unread := readItems(cmd, args[1:], func(raw []byte) ([]map[string]any, error) {
		keys, err := remote.Keys(raw)
		var out []map[string]any
		for _, k := range keys {
			out = append(out, k)
		}
		return out, err
	})
	if len(items) == 0 {
		return results{failed: unread}, nil
	}
	if id := flag(cmd, "default-key-id"); id != "" {
		if len(items) > 1 {
			return results{}, errors.New("--default-key-id is for one key, and the files hold several")
		}
		items[0].value["kid"] = id
	}
	c, err := connect(cmd, adminPort)
	if err != nil {
		return results{}, errors.Join(append(unread, err)...)
	}
	var stored struct {
		Keys []remote.JWK `json:"keys"`
	}
	_, err = c.JSON(cmd.Context(), remote.Call{Goal: "get the key set " + set, Method: http.MethodGet, Path: keysPath + remote.Segment(set)}, &stored)
	if err != nil && !remote.IsStatus(err, http.StatusNotFound) {
		return results{}, errors.Join(append(unread, err)...)
	}
	there := map[string]remote.JWK{}
	for _, k := range stored.Keys {
		there[k.Text("kid")] = k
	}
	return importAll(cmd, items, unread, func(i item) (json.RawMessage, string, error) {
		k := remote.JWK(i.value)
		if k.Text("use") == "" && k["key_ops"] == nil {
			k["use"] = flag(cmd, "use")
		}
		if alg := flag(cmd, "alg"); alg != "" {
			if !k.Fits(alg) {
				return nil, "", fmt.Errorf("the algorithm %s does not go with a key of the type %s", alg, k.Text("kty"))
			}
			k["alg"] = alg
		}
		kid := k.Text("kid")
		old := there[kid]
		if isPrivate(old) && !isPrivate(k) {
			if !sameKey(old, k) {
				return nil, "", fmt.Errorf("the set has another key with the id %s, a private one, which a public key does not replace", kid)
			}
			raw, err := publicPart(old)
			return raw, unchanged, err
		}
		var after remote.JWK
		_, err := c.JSON(cmd.Context(), remote.Call{Goal: "put the key " + kid, Method: http.MethodPut, Path: keysPath + remote.Segment(set) + "/" + remote.Segment(kid), JSON: k}, &after)
		if err != nil {
			return nil, "", err
		}
		there[kid] = after // the files may hold it again
		result := updated
		switch {
		case old == nil:
			result = created
		case reflect.DeepEqual(old, after):
			result = unchanged
		}
		raw, err := publicPart(after)
		return raw, result, err
	}), nil
}

// progress is a bar on a terminal, for what takes longer than a second.
type progress struct {
	to          io.Writer // nil where nobody looks on
	now         func() time.Time
	began, drew time.Time
	total       int
	unit        string // of what is counted, with a blank before it
}

func newProgress(cmd *cobra.Command, total int) *progress {
	p := &progress{now: time.Now, began: time.Now(), total: total}
	if f, ok := cmd.ErrOrStderr().(*os.File); ok && !on(cmd, "quiet") {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.to = f
		}
	}
	return p
}

// step tells how many of all are done.
func (p *progress) step(done int) {
	now := p.now()
	if p.to == nil || now.Sub(p.began) < time.Second || now.Sub(p.drew) < 100*time.Millisecond {
		return
	}
	p.drew = now
	const width = 40
	filled := width * done / p.total
	fmt.Fprintf(p.to, "\r[%s%s] %d of %d%s", strings.Repeat("#", filled), strings.Repeat(".", width-filled), done, p.total, p.unit)
}

// end takes the bar away.
func (p *progress) end() {
	if !p.drew.IsZero() {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
