package oryimport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
	"hydra/internal/oryimport"
	"hydra/internal/oryimport/orytest"
	"hydra/internal/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopEngines()
	os.Exit(code)
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, d *orytest.Database, secrets ...string) *oryimport.Source {
	t.Helper()
	if secrets == nil {
		secrets = []string{orytest.Secret}
	}
	s, err := oryimport.Open(t.Context(), d.DSN, secrets, "")
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every generation of the schema on every engine means the same.
func TestReleases(t *testing.T) {
	t.Parallel()
	engines := []*storetest.Engine{nil, storetest.PostgreSQL, storetest.MariaDB}
	for _, e := range engines {
		for _, r := range orytest.Releases() {
			name := "SQLite"
			if e != nil {
				name = e.Name
			}
			t.Run(fmt.Sprint(name, " ", r), func(t *testing.T) {
				t.Parallel()
				d := orytest.New(t, r, e)
				t.Run("clients", func(t *testing.T) { clients(t, d) })
				t.Run("keys", func(t *testing.T) { keys(t, d) })
				t.Run("authorizations", func(t *testing.T) { authorizations(t, d) })
			})
		}
	}
}

func clients(t *testing.T, d *orytest.Database) {
	d.Client("b", "$2a$10$hash", orytest.Row{
		"client_name": "Bär", "owner": "o", "redirect_uris": []string{"https://one.test/", "https://two.test/?a=b"}, "contacts": []string{"a@b.test"},
		"metadata": map[string]any{"k": []any{"v", 1.0}}, "backchannel_logout_session_required": true, "backchannel_logout_uri": "https://one.test/out",
		"jwks": `{"keys":[]}`, "request_uris": []string{"https://one.test/r"}, "audience": []string{"https://api.test"},
		"authorization_code_grant_access_token_lifespan": int(time.Hour), "device_authorization_grant_access_token_lifespan": int(time.Minute),
		"skip_consent": true, "access_token_strategy": "jwt", "skip_logout_consent": true,
	})
	for i := range 250 { // more than one page
		d.Client(fmt.Sprintf("c%03d", i), "", nil)
	}
	var got []oryimport.Client
	must(t, open(t, d).Clients(t.Context(), func(c oryimport.Client) error { got = append(got, c); return nil }))
	if len(got) != 251 || got[0].ID != "b" || got[250].ID != "c249" {
		t.Fatalf("%d clients were read", len(got))
	}
	at, hour, minute, yes := time.Unix(1600000000, 0).UTC(), time.Hour, time.Minute, true
	want := oauth.Client{
		ID: "b", Name: "Bär", Owner: "o", RedirectURIs: []string{"https://one.test/", "https://two.test/?a=b"},
		GrantTypes:    []string{"authorization_code", "refresh_token", "client_credentials"},
		ResponseTypes: []string{"code"}, Scope: "openid offline offline_access a b c", Contacts: []string{"a@b.test"}, JWKS: json.RawMessage(`{"keys":[]}`),
		AuthMethod: "client_secret_basic", SubjectType: "public", UserinfoSignedAlg: "none", BackchannelLogoutURI: "https://one.test/out",
		BackchannelLogoutSID: true, RequestURIs: []string{"https://one.test/r"}, Audience: []string{"https://api.test"}, CreatedAt: at, UpdatedAt: at,
	}
	if d.Release >= orytest.V2 {
		want.SkipConsent, want.AccessTokenStrategy, want.Lifespans.AuthorizationCodeAccess = true, "jwt", &hour
	}
	if d.Release >= orytest.V26 {
		want.SkipLogoutConsent, want.Lifespans.DeviceAccess = &yes, &minute
	}
	c := *got[0].Client
	var metadata any
	must(t, json.Unmarshal(c.Metadata, &metadata))
	if diff := cmp.Diff(map[string]any{"k": []any{"v", 1.0}}, metadata); diff != "" {
		t.Errorf("metadata: %s", diff)
	}
	c.Metadata = nil // engines write JSON in their own way
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("client: %s", diff)
	}
	if got[0].Hash != "$2a$10$hash" {
		t.Errorf("hash %q", got[0].Hash)
	}
}

const jwk = `{"kty":"oct","k":"c2VjcmV0","kid":"k"}`

func keys(t *testing.T, d *orytest.Database) {
	d.Key("set", "new", orytest.Secret, json.RawMessage(jwk), noon)
	d.Key("set", "old", "a secret before that one", json.RawMessage(jwk), noon.Add(-time.Hour))
	d.Key("https://idp.test", "one", orytest.Secret, json.RawMessage(jwk), noon)
	d.Trust("11111111-2222-4333-8444-555555555555", "https://idp.test", "", "one", []string{"a", "b"}, noon.Add(time.Hour))
	d.Trust("11111111-2222-4333-8444-666666666666", "https://gone.test", "u", "one", nil, noon)

	s := open(t, d, orytest.Secret)
	all, err := s.AllKeys(t.Context())
	must(t, err)
	var names []string
	for _, k := range all {
		names = append(names, fmt.Sprint(k.Set, " ", k.KID, " ", string(k.JWK) == jwk, " ", k.Problem == nil, " ", k.CreatedAt.Format(time.TimeOnly)))
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"https://idp.test one true true 12:00:00", "set new true true 12:00:00", "set old false false 11:00:00"}, names); diff != "" {
		t.Errorf("keys: %s", diff)
	}
	if all[0].KID != "old" {
		t.Errorf("the first key is %s, want the oldest", all[0].KID)
	}
	trusts, err := s.Trusts(t.Context(), all)
	must(t, err)
	if len(trusts) != 2 {
		t.Fatalf("%d trusted issuers", len(trusts))
	}
	one, gone := trusts[0], trusts[1]
	if d.Release < orytest.V2 && one.AllowAnySubject {
		t.Error("any subject is allowed, and the release has no such column")
	}
	one.AllowAnySubject = false
	want := oryimport.Trust{KeySet: "https://idp.test", TrustedIssuer: oauth.TrustedIssuer{
		ID: oauth.ID{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}, Issuer: "https://idp.test",
		Scope: []string{"a", "b"}, KID: "one", JWK: json.RawMessage(jwk), CreatedAt: time.Unix(1600000000, 0).UTC(), ExpiresAt: noon.Add(time.Hour),
	}}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("trusted issuer: %s", diff)
	}
	if gone.Problem == nil {
		t.Error("an issuer whose key is gone has no problem")
	}

	if _, err := open(t, d, "no secret of that server").AllKeys(t.Context()); !errors.Is(err, oryimport.ErrSecret) {
		t.Errorf("with a wrong secret: %v", err)
	}
	// Of several secrets each opens what it has sealed.
	all, err = open(t, d, "no secret of that server", "a secret before that one", orytest.Secret).AllKeys(t.Context())
	must(t, err)
	for _, k := range all {
		if k.Problem != nil {
			t.Errorf("%s %s: %v", k.Set, k.KID, k.Problem)
		}
	}
}

func authorizations(t *testing.T, d *orytest.Database) {
	consent := orytest.Consent{
		Challenge: "1", Client: "c", Subject: "u", Scope: []string{"openid", "offline"}, Remember: true, For: 60, At: noon,
		IDToken: map[string]any{"email": "u@old.test"}, Access: map[string]any{"role": "r"},
	}
	d.Consent(consent)
	d.Refresh(orytest.Refresh{Consent: consent, Spent: true, At: noon.Add(time.Second)})
	d.Refresh(orytest.Refresh{Consent: consent, At: noon.Add(2 * time.Second), ExpiresAt: noon.Add(time.Hour), Change: orytest.Row{"granted_scope": []string{"offline"}}})
	skipped := orytest.Consent{Challenge: "2", Client: "c", Subject: "u", Skip: true, At: noon}
	d.Consent(skipped)
	d.Refresh(orytest.Refresh{Consent: skipped, At: noon, Plain: true})
	d.Consent(orytest.Consent{Challenge: "3", Client: "c", Subject: "refused", At: noon, Change: orytest.Row{
		"error": `{"error":"access_denied"}`, "consent_error": `{"error":"access_denied"}`, "state": 129, "consent_handled_at": nil,
	}})
	ended := orytest.Consent{Challenge: "4", Client: "c", Subject: "ended", At: noon}
	d.Consent(ended)
	d.Refresh(orytest.Refresh{Consent: ended, At: noon, Spent: true})
	foreign := orytest.Consent{Challenge: "5", Client: "c", Subject: "elsewhere", At: noon}
	d.Consent(foreign)
	d.Refresh(orytest.Refresh{Consent: foreign, At: noon, Signed: "a secret that nobody has any more"})
	d.Refresh(orytest.Refresh{Consent: orytest.Consent{Challenge: "6", Client: "c", Subject: "alone", Scope: []string{"offline"}, At: noon}, At: noon, Change: orytest.Row{"challenge_id": nil}})
	for i := range 250 {
		c := orytest.Consent{Challenge: fmt.Sprintf("n%03d", i), Client: "c", Subject: "many", At: noon, Remember: true}
		d.Consent(c)
		if i%50 == 0 {
			d.Refresh(orytest.Refresh{Consent: c, At: noon})
		}
	}

	got := map[string]oryimport.Authorization{}
	tokens, many := 0, 0
	must(t, open(t, d).Authorizations(t.Context(), func(a oryimport.Authorization) error {
		if a.Subject == "many" {
			many, tokens = many+1, tokens+len(a.Tokens)
			return nil
		}
		if _, twice := got[a.Chain]; twice {
			t.Errorf("%s is there twice", a.Chain)
		}
		got[a.Chain] = a
		return nil
	}))
	if many != 250 || tokens != 5 {
		t.Errorf("of many there are %d with %d tokens", many, tokens)
	}
	one := got["1"]
	if len(one.Tokens) != 2 || one.Problem != nil {
		t.Fatalf("the chain has the tokens %+v, %v", one.Tokens, one.Problem)
	}
	if !one.Tokens[0].Spent || one.Tokens[1].Spent || !one.Tokens[1].ExpiresAt.Equal(noon.Add(time.Hour)) || one.Tokens[0].Signature == one.Tokens[1].Signature {
		t.Errorf("tokens %+v", one.Tokens)
	}
	one.Tokens = nil
	var id, access any
	must(t, errors.Join(json.Unmarshal(one.IDClaims, &id), json.Unmarshal(one.AccessClaims, &access)))
	if diff := cmp.Diff([]any{map[string]any{"email": "u@old.test"}, map[string]any{"role": "r"}}, []any{id, access}); diff != "" {
		t.Errorf("claims: %s", diff)
	}
	one.IDClaims, one.AccessClaims = nil, nil
	want := oauth.Authorization{
		Chain: "1", ClientID: "c", Subject: "u", RequestURL: "https://old.test/oauth2/auth?client_id=c&scope=openid",
		RequestedScope: []string{"openid", "offline"}, GrantedScope: []string{"offline"}, RequestedAt: noon, HandledAt: noon.Add(time.Second),
		AuthTime: noon, ACR: "2", AMR: []string{"pwd"}, Remember: true, RememberFor: 60,
	}
	if diff := cmp.Diff(want, one.Authorization); diff != "" {
		t.Errorf("authorization: %s", diff)
	}
	if a := got["2"]; !a.Skip || len(a.Tokens) != 1 || !a.Tokens[0].ExpiresAt.Equal(oauth.Never) || a.Problem != nil {
		t.Errorf("a session that was not sealed: %+v", a)
	}
	if _, ok := got["3"]; ok {
		t.Error("a refused consent was read")
	}
	if a := got["4"]; a.Chain == "" || len(a.Tokens) != 0 {
		t.Errorf("a chain that has ended: %+v", a)
	}
	if a := got["5"]; a.Problem == nil || len(a.Tokens) != 0 {
		t.Errorf("a session that does not open: %+v", a)
	}
	lone := got["r-6"]
	if lone.Subject != "alone" || len(lone.Tokens) != 1 || !slices.Equal(lone.GrantedScope, []string{"offline"}) || lone.Remember {
		t.Errorf("a token without a consent: %+v", lone)
	}
	if len(got) != 5 {
		t.Errorf("%d authorizations", len(got))
	}
}

// A database that is none of that server's is named, and nothing of the DSN
// gets into the error but the host.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	refused := func(name, dsn, network, want string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := oryimport.Open(t.Context(), dsn, []string{orytest.Secret}, network)
			if err == nil {
				must(t, s.Close())
			}
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "the-password") {
				t.Errorf("Open() = %v, want %q", err, want)
			}
		})
	}
	refused("no such file", "sqlite:///nowhere/ory.sqlite", "", "no file")
	refused("in memory", "memory", "", "memory")
	refused("no server", "postgres://u:the-password@127.0.0.1:1/d?sslmode=disable", "", "127.0.0.1")
	refused("no server of MySQL", "mysql://u:the-password@tcp(127.0.0.1:1)/d", "", "127.0.0.1")
	refused("something else", "redis://u:the-password@127.0.0.1/", "", "")

	refused("our own", "sqlite://"+storetest.File(t), "", "hydra_client")
	old := orytest.New(t, orytest.V1, nil)
	old.Exec("DROP TABLE hydra_oauth2_trusted_jwt_bearer_issuer")
	refused("before v1.11", old.DSN, "", "v1.11 or later")
	refused("no networks", orytest.New(t, orytest.V1, nil).DSN, orytest.Network, "no networks")
	half := orytest.New(t, orytest.V2, nil)
	half.Exec("DROP TABLE hydra_oauth2_flow")
	refused("half a schema", half.DSN, "", "hydra_oauth2_flow")

	two := orytest.New(t, orytest.V26, nil)
	other := "22222222-5a0e-4a33-8a53-0f9a30f1b5d1"
	two.Insert("networks", orytest.Row{"id": other})
	refused("two networks", two.DSN, "", other)
	refused("another network", two.DSN, "33333333-5a0e-4a33-8a53-0f9a30f1b5d1", other)
	two.Client("here", "", nil)
	two.Client("there", "", orytest.Row{"nid": other})
	s, err := oryimport.Open(t.Context(), two.DSN, []string{orytest.Secret}, other)
	must(t, err)
	var ids []string
	must(t, s.Clients(t.Context(), func(c oryimport.Client) error { ids = append(ids, c.ID); return nil }))
	must(t, s.Close())
	if !slices.Equal(ids, []string{"there"}) {
		t.Errorf("clients %q of the other network", ids)
	}
}

// What a release lacks or has renamed is said, with the name of the column.
func TestColumnIsMissing(t *testing.T) {
	t.Parallel()
	d := orytest.New(t, orytest.V26, nil)
	d.Exec("ALTER TABLE hydra_client DROP COLUMN client_secret")
	err := open(t, d).Clients(t.Context(), func(oryimport.Client) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "hydra_client has no column client_secret") {
		t.Errorf("Clients() = %v", err)
	}
}

// The other database is read and never written, also by mistake.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, e := range []*storetest.Engine{nil, storetest.PostgreSQL, storetest.MariaDB} {
		d := orytest.New(t, orytest.V26, e)
		if err := open(t, d).Write(t.Context(), "DELETE FROM hydra_client"); err == nil {
			t.Errorf("%s: a statement that writes was run", d.DSN)
		}
	}
}
