package oauth

import (
	"encoding/hex"
	"testing"
)

// Vectors computed with another implementation of SHA-256 (Python's hashlib):
// access key = SHA-256("at" ‖ seed)[:16], Grant = SHA-256(access key)[:16],
// session = SHA-256("sid" ‖ seed)[:16]. Rows and tokens that exist rest on
// them, so they never change.
func TestSeedDerivations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ seed, access, grant, session string }{
		{"000102030405060708090a0b0c0d0e0f", "1acc5e3a1851efbd7cd2c06a4c331c1e", "d87d6085af7f8b9859198e167e39dbe7", "a2fc30d712b450accb3fc4826cd4f05c"},
		{"00000000000000000000000000000000", "99fd3a6743068c3d57ae3fde77b3eeed", "4731f47cea14f2f293558c9e13e5fa47", "edb9e93dc85007bc2d62a890e0993f46"},
		{"ffffffffffffffffffffffffffffffff", "840bb2c2246d4f743bfe44a86b7e162d", "d651efd3eeb6f3f51fc6b48c56b25638", "01f99b3ac906bd08088ce58ba36dcdfc"},
	} {
		raw, err := hex.DecodeString(test.seed)
		if err != nil {
			t.Fatal(err)
		}
		seed := Seed(raw)
		access := seed.AccessKey()
		if got := hex.EncodeToString(access[:]); got != test.access {
			t.Errorf("AccessKey of %s = %s, want %s", test.seed, got, test.access)
		}
		if got := access.GrantID().String(); got != test.grant {
			t.Errorf("GrantID of the access key of %s = %s, want %s", test.seed, got, test.grant)
		}
		if got := seed.GrantID().String(); got != test.grant {
			t.Errorf("GrantID of %s = %s, want %s", test.seed, got, test.grant)
		}
		if got := seed.SessionID().String(); got != test.session {
			t.Errorf("SessionID of %s = %s, want %s", test.seed, got, test.session)
		}
		// A second derivation must not have written into the first one's input.
		if seed != Seed(raw) || seed.GrantID() != access.GrantID() {
			t.Errorf("deriving from %s changed it", test.seed)
		}
	}
}
