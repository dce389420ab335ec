package oauth

import "context"

// Event is something that an operator wants to see: a replay, a revoked
// consent, a changed client. It never holds a secret.
type Event struct {
	Name     string // what happened, e.g. "code_replayed"
	ClientID string
	Grant    ID     // zero when there is none
	Detail   string // one sentence for the operator
}

// Observer takes events. The zero value of a service has none.
type Observer func(context.Context, Event)

// Observe passes the event on, if anybody listens.
func (o Observer) Observe(ctx context.Context, e Event) {
	if o != nil {
		o(ctx, e)
	}
}
