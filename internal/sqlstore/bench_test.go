package sqlstore_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
)

// BenchmarkStore measures what a code flow asks of the store, with every
// commit flushed to the disk.
func BenchmarkStore(b *testing.B) {
	s, err := sqlstore.Open(b.Context(), sqlstore.Config{DSN: "sqlite://" + filepath.Join(b.TempDir(), "b.sqlite")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	client := &oauth.Client{UID: oauth.ID{1}, ID: "app", ExpiresAt: oauth.Never}
	if err := s.AddClient(b.Context(), client, nil); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	add := func(b *testing.B) oauth.ID {
		g := &oauth.Grant{ID: id(int(n.Add(1))), ClientUID: client.UID, SubjectKey: oauth.ID{9}, HandledAt: noon, CodeExpiresAt: oauth.Never,
			ExpiresAt: oauth.Never, PurgeAt: oauth.Never, Data: make([]byte, 500)}
		if err := s.AddGrant(b.Context(), g, oauth.Standing{Now: noon}); err != nil {
			b.Error(err)
		}
		return g.ID
	}
	parallel := func(name string, f func(*testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					f(b)
				}
			})
		})
	}
	known := add(b)
	parallel("add and spend", func(b *testing.B) {
		id := add(b)
		err := s.SpendCode(b.Context(), id, oauth.CodeSpend{Op: id, Now: noon, ExpiresAt: oauth.Never, PurgeAt: oauth.Never})
		if err != nil {
			b.Error(err)
		}
	})
	parallel("look up", func(b *testing.B) {
		if _, err := s.Grant(b.Context(), known); err != nil {
			b.Error(err)
		}
	})
	parallel("versions", func(b *testing.B) {
		if _, err := s.Versions(b.Context()); err != nil {
			b.Error(err)
		}
	})
}
