package token

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"hydra/internal/client"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

// Attack: a client that never answers has more calls due than are looked at in
// one go. The calls to another client, which are younger, are made all the same.
func TestAttackOneClientsCallsKeepOthersBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	deaf := w.addClient("deaf", func(c *oauth.Client) { c.BackchannelLogoutURI = "https://deaf.test/" })
	good := w.addClient("good", func(c *oauth.Client) { c.BackchannelLogoutURI = "https://good.test/" })
	add := func(c *oauth.Client, at time.Time) {
		call := &oauth.LogoutCall{ID: oauth.ID(secret.NewID()), ClientUID: c.UID, SessionID: oauth.ID(secret.NewID()), CreatedAt: at}
		Schedule(call, at, time.Hour)
		raw, err := json.Marshal(oauth.LogoutCallData{ClientID: c.ID, Subject: "alice"})
		w.must(err)
		call.Data, err = w.Sealer.SealRow("outbox", "data", call.ID[:], raw)
		w.must(err)
		w.must(w.store.AddLogoutCall(t.Context(), call))
	}
	for i := range callsLooked + 10 {
		add(deaf, noon.Add(time.Duration(i)*time.Microsecond))
	}
	w.wait(time.Minute)
	add(good, w.clock())

	delivered := make(chan string, 2*callsLooked)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := &LogoutCalls{
		Store: w.store, Clients: w.Clients.(*client.Service), Tokens: w.Service, TellFor: time.Hour, Observe: w.Observe,
		Send: func(ctx context.Context, address string, _ url.Values, _ time.Duration) (int, error) {
			if strings.Contains(address, "deaf") {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			delivered <- address
			return 200, nil
		},
		Report: func(err error) { t.Error(err) },
	}
	begun, err := calls.Deliver(ctx, func() {})
	if begun != callsPerRP+1 || err != nil {
		t.Fatalf("%d attempts were begun, %v; want %d", begun, err, callsPerRP+1)
	}
	<-delivered
	again, err := calls.Deliver(ctx, func() {})
	if again != 0 || err != nil {
		t.Errorf("with the places of the client taken, %d attempts were begun, %v", again, err)
	}
	cancel()
	calls.Wait()
	if n := len(delivered); n != 0 {
		t.Errorf("the other client was called %d times more", n)
	}
	if pending, _, err := w.store.CountLogoutCalls(t.Context()); err != nil || pending != callsLooked+10 {
		t.Errorf("%d calls wait, %v; want those to the client that does not answer", pending, err)
	}
}
