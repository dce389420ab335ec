package server_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"testing"
	"time"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// signer is a client that authenticates with private_key_jwt.
type signer struct {
	app
	rig *rig
	key *rsa.PrivateKey
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// signer registers the client with its public key.
func (r *rig) signer(change m) *signer {
	r.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		r.t.Fatal(err)
	}
	body := m{"token_endpoint_auth_method": "private_key_jwt", "jwks": m{"keys": []m{{
		"kty": "RSA", "kid": "one", "use": "sig", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes()),
	}}}}
	maps.Copy(body, change)
	return &signer{r.client(body), r, key}
}

// claims are those of a good assertion; a nil in change takes one away.
func (s *signer) claims(change m) m {
	now := s.rig.clock.Now()
	c := m{
		"iss": s.id, "sub": s.id, "aud": s.rig.Public + "/oauth2/token", "jti": rand.Text(),
		"exp": now.Add(time.Minute).Unix(), "iat": now.Unix(),
	}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func (s *signer) text(v any) string {
	s.rig.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		s.rig.t.Fatal(err)
	}
	return b64(data)
}

// jwt signs with RS256, whatever the header says; HS256 takes the public key
// as the secret, and none signs nothing.
func (s *signer) jwt(header, claims m) string {
	s.rig.t.Helper()
	h := m{"alg": "RS256", "kid": "one"}
	maps.Copy(h, header)
	signed := s.text(h) + "." + s.text(claims)
	switch h["alg"] {
	case "none":
		return signed + "."
	case "HS256":
		public := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&s.key.PublicKey)})
		mac := hmac.New(sha256.New, public)
		mac.Write([]byte(signed))
		return signed + "." + b64(mac.Sum(nil))
	}
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	if err != nil {
		s.rig.t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

// credentials asks for a token with the assertion.
func (s *signer) credentials(assertion string, more ...string) answer {
	s.rig.t.Helper()
	return s.rig.token(app{}, append([]string{"grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", assertion}, more...)...)
}

// Cases 159 and 160.
func TestContractAssertion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.signer(nil)
	token, issuer := r.Public+"/oauth2/token", r.Config.URLs.Issuer
	for name, aud := range map[string]any{"string": token, "array": []string{token}, "issuer": issuer, "both": []string{issuer, token}} {
		if a := s.credentials(s.jwt(nil, s.claims(m{"aud": aud}))); a.Status != 200 {
			t.Errorf("159: aud as %s: %d %s", name, a.Status, a.Body)
		}
	}
	other := r.signer(nil)
	for name, test := range map[string]struct{ header, claims m }{
		"without jti": {nil, m{"jti": nil}},
		"wrong iss":   {nil, m{"iss": other.id}},
		"wrong sub":   {nil, m{"sub": other.id}},
		"wrong aud":   {nil, m{"aud": "https://other.test/oauth2/token"}},
		"HS256":       {m{"alg": "HS256"}, nil},
		"none":        {m{"alg": "none"}, nil},
		// Attacks beyond the case.
		"one foreign aud of two": {nil, m{"aud": []string{token, "https://evil.test/"}}},
		"without aud":            {nil, m{"aud": nil}},
		"without exp":            {nil, m{"exp": nil}},
		"exp in the past":        {nil, m{"exp": r.clock.Now().Add(-time.Hour).Unix()}},
		"exp far ahead":          {nil, m{"exp": r.clock.Now().Add(24 * time.Hour).Unix()}},
		"exp as a string":        {nil, m{"exp": "4000000000"}},
		"exp as 1e400":           {nil, m{"exp": json.RawMessage("1e400")}},
		"exp negative":           {nil, m{"exp": -1}},
		"nbf in the future":      {nil, m{"nbf": r.clock.Now().Add(time.Hour).Unix()}},
		"iat long ago":           {nil, m{"iat": r.clock.Now().Add(-48 * time.Hour).Unix()}},
		"crit":                   {m{"crit": []string{"exp"}}, nil},
		"kid as a path":          {m{"kid": "../../etc/passwd"}, nil},
		"kid as SQL":             {m{"kid": "one' OR '1'='1"}, nil},
		"typ of another JWT":     {m{"typ": "at+jwt"}, nil},
	} {
		if a := s.credentials(s.jwt(test.header, s.claims(test.claims)), "client_id", s.id); a.Status != 401 || a.text("error") != "invalid_client" {
			t.Errorf("160: %s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := s.credentials(other.jwt(nil, s.claims(nil))); a.Status != 401 {
		t.Errorf("signed with another client's key: %d %s", a.Status, a.Body)
	}
}

func unb64(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
