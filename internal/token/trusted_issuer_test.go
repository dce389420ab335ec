package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// A trusted key may say what it is for (RFC 7517 §4.2 to §4.4). One that is
// not for verifying could never be used, and nobody would learn why.
func TestTrustedKeysAreForSignatures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	p := newIDP(t, idpName, "k1")
	for i, test := range []struct {
		says string
		good bool
	}{
		{`"use":"sig"`, true},
		{`"alg":"ES256"`, true},
		{`"key_ops":["verify"]`, true},
		{`"use":"sig","key_ops":["sign","verify"]`, true},
		{`"use":"enc"`, false},
		{`"use":["sig"]`, false},
		{`"alg":"ECDH-ES"`, false},
		{`"key_ops":["encrypt"]`, false},
		{`"key_ops":[]`, false},
		{`"key_ops":"verify"`, false},
		{`"use":"sig","key_ops":["encrypt"]`, false},
		{`"use":"enc","key_ops":["verify"]`, false},
	} {
		err := w.Trust(t.Context(), &oauth.TrustedIssuer{
			Issuer: fmt.Sprintf("https://%d.test", i), Subject: "alice", ExpiresAt: noon.Add(time.Hour),
			JWK: json.RawMessage(strings.Replace(string(p.jwk()), "{", "{"+test.says+",", 1)),
		})
		if good := err == nil; good != test.good || !good && !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("%s: Trust() = %v", test.says, err)
		}
	}
}
