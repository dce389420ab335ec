package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hydra/internal/oryimport/orytest"
)

// oryDatabase is the command orydb FILE [CLIENT]: it makes a database of another
// server with a client, a key, and a consent with a refresh token, and sets the
// variables OLD_DSN and OLD_SECRET. The other client has a hash that nobody can
// check.
func oryDatabase(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		d := orytest.NewFile(t, orytest.V26, ts.MkAbs(args[0]))
		d.Client("app", "$2a$04$iUGt4jUmVXcNXEfqRpBJQ.Ip2GCIk7VJGnHCOQIs.H6qmR9kYHkOq", nil)
		d.Key("a-set", "one", orytest.Secret, json.RawMessage(`{"kty":"oct","alg":"HS256","use":"sig","kid":"one","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`), time.Unix(1600000000, 0))
		c := orytest.Consent{Challenge: "c1", Client: "app", Subject: "u", Scope: []string{"openid", "offline"}, Remember: true, At: time.Unix(1600000000, 0)}
		d.Consent(c)
		d.Refresh(orytest.Refresh{Consent: c, At: c.At})
		for _, id := range args[1:] {
			d.Client(id, "$argon2id$", nil)
		}
		ts.Setenv("OLD_DSN", d.DSN)
		ts.Setenv("OLD_SECRET", orytest.Secret)
		ts.Check(d.DB.Close())
	}
}
