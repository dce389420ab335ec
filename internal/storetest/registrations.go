package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var registrationChecks = []check{
	{"registrations are found when their time is over", registrationsDue},
	{"an initial access token comes back, is listed and goes", initialKept},
	{"each use of an initial access token is one caller's", initialUsed},
}

func registrationsDue(t *testing.T, f *fixture) {
	first := oauth.Registration{ClientUID: newID(), ClientID: "Ä", UnusedUntil: noon}
	kept := oauth.Registration{ClientUID: newID(), ClientID: "ä", UnusedUntil: noon.Add(-time.Hour)}
	for _, r := range []oauth.Registration{first, kept, first, {ClientUID: newID(), ClientID: "b", UnusedUntil: noon.Add(time.Microsecond)}} {
		must(t, f.AddRegistration(t.Context(), r))
	}
	must(t, f.KeepRegistration(t.Context(), kept.ClientUID))
	must(t, f.KeepRegistration(t.Context(), newID()))
	got, err := f.DueRegistrations(t.Context(), noon, 10)
	must(t, err)
	wantSame(t, "due", got, []oauth.Registration{first})
	n, err := f.CountRegistrations(t.Context())
	must(t, err)
	wantSame(t, "count", n, 3)
	must(t, f.DeleteRegistration(t.Context(), first.ClientUID))
	must(t, f.DeleteRegistration(t.Context(), first.ClientUID))
	got, err = f.DueRegistrations(t.Context(), oauth.Never, 1)
	must(t, err)
	wantSame(t, "limit", len(got), 1)
}

func initialKept(t *testing.T, f *fixture) {
	a := oauth.InitialAccessToken{ID: oauth.ID{1}, CreatedAt: noon, ExpiresAt: oauth.Never, UsesLeft: oauth.UnlimitedUses, Note: "für\x00 CI"}
	b := oauth.InitialAccessToken{ID: oauth.ID{2}, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour), UsesLeft: 1}
	must(t, f.AddInitialAccessToken(t.Context(), b))
	must(t, f.AddInitialAccessToken(t.Context(), a))
	wantErr(t, "AddInitialAccessToken() again", f.AddInitialAccessToken(t.Context(), a), oauth.ErrExists)
	got, err := f.InitialAccessToken(t.Context(), a.ID)
	must(t, err)
	wantSame(t, "token", *got, a)
	list, err := f.InitialAccessTokens(t.Context(), oauth.ID{}, 10)
	must(t, err)
	wantSame(t, "list", list, []oauth.InitialAccessToken{a, b})
	list, err = f.InitialAccessTokens(t.Context(), a.ID, 1)
	must(t, err)
	wantSame(t, "list behind the first", list, []oauth.InitialAccessToken{b})
	must(t, f.DeleteInitialAccessToken(t.Context(), a.ID))
	wantErr(t, "DeleteInitialAccessToken()", f.DeleteInitialAccessToken(t.Context(), a.ID), oauth.ErrNotFound)
	_, err = f.InitialAccessToken(t.Context(), a.ID)
	wantErr(t, "InitialAccessToken()", err, oauth.ErrNotFound)
}

func initialUsed(t *testing.T, f *fixture) {
	token := oauth.InitialAccessToken{ID: newID(), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour), UsesLeft: 3}
	must(t, f.AddInitialAccessToken(t.Context(), token))
	wantErr(t, "at its end", f.UseInitialAccessToken(t.Context(), token.ID, newID(), token.ExpiresAt), oauth.ErrUsed)
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error {
		return f.UseInitialAccessToken(ctx, token.ID, newID(), noon)
	})
	if wins != 3 {
		t.Errorf("%d uses of 3", wins)
	}
	wantErr(t, "unknown", f.UseInitialAccessToken(t.Context(), newID(), newID(), noon), oauth.ErrUsed)
}
