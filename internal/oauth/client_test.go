package oauth

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The order of response types does not matter (RFC 6749 §3.1.1); the
// combination does.
func TestAllowsResponseType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		registered []string
		asked      string
		want       bool
	}{
		{"nothing registered, code", nil, "code", true},
		{"nothing registered, token", nil, "token", false},
		{"registered", []string{"code"}, "code", true},
		{"one of several", []string{"token", "code"}, "code", true},
		{"combination", []string{"code id_token"}, "code id_token", true},
		{"combination in another order", []string{"code id_token"}, "id_token code", true},
		{"three in another order", []string{"code id_token token"}, "token id_token code", true},
		{"part of a combination", []string{"code id_token"}, "code", false},
		{"combination of single ones", []string{"code", "id_token"}, "code id_token", false},
		{"more than the combination", []string{"code id_token"}, "code id_token token", false},
		{"twice", []string{"code"}, "code code", false},
		{"twice in a combination", []string{"code id_token"}, "code id_token code", false},
		{"empty", []string{"code"}, "", false},
		{"empty, and empty registered", []string{""}, "", false},
		{"capitals", []string{"code"}, "Code", false},
		{"none unless registered", []string{"code"}, "none", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := Fields(test.asked)
			before := append([]string(nil), asked...)
			c := &Client{ResponseTypes: test.registered}
			if got := c.AllowsResponseType(asked); got != test.want {
				t.Errorf("AllowsResponseType(%q) = %t, want %t", test.asked, got, test.want)
			}
			if diff := cmp.Diff(before, asked); diff != "" {
				t.Errorf("the caller's list was changed:\n%s", diff)
			}
		})
	}
}

func TestAllowsGrantType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		registered []string
		asked      string
		want       bool
	}{
		{nil, GrantAuthorizationCode, true},
		{nil, GrantClientCredentials, false},
		{nil, "", false},
		{[]string{GrantClientCredentials}, GrantClientCredentials, true},
		{[]string{GrantClientCredentials}, GrantAuthorizationCode, false},
		{[]string{GrantRefreshToken}, "Refresh_token", false},
		{[]string{GrantAuthorizationCode, GrantRefreshToken}, GrantRefreshToken, true},
	} {
		if got := (&Client{GrantTypes: test.registered}).AllowsGrantType(test.asked); got != test.want {
			t.Errorf("%q: AllowsGrantType(%q) = %t, want %t", test.registered, test.asked, got, test.want)
		}
	}
}

// A client is public exactly when its method is "none" (contract §4.1).
func TestIsPublic(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]bool{AuthNone: true, "": false, AuthSecretBasic: false, AuthSecretPost: false, AuthPrivateKeyJWT: false, "None": false} {
		if got := (&Client{AuthMethod: method}).IsPublic(); got != want {
			t.Errorf("%q: IsPublic() = %t, want %t", method, got, want)
		}
	}
}

// What the store keeps of a client comes back as it was; its keys and counters
// are columns of their own and not repeated.
func TestClientSurvivesStorage(t *testing.T) {
	t.Parallel()
	no, hour := false, time.Hour
	c := Client{
		UID: ID{1}, ID: "c", Epoch: 2, Version: 3, CreatedAt: time.Unix(1, 0), UpdatedAt: time.Unix(2, 0), ExpiresAt: Never, RegistrationGeneration: 4,
		Name: "N", Owner: "o", RedirectURIs: []string{"https://app.example/cb"}, GrantTypes: []string{GrantRefreshToken}, ResponseTypes: []string{"code"},
		Scope: "openid", Audience: []string{"https://api.example"}, Contacts: []string{"a@example.com"}, JWKS: json.RawMessage(`{"keys":[]}`),
		Metadata: json.RawMessage(`{"a":[1,2]}`), SkipLogoutConsent: &no, SecretExpiresAt: 5, LocalhostAnyPort: true, OverlappingRefresh: true,
		Lifespans: Lifespans{RefreshAccess: &hour},
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var got Client
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := c
	want.UID, want.ID, want.Epoch, want.Version, want.RegistrationGeneration = ID{}, "", 0, 0, 0
	want.CreatedAt, want.UpdatedAt, want.ExpiresAt = time.Time{}, time.Time{}, time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGrantStates(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name          string
		grant         Grant
		paidOut, dead bool
	}{
		{"open", Grant{CodeExpiresAt: noon}, false, false},
		{"code exchanged", Grant{CodeUsedAt: noon}, true, false},
		{"token paid out at the authorization endpoint", Grant{FrontAt: noon}, true, false},
		{"tokens dead, consent stands", Grant{CodeUsedAt: noon, EndedAt: noon, EndReason: EndedByReuse}, true, true},
		{"consent taken back before the browser came", Grant{RevokedAt: noon}, false, true},
	} {
		if got := test.grant.PaidOut(); got != test.paidOut {
			t.Errorf("%s: PaidOut() = %t, want %t", test.name, got, test.paidOut)
		}
		if got := test.grant.Dead(); got != test.dead {
			t.Errorf("%s: Dead() = %t, want %t", test.name, got, test.dead)
		}
	}
}

func TestSessionLive(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		session Session
		want    bool
	}{
		{"time left", Session{ExpiresAt: noon.Add(1)}, true},
		{"never expires", Session{ExpiresAt: Never}, true},
		{"expires now", Session{ExpiresAt: noon}, false},
		{"signed out", Session{ExpiresAt: Never, EndedAt: noon.Add(-1)}, false},
		{"signed out on a node whose clock is ahead", Session{ExpiresAt: Never, EndedAt: noon.Add(time.Minute)}, false},
		{"zero", Session{}, false},
	} {
		if got := test.session.Live(noon); got != test.want {
			t.Errorf("%s: Live() = %t, want %t", test.name, got, test.want)
		}
	}
}
