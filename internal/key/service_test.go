package key

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

func mustGenerate(t *testing.T, s *Service, set, alg, kid string) []JWK {
	t.Helper()
	keys, err := s.Generate(t.Context(), set, alg, "sig", kid)
	if err != nil {
		t.Fatalf("Generate(%s) = %v", alg, err)
	}
	return keys
}

func kids(keys []JWK) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.KID)
	}
	return out
}

func setJSON(keys ...JWK) json.RawMessage {
	var list []json.RawMessage
	for _, k := range keys {
		list = append(list, k.JSON)
	}
	raw, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		panic(err)
	}
	return raw
}

// with changes members of a key; nil removes one.
func with(t *testing.T, k JWK, changes map[string]any) json.RawMessage {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(k.JSON, &members); err != nil {
		t.Fatal(err)
	}
	for name, v := range changes {
		members[name] = v
		if v == nil {
			delete(members, name)
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Contract cases 218 and 230: pair types give two keys, the symmetric ones one;
// use is copied; every key names its algorithm.
func TestGenerate(t *testing.T) {
	t.Parallel()
	pair, single := []string{"public:a/b %", "private:a/b %"}, []string{"a/b %"}
	for alg, want := range map[string]struct {
		kids    []string
		members []string // of the private or symmetric key, beside alg, kid, kty and use
	}{
		"RS256": {pair, []string{"d", "dp", "dq", "e", "n", "p", "q", "qi"}},
		"PS384": {pair, []string{"d", "dp", "dq", "e", "n", "p", "q", "qi"}},
		"ES256": {pair, []string{"crv", "d", "x", "y"}},
		"ES384": {pair, []string{"crv", "d", "x", "y"}},
		"ES512": {pair, []string{"crv", "d", "x", "y"}},
		"EdDSA": {pair, []string{"crv", "d", "x"}},
		"HS256": {single, []string{"k"}},
		"HS384": {single, []string{"k"}},
		"HS512": {single, []string{"k"}},
	} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			s, _, _ := newService(t)
			keys, err := s.Generate(t.Context(), "a set/with %", alg, "whatever", "a/b %")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.kids, kids(keys)); diff != "" {
				t.Errorf("kids (-want +got):\n%s", diff)
			}
			for i, k := range keys {
				var members map[string]string
				if err := json.Unmarshal(k.JSON, &members); err != nil {
					t.Fatal(err)
				}
				if k.Alg != alg || members["alg"] != alg || k.Use != "whatever" || members["use"] != "whatever" || members["kid"] != k.KID {
					t.Errorf("key %q: alg %q, use %q, JSON %v", k.KID, k.Alg, k.Use, members)
				}
				last := i == len(keys)-1
				if k.Private != last {
					t.Errorf("key %q: Private = %v, want %v", k.KID, k.Private, last)
				}
				for _, name := range want.members {
					secretPart := name != "e" && name != "n" && name != "x" && name != "y" && name != "crv"
					if (members[name] != "") != (last || !secretPart) {
						t.Errorf("key %q has member %s: %q", k.KID, name, members[name])
					}
				}
				if n := symmetricSize[alg]; n > 0 && len(members["k"]) != (n*8+5)/6 {
					t.Errorf("a %s key of %d characters, want %d bytes", alg, len(members["k"]), n)
				}
			}
			stored, err := s.Set(t.Context(), "a set/with %")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(keys, stored); diff != "" {
				t.Errorf("what is stored (-generated +stored):\n%s", diff)
			}
		})
	}
}

func TestGenerateNamesTheKeyItself(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	keys := mustGenerate(t, s, "set", "ES256", "")
	public, private := strings.TrimPrefix(keys[0].KID, "public:"), strings.TrimPrefix(keys[1].KID, "private:")
	if len(public) != 36 || public != private {
		t.Errorf("kids %q, want a UUID shared by both halves", kids(keys))
	}
}

// Contract cases 231 and 232.
func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	s, m, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "taken")
	mustGenerate(t, s, "set", "HS256", "public:half")
	stored := len(m.keys)
	for _, test := range []struct {
		name, set, alg, use, kid string
		want                     error
	}{
		{"unknown algorithm", "set", "RS1024", "sig", "", oauth.InvalidRequest},
		{"no algorithm", "set", "", "sig", "", oauth.InvalidRequest},
		{"none", "set", "none", "sig", "", oauth.InvalidRequest},
		{"an algorithm in lower case", "set", "es256", "sig", "", oauth.InvalidRequest},
		{"a pair that exists", "set", "ES256", "sig", "taken", oauth.Conflict},
		{"one half exists", "set", "ES256", "sig", "half", oauth.Conflict},
		{"a single key that exists", "set", "HS512", "sig", "public:taken", oauth.Conflict},
		{"no set", "", "ES256", "sig", "", oauth.InvalidRequest},
		{"NUL in the kid", "set", "ES256", "sig", "a\x00", oauth.InvalidRequest},
		{"bad UTF-8 in the set", "\xff", "ES256", "sig", "", oauth.InvalidRequest},
		{"a long use", "set", "ES256", strings.Repeat("u", maxName+1), "", oauth.InvalidRequest},
		{"a long kid", "set", "ES256", "sig", strings.Repeat("k", maxName+1), oauth.InvalidRequest},
	} {
		if _, err := s.Generate(t.Context(), test.set, test.alg, test.use, test.kid); !errors.Is(err, test.want) {
			t.Errorf("%s: Generate() = %v, want %v", test.name, err, test.want)
		}
		if len(m.keys) != stored {
			t.Errorf("%s: something was stored", test.name)
		}
	}
	if _, err := s.Generate(t.Context(), "other", "ES256", "sig", "taken"); err != nil {
		t.Errorf("the same kid in another set: Generate() = %v", err)
	}
}

func TestSetIsBounded(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	for range MaxKeys {
		mustGenerate(t, s, "set", "HS256", "")
	}
	if _, err := s.Generate(t.Context(), "set", "HS256", "", ""); !errors.Is(err, oauth.InvalidRequest) {
		t.Errorf("key number 101: Generate() = %v, want invalid_request", err)
	}
	one, err := s.Key(t.Context(), "set", mustFirst(t, s, "set").KID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutKey(t.Context(), "set", "new", with(t, one, map[string]any{"kid": "new"}), Halves); !errors.Is(err, oauth.InvalidRequest) {
		t.Errorf("key number 101: PutKey() = %v, want invalid_request", err)
	}
	if _, err := s.PutKey(t.Context(), "set", one.KID, one.JSON, Halves); err != nil {
		t.Errorf("an existing key of a full set: PutKey() = %v", err)
	}
}

func mustFirst(t *testing.T, s *Service, set string) JWK {
	t.Helper()
	keys, err := s.Set(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	return keys[0]
}

// Contract cases 219 to 222, 224 and 225.
func TestKeysAreReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	ctx := t.Context()
	notFound := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, oauth.NotFound) {
			t.Errorf("%s = %v, want not_found", what, err)
		}
	}
	_, err := s.Set(ctx, "set")
	notFound("Set() of an unknown set", err)
	_, err = s.Set(ctx, "\x00")
	notFound("Set() of an impossible set", err)
	bar := mustGenerate(t, s, "set", "HS256", "key-bar")[0]
	mustGenerate(t, s, "set", "ES256", "pair")

	keys, err := s.Set(ctx, "set")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"public:pair", "private:pair", "key-bar"}, kids(keys)); diff != "" {
		t.Errorf("newest first, public half first (-want +got):\n%s", diff)
	}
	got, err := s.Key(ctx, "set", "key-bar")
	if err != nil || !cmp.Equal(got, bar) {
		t.Errorf("Key() = %v, %v, want %v", got, err, bar)
	}
	_, err = s.Key(ctx, "set", "KEY-BAR")
	notFound("Key() with another case", err)
	_, err = s.Key(ctx, "other", "key-bar")
	notFound("Key() of another set", err)

	changed, err := s.PutKey(ctx, "set", "key-bar", with(t, bar, map[string]any{"alg": "RS256"}), Halves)
	if err != nil || changed.Alg != "RS256" {
		t.Errorf("PutKey() = %v, %v", changed, err)
	}
	if got, err := s.Key(ctx, "set", "key-bar"); err != nil || got.Alg != "RS256" {
		t.Errorf("Key() after PutKey() = %v, %v", got, err)
	}
	for range 2 { // a second time it is no error
		if err := s.DeleteKey(ctx, "set", "key-bar"); err != nil {
			t.Errorf("DeleteKey() = %v", err)
		}
	}
	_, err = s.Key(ctx, "set", "key-bar")
	notFound("Key() after DeleteKey()", err)
	if _, err := s.Key(ctx, "set", "public:pair"); err != nil {
		t.Errorf("DeleteKey() took another key along: %v", err)
	}
	for range 2 {
		if err := s.DeleteSet(ctx, "set"); err != nil {
			t.Errorf("DeleteSet() = %v", err)
		}
	}
	_, err = s.Set(ctx, "set")
	notFound("Set() after DeleteSet()", err)
}

func TestPutKeyTakesItsNameFromThePath(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	k := mustGenerate(t, s, "source", "ES256", "k")[1]
	got, err := s.PutKey(t.Context(), "new set", "mine", with(t, k, map[string]any{"kid": nil}), Halves)
	if err != nil || got.KID != "mine" || !strings.Contains(string(got.JSON), `"kid":"mine"`) {
		t.Errorf("PutKey() = %v, %v", got, err)
	}
	if stored, err := s.Key(t.Context(), "new set", "mine"); err != nil || !cmp.Equal(stored, got) {
		t.Errorf("Key() = %v, %v", stored, err)
	}
	if _, err := s.PutKey(t.Context(), "new set", "mine", k.JSON, Halves); !errors.Is(err, oauth.InvalidRequest) {
		t.Errorf("PutKey() with another kid in the body = %v, want invalid_request", err)
	}
}

func TestReplaceSet(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	ctx := t.Context()
	a, b, c := mustGenerate(t, s, "source", "ES256", "a"), mustGenerate(t, s, "source", "EdDSA", "b"), mustGenerate(t, s, "source", "HS256", "c")
	body := slices.Concat(b, c, a)
	got, err := s.ReplaceSet(ctx, "set", setJSON(body...), Halves)
	if err != nil || !cmp.Equal(got, body) {
		t.Errorf("ReplaceSet() = %v, %v, want what was given", kids(got), err)
	}
	stored, err := s.Set(ctx, "set")
	if err != nil || !cmp.Equal(stored, body) {
		t.Errorf("Set() = %q, %v, want the order of the body %q", kids(stored), err, kids(body))
	}
	// Reading a set and writing it back changes nothing.
	if _, err := s.ReplaceSet(ctx, "set", setJSON(stored...), Halves); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Set(ctx, "set"); err != nil || !cmp.Equal(again, stored) {
		t.Errorf("written back: %q, %v, want %q", kids(again), err, kids(stored))
	}
	if _, err := s.ReplaceSet(ctx, "set", setJSON(a...), Halves); err != nil {
		t.Fatal(err)
	}
	if stored, err := s.Set(ctx, "set"); err != nil || !cmp.Equal(stored, a) {
		t.Errorf("replaced: %q, %v, want %q", kids(stored), err, kids(a))
	}
	if _, err := s.ReplaceSet(ctx, "set", json.RawMessage(`{"keys":null}`), Halves); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Set(ctx, "set"); !errors.Is(err, oauth.NotFound) {
		t.Errorf("Set() of an emptied set = %v, want not_found", err)
	}
}

func TestUnreadableKeysAreRefused(t *testing.T) {
	t.Parallel()
	s, m, _ := newService(t)
	ec, okp, hs := mustGenerate(t, s, "set", "ES256", "a"), mustGenerate(t, s, "set", "EdDSA", "b"), mustGenerate(t, s, "set", "HS256", "c")
	stored := slices.Clone(m.keys)
	ecOther := mustGenerate(t, s, "source", "ES256", "a")
	var other map[string]any
	if err := json.Unmarshal(ecOther[1].JSON, &other); err != nil {
		t.Fatal(err)
	}
	stored = slices.Concat(stored, m.keys[len(stored):])
	for name, raw := range map[string]string{
		"empty":                    ``,
		"no object":                `[]`,
		"null":                     `null`,
		"trailing text":            string(ec[0].JSON) + `{}`,
		"no kty":                   string(with(t, ec[0], map[string]any{"kty": nil})),
		"unknown kty":              string(with(t, ec[0], map[string]any{"kty": "EX"})),
		"unknown curve":            string(with(t, ec[0], map[string]any{"crv": "secp256k1"})),
		"not on the curve":         string(with(t, ec[0], map[string]any{"x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})),
		"halves of two EC keys":    string(with(t, ec[1], map[string]any{"d": other["d"]})),
		"halves of two OKP keys":   string(with(t, okp[1], map[string]any{"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})),
		"X25519":                   string(with(t, okp[0], map[string]any{"crv": "X25519"})),
		"empty symmetric key":      string(with(t, hs[0], map[string]any{"k": ""})),
		"RSA of 1,024 bits":        rsa1024,
		"RSA without modulus":      `{"kty":"RSA","e":"AQAB","kid":"a"}`,
		"bad base64":               string(with(t, ec[0], map[string]any{"x": "*"})),
		"a member twice":           strings.Replace(string(ec[0].JSON), `{`, `{"kty":"oct",`, 1),
		"kid that is no string":    string(with(t, ec[0], map[string]any{"kid": 1})),
		"NUL in use":               string(with(t, ec[0], map[string]any{"use": "s\x00g"})),
		"certificate that is none": string(with(t, ec[0], map[string]any{"x5c": []string{"AAAA"}})),
		"longer than 1 MiB":        string(with(t, ec[0], map[string]any{"x": strings.Repeat("A", MaxJSON)})),
	} {
		if _, err := s.PutKey(t.Context(), "set", "a", json.RawMessage(raw), Halves); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("%s: PutKey() = %v, want invalid_request", name, err)
		}
		body := json.RawMessage(`{"keys":[` + string(hs[0].JSON) + `,` + raw + `]}`)
		if _, err := s.ReplaceSet(t.Context(), "set", body, Halves); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("%s: ReplaceSet() = %v, want invalid_request", name, err)
		}
	}
	for name, raw := range map[string]string{
		"no set":          `{}`,
		"no array":        `{"keys":{}}`,
		"no object":       `[` + string(hs[0].JSON) + `]`,
		"members twice":   `{"keys":[],"keys":[]}`,
		"a kid twice":     string(setJSON(ec[0], ec[1], ec[0])),
		"no kid":          `{"keys":[` + string(with(t, ec[0], map[string]any{"kid": nil})) + `]}`,
		"101 keys":        `{"keys":[` + strings.Repeat(string(hs[0].JSON)+`,`, 100) + string(ec[0].JSON) + `]}`,
		"nested 100k":     `{"keys":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`,
		"1 MiB of spaces": `{"keys":[]` + strings.Repeat(" ", MaxJSON) + `}`,
	} {
		if _, err := s.ReplaceSet(t.Context(), "set", json.RawMessage(raw), Halves); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("%s: ReplaceSet() = %v, want invalid_request", name, err)
		}
	}
	if diff := cmp.Diff(stored, m.keys); diff != "" {
		t.Errorf("a refused body changed the store (-before +after):\n%s", diff)
	}
}

const rsa1024 = `{"kty":"RSA","kid":"a","e":"AQAB","n":"pu8XfBWnXXFpqtp4dgYuAGMmgRVHyzyWeTM1_b_vx9pBAThDDYeXqi5W7pbpOyWXDyLN8yZEzh-ksnGTz9xkVNSw0LQhtzN4WtYnXm-P5xKqkxSx4GW44ewOhWv6oXREZy0aa7oRdShFWJKtqZ9vLlHEnBcLcLhSg7QBCh4dyOM"}`

// First start of two nodes makes one key.
func TestEnsureMakesOnePair(t *testing.T) {
	t.Parallel()
	one, m, c := newService(t)
	two := &Service{Store: m, Sealer: one.Sealer, Watch: &Watch{Store: m, Now: c.Now}, Now: c.Now}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := []*Service{one, two}[i%2]
			if err := s.Ensure(t.Context(), "set", "ES256"); err != nil {
				t.Errorf("Ensure() = %v", err)
			}
			if _, err := s.Sign(t.Context(), "set", "JWT", []byte(`{}`)); err != nil {
				t.Errorf("Sign() = %v", err)
			}
		})
	}
	wg.Wait()
	if len(m.keys) != 2 {
		t.Errorf("%d keys, want one pair", len(m.keys))
	}
}

func TestEnsureRepairsASetWithoutSigner(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(s *Service) error{
		"nothing":            func(*Service) error { return nil },
		"private half gone":  func(s *Service) error { return s.DeleteKey(t.Context(), "set", "private:a") },
		"all gone":           func(s *Service) error { return s.DeleteSet(t.Context(), "set") },
		"only symmetric key": func(s *Service) error { return s.DeleteKey(t.Context(), "set", "private:a") },
	} {
		s, m, _ := newService(t)
		if name == "only symmetric key" {
			mustGenerate(t, s, "set", "HS256", "hs")
		}
		mustGenerate(t, s, "set", "ES256", "a")
		if err := damage(s); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Ensure(t.Context(), "set", "EdDSA"); err != nil {
				t.Errorf("%s: Ensure() = %v", name, err)
			}
		}
		want := "EdDSA"
		if name == "nothing" {
			want = "ES256"
		}
		if alg, err := s.SigningAlg(t.Context(), "set"); err != nil || alg != want {
			t.Errorf("%s: SigningAlg() = %s, %v, want %s", name, alg, err, want)
		}
		if n := len(m.keys); n > 4 {
			t.Errorf("%s: %d keys", name, n)
		}
	}
	s, _, _ := newService(t)
	if err := s.Ensure(t.Context(), "set", "HS256"); err == nil {
		t.Error("a symmetric key signs for others")
	}
}

// A sealed private key moved to another row does not open.
func TestStoredKeyIsBoundToItsRow(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(m *memStore){
		"to another kid": func(m *memStore) { m.keys[0].KID = "public:b" },
		"to another set": func(m *memStore) { m.keys[0].Set, m.keys[1].Set = "other", "other" },
		"to its other half": func(m *memStore) {
			m.keys[0].Data, m.keys[1].Data = m.keys[1].Data, m.keys[0].Data
		},
	} {
		s, m, _ := newService(t)
		mustGenerate(t, s, "set", "ES256", "a")
		move(m)
		if keys, err := s.Set(t.Context(), m.keys[0].Set); err == nil {
			t.Errorf("%s: Set() = %q", name, kids(keys))
		}
	}
}

func TestKeysAreSealedAtRest(t *testing.T) {
	t.Parallel()
	s, m, _ := newService(t)
	keys := mustGenerate(t, s, "set", "HS512", "k")
	var members map[string]string
	if err := json.Unmarshal(keys[0].JSON, &members); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(m.keys[0].Data), members["k"]) {
		t.Error("the key is readable in its row")
	}
}

func TestStoreFaultsAreNotNotFound(t *testing.T) {
	t.Parallel()
	s, m, _ := newService(t)
	k := mustGenerate(t, s, "set", "ES256", "a")
	jwt, err := s.Sign(t.Context(), "set", "JWT", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	m.set(func() { m.down = errDown })
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Set":        func() error { _, err := s.Set(ctx, "set"); return err },
		"Key":        func() error { _, err := s.Key(ctx, "set", "public:a"); return err },
		"Generate":   func() error { _, err := s.Generate(ctx, "set", "ES256", "", ""); return err },
		"PutKey":     func() error { _, err := s.PutKey(ctx, "set", k[0].KID, k[0].JSON, Halves); return err },
		"ReplaceSet": func() error { _, err := s.ReplaceSet(ctx, "set", setJSON(k...), Halves); return err },
		"DeleteKey":  func() error { return s.DeleteKey(ctx, "set", "public:a") },
		"DeleteSet":  func() error { return s.DeleteSet(ctx, "set") },
		"Ensure":     func() error { return s.Ensure(ctx, "set", "ES256") },
		"Rotate":     func() error { _, err := s.Rotate(ctx, "set", "ES256"); return err },
		"Sign":       func() error { _, err := s.Sign(ctx, "set", "JWT", []byte(`{}`)); return err },
		"SigningAlg": func() error { _, err := s.SigningAlg(ctx, "set"); return err },
		"Verify":     func() error { _, err := s.Verify(ctx, "set", jwt); return err },
		"PublicJWKS": func() error { _, err := s.PublicJWKS(ctx, "set"); return err },
	} {
		if err := call(); !errors.Is(err, errDown) || oauth.KindOf(err) != oauth.ServerError {
			t.Errorf("%s() = %v, want the store's error", name, err)
		}
	}
}

func TestNewestIsNewestWhateverTheClocks(t *testing.T) {
	t.Parallel()
	s, _, c := newService(t)
	mustGenerate(t, s, "set", "ES256", "z")
	mustGenerate(t, s, "set", "ES256", "a") // in the same microsecond
	c.add(-time.Hour)                       // on a node whose clock is behind
	mustGenerate(t, s, "set", "ES256", "m")
	keys, err := s.Set(t.Context(), "set")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"public:m", "private:m", "public:a", "private:a", "public:z", "private:z"}
	if diff := cmp.Diff(want, kids(keys)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
