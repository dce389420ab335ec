package admin

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/key"
)

// Row 24: what v2 shows of a pair can be sent back, as a set and as one key, and
// leaves the pair a pair: tokens that it signed name "public:x".
func TestPairsSentBackInV2(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const set = "hydra.openid.id-token"
	a.call("POST", "/keys/"+set, `{"alg":"ES256","use":"sig","kid":"x"}`).is(201)
	a.call("PUT", "/keys/"+set+"/imported", named(edKey, "imported")).is(200)
	stored := a.call("GET", "/keys/"+set, "").is(200)
	published, err := a.keys.PublicJWKS(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	unchanged := func(what string) {
		t.Helper()
		if diff := cmp.Diff(string(stored.body), string(a.call("GET", "/keys/"+set, "").is(200).body)); diff != "" {
			t.Errorf("%s changes what is stored (-before +after):\n%s", what, diff)
		}
		now, err := a.keys.PublicJWKS(t.Context(), set)
		if diff := cmp.Diff(string(published), string(now)); err != nil || diff != "" {
			t.Errorf("%s changes what is published: %v (-before +after):\n%s", what, err, diff)
		}
	}
	shown := a.call("GET", "/admin/keys/"+set, "").is(200)
	put := a.call("PUT", "/admin/keys/"+set, string(shown.body)).is(200)
	if diff := cmp.Diff(shown.object(), put.object()); diff != "" {
		t.Errorf("the set sent back is answered with (-sent +answered):\n%s", diff)
	}
	unchanged("a set that is sent back")
	for _, kid := range []string{"x", "imported"} {
		keys, _ := a.call("GET", "/admin/keys/"+set+"/"+kid, "").is(200).keys()
		one, err := json.Marshal(keys[0])
		if err != nil {
			t.Fatal(err)
		}
		put := a.call("PUT", "/admin/keys/"+set+"/"+kid, string(one)).is(200)
		if diff := cmp.Diff(keys[0], put.object()); diff != "" {
			t.Errorf("the key %s sent back is answered with (-sent +answered):\n%s", kid, diff)
		}
		unchanged("the key " + kid + " sent back")
	}
}

// Row 24: in v2 a key x stands for the pair where there is one; any other name
// is stored as it is, as all of them are elsewhere.
func TestNamesOfKeysThatArePut(t *testing.T) {
	t.Parallel()
	const public = `{"kty":"OKP","crv":"Ed25519","kid":"%","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for name, test := range map[string]struct {
		path, body string
		want       []string // kids as they are stored
	}{
		"v2, another key for the pair":       {"/admin/keys/set/x", named(edKey, "x"), []string{"private:x", "public:x"}},
		"v2, the name from the path":         {"/admin/keys/set/x", strings.Replace(edKey, `"kid":"%",`, "", 1), []string{"private:x", "public:x"}},
		"v2, a public key for the pair":      {"/admin/keys/set/x", named(public, "x"), []string{"public:x"}},
		"v2, a symmetric key for the pair":   {"/admin/keys/set/x", named(octKey, "x"), []string{"private:x"}},
		"v2, a half":                         {"/admin/keys/set/private:x", named(edKey, "private:x"), []string{"private:x", "public:x"}},
		"v2, no pair of this name":           {"/admin/keys/set/y", named(edKey, "y"), []string{"private:x", "public:x", "y"}},
		"v1, a key beside the pair":          {"/keys/set/x", named(edKey, "x"), []string{"private:x", "public:x", "x"}},
		"v2, set: another key for the pair":  {"/admin/keys/set", setOf(named(edKey, "x")), []string{"private:x", "public:x"}},
		"v2, set: the pair and a new key":    {"/admin/keys/set", setOf(named(edKey, "x"), named(ecKey, "y")), []string{"private:x", "public:x", "y"}},
		"v2, set: a public key for the pair": {"/admin/keys/set", setOf(named(public, "x")), []string{"public:x"}},
		"v2, set: halves by their names":     {"/admin/keys/set", setOf(named(edKey, "private:x"), named(public, "public:x")), []string{"private:x", "public:x"}},
		"v2, set: a half beside x":           {"/admin/keys/set", setOf(named(edKey, "x"), named(public, "public:x")), []string{"public:x", "x"}},
		"v1, set: a key in place of a pair":  {"/keys/set", setOf(named(edKey, "x")), []string{"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			a.call("POST", "/keys/set", `{"alg":"EdDSA","use":"sig","kid":"x"}`).is(201)
			a.call("PUT", test.path, test.body).is(200)
			_, kids := a.call("GET", "/keys/set", "").is(200).keys()
			slices.Sort(kids)
			if !slices.Equal(kids, test.want) {
				t.Errorf("stored are %q, want %q", kids, test.want)
			}
		})
	}
}

// Pairs count as the two keys that they are.
func TestPairsFillASet(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.call("POST", "/keys/set", `{"alg":"EdDSA","kid":"x"}`).is(201)
	keys := []string{named(edKey, "x")}
	for len(keys) < key.MaxKeys {
		keys = append(keys, named(octKey, "k"+strconv.Itoa(len(keys))))
	}
	a.call("PUT", "/admin/keys/set", setOf(keys...)).brief(400, "invalid_request")
	a.call("PUT", "/admin/keys/set", setOf(keys[:key.MaxKeys-1]...)).is(200)
	a.call("PUT", "/admin/keys/set/x", named(edKey, "x")).is(200)
	a.call("DELETE", "/keys/set/public:x", "").is(204)
	a.call("PUT", "/keys/set/last", named(octKey, "last")).is(200)
	a.call("PUT", "/admin/keys/set/x", named(edKey, "x")).brief(400, "invalid_request")
}
