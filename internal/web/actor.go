package web

import "context"

type actorKey struct{}

// WithActor returns a context that knows who makes the request, as the log and
// the audit events name them: "token:ci", "certificate:login-app".
func WithActor(ctx context.Context, name string) context.Context {
	Note(ctx, "actor", name)
	return context.WithValue(ctx, actorKey{}, name)
}

// Actor returns who makes the request, "" if nobody was asked.
func Actor(ctx context.Context) string {
	name, _ := ctx.Value(actorKey{}).(string)
	return name
}

// NetworkOf is Network for the context of a request that passed an Edge; "" for
// what is no request.
func NetworkOf(ctx context.Context) string {
	e := eventOf(ctx)
	if e == nil || !e.located {
		return ""
	}
	return network(e.source)
}
