package storetest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

var trustChecks = []check{
	{"a trusted issuer comes back", trustKept},
	{"issuer, subject and kid are taken once, however many ask", trustOnce},
	{"an issuer speaks for those that it is trusted for", trustFor},
	{"the list is in the order of the ids, page by page", trustList},
	{"a deleted one is gone", trustDeleted},
}

func trusted(issuer, subject, kid string) *oauth.TrustedIssuer {
	return &oauth.TrustedIssuer{
		ID: newID(), Issuer: issuer, Subject: subject, AllowAnySubject: subject == "", Scope: []string{"read", "write.*"},
		KID: kid, JWK: json.RawMessage(`{"kty":"EC","kid":"<&>"}`), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
}

func (f *fixture) addTrust(t *testing.T, issuer, subject, kid string) *oauth.TrustedIssuer {
	t.Helper()
	row := trusted(issuer, subject, kid)
	must(t, f.AddTrustedIssuer(t.Context(), row))
	return row
}

func trustKept(t *testing.T, f *fixture) {
	long := strings.Repeat("é", 5000)
	for _, want := range []*oauth.TrustedIssuer{
		trusted("https://idp.test", "alice", "k1"),
		trusted("https://idp.test", "", "k1"),
		trusted(long, long, long),
		{ID: newID(), Issuer: "a\x00b", Subject: "\x00", KID: "\x00", JWK: json.RawMessage(`{}`), CreatedAt: noon, ExpiresAt: oauth.Never},
	} {
		must(t, f.AddTrustedIssuer(t.Context(), want))
		got, err := f.TrustedIssuer(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got, cmp.Transformer("json", func(m json.RawMessage) (v any) {
			must(t, json.Unmarshal(m, &v))
			return v
		})); diff != "" {
			t.Errorf("trusted issuer (-want +got):\n%s", diff)
		}
	}
	_, err := f.TrustedIssuer(t.Context(), newID())
	wantErr(t, "TrustedIssuer()", err, oauth.ErrNotFound)
}

func trustOnce(t *testing.T, f *fixture) {
	for _, subject := range []string{"alice", ""} {
		wins := race(t, oauth.ErrExists, func(ctx context.Context, _ int) error {
			return f.AddTrustedIssuer(ctx, trusted("https://idp.test", subject, "k1"))
		})
		if wins != 1 {
			t.Errorf("%d callers stored the same trust in %q, want 1", wins, subject)
		}
	}
	for _, other := range [][3]string{{"https://idp.test/", "alice", "k1"}, {"https://idp.test", "Alice", "k1"}, {"https://idp.test", "alice", "K1"}} {
		must(t, f.AddTrustedIssuer(t.Context(), trusted(other[0], other[1], other[2])))
	}
}

func trustFor(t *testing.T, f *fixture) {
	const idp = "https://idp.test"
	any1 := f.addTrust(t, idp, "", "k1") // before alice's, which is to come first all the same
	alice1 := f.addTrust(t, idp, "alice", "k1")
	alice2 := f.addTrust(t, idp, "alice", "k2")
	f.addTrust(t, idp, "bob", "k3")
	f.addTrust(t, "https://other.test", "", "k1")
	old := trusted(idp, "alice", "old")
	old.ExpiresAt = noon
	must(t, f.AddTrustedIssuer(t.Context(), old))
	for _, test := range []struct {
		name                 string
		issuer, subject, kid string
		limit                int
		want                 []*oauth.TrustedIssuer
	}{
		{"own row first, then the one for any", idp, "alice", "k1", 10, []*oauth.TrustedIssuer{alice1, any1}},
		{"any", idp, "carol", "k1", 10, []*oauth.TrustedIssuer{any1}},
		{"another kid", idp, "alice", "k2", 10, []*oauth.TrustedIssuer{alice2}},
		{"another's key", idp, "alice", "k3", 10, nil},
		{"unknown kid", idp, "alice", "K1", 10, nil},
		{"unknown issuer", idp + "/", "alice", "k1", 10, nil},
		{"expired", idp, "alice", "old", 10, nil},
		{"no subject is not any subject", idp, "", "k1", 10, nil},
		{"limit", idp, "alice", "k1", 1, []*oauth.TrustedIssuer{alice1}},
	} {
		got, err := f.TrustedFor(t.Context(), test.issuer, test.subject, test.kid, noon, test.limit)
		must(t, err)
		wantSame(t, test.name, trustIDs(got), pointerIDs(test.want))
	}
	got, err := f.TrustedFor(t.Context(), idp, "alice", "", noon, 10)
	must(t, err)
	if ids := trustIDs(got); len(ids) != 3 || ids[2] != any1.ID || !slices.Contains(ids, alice1.ID) || !slices.Contains(ids, alice2.ID) {
		t.Errorf("without kid: %d rows %v", len(ids), ids)
	}
}

func trustList(t *testing.T, f *fixture) {
	var all, ofOne []oauth.ID
	for i := range 5 {
		issuer := []string{"https://one.test", "https://two.test"}[i%2]
		row := f.addTrust(t, issuer, "alice", string(rune('a'+i)))
		all = append(all, row.ID)
		if i%2 == 0 {
			ofOne = append(ofOne, row.ID)
		}
	}
	byID := func(a, b oauth.ID) int { return strings.Compare(string(a[:]), string(b[:])) }
	slices.SortFunc(all, byID)
	slices.SortFunc(ofOne, byID)
	for _, test := range []struct {
		name string
		q    oauth.TrustQuery
		want []oauth.ID
	}{
		{"all", oauth.TrustQuery{Limit: 10}, all},
		{"a page", oauth.TrustQuery{Offset: 1, Limit: 2}, all[1:3]},
		{"behind a place", oauth.TrustQuery{After: all[2], Limit: 10}, all[3:]},
		{"behind the end", oauth.TrustQuery{After: all[4], Limit: 10}, nil},
		{"none", oauth.TrustQuery{}, nil},
		{"of one issuer", oauth.TrustQuery{Issuer: "https://one.test", Limit: 10}, ofOne},
		{"of one issuer, a page", oauth.TrustQuery{Issuer: "https://one.test", Offset: 1, Limit: 1}, ofOne[1:2]},
		{"of one issuer, behind a place", oauth.TrustQuery{Issuer: "https://one.test", After: ofOne[0], Limit: 10}, ofOne[1:]},
		{"of nobody", oauth.TrustQuery{Issuer: "https://one.tes", Limit: 10}, nil},
	} {
		got, err := f.TrustedIssuers(t.Context(), test.q)
		must(t, err)
		wantSame(t, test.name, trustIDs(got), append([]oauth.ID(nil), test.want...))
	}
	for issuer, want := range map[string]int{"": 5, "https://one.test": 3, "https://two.test": 2, "https://one.tes": 0} {
		if n, err := f.CountTrustedIssuers(t.Context(), issuer); n != want || err != nil {
			t.Errorf("CountTrustedIssuers(%q) = %d, %v, want %d", issuer, n, err, want)
		}
	}
}

func trustDeleted(t *testing.T, f *fixture) {
	row, other := f.addTrust(t, "https://idp.test", "", "k1"), f.addTrust(t, "https://idp.test", "", "k2")
	if wins := race(t, oauth.ErrNotFound, func(ctx context.Context, _ int) error { return f.DeleteTrustedIssuer(ctx, row.ID) }); wins != 1 {
		t.Errorf("%d callers deleted it, want 1", wins)
	}
	_, err := f.TrustedIssuer(t.Context(), row.ID)
	wantErr(t, "TrustedIssuer()", err, oauth.ErrNotFound)
	got, err := f.TrustedFor(t.Context(), "https://idp.test", "alice", "", noon, 10)
	must(t, err)
	wantSame(t, "what is left", trustIDs(got), []oauth.ID{other.ID})
	must(t, f.AddTrustedIssuer(t.Context(), row))
}

func trustIDs(rows []oauth.TrustedIssuer) []oauth.ID {
	var out []oauth.ID
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func pointerIDs(rows []*oauth.TrustedIssuer) []oauth.ID {
	var out []oauth.ID
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}
