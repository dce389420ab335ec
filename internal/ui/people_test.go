package ui

import (
	"slices"
	"testing"
)

// oidcc-scope-*: for each scope every claim of OpenID Connect Core §5.4, with
// the types of §5.1.
func TestPeopleHaveEveryStandardClaim(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string][]string{
		"profile": {"birthdate", "family_name", "gender", "given_name", "locale", "middle_name", "name", "nickname", "picture", "preferred_username", "profile", "updated_at", "website", "zoneinfo"},
		"email":   {"email", "email_verified"},
		"address": {"address"},
		"phone":   {"phone_number", "phone_number_verified"},
	} {
		for _, p := range people {
			got := claims(p.Subject, []string{scope}, nil)
			for _, name := range want {
				var right bool
				switch name {
				case "updated_at":
					_, right = got[name].(int)
				case "email_verified", "phone_number_verified":
					_, right = got[name].(bool)
				case "address":
					_, right = got[name].(map[string]any)
				default:
					text, _ := got[name].(string)
					right = text != ""
				}
				if !right {
					t.Errorf("%s has the %s %v", p.Subject, name, got[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("the scope %s tells %d claims of %s, want %d", scope, len(got), p.Subject, len(want))
			}
		}
		for _, name := range want {
			if !slices.Contains(Claims(), name) {
				t.Errorf("discovery does not say %s", name)
			}
		}
	}
}
