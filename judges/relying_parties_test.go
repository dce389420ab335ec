package judges

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What the relying parties written in Go share: clients, and somebody in front
// of a browser whose login app speaks to the admin API.

const goodbye = "http://127.0.0.1:5555/goodbye"

// party is a client that a relying party is for, with an RSA key of its own.
type party struct {
	id, secret string
	key        *rsa.PrivateKey
}

const kid = "of-the-party"

// adminCall sends JSON to the admin API and reads the answer.
func adminCall(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, adminURL+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %v %v", method, path, res.Status, out, err)
	}
	return out
}

// newParty registers a client with these members on top of the usual ones.
func newParty(t *testing.T, members map[string]any) *party {
	t.Helper()
	p := new(party)
	var err error
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	key := map[string]any{"kty": "RSA", "n": b64(p.key.N.Bytes()), "e": b64(big.NewInt(int64(p.key.E)).Bytes())}
	keys := []any{}
	for use, kid := range map[string]string{"sig": kid, "enc": kid + "-enc"} {
		k := map[string]any{"use": use, "kid": kid}
		for name, value := range key {
			k[name] = value
		}
		keys = append(keys, k)
	}
	body := map[string]any{
		"redirect_uris": []string{callback}, "post_logout_redirect_uris": []string{goodbye}, "scope": "openid offline_access email profile",
		"grant_types": []string{"authorization_code", "refresh_token", "implicit"}, "response_types": []string{"code", "code id_token"},
		"jwks": map[string]any{"keys": keys},
	}
	for name, value := range members {
		body[name] = value
	}
	out := adminCall(t, "POST", "/admin/clients", body)
	p.id, _ = out["client_id"].(string)
	p.secret, _ = out["client_secret"].(string)
	return p
}

// pem is the key as libraries read it from a file.
func (p *party) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p.key)})
}

// sign makes a JWT of the party.
func (p *party) sign(t *testing.T, alg jose.SignatureAlgorithm, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: p.key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// asObject puts the parameters of a request into a request object (RFC 9101).
func (p *party) asObject(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	claims := map[string]any{"iss": p.id, "aud": publicURL, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for name := range u.Query() {
		claims[name] = u.Query().Get(name)
	}
	u.RawQuery = url.Values{"client_id": {p.id}, "request": {p.sign(t, jose.PS256, claims)}}.Encode()
	return u.String()
}

// assertion authenticates the party (RFC 7523 §2.2).
func (p *party) assertion(t *testing.T) string {
	t.Helper()
	now := time.Now()
	return p.sign(t, jose.RS256, map[string]any{"iss": p.id, "sub": p.id, "aud": publicURL, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
}

const bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// person is somebody in front of a browser.
type person struct {
	t       *testing.T
	browser *http.Client
}

func newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

var (
	formAction = regexp.MustCompile(`<form [^>]*action="([^"]*)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// open follows one step: to where the browser is sent, or, from a page that
// posts itself, to what it posts.
func (p *person) open(address string) (to *url.URL, posted url.Values) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if to, err := res.Location(); err == nil {
		return to, nil
	}
	page, err := io.ReadAll(res.Body)
	action := formAction.FindSubmatch(page)
	if err != nil || action == nil {
		p.t.Fatalf("GET %s: %s %s %v", address, res.Status, page, err)
	}
	posted = url.Values{}
	for _, field := range formField.FindAllSubmatch(page, -1) {
		posted.Add(html.UnescapeString(string(field[1])), html.UnescapeString(string(field[2])))
	}
	if to, err = url.Parse(html.UnescapeString(string(action[1]))); err != nil {
		p.t.Fatal(err)
	}
	return to, posted
}

func decide(t *testing.T, kind, challenge string, body map[string]any) string {
	t.Helper()
	to, _ := adminCall(t, "PUT", "/admin/oauth2/auth/requests/"+kind+"/accept?"+url.Values{kind + "_challenge": {challenge}}.Encode(), body)["redirect_to"].(string)
	return to
}

// signIn is the trip from the request to the client, which gets these
// parameters: in the query, in the fragment, or by POST.
func (p *person) signIn(address string) (parameters url.Values, mode string) {
	p.t.Helper()
	to, posted := p.open(address)
	if c := to.Query().Get("login_challenge"); c != "" {
		to, posted = p.open(decide(p.t, "login", c, map[string]any{"subject": "alice", "remember": true}))
	}
	if c := to.Query().Get("consent_challenge"); c != "" {
		to, posted = p.open(decide(p.t, "consent", c, map[string]any{
			"grant_scope": []string{"openid", "offline_access", "email"}, "session": map[string]any{"id_token": map[string]any{"email": "alice@example.org", "email_verified": true}},
		}))
	}
	if !strings.HasPrefix(to.String(), callback) {
		p.t.Fatalf("the browser is sent to %s", to)
	}
	if posted != nil {
		return posted, "form_post"
	}
	if to.Fragment == "" {
		return to.Query(), "query"
	}
	parameters, err := url.ParseQuery(to.EscapedFragment())
	if err != nil {
		p.t.Fatal(err)
	}
	return parameters, "fragment"
}

// signOut says yes when it is asked, and returns where it ends.
func (p *person) signOut(address string) string {
	p.t.Helper()
	to, _ := p.open(address)
	return p.agree(to)
}

// agree is the rest of signOut, from the logout app on.
func (p *person) agree(to *url.URL) string {
	p.t.Helper()
	c := to.Query().Get("logout_challenge")
	if c == "" {
		p.t.Fatalf("the browser is sent to %s, not to the logout app", to)
	}
	end, _ := p.open(decide(p.t, "logout", c, nil))
	return end.String()
}

// gone checks that the server knows nobody in front of the browser.
func (p *person) gone(address string) {
	p.t.Helper()
	to, _ := p.open(address + "&prompt=none")
	if to.Query().Get("error") != "login_required" {
		p.t.Errorf("prompt=none leads to %s", to)
	}
}
