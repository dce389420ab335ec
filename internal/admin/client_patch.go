package admin

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"hydra/internal/oauth"
)

// fixedMembers are those that no patch may touch: what identifies the client
// and what only the server says.
var fixedMembers = []string{
	"client_id", "client_secret_expires_at", "created_at", "updated_at", "self_registered",
	"registration_access_token", "registration_client_uri",
}

// clientMembers are the members of a client, as its JSON has them.
var clientMembers = membersOf(reflect.TypeFor[clientJSON]())

func membersOf(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			names = append(names, membersOf(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// patchClient applies a patch to a client and returns the secret that it sets,
// if any. The document is the client's JSON with every member, also those that
// an answer leaves out because they are not set.
func patchClient(c *oauth.Client, patch []patchOperation) (oauth.Secret, error) {
	before, err := json.Marshal(encodeClient(c, ""))
	if err != nil {
		return "", err
	}
	decoded, err := decodeAny(before)
	if err != nil {
		return "", err
	}
	document, _ := decoded.(map[string]any)
	for _, name := range clientMembers {
		if _, ok := document[name]; !ok {
			document[name] = nil
		}
	}
	if document["metadata"] == nil {
		document["metadata"] = map[string]any{}
	}
	for i, op := range patch {
		if op.takes("/client_secret") {
			return "", wrongPatch(i, "the client_secret can be set, but neither read nor removed.")
		}
	}
	p := &patcher{document: document, may: func(path []string) bool {
		return len(path) > 0 && slices.Contains(clientMembers, path[0]) && !slices.Contains(fixedMembers, path[0])
	}}
	if err := p.apply(patch); err != nil {
		return "", err
	}
	var after bytes.Buffer
	e := json.NewEncoder(&after)
	e.SetEscapeHTML(false) // what the operator wrote stays as it is
	if err := e.Encode(p.document); err != nil {
		return "", err
	}
	var body clientJSON
	if err := json.Unmarshal(after.Bytes(), &body); err != nil {
		return "", oauth.InvalidRequest.Hint("After the patch a member of the client has a value of the wrong type.").Because(err)
	}
	changed := body.client()
	if string(changed.Metadata) == "{}" && c.Metadata == nil {
		changed.Metadata = nil
	}
	changed.UID, changed.ID = c.UID, c.ID
	*c = *changed
	return oauth.Secret(body.Secret), nil
}
