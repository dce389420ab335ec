package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var sessionChecks = []check{
	{"everything comes back", sessionRoundTrip},
	{"an accept again replaces it while it lives", sessionReplaced},
	{"a session is extended and never shortened", sessionExtended},
	{"an ended session stays ended", sessionEnded},
	{"one of many ends a session", sessionEndedOnce},
	{"a flow that was paid out or died makes no session", sessionSpentFlow},
	{"all of a subject end", sessionsOfSubject},
	{"an end is not undone by racing accepts", sessionEndRace},
}

func sessionRoundTrip(t *testing.T, f *fixture) {
	want := f.addSession(t, newID())
	got, err := f.Session(t.Context(), want.ID)
	must(t, err)
	wantSame(t, "session", got, want)
	_, err = f.Session(t.Context(), newID())
	wantErr(t, "Session()", err, oauth.ErrNotFound)
	bare := &oauth.Session{ID: newID(), AuthenticatedAt: noon}
	must(t, f.PutSession(t.Context(), bare, oauth.ID{}))
	got, err = f.Session(t.Context(), bare.ID)
	must(t, err)
	wantSame(t, "bare session", got, bare)
}

func sessionReplaced(t *testing.T, f *fixture) {
	first := f.addSession(t, newID())
	second := *first
	second.SubjectKey, second.AuthenticatedAt, second.ExpiresAt, second.Data = newID(), noon.Add(time.Minute), oauth.Never, []byte("anew")
	must(t, f.PutSession(t.Context(), &second, newID()))
	got, err := f.Session(t.Context(), first.ID)
	must(t, err)
	wantSame(t, "session", got, &second)
}

func sessionExtended(t *testing.T, f *fixture) {
	s := f.addSession(t, newID())
	longer := *s
	longer.ExpiresAt, longer.PurgeAt, longer.Data = s.ExpiresAt.Add(time.Hour), s.PurgeAt.Add(time.Hour), []byte("anew")
	must(t, f.ExtendSession(t.Context(), &longer))
	shorter := *s
	shorter.Data = []byte("again")
	must(t, f.ExtendSession(t.Context(), &shorter))
	got, err := f.Session(t.Context(), s.ID)
	must(t, err)
	longer.Data = []byte("again")
	wantSame(t, "session", got, &longer)
	f.end(t, s.ID, noon)
	wantErr(t, "ExtendSession() of an ended one", f.ExtendSession(t.Context(), &longer), oauth.ErrUsed)
	wantErr(t, "ExtendSession() of none", f.ExtendSession(t.Context(), &oauth.Session{ID: newID()}), oauth.ErrUsed)
}

func sessionEnded(t *testing.T, f *fixture) {
	s := f.addSession(t, newID())
	f.end(t, s.ID, noon)
	f.end(t, s.ID, noon.Add(time.Hour))
	f.end(t, newID(), noon)
	wantErr(t, "PutSession()", f.PutSession(t.Context(), s, newID()), oauth.ErrUsed)
	got, err := f.Session(t.Context(), s.ID)
	must(t, err)
	if !got.EndedAt.Equal(noon) {
		t.Errorf("ended at %v, want the first end", got.EndedAt)
	}
}

func sessionSpentFlow(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	put := func(flow oauth.ID, id oauth.ID) error {
		return f.PutSession(t.Context(), &oauth.Session{ID: id, ExpiresAt: oauth.Never, PurgeAt: oauth.Never}, flow)
	}
	open := f.addGrant(t, c.UID, nil)
	id := newID()
	must(t, put(open.ID, id))
	f.spend(t, open)
	wantErr(t, "PutSession() again after the payout", put(open.ID, id), oauth.ErrUsed)
	wantErr(t, "PutSession() after the payout", put(open.ID, newID()), oauth.ErrUsed)
	for name, edit := range map[string]func(*oauth.Grant){
		"front":   func(g *oauth.Grant) { g.FrontAt = noon },
		"ended":   func(g *oauth.Grant) { g.EndedAt = noon },
		"revoked": func(g *oauth.Grant) { g.RevokedAt = noon },
	} {
		g := f.addGrant(t, c.UID, edit)
		id := newID()
		wantErr(t, "PutSession(): "+name, put(g.ID, id), oauth.ErrUsed)
		_, err := f.Session(t.Context(), id)
		wantErr(t, "Session(): "+name, err, oauth.ErrNotFound)
	}
}

func sessionsOfSubject(t *testing.T, f *fixture) {
	subject := newID()
	a, b, ended := f.addSession(t, subject), f.addSession(t, subject), f.addSession(t, subject)
	other := f.addSession(t, newID())
	f.end(t, ended.ID, noon)
	for _, want := range []int{2, 0} {
		if n, err := f.EndSessions(t.Context(), subject, noon.Add(time.Minute)); n != want || err != nil {
			t.Errorf("EndSessions() = %d, %v, want %d", n, err, want)
		}
	}
	for _, s := range []*oauth.Session{a, b, other} {
		got, err := f.Session(t.Context(), s.ID)
		must(t, err)
		if got.EndedAt.IsZero() != (s == other) {
			t.Errorf("ended at %v", got.EndedAt)
		}
	}
	if n, err := f.EndSessions(t.Context(), oauth.ID{}, noon); n != 0 || err != nil {
		t.Errorf("EndSessions() of no subject = %d, %v", n, err)
	}
}

// Of all who end a session one learns that it did: who tells others does so
// once.
func sessionEndedOnce(t *testing.T, f *fixture) {
	s := f.addSession(t, newID())
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error {
		ended, err := f.EndSession(ctx, s.ID, noon)
		if err == nil && !ended {
			return oauth.ErrUsed
		}
		return err
	})
	if wins != 1 {
		t.Errorf("%d callers ended the session, want 1", wins)
	}
	if ended, err := f.EndSession(t.Context(), newID(), noon); ended || err != nil {
		t.Errorf("EndSession() of none = %v, %v", ended, err)
	}
}

func sessionEndRace(t *testing.T, f *fixture) {
	s := f.addSession(t, newID())
	race(t, oauth.ErrUsed, func(ctx context.Context, n int) error {
		if n == contenders/2 {
			_, err := f.EndSession(ctx, s.ID, noon)
			return err
		}
		return f.PutSession(ctx, s, newID())
	})
	got, err := f.Session(t.Context(), s.ID)
	must(t, err)
	if got.EndedAt.IsZero() {
		t.Error("a racing accept brought an ended session back")
	}
}
