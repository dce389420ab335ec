package server_test

import (
	"bytes"
	"compress/flate"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"hydra/internal/storetest"
)

// Attacks by encrypted request objects: algorithms that cost whoever opens them
// as much as the sender likes (p2c, zip), that are no encryption for us (dir,
// symmetric keys), that leak keys (RSA1_5, points off the curve), and objects in
// objects in objects.
func TestAttackEncryptedRequestObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var set struct {
		Keys []struct{ Kid, Kty, Use, N string }
	}
	for range 2 { // the first asks for the keys to be made
		do(t, user, "GET", w.Public+"/.well-known/jwks.json", "", proxied).json(t, 200, &set)
	}
	public, kid, curve := &rsa.PublicKey{N: new(big.Int), E: 65537}, "", ""
	for _, k := range set.Keys {
		switch {
		case k.Use != "enc":
		case k.Kty == "RSA":
			public.N.SetBytes(unb64(t, k.N))
			kid = k.Kid
		case k.Kty == "EC":
			curve = k.Kid
		}
	}
	if kid == "" || curve == "" {
		t.Fatalf("the encryption keys are %+v", set.Keys)
	}
	j := w.jar(t, nil)
	good := j.sign(t, m{"alg": "RS256", "kid": "r"}, j.claims(nil))
	j.send(t, w.browser(), "request", encryptTo(t, public, kid, good)).challenge(t)

	var zipped bytes.Buffer
	z, err := flate.NewWriter(&zipped, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sealed := encryptTo(t, public, kid, zipped.String())
	parts := strings.Split(sealed, ".")
	jwe := func(header m) string {
		data, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		return b64(data) + "." + strings.Join(parts[1:], ".")
	}
	zero := b64(make([]byte, 32))
	for name, object := range map[string]string{
		"encrypted twice":         encryptTo(t, public, kid, encryptTo(t, public, kid, good)),
		"eight megabytes, zipped": jwe(m{"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF", "kid": kid}),
		"zip that says nothing":   jwe(m{"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": nil, "kid": kid}),
		"what it would have been": sealed,
		"p2c of two billions":     jwe(m{"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647, "p2s": "AAAAAAAAAAA", "kid": kid}),
		"dir":                     jwe(m{"alg": "dir", "enc": "A256GCM", "kid": kid}),
		"a symmetric key":         jwe(m{"alg": "A256KW", "enc": "A256GCM", "kid": kid}),
		"RSA1_5":                  jwe(m{"alg": "RSA1_5", "enc": "A128CBC-HS256", "kid": kid}),
		"none":                    jwe(m{"alg": "none", "enc": "A256GCM"}),
		"no enc":                  jwe(m{"alg": "RSA-OAEP-256", "kid": kid}),
		"crit":                    jwe(m{"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": kid, "crit": []string{"exp"}}),
		"a point off the curve":   jwe(m{"alg": "ECDH-ES", "enc": "A256GCM", "kid": curve, "epk": m{"kty": "EC", "crv": "P-256", "x": zero, "y": zero}}),
		"another curve":           jwe(m{"alg": "ECDH-ES", "enc": "A256GCM", "kid": curve, "epk": m{"kty": "EC", "crv": "P-521", "x": zero, "y": zero}}),
		"no epk":                  jwe(m{"alg": "ECDH-ES", "enc": "A256GCM", "kid": curve}),
		"the EC key for RSA":      jwe(m{"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": curve}),
		"a kid as a path":         jwe(m{"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "../../etc/passwd"}),
		"two members of a name":   b64([]byte(`{"alg":"RSA-OAEP-256","alg":"RSA1_5","enc":"A256GCM"}`)) + "." + strings.Join(parts[1:], "."),
		"an empty content":        encryptTo(t, public, kid, ""),
	} {
		w.count.Take()
		if len(object) > 14<<10 {
			t.Fatalf("%s: %d bytes are refused for their length already", name, len(object))
		}
		j.send(t, w.browser(), "request", object, "redirect_uri", j.Redirect).shown(t, "invalid_request_object")
		// An unknown kid may be another node's new key, which is asked for once a
		// second.
		if n, seen := w.count.TakeAll(); n != (storetest.Counts{}) && n != (storetest.Counts{Reads: 1}) {
			t.Errorf("%s costs %+v:\n%s", name, n, strings.Join(seen, "\n"))
		}
	}
}
