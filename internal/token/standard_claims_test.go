package token

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"hydra/internal/oauth"
)

// OpenID Connect Core §5.4 and §5.5: where claims go, and what the options
// change of it. What the consent app sends is the same each time.
func TestClaimsPlacement(t *testing.T) {
	t.Parallel()
	const sent = `{"name":"N","email":"e@x","phone_number":"1","name#ja":"な","roles":["r"]}`
	for _, test := range []struct {
		name      string
		o         Options
		client    string
		scope     string
		inIDToken string // asked for by name
		inUser    string
		beside    string
		alone     string
		userinfo  string
	}{
		{"as Hydra", Options{}, "", "profile", "", "", "email name name#ja phone_number roles", "email name name#ja phone_number roles", "email name name#ja phone_number roles"},
		{"as Hydra, asked for by name", Options{ClaimsPlacement: PlacementBoth}, "", "", "email", "name", "email name name#ja phone_number roles", "email name name#ja phone_number roles", "email name name#ja phone_number roles"},
		{"standard", Options{ClaimsPlacement: PlacementStandard}, "", "profile email", "", "", "roles", "email name name#ja roles", "email name name#ja phone_number roles"},
		{"standard by the client", Options{ClaimsPlacement: PlacementBoth}, PlacementStandard, "profile", "", "", "roles", "name name#ja roles", "email name name#ja phone_number roles"},
		{"Hydra's by the client", Options{ClaimsPlacement: PlacementStandard}, PlacementBoth, "profile", "", "", "email name name#ja phone_number roles", "email name name#ja phone_number roles", "email name name#ja phone_number roles"},
		{"standard, asked for in the ID token", Options{ClaimsPlacement: PlacementStandard}, "", "profile", "email name", "", "email name roles", "email name name#ja roles", "name name#ja phone_number roles"},
		{"standard, asked for at userinfo", Options{ClaimsPlacement: PlacementStandard}, "", "", "", "email roles", "", "", "email name name#ja phone_number roles"},
		{"standard, asked for in both", Options{ClaimsPlacement: PlacementStandard}, "", "", "email roles", "email roles", "email roles", "email roles", "email name name#ja phone_number roles"},
		{"by scope", Options{ClaimsByScope: true}, "", "email", "", "", "email roles", "email roles", "email roles"},
		{"by scope and by name", Options{ClaimsByScope: true}, "", "profile", "", "phone_number", "name name#ja phone_number roles", "name name#ja phone_number roles", "name name#ja phone_number roles"},
		{"by scope, standard", Options{ClaimsByScope: true, ClaimsPlacement: PlacementStandard}, "", "email", "phone_number", "", "phone_number roles", "email phone_number roles", "email roles"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for at, want := range map[place]string{besideToken: test.beside, alone: test.alone, atUserinfo: test.userinfo} {
				session, err := members(json.RawMessage(sent))
				if err != nil {
					t.Fatal(err)
				}
				d := &oauth.GrantData{WantedInIDToken: strings.Fields(test.inIDToken), WantedAtUserinfo: strings.Fields(test.inUser)}
				got := test.o.release(session, &oauth.Client{ClaimsPlacement: test.client}, d, strings.Fields(test.scope), at)
				if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); names != want {
					t.Errorf("place %d: %q, want %q", at, names, want)
				}
			}
		})
	}
}

// OpenID Connect Core §5.1: the types of standard claims.
func TestClaimTypes(t *testing.T) {
	t.Parallel()
	o := Options{ClaimsByScope: true}
	for raw, fine := range map[string]bool{
		`{"updated_at":1700000000,"email_verified":true,"phone_number_verified":false,"address":{"country":"DE"},"name":"N","roles":7}`: true,
		`{}`: true, ``: true, `{"address": {} , "email_verified": true }`: true,
		`{"updated_at":"2020-01-01T00:00:00Z"}`: false, `{"email_verified":"true"}`: false, `{"phone_number_verified":1}`: false,
		`{"address":"1 Example Street"}`: false, `{"address":{"country":49}}`: false, `{"name":null}`: false, `{"name#de":1}`: false, `{"email":["e@x"]}`: false,
	} {
		if err := o.CheckClaims(json.RawMessage(raw)); (err == nil) != fine || err != nil && oauth.KindOf(err) != oauth.InvalidRequest {
			t.Errorf("CheckClaims(%s) = %v", raw, err)
		}
		if err := new(Options).CheckClaims(json.RawMessage(raw)); err != nil {
			t.Errorf("without the option: CheckClaims(%s) = %v", raw, err)
		}
	}
	// A hook can still say something else: that is left out.
	got := o.release(claimSet{"email_verified": json.RawMessage(`"yes"`), "email": json.RawMessage(`"e@x"`)}, new(oauth.Client), new(oauth.GrantData), []string{"email"}, atUserinfo)
	if len(got) != 1 || got["email"] == nil {
		t.Errorf("release() = %v", got)
	}
}
