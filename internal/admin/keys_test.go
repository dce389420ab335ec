package admin

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Published examples: RFC 8037 §A.1, RFC 7517 §A.1 and §A.3.
const (
	edKey      = `{"kty":"OKP","crv":"Ed25519","kid":"%","use":"sig","alg":"EdDSA","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	ecKey      = `{"kty":"EC","crv":"P-256","kid":"%","use":"enc","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`
	octKey     = `{"kty":"oct","kid":"%","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}`
	brokenEC   = `{"kty":"EC","crv":"P-256","kid":"%","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"}`
	unknownKty = `{"kty":"XYZ","kid":"%"}`
)

func named(key, kid string) string { return strings.Replace(key, "%", kid, 1) }

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// keys returns the members of a key set, with each kid in order.
func (r answer) keys() (members []map[string]any, kids []string) {
	r.t.Helper()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(r.body, &set); err != nil || set.Keys == nil {
		r.t.Fatalf("%s = %s: %v", r.what, r.body, err)
	}
	for _, k := range set.Keys {
		kid, _ := k["kid"].(string)
		kids = append(kids, kid)
	}
	return set.Keys, kids
}

// The wire format of a set; PUT replaces, answers with the set, and the first
// key counts as the newest.
func TestKeySetWireFormat(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := setOf(named(edKey, "ed"), named(ecKey, "ec"), named(octKey, "oct"))
	put := a.call("PUT", "/keys/set", body).is(200)
	golden(t, "key_set.json", put.body)
	read := a.call("GET", "/keys/set", "").is(200)
	if diff := cmp.Diff(string(put.body), string(read.body)); diff != "" {
		t.Errorf("read back (-put +read):\n%s", diff)
	}
	a.call("PUT", "/keys/set", setOf(named(edKey, "other"))).is(200)
	if _, kids := a.call("GET", "/keys/set", "").keys(); !slices.Equal(kids, []string{"other"}) {
		t.Errorf("after another PUT: %q", kids)
	}
	golden(t, "key.json", a.call("PUT", "/keys/set/oct", named(octKey, "oct")).is(200).body)
}

// Contract cases 218 to 221.
func TestOneKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	created := a.call("POST", "/keys/set-foo", `{"alg":"HS256","kid":"key-bar","use":"sig"}`).is(201)
	if got := created.header.Get("Location"); got != "/keys/set-foo" {
		t.Errorf("Location = %q", got)
	}
	keys, _ := created.keys()
	if len(keys) != 1 || keys[0]["kid"] != "key-bar" || keys[0]["alg"] != "HS256" || keys[0]["use"] != "sig" || keys[0]["kty"] != "oct" {
		t.Errorf("created = %s", created.body)
	}
	read := a.call("GET", "/keys/set-foo/key-bar", "").is(200)
	if string(read.body) != string(created.body) {
		t.Errorf("read %s, created %s", read.body, created.body)
	}
	keys[0]["alg"] = "ES256" // the original's own test does it: the name is only stored
	changed, err := json.Marshal(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if k := a.call("PUT", "/keys/set-foo/key-bar", string(changed)).is(200).object(); k["alg"] != "ES256" || k["kid"] != "key-bar" {
		t.Errorf("updated = %v", k)
	}
	if keys, _ := a.call("GET", "/keys/set-foo/key-bar", "").keys(); keys[0]["alg"] != "ES256" {
		t.Errorf("read = %v", keys)
	}
	a.call("DELETE", "/keys/set-foo/key-bar", "").is(204)
	a.call("GET", "/keys/set-foo/key-bar", "").refused(404, "not_found")
	a.call("GET", "/keys/set-foo", "").refused(404, "not_found")
	a.call("DELETE", "/keys/set-foo/key-bar", "").is(204)
}

// Contract case 222.
func TestKeySetLife(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	created := a.call("POST", "/keys/set", `{"alg":"HS256","kid":"k"}`).is(201)
	a.call("GET", "/keys/set", "").is(200)
	echoed := a.call("PUT", "/keys/set", string(created.body)).is(200)
	if string(echoed.body) != string(created.body) {
		t.Errorf("PUT = %s, want %s", echoed.body, created.body)
	}
	a.call("DELETE", "/keys/set", "").is(204)
	a.call("GET", "/keys/set", "").refused(404, "not_found")
	a.call("GET", "/keys/set/k", "").refused(404, "not_found")
	a.call("DELETE", "/keys/set", "").is(204)
}

// Contract case 223: what is published has the public half and no other.
func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	created := a.call("POST", "/keys/hydra.openid.id-token", `{"alg":"RS256","kid":"test-id","use":"sig"}`).is(201)
	keys, kids := created.keys()
	if !slices.Contains(kids, "private:test-id") || !slices.Contains(kids, "public:test-id") {
		t.Fatalf("kids = %q", kids)
	}
	raw, err := a.keys.PublicJWKS(t.Context(), "hydra.openid.id-token")
	if err != nil {
		t.Fatal(err)
	}
	published, publishedKIDs := answer{t: t, body: raw}.keys()
	if !slices.Equal(publishedKIDs, []string{"public:test-id"}) {
		t.Fatalf("published = %q", publishedKIDs)
	}
	if diff := cmp.Diff(keys[slices.Index(kids, "public:test-id")], published[0]); diff != "" {
		t.Errorf("published (-generated +published):\n%s", diff)
	}
	if got, want := sortedKeys(published[0]), []string{"alg", "e", "kid", "kty", "n", "use"}; !slices.Equal(got, want) {
		t.Errorf("published members = %q, want %q", got, want)
	}
}

// Contract cases 224 and 225: newest first, and one key goes alone.
func TestKeyOrder(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for i, kid := range []string{"one", "two", "three"} {
		at := noon.Add(time.Duration(i) * time.Second)
		a.now.Store(&at)
		a.call("POST", "/keys/set", `{"alg":"HS256","kid":"`+kid+`"}`).is(201)
	}
	if _, kids := a.call("GET", "/keys/set", "").keys(); !slices.Equal(kids, []string{"three", "two", "one"}) {
		t.Errorf("kids = %q, want the newest first", kids)
	}
	a.call("DELETE", "/keys/set/two", "").is(204)
	a.call("GET", "/keys/set/two", "").refused(404, "not_found")
	if _, kids := a.call("GET", "/keys/set", "").keys(); !slices.Equal(kids, []string{"three", "one"}) {
		t.Errorf("kids = %q", kids)
	}
}

// Contract case 230, and the prefixes of case 229.
func TestGenerators(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, test := range []struct {
		alg, kty string
		kids     []string
	}{
		{"RS256", "RSA", []string{"public:k", "private:k"}},
		{"ES256", "EC", []string{"public:k", "private:k"}},
		{"ES512", "EC", []string{"public:k", "private:k"}},
		{"EdDSA", "OKP", []string{"public:k", "private:k"}},
		{"HS256", "oct", []string{"k"}},
		{"HS512", "oct", []string{"k"}},
	} {
		r := a.call("POST", "/keys/"+test.alg, `{"alg":"`+test.alg+`","kid":"k","use":"whatever"}`).is(201)
		keys, kids := r.keys()
		if !slices.Equal(kids, test.kids) {
			t.Errorf("%s: kids = %q, want %q", test.alg, kids, test.kids)
		}
		for _, k := range keys {
			if k["kty"] != test.kty || k["use"] != "whatever" {
				t.Errorf("%s: %v", test.alg, k)
			}
			if _, private := k["d"]; private != (k["kid"] == "private:k") {
				t.Errorf("%s: private part of %v: %t", test.alg, k["kid"], private)
			}
		}
	}
	// Without a kid both halves get the same UUID.
	_, kids := a.call("POST", "/keys/set", `{"alg":"EdDSA"}`).is(201).keys()
	public, _ := strings.CutPrefix(kids[0], "public:")
	private, _ := strings.CutPrefix(kids[1], "private:")
	if public != private || len(public) != 36 {
		t.Errorf("kids = %q", kids)
	}
}

// Contract cases 231 and 232; what a body may not be.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.call("POST", "/keys/set", `{"alg":"HS256","kid":"k"}`).is(201)
	a.call("POST", "/keys/set", `{"alg":"HS512","kid":"k"}`).refused(409, "conflict")
	a.call("POST", "/keys/set", `{"alg":"EdDSA","kid":"pair"}`).is(201)
	a.call("POST", "/keys/set", `{"alg":"ES256","kid":"pair"}`).refused(409, "conflict")
	for name, request := range map[string][3]string{
		"unknown alg":             {"POST", "/keys/set", `{"alg":"foo"}`},
		"alg none":                {"POST", "/keys/set", `{"alg":"none"}`},
		"no alg":                  {"POST", "/keys/set", `{}`},
		"alg is a number":         {"POST", "/keys/set", `{"alg":256}`},
		"generate from nothing":   {"POST", "/keys/set", ``},
		"generate from bad JSON":  {"POST", "/keys/set", `{"alg"`},
		"long kid":                {"POST", "/keys/set", `{"alg":"HS256","kid":"` + strings.Repeat("x", 600) + `"}`},
		"set from nothing":        {"PUT", "/keys/set", ``},
		"set from bad JSON":       {"PUT", "/keys/set", `{"keys":[`},
		"set is an array":         {"PUT", "/keys/set", `[]`},
		"set without keys":        {"PUT", "/keys/set", `{}`},
		"keys is an object":       {"PUT", "/keys/set", `{"keys":{}}`},
		"a kid twice":             {"PUT", "/keys/set", setOf(named(edKey, "a"), named(octKey, "a"))},
		"a key without a kid":     {"PUT", "/keys/set", setOf(named(edKey, ""))},
		"point off the curve":     {"PUT", "/keys/set", setOf(named(brokenEC, "a"))},
		"unknown key type":        {"PUT", "/keys/set", setOf(named(unknownKty, "a"))},
		"one good, one unknown":   {"PUT", "/keys/set", setOf(named(edKey, "a"), named(unknownKty, "b"))},
		"key from nothing":        {"PUT", "/keys/set/k", ``},
		"key from bad JSON":       {"PUT", "/keys/set/k", `{`},
		"key is a set":            {"PUT", "/keys/set/k", setOf(named(octKey, "k"))},
		"key of another kid":      {"PUT", "/keys/set/k", named(octKey, "other")},
		"key with a member twice": {"PUT", "/keys/set/k", `{"kty":"oct","kid":"k","k":"AAAA","k":"BBBB"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a.on(t).call(request[0], request[1], request[2]).refused(400, "invalid_request")
		})
	}
	_, kids := a.call("GET", "/keys/set", "").keys()
	slices.Sort(kids)
	if !slices.Equal(kids, []string{"k", "private:pair", "public:pair"}) {
		t.Errorf("something was written: %q", kids)
	}
	a.call("POST", "/keys/set", `{"kid":"`+strings.Repeat("x", 1<<20)+`"}`).is(413)
}

// A key that is put where there is none is added.
func TestPutKeyAdds(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.call("PUT", "/keys/new/ed", named(edKey, "ed")).is(200)
	a.call("PUT", "/keys/new/ec", strings.Replace(ecKey, `"kid":"%",`, "", 1)).is(200) // the path names it
	if _, kids := a.call("GET", "/keys/new", "").keys(); len(kids) != 2 || !slices.Contains(kids, "ec") {
		t.Errorf("kids = %q", kids)
	}
}

// Sets and keys are named by any text.
func TestKeyNames(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	all := []string{"a/b", "a%2Fb", "a b", "a+b", "😀", "ä", "a\u0308", "A", "a", "?x#y", "..", ":", "https://op.example/keys"}
	for _, name := range all {
		kid, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		path := "/keys/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
		location := a.call("POST", path, `{"alg":"HS256","kid":`+string(kid)+`}`).is(201).header.Get("Location")
		if _, kids := a.call("GET", location, "").is(200).keys(); !slices.Equal(kids, []string{name}) {
			t.Errorf("GET %s = %q", location, kids)
		}
	}
	for _, name := range all {
		path := "/keys/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
		one := path + "/" + strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
		if _, kids := a.call("GET", one, "").is(200).keys(); !slices.Equal(kids, []string{name}) {
			t.Errorf("GET %s = %q", one, kids)
		}
		a.call("DELETE", path, "").is(204)
		a.call("GET", one, "").refused(404, "not_found")
	}
}
