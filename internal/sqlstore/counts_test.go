package sqlstore_test

import (
	"context"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// counted is a method with what it costs.
type counted struct {
	name string
	run  func() error
	want storetest.Counts
}

// countedMethods are those that the server calls on every request. Each but a
// few costs one statement. They are called in this order.
func countedMethods(ctx context.Context, s oauth.Store) []counted {
	client := &oauth.Client{UID: oauth.ID{1}, ID: "app", Version: 1, ExpiresAt: oauth.Never}
	session := &oauth.Session{ID: oauth.ID{2}, SubjectKey: oauth.ID{3}, ExpiresAt: oauth.Never, PurgeAt: oauth.Never}
	grant := &oauth.Grant{ID: oauth.ID{4}, ClientUID: client.UID, SubjectKey: oauth.ID{3}, SessionID: session.ID, HandledAt: noon,
		ConsentUntil: oauth.Never, CodeExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never, OpID: oauth.ID{5}}
	read, write := storetest.Counts{Reads: 1}, storetest.Counts{Writes: 1}
	return []counted{
		{"AddClient", func() error { return s.AddClient(ctx, client, nil) }, storetest.Counts{Writes: 2, Begins: 1, Commits: 1}},
		{"Client", func() error { _, _, err := s.Client(ctx, "app"); return err }, read},
		{"Versions", func() error { _, err := s.Versions(ctx); return err }, read},
		{"PutSession", func() error { return s.PutSession(ctx, session, oauth.ID{}) }, write},
		{"AddGrant", func() error {
			return s.AddGrant(ctx, grant, oauth.Standing{Now: noon, Session: session.ID})
		}, write},
		{"UpdateOpenGrant", func() error { return s.UpdateOpenGrant(ctx, grant, oauth.Standing{Now: noon}) }, write},
		{"Grant", func() error { _, err := s.Grant(ctx, grant.ID); return err }, read},
		{"LoginState", func() error { _, err := s.LoginState(ctx, grant.ID, oauth.ID{9}, session.ID, noon); return err }, read},
		{"GrantsOf", func() error {
			_, err := s.GrantsOf(ctx, oauth.ID{3}, oauth.GrantFilter{}, noon, 0, 10)
			return err
		}, read},
		{"ExtendSession", func() error { return s.ExtendSession(ctx, session) }, write},
		{"ReadClient", func() error { _, err := s.ReadClient(ctx, "app"); return err }, read},
		{"ListClients", func() error { _, err := s.ListClients(ctx, oauth.ClientQuery{Limit: 1}); return err }, read},
		{"CountClients", func() error { _, err := s.CountClients(ctx, oauth.ClientFilter{}); return err }, read},
		{"SpendCode", func() error {
			return s.SpendCode(ctx, grant.ID, oauth.CodeSpend{Op: oauth.ID{6}, Now: noon, RefreshExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never})
		}, write},
		{"Rotate", func() error {
			return s.Rotate(ctx, grant.ID, oauth.Rotation{Op: oauth.ID{7}, Now: noon, ToGeneration: 1, RefreshExpiresAt: oauth.Never, ExpiresAt: oauth.Never, PurgeAt: oauth.Never})
		}, write},
		{"AddDevice", func() error {
			return s.AddDevice(ctx, &oauth.Device{ID: oauth.ID{21}, ClientUID: client.UID, UserCode: oauth.ID{22}, ExpiresAt: oauth.Never})
		}, write},
		{"Device", func() error { _, err := s.Device(ctx, oauth.ID{22}); return err }, read},
		{"DecideDevice", func() error {
			return s.DecideDevice(ctx, oauth.ID{21}, oauth.DeviceAccepted, oauth.ID{23}, oauth.ID{24}, noon)
		}, write},
		{"UseGrace", func() error { return s.UseGrace(ctx, grant.ID, 1, oauth.ID{8}, noon) }, write},
		{"EndGrant", func() error { return s.EndGrant(ctx, grant.ID, oauth.EndedByClient, noon) }, write},
		{"RevokeGrant", func() error { _, err := s.RevokeGrant(ctx, grant.ID, noon); return err }, storetest.Counts{Writes: 2}}, // the second for Grants that rest on it
		{"AddReplay", func() error { return s.AddReplay(ctx, oauth.ID{1}, noon) }, write},
		{"RevokeToken", func() error { return s.RevokeToken(ctx, oauth.ID{1}, client.UID, noon, 5) }, write},
		{"MachineToken", func() error { _, _, err := s.MachineToken(ctx, oauth.ID{1}, client.UID); return err }, read},
		{"AddRequest", func() error { return s.AddRequest(ctx, &oauth.StoredRequest{ID: oauth.ID{1}}) }, write},
		{"Request", func() error { _, err := s.Request(ctx, oauth.ID{1}); return err }, read},
		{"Tx", func() error {
			return s.Tx(ctx, func(s oauth.Store) error { return s.AddReplay(ctx, oauth.ID{2}, noon) })
		}, storetest.Counts{Writes: 1, Begins: 1, Commits: 1}},
	}
}

// What the server does on every request costs one statement.
func TestStatementCounts(t *testing.T) {
	t.Parallel()
	s, counter := storetest.NewCounted(t)
	for _, step := range countedMethods(t.Context(), s) {
		counter.Take()
		if err := step.run(); err != nil {
			t.Errorf("%s = %v", step.name, err)
		}
		if got, statements := counter.TakeAll(); got != step.want {
			t.Errorf("%s costs %+v, want %+v: %q", step.name, got, step.want, statements)
		}
	}
}
