package server_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"hydra/internal/storetest"
)

// jar is a client with keys that makes request objects.
type jar struct {
	*party
	w   *world
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

func (w *world) jar(t *testing.T, change m) *jar {
	t.Helper()
	j := &jar{w: w}
	var err error
	if j.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if j.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	point, err := j.ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	body := m{"jwks": m{"keys": []m{
		{"kty": "RSA", "kid": "r", "use": "sig", "n": b64(j.rsa.N.Bytes()), "e": b64(big.NewInt(int64(j.rsa.E)).Bytes())},
		{"kty": "EC", "kid": "e", "use": "sig", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
	}}}
	maps.Copy(body, change)
	j.party = w.client(t, body)
	return j
}

// claims are those of a good object; a nil in change takes one away.
func (j *jar) claims(change m) m {
	now := j.w.clock.Now()
	c := m{
		"iss": j.ID, "aud": j.w.Config.URLs.Issuer, "exp": now.Add(5 * time.Minute).Unix(), "nbf": now.Unix(), "iat": now.Unix(),
		"client_id": j.ID, "response_type": "code", "redirect_uri": j.Redirect, "scope": "openid a", "state": "state-12345678", "nonce": "nonce-12345678",
	}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes the object; the header's alg says how.
func (j *jar) sign(t *testing.T, header, claims m) string {
	t.Helper()
	text := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b64(data)
	}
	signed := text(header) + "." + text(claims)
	sum := sha256.Sum256([]byte(signed))
	switch header["alg"] {
	case "none":
		return signed + "."
	case "HS256":
		mac := hmac.New(sha256.New, []byte(j.Secret))
		mac.Write([]byte(signed))
		return signed + "." + b64(mac.Sum(nil))
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, j.ec, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	case "PS256":
		sig, err := rsa.SignPSS(rand.Reader, j.rsa, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + b64(sig)
	}
	sig, err := rsa.SignPKCS1v15(nil, j.rsa, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(sig)
}

// send makes the request: the outer parameters of OpenID Connect Core §6.1, and
// an object. A value "-" takes a parameter away.
func (j *jar) send(t *testing.T, b *browser, pairs ...string) reply {
	t.Helper()
	outer := append([]string{"redirect_uri", "-", "state", "-", "nonce", "-", "scope", "openid"}, pairs...)
	return b.open(t, j.w.authURL(j.party, outer...))
}

// follow signs a user in, and returns the tokens.
func (j *jar) follow(t *testing.T, b *browser, r reply, scope ...string) m {
	t.Helper()
	k := b.open(t, j.w.acceptLogin(t, r.challenge(t), m{"subject": "u"})).consentChallenge(t)
	back := b.open(t, j.w.acceptConsent(t, k, m{"grant_scope": scope}))
	equal(t, "state", back.leads(t, j.Redirect, "state"), "state-12345678")
	return j.w.exchange(t, j.party, back.leads(t, j.Redirect, "code"))
}

// A request object is processed, whatever it is signed with, and its values
// count. What the apps see is the request that counts.
func TestRequestObjectByValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.jar(t, nil)
	for _, header := range []m{{"alg": "none"}, {"alg": "RS256", "kid": "r"}, {"alg": "PS256", "kid": "r"}, {"alg": "ES256", "kid": "e"}, {"alg": "ES256", "typ": "oauth-authz-req+jwt"}} {
		b := w.browser()
		object := j.sign(t, header, j.claims(m{"max_age": 86400, "login_hint": "ada", "acr_values": "silver"}))
		r := j.send(t, b, "request", object, "state", "outside-12345678", "redirect_uri", "https://evil.test/cb")
		seen := w.loginRequest(t, r.challenge(t))
		equal(t, "requested_scope", seen["requested_scope"], []string{"openid", "a"})
		equal(t, "login_hint", seen["oidc_context"].(m)["login_hint"], "ada")
		shown, err := url.Parse(seen["request_url"].(string))
		if err != nil || shown.Query().Has("request") || shown.Query().Get("acr_values") != "silver" || shown.Query().Get("max_age") != "86400" {
			t.Errorf("request_url is %v, %v", shown, err)
		}
		out := j.follow(t, b, r, "openid")
		equal(t, "nonce", payload(t, out["id_token"])["nonce"], "nonce-12345678")
		if payload(t, out["id_token"])["auth_time"] == nil {
			t.Error("max_age inside the object does not count")
		}
	}

	// RFC 9101 §4, OpenID Connect Core §6.1: aud includes the issuer.
	shared := j.claims(m{"aud": []string{"https://other.test/", w.Config.URLs.Issuer}})
	j.send(t, w.browser(), "request", j.sign(t, m{"alg": "RS256"}, shared)).challenge(t)

	// By POST, and with openid nowhere: then only what is inside counts.
	object := j.sign(t, m{"alg": "RS256"}, j.claims(m{"scope": "a"}))
	b := w.browser()
	form := url.Values{"client_id": {j.ID}, "request": {object}, "scope": {"a b c"}, "prompt": {"none"}}
	r := b.send(t, "POST", w.Config.URLs.Public+"/oauth2/auth", form.Encode())
	equal(t, "requested_scope", w.loginRequest(t, r.challenge(t))["requested_scope"], []string{"a"})

	// In OpenID Connect what is missing inside comes from outside (Core §6.1).
	r = j.send(t, w.browser(), "request", j.sign(t, m{"alg": "RS256"}, m{"response_type": "code", "scope": "a"}), "redirect_uri", j.Redirect, "login_hint", "bob")
	seen := w.loginRequest(t, r.challenge(t))
	equal(t, "requested_scope", seen["requested_scope"], []string{"openid", "a"})
	equal(t, "login_hint", seen["oidc_context"].(m)["login_hint"], "bob")
}

// Contract case 153: what the object says overrides the parameters. Attack:
// extra parameters beside a signed object of RFC 9101 are ignored.
func TestContractRequestObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.jar(t, m{"request_object_signing_alg": "RS256"})
	r := j.send(t, w.browser(), "request", j.sign(t, m{"alg": "RS256", "kid": "r"}, j.claims(nil)), "nonce", "outside-12345678", "scope", "openid b")
	equal(t, "153: scope", w.loginRequest(t, r.challenge(t))["requested_scope"], []string{"openid", "a"})
	strict := j.sign(t, m{"alg": "RS256", "typ": "oauth-authz-req+jwt"}, j.claims(m{"redirect_uri": j.Redirect}))
	r = j.send(t, w.browser(), "request", strict, "prompt", "none", "login_hint", "mallory", "audience", "https://evil.test")
	equal(t, "login_hint", w.loginRequest(t, r.challenge(t))["oidc_context"].(m)["login_hint"], nil)

	// 154: another algorithm than the registered one, an unknown kid.
	for name, header := range map[string]m{"none": {"alg": "none"}, "PS256": {"alg": "PS256", "kid": "r"}, "unknown kid": {"alg": "RS256", "kid": "x"}} {
		t.Run("154 "+name, func(t *testing.T) {
			j.send(t, w.browser(), "request", j.sign(t, header, j.claims(nil)), "redirect_uri", j.Redirect).shown(t, "invalid_request_object")
		})
	}
	// 155: none where the client registered none, and nothing else there.
	n := w.jar(t, m{"request_object_signing_alg": "none"})
	n.send(t, w.browser(), "request", n.sign(t, m{"alg": "none"}, n.claims(nil))).challenge(t)
	n.send(t, w.browser(), "request", n.sign(t, m{"alg": "RS256"}, n.claims(nil))).shown(t, "invalid_request_object")
	// 156, 157.
	j.send(t, w.browser(), "request", "a.b.c", "request_uri", "https://app.test/r").shown(t, "invalid_request")
	j.send(t, w.browser(), "request_uri", "https://app.test/r").shown(t, "invalid_request_uri")
}

func TestAttackRequestObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j, other := w.jar(t, nil), w.jar(t, nil)
	now := w.clock.Now()
	rs := m{"alg": "RS256", "kid": "r"}
	for name, claims := range map[string]m{
		"nested request":          {"request": "e30.e30."},
		"nested request_uri":      {"request_uri": "https://app.test/r"},
		"client_id of another":    {"client_id": other.ID},
		"client_id as a number":   {"client_id": 1},
		"iss of another":          {"iss": other.ID},
		"expired":                 {"exp": now.Add(-2 * time.Minute).Unix()},
		"exp as a string":         {"exp": "4000000000"},
		"nbf in the future":       {"nbf": now.Add(time.Hour).Unix()},
		"iat in the future":       {"iat": now.Add(time.Hour).Unix()},
		"wrong aud":               {"aud": "https://other.test/"},
		"no aud of many":          {"aud": []string{}},
		"two foreign auds":        {"aud": []string{"https://other.test/", "https://evil.test/"}},
		"another response_type":   {"response_type": "token"},
		"scope as an array":       {"scope": []string{"openid"}},
		"max_age with a fraction": {"max_age": 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			// The client's own URI outside is not trusted either: the object may be another's.
			j.send(t, w.browser(), "request", j.sign(t, rs, j.claims(claims)), "redirect_uri", j.Redirect).shown(t, "invalid_request_object")
		})
	}
	good := j.sign(t, rs, j.claims(nil))
	parts := strings.Split(good, ".")
	duplicate := base64.RawURLEncoding.EncodeToString([]byte(`{"scope":"a","scope":"openid","response_type":"code"}`))
	for name, object := range map[string]string{
		"signed by another client":     other.sign(t, rs, j.claims(nil)),
		"changed after signing":        parts[0] + "." + strings.Split(j.sign(t, rs, j.claims(m{"scope": "openid b"})), ".")[1] + "." + parts[2],
		"signature left out":           parts[0] + "." + parts[1] + ".",
		"none with a signature":        j.sign(t, m{"alg": "none"}, j.claims(nil)) + parts[2],
		"public key as HMAC secret":    j.sign(t, m{"alg": "HS256"}, j.claims(nil)), // with the secret: this client's is a hash
		"crit":                         j.sign(t, m{"alg": "RS256", "kid": "r", "crit": []string{"exp"}}, j.claims(nil)),
		"typ of an access token":       j.sign(t, m{"alg": "RS256", "kid": "r", "typ": "at+jwt"}, j.claims(nil)),
		"typ of a client assertion":    j.sign(t, m{"alg": "RS256", "kid": "r", "typ": "client-authentication+jwt"}, j.claims(nil)),
		"JSON serialization":           `{"payload":"e30","signatures":[]}`,
		"a member twice":               b64([]byte(`{"alg":"none"}`)) + "." + duplicate + ".",
		"no JWT":                       "x.y.z",
		"five parts that do not open":  "e30.e30.e30.e30.e30",
		"an RSA1_5 JWE":                b64([]byte(`{"alg":"RSA1_5","enc":"A128GCM"}`)) + ".AAAA.AAAA.AAAA.AAAA",
		"a JWE that says it is zipped": b64([]byte(`{"alg":"RSA-OAEP","enc":"A128GCM","zip":"DEF"}`)) + ".AAAA.AAAA.AAAA.AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			j.send(t, w.browser(), "request", object, "redirect_uri", j.Redirect).shown(t, "invalid_request_object")
		})
	}

	// A redirect URI inside that is none of the client's is shown; what is
	// wrong behind a good one goes to the client, with the state of the object.
	j.send(t, w.browser(), "request", j.sign(t, rs, j.claims(m{"redirect_uri": "https://evil.test/cb"})), "redirect_uri", j.Redirect).shown(t, "invalid_request")
	j.send(t, w.browser(), "request", j.sign(t, rs, j.claims(m{"scope": "openid admin"}))).refused(t, "invalid_scope")
	j.send(t, w.browser(), "request", strings.Repeat("x", 20<<10)).shown(t, "invalid_request")

	// Client A outside with client B's object, and B's consent verifier: every
	// check is of the sealed request.
	b := w.browser()
	_, k := b.toConsent(t, other.party, m{"subject": "u"})
	verifier := w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})
	b.open(t, verifier+"&request="+good).shown(t, "invalid_request")

	// Nothing of this costs a statement.
	w.count.Take()
	j.send(t, w.browser(), "request", other.sign(t, rs, j.claims(nil))).shown(t, "invalid_request_object")
	if n, seen := w.count.TakeAll(); n != (storetest.Counts{}) {
		t.Errorf("a forged request object costs %+v:\n%s", n, strings.Join(seen, "\n"))
	}
}

// By reference: pre-registered, kept while its fragment stays the same, and
// never more than it should be.
func TestRequestURI(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := newWorld(t, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8")
	j := w.jar(t, m{"request_uris": []string{h.URL + "/r", h.URL + "/exact#one", h.URL + "/nowhere", h.URL + "/page", h.URL + "/big", "https://10.0.0.1/r"}})
	object := func(hint string) string { return j.sign(t, m{"alg": "RS256"}, j.claims(m{"login_hint": hint})) }
	hint := func(uri string) any {
		t.Helper()
		r := j.send(t, w.browser(), "request_uri", uri)
		return w.loginRequest(t, r.challenge(t))["oidc_context"].(m)["login_hint"]
	}
	first := object("one") + "\n"
	h.publish("/r", first)
	sum := sha256.Sum256([]byte(first))
	fixed := h.URL + "/r#" + b64(sum[:])
	equal(t, "by reference", hint(h.URL+"/r"), "one")
	equal(t, "with its hash", hint(fixed), "one")
	calls := h.count.Load()
	h.publish("/r", object("two"))
	equal(t, "with its hash, kept", hint(fixed), "one")
	if n := h.count.Load(); n != calls {
		t.Errorf("%d fetches of what has its hash in its URL", n-calls)
	}
	equal(t, "another fragment, another version", hint(h.URL+"/r#v2"), "two")
	w.clock.Advance(10 * time.Second)
	equal(t, "without a fragment, later", hint(h.URL+"/r"), "two")
	h.publish("/exact", object("three"))
	equal(t, "registered with its fragment", hint(h.URL+"/exact#one"), "three")

	h.publish("/page", "<html>")
	h.publish("/big", strings.Repeat("x", 100<<10))
	for uri, code := range map[string]string{
		h.URL + "/exact":                "invalid_request_uri", // the fragment belongs to it
		h.URL + "/exact#two":            "invalid_request_uri",
		h.URL + "/r?x=1":                "invalid_request_uri",
		h.URL + "/nowhere":              "invalid_request_uri",
		h.URL + "/big":                  "invalid_request_uri",
		"https://10.0.0.1/r":            "invalid_request_uri",
		"urn:ietf:params:oauth:x":       "invalid_request_uri",
		h.URL + "/page":                 "invalid_request_object",
		strings.Repeat("https://", 600): "invalid_request_uri",
	} {
		if q := j.send(t, w.browser(), "request_uri", uri, "redirect_uri", j.Redirect).shown(t, code); strings.Contains(q.Encode(), "banner") || strings.Contains(q.Encode(), "10.0.0.1") {
			t.Errorf("the error repeats what the host said: %v", q)
		}
	}

	strict := newWorld(t, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8", "OIDC_REQUEST_OBJECTS_VERIFY_HASH=true")
	s := strict.jar(t, m{"request_uris": []string{h.URL + "/s"}})
	text := s.sign(t, m{"alg": "RS256"}, s.claims(nil))
	h.publish("/s", text)
	sum = sha256.Sum256([]byte(text))
	s.send(t, strict.browser(), "request_uri", h.URL+"/s#"+b64(sum[:])).challenge(t)
	s.send(t, strict.browser(), "request_uri", h.URL+"/s#"+b64(sum[1:])+"AA").shown(t, "invalid_request_uri")
}

// Objects that are encrypted to a published key, and HMACs of the secret.
func TestRequestObjectEncryptedOrHMAC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "OIDC_REQUEST_OBJECTS_UNSIGNED=false")
	var set struct {
		Keys []struct{ Kid, Kty, Use, Alg, N, D string }
	}
	for range 2 {
		do(t, user, "GET", w.Public+"/.well-known/jwks.json", "", proxied).json(t, 200, &set)
	}
	var public *rsa.PublicKey
	kid, encryption := "", 0
	for _, k := range set.Keys {
		if k.Use != "enc" {
			continue
		}
		if encryption++; k.D != "" {
			t.Error("a private key is published")
		}
		if k.Kty == "RSA" {
			n, err := base64.RawURLEncoding.DecodeString(k.N)
			if err != nil || k.Alg != "RSA-OAEP-256" {
				t.Fatal(k.Alg, err)
			}
			public, kid = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, k.Kid
		}
	}
	if public == nil || encryption != 2 {
		t.Fatalf("%d encryption keys are published, want an RSA and an EC key", encryption)
	}
	j := w.jar(t, nil)
	b := w.browser()
	r := j.send(t, b, "request", encryptTo(t, public, kid, j.sign(t, m{"alg": "RS256"}, j.claims(nil))))
	j.follow(t, b, r, "openid")
	j.send(t, b, "request", encryptTo(t, public, "", j.sign(t, m{"alg": "ES256"}, j.claims(nil)))).challenge(t)
	j.send(t, b, "request", encryptTo(t, public, "unknown", j.sign(t, m{"alg": "RS256"}, j.claims(nil)))).shown(t, "invalid_request_object")
	j.send(t, b, "request", encryptTo(t, public, kid, "no JWT")).shown(t, "invalid_request_object")
	// alg none is switched off, also inside.
	j.send(t, b, "request", encryptTo(t, public, kid, j.sign(t, m{"alg": "none"}, j.claims(nil)))).shown(t, "invalid_request_object")
	j.send(t, b, "request", j.sign(t, m{"alg": "none"}, j.claims(nil))).shown(t, "invalid_request_object")
	var found struct {
		Algs []string `json:"request_object_signing_alg_values_supported"`
	}
	do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "", proxied).json(t, 200, &found)
	if len(found.Algs) == 0 || found.Algs[0] == "none" {
		t.Errorf("discovery announces %v", found.Algs)
	}

	s := w.jar(t, m{"token_endpoint_auth_method": "client_secret_jwt", "request_object_signing_alg": "HS256"})
	s.send(t, b, "request", s.sign(t, m{"alg": "HS256"}, s.claims(nil))).challenge(t)
	s.Secret += "x"
	s.send(t, b, "request", s.sign(t, m{"alg": "HS256"}, s.claims(nil))).shown(t, "invalid_request_object")
	for name, change := range map[string]m{
		"HMAC without a secret that we have": {"request_object_signing_alg": "HS256"},
		"unknown":                            {"request_object_signing_alg": "XS256"},
		"signature without keys":             {"request_object_signing_alg": "RS256"},
		"encryption":                         {"request_object_encryption_alg": "RSA1_5"},
	} {
		body := m{"redirect_uris": []string{appCallback}}
		maps.Copy(body, change)
		if a := w.call(t, "POST", "/clients", body); a.Status != 400 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// encryptTo makes a JWE with RSA-OAEP-256 and A256GCM (RFC 7516 §5.1).
func encryptTo(t *testing.T, public *rsa.PublicKey, kid, text string) string {
	t.Helper()
	header, err := json.Marshal(m{"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": kid})
	if kid == "" {
		header, err = json.Marshal(m{"alg": "RSA-OAEP-256", "enc": "A256GCM"})
	}
	if err != nil {
		t.Fatal(err)
	}
	cek, iv := make([]byte, 32), make([]byte, 12)
	_, _ = rand.Read(cek)
	_, _ = rand.Read(iv)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, cek, nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	sealed := gcm.Seal(nil, iv, []byte(text), []byte(b64(header)))
	body, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	return strings.Join([]string{b64(header), b64(wrapped), b64(iv), b64(body), b64(tag)}, ".")
}
