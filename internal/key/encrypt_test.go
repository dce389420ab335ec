package key

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// reader is a client with keys to read what is encrypted for it.
type reader struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

var newReader = sync.OnceValue(func() reader {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return reader{r, e}
})

// keySetOf is a client's set of public keys, as it would register it.
func keySetOf(t testing.TB, keys ...jose.JSONWebKey) json.RawMessage {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// read opens what was encrypted, and returns its header.
func (r reader) read(t *testing.T, text string) (plain string, head jose.Header) {
	t.Helper()
	algs, encs := []jose.KeyAlgorithm{}, []jose.ContentEncryption{}
	for _, a := range EncryptionAlgs() {
		algs = append(algs, jose.KeyAlgorithm(a))
	}
	for _, e := range EncryptionEncs() {
		encs = append(encs, jose.ContentEncryption(e))
	}
	jwe, err := jose.ParseEncryptedCompact(text, algs, encs)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []any{r.rsa, r.ec} {
		if out, err := jwe.Decrypt(k); err == nil {
			return string(out), jwe.Header
		}
	}
	t.Fatal("the client cannot open it")
	return "", head
}

// Every algorithm is one that the client can undo, and the header names the key
// and what is inside.
func TestEncrypt(t *testing.T) {
	t.Parallel()
	r := newReader()
	set := keySetOf(t, jose.JSONWebKey{Key: r.rsa, KeyID: "r"}, jose.JSONWebKey{Key: r.ec, KeyID: "e"})
	for _, alg := range EncryptionAlgs() {
		for _, enc := range append(EncryptionEncs(), "") {
			text, err := Encrypt(set, Encryption{Alg: alg, Enc: enc, ContentType: "JWT"}, []byte("hello"))
			if err != nil {
				t.Fatalf("%s, %s: %v", alg, enc, err)
			}
			plain, head := r.read(t, text)
			kid := "r"
			if strings.HasPrefix(alg, "ECDH") {
				kid = "e"
			}
			if plain != "hello" || head.KeyID != kid || head.Algorithm != alg || head.ExtraHeaders["cty"] != "JWT" {
				t.Errorf("%s, %s: %q with the header %+v", alg, enc, plain, head)
			}
		}
	}
	for _, e := range []Encryption{{Alg: "RSA1_5"}, {Alg: "dir"}, {Alg: ""}, {Alg: "RSA-OAEP", Enc: "A128CBC"}} {
		if text, err := Encrypt(set, e, nil); err == nil || errors.Is(err, ErrNoEncryptionKey) {
			t.Errorf("%+v: %q, %v", e, text, err)
		}
	}
}

// Of several keys that fit the one that says so best is taken, and none that
// says that it is for something else.
func TestEncryptChoosesTheKey(t *testing.T) {
	t.Parallel()
	r := newReader()
	key := func(kid, use, alg string) jose.JSONWebKey {
		return jose.JSONWebKey{Key: r.rsa, KeyID: kid, Use: use, Algorithm: alg}
	}
	ec := jose.JSONWebKey{Key: r.ec, KeyID: "ec", Use: "enc"}
	for name, test := range map[string]struct {
		keys []jose.JSONWebKey
		want string // "": none
	}{
		"the algorithm by name":             {[]jose.JSONWebKey{key("any", "", ""), key("enc", "enc", ""), key("alg", "enc", "RSA-OAEP-256")}, "alg"},
		"for encryption":                    {[]jose.JSONWebKey{key("any", "", ""), key("enc", "enc", ""), ec}, "enc"},
		"that does not say":                 {[]jose.JSONWebKey{key("sig", "sig", ""), key("any", "", "")}, "any"},
		"the first of equals":               {[]jose.JSONWebKey{key("one", "enc", ""), key("two", "enc", "")}, "one"},
		"none that signs":                   {[]jose.JSONWebKey{key("sig", "sig", ""), key("rs", "", "RS256")}, ""},
		"none that names another algorithm": {[]jose.JSONWebKey{key("oaep", "enc", "RSA-OAEP")}, ""},
		"none of another type":              {[]jose.JSONWebKey{ec}, ""},
		"no key":                            {nil, ""},
	} {
		set := keySetOf(t, test.keys...)
		text, err := Encrypt(set, Encryption{Alg: "RSA-OAEP-256"}, []byte("x"))
		if has := HasEncryptionKey(set, "RSA-OAEP-256"); has != (test.want != "") {
			t.Errorf("%s: HasEncryptionKey() = %v", name, has)
		}
		if test.want == "" {
			if !errors.Is(err, ErrNoEncryptionKey) {
				t.Errorf("%s: %q, %v", name, text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, head := r.read(t, text); head.KeyID != test.want {
			t.Errorf("%s: the key %s was taken, want %s", name, head.KeyID, test.want)
		}
	}
	for name, raw := range map[string]string{"nothing": "", "no set": `[]`, "keys that cannot be used": `{"keys":[{"kty":"oct","k":"AAAA"},{}]}`} {
		if _, err := Encrypt(json.RawMessage(raw), Encryption{Alg: "RSA-OAEP"}, nil); !errors.Is(err, ErrNoEncryptionKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A client that publishes its keys gets what is encrypted to those of now: a
// set without one that fits is read again, and one that cannot be read is no
// reason to answer in the clear.
func TestEncryptToPublishedKeys(t *testing.T) {
	t.Parallel()
	r := newReader()
	p := newPublisher(t, string(keySetOf(t, jose.JSONWebKey{Key: r.ec, KeyID: "e"})))
	want := Encryption{Alg: "RSA-OAEP-256"}
	encrypt := func() (string, error) { return p.Encrypt(t.Context(), publishedAt, want, []byte("x")) }
	if _, err := encrypt(); !errors.Is(err, ErrNoEncryptionKey) {
		t.Errorf("without a key: %v", err)
	}
	p.publish(string(keySetOf(t, jose.JSONWebKey{Key: r.rsa, KeyID: "new", Use: "enc"})))
	p.clock.add(time.Minute) // beyond the cool-down
	text, err := encrypt()
	if err != nil {
		t.Fatal(err)
	}
	if _, head := r.read(t, text); head.KeyID != "new" {
		t.Errorf("encrypted to %s", head.KeyID)
	}
	p.breakDown()
	p.clock.add(24 * time.Hour)
	if text, err := encrypt(); !errors.Is(err, ErrFetch) {
		t.Errorf("when the keys cannot be read: %q, %v", text, err)
	}
}

// What claims to be a JWE opens or is refused as not valid: no text makes
// another error, none with an extension that is not understood opens, and
// nothing opens to more than it is long.
func FuzzDecrypt(f *testing.F) {
	s, _, _ := newService(f)
	if err := s.EnsureEncryption(f.Context(), "enc"); err != nil {
		f.Fatal(err)
	}
	published, err := s.PublicJWKS(f.Context(), "enc")
	if err != nil {
		f.Fatal(err)
	}
	var public jose.JSONWebKeySet
	if err := json.Unmarshal(published, &public); err != nil {
		f.Fatal(err)
	}
	for _, to := range public.Keys {
		e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(to.Algorithm), Key: to.Key, KeyID: to.KeyID}, nil)
		if err != nil {
			f.Fatal(err)
		}
		jwe, err := e.Encrypt([]byte("e30.e30."))
		if err != nil {
			f.Fatal(err)
		}
		text, err := jwe.CompactSerialize()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(strings.Replace(text, ".", "..", 1))
		f.Add(text[:len(text)-1])
	}
	head := func(members string) string { return b64url([]byte(members)) }
	for _, text := range []string{
		"", "....", "a.b.c.d.e", head(`{"alg":"dir","enc":"A128GCM"}`) + "..AAAA.AAAA.AAAA", head(`{"alg":"RSA1_5","enc":"A128GCM"}`) + ".AA.AA.AA.AA",
		head(`{"alg":"ECDH-ES","enc":"A128GCM","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`) + "..AAAA.AAAA.AAAA",
		head(`{"alg":"RSA-OAEP","enc":"A128GCM","zip":"DEF"}`) + ".AA.AA.AA.AA", head(`{"alg":"RSA-OAEP","alg":"dir","enc":"A128GCM"}`) + ".AA.AA.AA.AA",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := s.Decrypt(t.Context(), "enc", text)
		if err != nil {
			if !errors.Is(err, ErrInvalidJWT) {
				t.Errorf("Decrypt(%q) = %v", text, err)
			}
			return
		}
		if _, err := checkJWE(text); err != nil || len(plain) > len(text) {
			t.Errorf("Decrypt(%q) = %d bytes, %v", text, len(plain), err)
		}
	})
}
