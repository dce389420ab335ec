package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// publicJWK is a new public key with that kid.
func publicJWK(t *testing.T, kid string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":%q,"x":%q,"y":%q}`, kid, b64(point[1:33]), b64(point[33:]))
}

func trustBody(t *testing.T, issuer, subject, kid string) string {
	t.Helper()
	return fmt.Sprintf(`{"issuer":%q,"subject":%q,"allow_any_subject":%v,"scope":["read","write"],"jwk":%s,"expires_at":"2027-01-02T03:04:05Z"}`,
		issuer, subject, subject == "", publicJWK(t, kid))
}

func trustIDOf(t *testing.T, body []byte) string {
	t.Helper()
	var v struct{ ID string }
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// Contract §2.3 and Appendix A, below both paths; row 18 of §1.2.
func TestTrustedIssuers(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/trust/grants/jwt-bearer/issuers", "/admin/trust/grants/jwt-bearer/issuers"} {
		a := newAPI(t)
		made := a.call("POST", path, trustBody(t, "https://idp.test/a?b=c", "alice", "k/1")).is(201)
		id := trustIDOf(t, made.body)
		want := `{"id":"` + id + `","issuer":"https://idp.test/a?b=c","subject":"alice","allow_any_subject":false,"scope":["read","write"],` +
			`"public_key":{"set":"https://idp.test/a?b=c","kid":"k/1"},"created_at":"2026-11-23T12:00:00Z","expires_at":"2027-01-02T03:04:05Z"}`
		if got := strings.TrimSpace(string(made.body)); got != want {
			t.Errorf("made %s\nwant %s", got, want)
		}
		if len(id) != 36 || made.header.Get("Location") != path+"/"+id || made.header.Get("Cache-Control") != "no-store" {
			t.Errorf("id %q, header %v", id, made.header)
		}
		if got := a.call("GET", made.header.Get("Location"), "").is(200); strings.TrimSpace(string(got.body)) != want {
			t.Errorf("GET = %s", got.body)
		}
		a.call("POST", path, trustBody(t, "https://idp.test/a?b=c", "alice", "k/1")).is(409)
		a.call("POST", path, trustBody(t, "https://other.test", "", "k1")).is(201)

		for query, want := range map[string]int{
			"": 2, "?limit=1": 1, "?offset=1": 1, "?limit=0": 0, "?offset=2": 0,
			"?issuer=https://other.test": 1, "?issuer=https%3A%2F%2Fidp.test%2Fa%3Fb%3Dc": 1, "?issuer=nobody": 0, "?issuer=https://other.test&offset=1": 0,
		} {
			var list []struct{ Issuer string }
			if err := json.Unmarshal(a.call("GET", path+query, "").is(200).body, &list); err != nil || len(list) != want || list == nil {
				t.Errorf("%q lists %d, %v, want %d", query, len(list), err, want)
			}
		}

		// By place, each is shown once.
		link := path + "?page_size=1"
		for _, last := range []bool{false, true} {
			page := a.call("GET", link, "").is(200)
			var list []struct{ Issuer string }
			if err := json.Unmarshal(page.body, &list); err != nil || len(list) != 1 {
				t.Fatalf("%s lists %s, %v", link, page.body, err)
			}
			_, next, more := strings.Cut(page.header.Get("Link"), ",<")
			if more == last {
				t.Fatalf("%s links to %q", link, page.header.Get("Link"))
			}
			link, _, _ = strings.Cut(next, ">")
		}
		if by := a.call("GET", path+"?limit=1", "").is(200); by.header.Get("X-Total-Count") != "2" {
			t.Errorf("by offset: %v", by.header)
		}

		a.call("DELETE", path+"/"+id, "").is(204)
		for _, unknown := range []string{id, strings.ToUpper(id), strings.ReplaceAll(id, "-", ""), "x", "00000000-0000-0000-0000-000000000000"} {
			a.call("GET", path+"/"+unknown, "").is(404)
			a.call("DELETE", path+"/"+unknown, "").is(404)
		}
	}
}

func TestTrustedIssuersRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const path = "/admin/trust/grants/jwt-bearer/issuers"
	good := trustBody(t, "https://idp.test", "alice", "k1")
	replace := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	jwk := good[strings.Index(good, `"jwk":`)+6 : strings.Index(good, `,"expires_at"`)]
	private := strings.Replace(jwk, "{", `{"d":"`+strings.Repeat("A", 43)+`",`, 1)
	for name, test := range map[string]struct{ body, code string }{
		"empty":          {`{}`, "missing_required_parameter"},
		"no issuer":      {replace(`"issuer":"https://idp.test",`, ""), "missing_required_parameter"},
		"no subject":     {replace(`"subject":"alice",`, ""), "missing_required_parameter"},
		"both subjects":  {replace(`"allow_any_subject":false`, `"allow_any_subject":true`), "missing_required_parameter"},
		"no key":         {replace(jwk, "null"), "missing_required_parameter"},
		"no kid":         {replace(`"kid":"k1",`, ""), "missing_required_parameter"},
		"no end":         {replace(`,"expires_at":"2027-01-02T03:04:05Z"`, ""), "missing_required_parameter"},
		"a private key":  {replace(jwk, private), "invalid_request"},
		"an oct key":     {replace(jwk, `{"kty":"oct","kid":"k1","k":"c2VjcmV0c2VjcmV0c2VjcmV0"}`), "invalid_request"},
		"an odd date":    {replace("2027-01-02T03:04:05Z", "tomorrow"), "invalid_request"},
		"an odd subject": {replace(`"alice"`, `7`), "invalid_request"},
		"no JSON":        {"x", "invalid_request"},
	} {
		r := a.call("POST", path, test.body).is(400)
		var e struct{ Error string }
		if err := json.Unmarshal(r.body, &e); err != nil || e.Error != test.code {
			t.Errorf("%s: %s, want %s", name, r.body, test.code)
		}
		if slices.Contains([]string{"a private key", "an oct key"}, name) && (strings.Contains(string(r.body), "AAAA") || strings.Contains(string(r.body), "c2Vjcm")) {
			t.Errorf("%s: the answer repeats the key: %s", name, r.body)
		}
	}
	a.call("GET", path, "").is(200)
	a.call("POST", path, strings.Replace(good, `"scope":["read","write"],`, "", 1)).is(201) // not required, as in the original
}
