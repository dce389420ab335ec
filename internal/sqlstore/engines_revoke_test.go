package sqlstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// A consent is taken back before the Grants that rest on it, however long
// those take: what is added meanwhile would be missed, and its code spent.
func TestRevocationIsNotOvertakenOnServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.DSN(t, "max_conns=4")
			s := storetest.Open(t, sqlstore.Config{DSN: dsn})
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			must(s.AddClient(ctx, &oauth.Client{UID: oauth.ID{1}, ID: "app"}, nil))
			consent, child := consentRow(oauth.ID{2}, oauth.ID{}), consentRow(oauth.ID{3}, oauth.ID{2})
			must(s.AddGrant(ctx, consent, oauth.Standing{Now: noon}))
			must(s.AddGrant(ctx, child, oauth.Standing{Now: noon, Parent: consent.ID}))

			tx, err := e.DB(t, dsn).BeginTx(ctx, nil)
			must(err)
			defer func() { _ = tx.Rollback() }()
			var locked []byte
			must(tx.QueryRowContext(ctx, s.Rebind(`SELECT id FROM grants WHERE id = ? FOR UPDATE`), child.ID[:]).Scan(&locked))

			revoked := make(chan error, 1)
			go func() {
				n, err := s.RevokeGrant(ctx, consent.ID, noon)
				if err == nil && n != 2 {
					err = errors.New("not both are revoked")
				}
				revoked <- err
			}()
			for {
				row, err := s.Grant(ctx, consent.ID)
				must(err)
				if row.Dead() {
					break
				}
			}
			must(tx.Rollback())
			must(<-revoked)
			late := consentRow(oauth.ID{4}, consent.ID)
			if err := s.AddGrant(ctx, late, oauth.Standing{Now: noon, Parent: consent.ID}); !errors.Is(err, oauth.ErrGone) {
				t.Errorf("AddGrant() under a revoked consent = %v, want %v", err, oauth.ErrGone)
			}
		})
	}
}

func consentRow(id, parent oauth.ID) *oauth.Grant {
	return &oauth.Grant{
		ID: id, ClientUID: oauth.ID{1}, Kind: oauth.ConsentGrant, SubjectKey: oauth.ID{9}, Parent: parent,
		RequestedAt: noon, HandledAt: noon, ConsentUntil: oauth.Never, FlowExpiresAt: oauth.Never, CodeExpiresAt: oauth.Never,
		ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: []byte("sealed"),
	}
}

// More Grants than one statement takes back rest on a consent.
func TestRevocationTakesAllChildren(t *testing.T) {
	t.Parallel()
	const children = 1200
	s := storetest.New(t)
	if err := s.AddClient(t.Context(), &oauth.Client{UID: oauth.ID{1}, ID: "app"}, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 1 + children {
		g := consentRow(oauth.ID{2, byte(i), byte(i >> 8)}, oauth.ID{2})
		if i == 0 {
			g.Parent = oauth.ID{}
		}
		if err := s.AddGrant(t.Context(), g, oauth.Standing{Now: noon}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1 + children, 0} {
		if n, err := s.RevokeGrant(t.Context(), oauth.ID{2}, noon); n != want || err != nil {
			t.Errorf("RevokeGrant() = %d, %v, want %d", n, err, want)
		}
	}
}
