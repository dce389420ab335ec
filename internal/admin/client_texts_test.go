package admin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hydra/internal/oauth"
)

// Whatever is kept, a list is what encoding/json makes of its clients.
func TestClientTexts(t *testing.T) {
	t.Parallel()
	var texts clientTexts
	clients := []*oauth.Client{{ID: "a", Name: `<&> "x"`}, {ID: "b", Metadata: json.RawMessage(`{"k":[1,{}]}`)}, {ID: "c", Name: strings.Repeat("n", maxTextSize)}}
	for i := range maxTexts {
		clients = append(clients, &oauth.Client{ID: fmt.Sprint("many-", i)})
	}
	for _, list := range [][]*oauth.Client{nil, clients[:1], clients, clients} {
		got, err := texts.list(list)
		if err != nil {
			t.Fatal(err)
		}
		want := []any{}
		for _, c := range list {
			want = append(want, ClientJSON(c))
		}
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(want); err != nil {
			t.Fatal(err)
		}
		if string(got) != strings.TrimSuffix(b.String(), "\n") {
			t.Errorf("the list of %d clients is %.300s, want %.300s", len(list), got, b.String())
		}
	}
	if n := len(texts.texts); n > maxTexts {
		t.Errorf("%d texts are kept, want at most %d", n, maxTexts)
	}
}
