package flow

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
	"hydra/internal/pack"
)

func wholeFlow() oauth.Flow {
	return oauth.Flow{
		Seed: oauth.Seed{1}, ClientUID: oauth.ID{2}, ClientID: "app/ü", RequestedAt: time.UnixMicro(1_700_000_000_000_001).UTC(),
		CookieHash: [16]byte{3}, Query: "client_id=app&state=a%20b", HintClaims: []byte(`{"sub":"alice"}`),
		DeviceUntil: time.UnixMicro(1_700_000_600_000_001).UTC(),
		Had:         &oauth.RememberedLogin{SessionID: oauth.ID{4}, Subject: "alice", AuthTime: time.UnixMicro(1_600_000_000_000_000).UTC()},
		Login: &oauth.Login{
			Subject: "alice", AuthTime: time.UnixMicro(1_600_000_000_000_000).UTC(), ACR: "1", AMR: []string{"pwd", "otp"},
			Context: []byte(`{"a":1}`), ForcedID: "x", Remember: true, RememberFor: -1, Session: oauth.ID{5}, Parent: oauth.ID{6}, Looked: true,
		},
		Consent: &oauth.Consent{Skip: true},
		Denied:  &oauth.Denied{Code: "access_denied", Description: "no", Hint: "h", Debug: "d", Status: 403},
	}
}

// What is written reads as it was, in every stage of a flow.
func TestCodecRoundTrip(t *testing.T) {
	whole := wholeFlow()
	fresh := oauth.Flow{RequestedAt: whole.RequestedAt}
	for name, f := range map[string]oauth.Flow{"whole": whole, "fresh": fresh} {
		t.Run(name, func(t *testing.T) {
			w := new(pack.Writer)
			appendRequest(w, &f)
			appendDecision(w, &f)
			var got oauth.Flow
			r := pack.NewReader(w.B)
			readRequest(r, &got)
			readDecision(r, &got)
			if err := r.End(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A value has one form: what reads at all is written back the same.
func FuzzCodec(f *testing.F) {
	whole := wholeFlow()
	w := new(pack.Writer)
	appendRequest(w, &whole)
	appendDecision(w, &whole)
	f.Add(w.B)
	f.Add([]byte{formatVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got oauth.Flow
		r := pack.NewReader(bytes.Clone(b))
		readRequest(r, &got)
		readDecision(r, &got)
		if r.End() != nil {
			return
		}
		w := new(pack.Writer)
		appendRequest(w, &got)
		appendDecision(w, &got)
		if !bytes.Equal(w.B, b) {
			t.Errorf("read %x, wrote %x", b, w.B)
		}
	})
}
