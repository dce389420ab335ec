package oryimport

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

// Drivers give the same value in many types.
func TestRow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	for _, v := range []any{
		at, at.In(time.FixedZone("", 3600)), "2026-01-02T03:04:05.6Z", "2026-01-02 03:04:05.6", []byte("2026-01-02 03:04:05.6"),
		"2026-01-02 04:04:05.6+01:00", "2026-01-02 03:04:05.6 +0000 UTC",
	} {
		if got := (row{"c": v}).time("c"); !got.Equal(at) || got.Location() != time.UTC {
			t.Errorf("time(%v) = %v", v, got)
		}
	}
	for _, v := range []any{nil, "", "0001-01-01 00:00:00+00:00", "1970-01-01 00:00:01", "yesterday", time.Time{}} {
		if got := (row{"c": v}).time("c"); !got.IsZero() {
			t.Errorf("time(%v) = %v", v, got)
		}
	}
	for _, v := range []any{true, int64(1), []byte("1"), "t", "true"} {
		if !(row{"c": v}).flag("c") {
			t.Errorf("flag(%v) is false", v)
		}
	}
	for _, v := range []any{nil, false, int64(0), []byte("0"), "f", "no", ""} {
		if (row{"c": v}).flag("c") {
			t.Errorf("flag(%v) is true", v)
		}
	}
	for _, v := range []any{`["a","b"]`, []byte(`["a", "", "b"]`), "a|b", "|a||b|"} {
		if got := (row{"c": v}).list("c"); !cmp.Equal(got, []string{"a", "b"}) {
			t.Errorf("list(%v) = %q", v, got)
		}
	}
	for _, v := range []any{nil, "", "[]", "null", `[""]`, "|"} {
		if got := (row{"c": v}).list("c"); got != nil {
			t.Errorf("list(%v) = %q", v, got)
		}
	}
	for _, v := range []any{"11111111-2222-4333-8444-555555555555", [16]byte{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}} {
		if got := (row{"c": v}).id("c"); got != "11111111-2222-4333-8444-555555555555" {
			t.Errorf("id(%v) = %q", v, got)
		}
	}
	if got := (row{"c": "seven"}).number("c"); got != 0 {
		t.Errorf("number() = %d", got)
	}
	for v, want := range map[any]time.Duration{int64(5): 5, "7": 7} {
		if got := (row{"c": v}).span("c"); got == nil || *got != want {
			t.Errorf("span(%v) = %v", v, got)
		}
	}
	for _, v := range []any{nil, int64(0), int64(-1), "x"} {
		if got := (row{"c": v}).span("c"); got != nil {
			t.Errorf("span(%v) = %v", v, *got)
		}
	}
}

func TestReadSession(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := known{
		subject: "u", authTime: at, acr: "2", amr: []string{"pwd"}, idClaims: json.RawMessage(`{"a":1}`), accessClaims: json.RawMessage(`{"b":2}`),
		refreshUntil: at.Add(time.Hour),
	}
	none := known{refreshUntil: oauth.Never}
	opts := cmp.AllowUnexported(known{})
	for name, test := range map[string]struct {
		raw  string
		want known
	}{
		"today": {`{"id_token":{"id_token_claims":{"sub":"u","auth_time":"2026-01-02T03:04:05Z","acr":"2","amr":["pwd"],"ext":{"a":1}},
			"expires_at":{"refresh_token":"2026-01-02T04:04:05Z"}},"extra":{"b":2}}`, want},
		"before v1.11": {`{"idToken":{"Claims":{"Subject":"u","AuthTime":"2026-01-02T03:04:05Z","AuthenticationContextClassReference":"2",
			"AuthenticationMethodsReferences":["pwd"],"Extra":{"a":1}},"ExpiresAt":{"refresh_token":"2026-01-02T04:04:05Z"}},"Extra":{"b":2}}`, want},
		"seconds": {`{"id_token":{"id_token_claims":{"sub":"u","auth_time":1767323045,"acr":"2","amr":"pwd","ext":{"a":1}},
			"expires_at":{"refresh_token":1767326645}},"extra":{"b":2}}`, want},
		"nothing":        {`{}`, none},
		"nulls":          {`{"id_token":null,"extra":null}`, none},
		"times of zero":  {`{"id_token":{"id_token_claims":{"auth_time":"0001-01-01T00:00:00Z"},"expires_at":{"refresh_token":"0001-01-01T00:00:00Z"}}}`, none},
		"no end":         {`{"id_token":{"expires_at":{"access_token":"2026-01-02T03:04:05Z"}}}`, none},
		"odd members":    {`{"id_token":{"id_token_claims":{"amr":7,"ext":[]}},"extra":"x"}`, none},
		"empty claims":   {`{"id_token":{"id_token_claims":{"ext":{}}},"extra":{}}`, none},
		"null for times": {`{"id_token":{"id_token_claims":{"auth_time":null},"expires_at":{"refresh_token":null}}}`, none},
	} {
		got, err := readSession([]byte(test.raw))
		if diff := cmp.Diff(test.want, got, opts); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	for name, raw := range map[string]string{
		"an end that cannot be read": `{"id_token":{"expires_at":{"refresh_token":"soon"}}}`,
		"no JSON":                    `{`,
		"a list":                     `[]`,
	} {
		if _, err := readSession([]byte(raw)); err == nil {
			t.Errorf("%s: readSession() has no error", name)
		}
	}
}

// Whatever another server has left in a row is read without a panic, lists have
// no empty texts, and objects are objects.
func FuzzRow(f *testing.F) {
	for _, text := range []string{"", "a|b", `["a"]`, `{"a":1}`, "2026-01-02 03:04:05", "1", "true", "null", "11111111-2222-4333-8444-555555555555"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []row{{"c": text}, {"c": []byte(text)}} {
			for _, one := range r.list("c") {
				if one == "" {
					t.Errorf("list(%q) has an empty text", text)
				}
			}
			if raw := r.object("c"); raw != nil {
				var members map[string]any
				if json.Unmarshal(raw, &members) != nil || len(members) == 0 {
					t.Errorf("object(%q) = %q", text, raw)
				}
			}
			if at := r.time("c"); !at.IsZero() && at.Year() < 1971 {
				t.Errorf("time(%q) = %v", text, at)
			}
			if d := r.span("c"); d != nil && *d <= 0 {
				t.Errorf("span(%q) = %v", text, *d)
			}
			if id, ok := identifier(r.id("c")); !ok && id != (oauth.ID{}) {
				t.Errorf("identifier(%q) = %v and is none", text, id)
			}
			r.flag("c")
			r.number("c")
			given(row{"state": r["c"], "consent_error": r["c"], "consent_handled_at": r["c"]})
		}
	})
}

// A session has an end, or none; it never has one in the past by accident.
func FuzzReadSession(f *testing.F) {
	f.Add([]byte(`{"id_token":{"id_token_claims":{"sub":"u","amr":["pwd"]},"expires_at":{"refresh_token":"2026-01-02T04:04:05Z"}},"extra":{"b":2}}`))
	f.Add([]byte(`{"idToken":{"Claims":{"Subject":"u","AuthTime":1}},"Extra":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := readSession(raw)
		if err != nil {
			return
		}
		if k.refreshUntil.IsZero() || k.refreshUntil.Year() < 1971 {
			t.Errorf("the session %q ends at %v", raw, k.refreshUntil)
		}
		for _, claims := range []json.RawMessage{k.idClaims, k.accessClaims} {
			var members map[string]any
			if claims != nil && (json.Unmarshal(claims, &members) != nil || len(members) == 0) {
				t.Errorf("the session %q has the claims %q", raw, claims)
			}
		}
	})
}
