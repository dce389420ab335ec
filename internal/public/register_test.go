package public

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/client"
	"hydra/internal/oauth"
)

// Whatever somebody sends is refused with a code of RFC 7591, or is a client
// whose description, sent back, describes the same client.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		`{"redirect_uris":["https://app.test/cb"],"grant_types":["authorization_code"],"client_name":"a <b>"}`,
		`{"jwks":{"keys":[{"kty":"oct"}]},"skip_consent":true}`, `{"software_statement":"e30.e30.AA"}`,
		`{"metadata":{"a":1}}`, `{"redirect_uris":"x"}`, `{"created_at":1}`, `[`, `{"jwks":null,"skip_logout_consent":null}`,
	} {
		f.Add(seed)
	}
	h := &Handler{Clients: &client.Service{}}
	f.Fuzz(func(t *testing.T, body string) {
		read := func(body string) (*registration, error) {
			return h.readRegistration(httptest.NewRecorder(), httptest.NewRequest("POST", "/oauth2/register", strings.NewReader(body)))
		}
		in, err := read(body)
		if err != nil {
			switch kind := oauth.KindOf(err); kind {
			case oauth.InvalidClientMetadata, oauth.InvalidSoftwareStatement, oauth.UnapprovedSoftwareStatement, oauth.TooLarge:
			default:
				t.Errorf("refused as %s: %v", kind, err)
			}
			return
		}
		c := in.client()
		if c.SkipConsent || c.Owner != "" || c.Audience != nil || c.Metadata != nil || c.ID != "" {
			t.Errorf("an administrator's member was taken: %+v", c)
		}
		text, err := json.Marshal(encodeRegistration(c))
		if err != nil {
			t.Fatal(err)
		}
		again, err := read(string(text))
		if err != nil {
			t.Fatalf("what we wrote is refused: %v in %s", err, text)
		}
		second, err := json.Marshal(encodeRegistration(again.client()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(second)); diff != "" {
			t.Error(diff)
		}
	})
}
