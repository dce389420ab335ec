package oauth

import "testing"

// The vector of Hydra's documentation (contract §3.1.10, case 28).
func TestPairwiseSubject(t *testing.T) {
	t.Parallel()
	const want = "c737d5e1fec8896d096d49f6b1a73eb45ac7becb87de9ac3f0a350bad2a9c9fd"
	if got := PairwiseSubject("foo", "auth-user", "76d5d2bf-747f-4592-9fbd-d2b895a54b3a"); got != want {
		t.Errorf("PairwiseSubject() = %s, want %s", got, want)
	}
}

func TestSector(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		c    Client
		want string // "" for none
	}{
		{"the whole sector_identifier_uri", Client{SectorIdentifierURI: "https://s.test/list.json", RedirectURIs: []string{"https://a.test/", "https://b.test/"}}, "https://s.test/list.json"},
		{"the host", Client{RedirectURIs: []string{"https://a.test/cb?x=1"}}, "a.test"},
		{"with its port", Client{RedirectURIs: []string{"https://a.test:8443/cb"}}, "a.test:8443"},
		{"one host, two URIs", Client{RedirectURIs: []string{"https://a.test/cb", "https://a.test/other"}}, "a.test"},
		{"two hosts", Client{RedirectURIs: []string{"https://a.test/cb", "https://b.test/cb"}}, ""},
		{"two ports", Client{RedirectURIs: []string{"https://a.test/cb", "https://a.test:8443/cb"}}, ""},
		{"no redirect URI", Client{}, ""},
		{"no host", Client{RedirectURIs: []string{"com.example.app:/cb"}}, ""},
	} {
		got, ok := test.c.Sector()
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s: Sector() = %q, %v, want %q", test.name, got, ok, test.want)
		}
	}
}
