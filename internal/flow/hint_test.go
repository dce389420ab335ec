package flow

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/storetest"
	"hydra/internal/token"
)

// away is a store whose keys cannot be read.
type away struct{ oauth.Store }

func (away) KeySet(context.Context, string) ([]oauth.KeyRow, error) {
	return nil, fmt.Errorf("read: %w", oauth.ErrUnavailable)
}

// While the database is away nothing is said about an id_token_hint: a relying
// party would take it for the end of the session.
func TestHintWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	store, _ := storetest.NewCounted(t)
	watch := &key.Watch{Store: store, Staleness: time.Hour, Now: time.Now}
	s := &Service{Tokens: &token.Service{Keys: &key.Service{Store: away{store}, Watch: watch, Now: time.Now}}}
	const jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.c2ln"
	public, err := s.hint(t.Context(), &oauth.Client{}, &oauth.Flow{}, &situation{}, jwt)
	if public != nil || oauth.KindOf(err) != oauth.TemporarilyUnavailable {
		t.Errorf("hint() = %v, %v, want the store's failure for the user and nothing for the client", public, err)
	}
}
