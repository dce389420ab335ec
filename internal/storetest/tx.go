package storetest

import (
	"context"
	"errors"
	"testing"

	"hydra/internal/oauth"
)

var txChecks = []check{
	{"all of a transaction is done, or nothing", txAtomic},
	{"a transaction sees its own writes, others do not", txIsolated},
	{"an inner transaction takes back no more than its part", txNested},
	{"a panic takes everything back and harms nobody", txPanic},
	{"a failed part leaves its neighbours alone", txNeighbours},
	{"a context that is done stops before anything happens", txCanceled},
	{"a transaction that is over cannot be used", txOver},
}

var errApp = errors.New("the caller changed its mind")

func txAtomic(t *testing.T, f *fixture) {
	a, b := newID(), newID()
	add := func(s oauth.Store) error {
		if err := s.AddReplay(t.Context(), a, noon); err != nil {
			return err
		}
		return s.AddReplay(t.Context(), b, noon)
	}
	err := f.Tx(t.Context(), func(s oauth.Store) error {
		must(t, add(s))
		return errApp
	})
	wantErr(t, "Tx()", err, errApp)
	must(t, f.Tx(t.Context(), add)) // nothing was left
	wantErr(t, "AddReplay()", f.AddReplay(t.Context(), b, noon), oauth.ErrExists)
}

func txIsolated(t *testing.T, f *fixture) {
	must(t, f.Tx(t.Context(), func(s oauth.Store) error {
		must(t, s.AddSetting(t.Context(), "a", []byte("1")))
		if v, err := s.Setting(t.Context(), "a"); string(v) != "1" || err != nil {
			t.Errorf("Setting() inside = %q, %v", v, err)
		}
		wantErr(t, "AddSetting() inside", s.AddSetting(t.Context(), "a", nil), oauth.ErrExists)
		return s.AddSetting(t.Context(), "b", []byte("2")) // the refused statement harmed nothing
	}))
	for name, want := range map[string]string{"a": "1", "b": "2"} {
		if v, err := f.Setting(t.Context(), name); string(v) != want || err != nil {
			t.Errorf("Setting(%q) = %q, %v", name, v, err)
		}
	}
}

func txNested(t *testing.T, f *fixture) {
	must(t, f.Tx(t.Context(), func(s oauth.Store) error {
		must(t, s.AddSetting(t.Context(), "outer", nil))
		err := s.Tx(t.Context(), func(s oauth.Store) error {
			must(t, s.AddSetting(t.Context(), "inner", nil))
			return errApp
		})
		wantErr(t, "inner Tx()", err, errApp)
		wantErr(t, "AddClient() of two secrets with one id", s.AddClient(t.Context(),
			&oauth.Client{UID: newID(), ID: "half", ExpiresAt: oauth.Never}, make([]oauth.ClientSecret, 2)), oauth.ErrExists)
		return nil
	}))
	_, err := f.Setting(t.Context(), "outer")
	must(t, err)
	_, err = f.Setting(t.Context(), "inner")
	wantErr(t, "Setting()", err, oauth.ErrNotFound)
	_, _, err = f.Client(t.Context(), "half")
	wantErr(t, "Client()", err, oauth.ErrNotFound)
}

func txPanic(t *testing.T, f *fixture) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_ = f.Tx(t.Context(), func(s oauth.Store) error {
			must(t, s.AddSetting(t.Context(), "lost", nil))
			panic("a bug")
		})
	}()
	_, err := f.Setting(t.Context(), "lost")
	wantErr(t, "Setting()", err, oauth.ErrNotFound)
	must(t, f.AddSetting(t.Context(), "kept", nil))
}

func txNeighbours(t *testing.T, f *fixture) {
	var kept [contenders]oauth.ID
	wins := race(t, errApp, func(ctx context.Context, n int) error {
		kept[n] = newID()
		return f.Tx(ctx, func(s oauth.Store) error {
			if err := s.AddReplay(ctx, kept[n], noon); err != nil || n%2 == 0 {
				return err
			}
			return errApp
		})
	})
	if wins != contenders/2 {
		t.Errorf("%d transactions were committed, want %d", wins, contenders/2)
	}
	for n, id := range kept {
		want := oauth.ErrExists
		if n%2 == 1 {
			want = nil
		}
		wantErr(t, "AddReplay()", f.AddReplay(t.Context(), id, noon), want)
	}
}

func txCanceled(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	id := newID()
	wantErr(t, "AddReplay()", f.AddReplay(ctx, id, noon), context.Canceled)
	wantErr(t, "Tx()", f.Tx(ctx, func(oauth.Store) error { t.Error("it ran"); return nil }), context.Canceled)
	_, err := f.Setting(ctx, "a")
	wantErr(t, "Setting()", err, context.Canceled)
	must(t, f.AddReplay(t.Context(), id, noon)) // the first was not done

	// A context that ends within does not tear the transaction apart.
	ctx, cancel = context.WithCancel(t.Context())
	other := newID()
	must(t, f.Tx(ctx, func(s oauth.Store) error {
		cancel()
		return s.AddReplay(ctx, other, noon)
	}))
	wantErr(t, "AddReplay()", f.AddReplay(t.Context(), other, noon), oauth.ErrExists)
}

func txOver(t *testing.T, f *fixture) {
	var kept oauth.Store
	must(t, f.Tx(t.Context(), func(s oauth.Store) error {
		if err := s.Close(); err == nil {
			t.Error("Close() inside a transaction succeeded")
		}
		kept = s
		return nil
	}))
	if err := kept.AddReplay(t.Context(), newID(), noon); err == nil {
		t.Error("a write on a finished transaction succeeded")
	}
	if _, err := kept.Setting(t.Context(), "a"); err == nil || errors.Is(err, oauth.ErrNotFound) {
		t.Errorf("a read on a finished transaction = %v", err)
	}
}
