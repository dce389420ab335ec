package token

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hydra/internal/oauth"
)

var compareSubsets = cmp.AllowUnexported(subset{})

func genID(t *rapid.T, name string) (id [16]byte) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, name))
	id[0] |= 1 // never the zero id
	return id
}

func genInt(t *rapid.T, name string) int64 { return rapid.Int64Range(0, math.MaxInt64).Draw(t, name) }

func genSubset(t *rapid.T, name string) *subset {
	if !rapid.Bool().Draw(t, name+" narrowed") {
		return nil
	}
	bits := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, name)
	for len(bits) > 0 && bits[len(bits)-1] == 0 {
		bits = bits[:len(bits)-1]
	}
	return &subset{bits: append([]byte(nil), bits...)} // none reads as nil
}

func genList(t *rapid.T, name string) []string {
	l := rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, name)
	if len(l) == 0 {
		return nil
	}
	return l
}

// checkCodec holds decode∘encode = identity, and that nothing may follow.
func checkCodec[P any](t *rapid.T, p P, encode func(P) []byte, decode func([]byte) (P, error)) {
	t.Helper()
	b := encode(p)
	got, err := decode(b)
	if err != nil {
		t.Fatalf("decode(encode(%+v)) = %v", p, err)
	}
	if diff := cmp.Diff(p, got, compareSubsets); diff != "" {
		t.Fatalf("decode(encode(p)) differs (-want +got):\n%s", diff)
	}
	if _, err := decode(append(b, 0)); err == nil {
		t.Fatal("a trailing byte was accepted")
	}
	if _, err := decode(b[:len(b)-1]); err == nil {
		t.Fatal("a cut payload was accepted")
	}
}

func TestPayloadsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkCodec(t, codePayload{Seed: genID(t, "seed"), Expires: genInt(t, "expires")}, encodeCode, decodeCode)
		checkCodec(t, accessPayload{
			Key: genID(t, "key"), Generation: genInt(t, "generation"), Epoch: genInt(t, "epoch"),
			Issued: genInt(t, "issued"), Lifetime: genInt(t, "lifetime"),
			Scope: genSubset(t, "scope"), Audience: genSubset(t, "audience"),
		}, encodeAccess, decodeAccess)
		checkCodec(t, refreshPayload{
			Seed: genID(t, "seed"), Generation: genInt(t, "generation"), Rotation: [8]byte{1, 2, 3},
		}, encodeRefresh, decodeRefresh)
		checkCodec(t, machinePayload{
			ClientUID: genID(t, "uid"), Epoch: genInt(t, "epoch"), Subject: rapid.String().Draw(t, "subject"),
			Scope: genList(t, "scope"), Audience: genList(t, "audience"),
			Issued: genInt(t, "issued"), Lifetime: genInt(t, "lifetime"),
		}, encodeMachine, decodeMachine)
		checkCodec(t, referencePayload{
			Grant: genID(t, "grant"), Generation: genInt(t, "generation"), Epoch: genInt(t, "epoch"),
			Scope: genSubset(t, "scope"), Audience: genSubset(t, "audience"),
		}, encodeReference, decodeReference)
		checkCodec(t, referencePayload{ClientUID: genID(t, "uid"), Epoch: genInt(t, "epoch")}, encodeReference, decodeReference)
	})
}

// FuzzPayloads holds the other direction: what a decoder accepts is exactly
// what the encoder writes, so that no value has two spellings.
func FuzzPayloads(f *testing.F) {
	f.Add(encodeCode(codePayload{Expires: 1}))
	f.Add(encodeAccess(accessPayload{Generation: 300, Issued: 1 << 31, Lifetime: 3600, Scope: &subset{bits: []byte{5}}}))
	f.Add(encodeRefresh(refreshPayload{Generation: 1}))
	f.Add(encodeMachine(machinePayload{Scope: []string{"a", "b"}, Audience: []string{"https://api"}, Issued: 9, Lifetime: 1}))
	f.Add(encodeReference(referencePayload{ClientUID: oauth.ID{1}, Epoch: 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		same := func(name string, err error, encoded func() []byte) {
			if err == nil && !bytes.Equal(encoded(), b) {
				t.Errorf("%s: %x decodes, but is written as %x", name, b, encoded())
			}
		}
		code, err := decodeCode(b)
		same("code", err, func() []byte { return encodeCode(code) })
		access, err := decodeAccess(b)
		same("access", err, func() []byte { return encodeAccess(access) })
		refresh, err := decodeRefresh(b)
		same("refresh", err, func() []byte { return encodeRefresh(refresh) })
		machine, err := decodeMachine(b)
		same("machine", err, func() []byte { return encodeMachine(machine) })
		reference, err := decodeReference(b)
		same("reference", err, func() []byte { return encodeReference(reference) })
	})
}

func TestPayloadsRefuseWhatTheEncoderDoesNotWrite(t *testing.T) {
	t.Parallel()
	access := encodeAccess(accessPayload{Generation: 1, Issued: 1, Lifetime: 1, Scope: &subset{bits: []byte{1}}})
	for name, b := range map[string][]byte{
		"empty":                    nil,
		"unknown flag":             append([]byte{access[0] | 0x80}, access[1:]...),
		"longer varint":            slices.Concat(access[:17], []byte{0x81, 0x00}, access[18:]),
		"number above 63 bits":     slices.Concat(access[:17], bytes.Repeat([]byte{0xff}, 9), []byte{1}, access[18:]),
		"subset with a zero byte":  slices.Concat(access[:len(access)-2], []byte{2, 1, 0}),
		"subset longer than there": slices.Concat(access[:len(access)-2], []byte{200, 1, 1}),
	} {
		if _, err := decodeAccess(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := decodeReference(append([]byte{ofMachine | narrowedScope}, make([]byte, 17)...)); err == nil {
		t.Error("a machine's reference with a narrowed scope was accepted")
	}
	if _, err := decodeReference(append([]byte{ofMachine}, make([]byte, 17)...)); err == nil {
		t.Error("a machine's reference without a client was accepted")
	}
}

func TestSubset(t *testing.T) {
	t.Parallel()
	all := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	for _, test := range []struct {
		name       string
		want, pick []string
		ok         bool
	}{
		{"all of it", all, all, true},
		{"none", nil, nil, true},
		{"one", []string{"a"}, []string{"a"}, true},
		{"the last, in the second byte", []string{"j", "b"}, []string{"b", "j"}, true},
		{"twice the same", []string{"c", "c"}, []string{"c"}, true},
		{"not a member", []string{"a", "x"}, nil, false},
	} {
		s, ok := subsetOf(all, test.want)
		if ok != test.ok {
			t.Errorf("%s: ok = %v, want %v", test.name, ok, test.ok)
			continue
		}
		if ok && !slices.Equal(s.pick(all), test.pick) {
			t.Errorf("%s: picks %v, want %v", test.name, s.pick(all), test.pick)
		}
	}
	// A Grant that lists a scope twice still has a whole.
	if s, ok := subsetOf([]string{"a", "a"}, []string{"a"}); !ok || s != nil {
		t.Errorf("subset of doubles = %v, %v, want all", s, ok)
	}
}
