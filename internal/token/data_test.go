package token

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

func wholeData() *oauth.GrantData {
	return &oauth.GrantData{
		Subject: "alice", SubjectIdentifier: "pairwise", RequestedScope: []string{"openid", "a"}, RequestedAudience: []string{"x", ""},
		GrantedScope: []string{"openid"}, GrantedAudience: []string{"x"}, RedirectURI: "https://app/ü", CodeChallenge: "c", Nonce: "n",
		AuthTime: 1_700_000_000, ACR: "1", AMR: []string{"pwd"}, AccessClaims: []byte(`{"a":1}`), IDClaims: []byte(`{"b":[2]}`),
		WantedInIDToken: []string{"email"}, WantedAtUserinfo: []string{"name"}, Context: []byte(`"c"`),
		Remember: true, RememberFor: -1, HandledAt: 1_700_000_001, Flow: []byte{1, 2},
	}
}

func TestGrantDataComesBackAsItWas(t *testing.T) {
	t.Parallel()
	whole := wholeData()
	v := reflect.ValueOf(*whole)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("wholeData has no %s: this test does not see it", v.Type().Field(i).Name)
		}
	}
	for name, d := range map[string]*oauth.GrantData{"whole": whole, "empty": {}} {
		b := encodeData(d)
		got, err := decodeData(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", name, diff)
		}
		for n := range b {
			if _, err := decodeData(b[:n]); err == nil {
				t.Errorf("%s: the first %d bytes of %d were accepted", name, n, len(b))
			}
		}
		if _, err := decodeData(append(b, 0)); err == nil {
			t.Errorf("%s: a trailing byte was accepted", name)
		}
	}
}

// Rows that an earlier build left are still read.
func TestGrantDataOfEarlierBuilds(t *testing.T) {
	t.Parallel()
	whole := wholeData()
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeData(append([]byte{jsonFormat}, text...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	for name, b := range map[string][]byte{"unknown format": {packFormat + 1}, "nothing": nil, "malformed": {jsonFormat, '{'}} {
		if _, err := decodeData(b); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
