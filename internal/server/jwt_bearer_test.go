package server_test

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const bearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// trusting registers a client for the JWT bearer grant, and a signer whose
// assertions the server takes for alice.
func (r *rig) trusting(path string) (app, *signer, string) {
	r.t.Helper()
	s := r.signer(nil)
	s.id = "https://idp.test"
	made := r.admin("POST", path, m{
		"issuer": s.id, "subject": "alice", "scope": []string{"read", "foo.*"}, "expires_at": r.clock.Now().Add(time.Hour).UTC(),
		"jwk": m{"kty": "RSA", "kid": "one", "n": b64(s.key.N.Bytes()), "e": b64(big.NewInt(int64(s.key.E)).Bytes())},
	}).is(201, "")
	return r.client(m{"grant_types": []string{bearerGrant}}), s, made.text("id")
}

// bearer presents an assertion of the signer.
func (s *signer) bearer(r *rig, c app, change m, more ...string) answer {
	r.t.Helper()
	claims := m{"sub": "alice"}
	maps.Copy(claims, change)
	return r.token(c, append([]string{"grant_type", bearerGrant, "assertion", s.jwt(nil, s.claims(claims))}, more...)...)
}

// RFC 7523 over HTTP, on two nodes of one database.
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	const path = "/admin/trust/grants/jwt-bearer/issuers"
	r := newRig(t)
	c, s, id := r.trusting(path)

	var discovery struct {
		Grants []string `json:"grant_types_supported"`
	}
	if err := json.Unmarshal([]byte(get(t, r.Public+"/.well-known/openid-configuration").Body), &discovery); err != nil || !slices.Contains(discovery.Grants, bearerGrant) {
		t.Errorf("discovery announces %q, %v", discovery.Grants, err)
	}

	got := s.bearer(r, c, nil, "scope", "read foo.x").is(200, "")
	fields := got.fields()
	if fields["scope"] != "read foo.x" || fields["token_type"] != "bearer" || fields["refresh_token"] != nil || fields["id_token"] != nil {
		t.Errorf("answer %v", fields)
	}
	token := got.text("access_token")
	if in := r.introspect(token).fields(); in["active"] != true || in["sub"] != "alice" || in["client_id"] != c.id {
		t.Errorf("introspection %v", in)
	}
	r.userinfo(token).is(401, "")

	// A jti is good once, on whichever node.
	jwt := s.jwt(nil, s.claims(m{"sub": "alice", "aud": r.Config.URLs.Issuer}))
	other := r.beside()
	other.token(c, "grant_type", bearerGrant, "assertion", jwt).is(200, "")
	r.token(c, "grant_type", bearerGrant, "assertion", jwt).is(400, "invalid_grant")
	other.token(c, "grant_type", bearerGrant, "assertion", jwt).is(400, "invalid_grant")
	if !strings.Contains(r.Log.String(), "jwt_bearer_replayed") {
		t.Error("the log does not tell of the replay")
	}
	// One that was issued by another node is the same there.
	if in := other.introspect(token).fields(); in["active"] != true || in["sub"] != "alice" {
		t.Errorf("introspection of the other node %v", in)
	}

	for name, change := range map[string]m{
		"foreign subject": {"sub": "bob"}, "foreign issuer": {"iss": "https://other.test"}, "foreign audience": {"aud": "https://evil.test/"},
		"far": {"exp": r.clock.Now().Add(721 * time.Hour).Unix()}, "without jti": {"jti": nil}, "without iat": {"iat": nil}, "old": {"exp": 1},
	} {
		if a := s.bearer(r, c, change); a.Status != 400 || a.text("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for _, alg := range []string{"none", "HS256"} {
		assertion := s.jwt(m{"alg": alg}, s.claims(m{"sub": "alice"}))
		r.token(c, "grant_type", bearerGrant, "assertion", assertion).is(400, "invalid_grant")
	}
	s.bearer(r, c, nil, "scope", "openid").is(400, "invalid_scope")
	s.bearer(r, r.client(nil), nil).is(400, "invalid_grant") // not registered for the grant
	s.bearer(r, app{c.id, "wrong", c.method}, nil).is(401, "invalid_client")
	// Two assertions are two readers' choice.
	r.token(c, "grant_type", bearerGrant, "assertion", jwt, "assertion", jwt).is(400, "invalid_request")

	r.admin("DELETE", path+"/"+id, nil).is(204, "")
	s.bearer(r, c, nil).is(400, "invalid_grant")
	s.bearer(other, c, nil).is(400, "invalid_grant")
	if !r.active(token) {
		t.Error("a token died with the trust that bought it; it was to live until its end")
	}
	r.call("/oauth2/revoke", c, "token", token).is(200, "")
	if r.active(token) || other.active(token) {
		t.Error("alive after its revocation")
	}
}

// RFC 7523 §3.1: a public client needs nothing but the assertion, which is
// still good once.
func TestJWTBearerOfAPublicClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, s, _ := r.trusting("/admin/trust/grants/jwt-bearer/issuers")
	c := r.client(m{"grant_types": []string{bearerGrant}, "token_endpoint_auth_method": "none"})
	jwt := s.jwt(nil, s.claims(m{"sub": "alice"}))
	token := r.token(c, "grant_type", bearerGrant, "assertion", jwt).is(200, "").text("access_token")
	if in := r.introspect(token).fields(); in["active"] != true || in["sub"] != "alice" || in["client_id"] != c.id {
		t.Errorf("introspection %v", in)
	}
	r.token(c, "grant_type", bearerGrant, "assertion", jwt).is(400, "invalid_grant")
	public := m{"grant_types": []string{"refresh_token"}, "token_endpoint_auth_method": "none"}
	s.bearer(r, r.client(public), nil).is(400, "invalid_grant") // not registered for the grant
}

// What was trusted for a time ends with it, and the options let through what
// they say.
func TestJWTBearerOptions(t *testing.T) {
	t.Parallel()
	r := newRig(t, "OAUTH2_GRANT_JWT_JTI_OPTIONAL=true", "OAUTH2_GRANT_JWT_IAT_OPTIONAL=true", "OAUTH2_GRANT_JWT_MAX_TTL=10m")
	c, s, _ := r.trusting("/trust/grants/jwt-bearer/issuers")
	s.bearer(r, c, m{"jti": nil, "iat": nil}).is(200, "")
	s.bearer(r, c, m{"exp": r.clock.Now().Add(11 * time.Minute).Unix()}).is(400, "invalid_grant")
	r.wait(59 * time.Minute)
	s.bearer(r, c, nil).is(200, "")
	r.wait(2 * time.Minute)
	s.bearer(r, c, nil).is(400, "invalid_grant")
}

// No assertion, and nothing that stands in one, reaches the log.
func TestJWTBearerLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, s, _ := r.trusting("/trust/grants/jwt-bearer/issuers")
	jti := rand.Text()
	for range 2 {
		s.bearer(r, c, m{"jti": jti})
	}
	s.bearer(r, c, m{"jti": jti, "sub": "mallory-" + jti})
	log := r.Log.String()
	for _, secret := range []string{jti, url.QueryEscape(jti)} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}
