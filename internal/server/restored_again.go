package server

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// repeater does again what the log of the lost time tells of. All of it may be
// done twice.
type repeater struct {
	*Data
	now          time.Time
	keepSessions bool // else all of them are dead, whoever ended which
}

// repeats are the events that name exactly what they are about. Others, such as
// those about a user, whom no log names, are for the operator.
var repeats = map[string]func(repeater, context.Context, LostEvent) (bool, error){
	"client_deleted":               repeater.deleteClient,
	"client_registration_deleted":  repeater.deleteClient,
	"client_tokens_ended":          repeater.endTokens,
	"consents_deleted":             repeater.revokeConsent,
	"login_sessions_deleted":       repeater.endSession,
	"login_session_ended":          repeater.endSession,
	"login_session_revoked":        repeater.endSession,
	"login_sessions_revoked":       repeater.endSession,
	"token_revoked":                repeater.revokeToken,
	"trusted_issuer_removed":       repeater.distrust,
	"initial_access_token_deleted": repeater.deleteInitial,
	"key_deleted":                  repeater.deleteKey,
	"key_set_deleted":              repeater.deleteKey,
}

// again repeats one event, and reports whether what it did is so now.
func (r repeater) again(ctx context.Context, e LostEvent) (bool, error) {
	if id, err := oauth.ParseID(e.Grant); err == nil {
		return true, r.store.EndGrant(ctx, id, oauth.EndedByClient, r.now)
	}
	if f := repeats[e.Name]; f != nil {
		return f(r, ctx, e)
	}
	return false, nil
}

// objects splits the object of a change into its parts, in which nothing that
// is no letter, digit or sign stands as it is. A part without a name of a kind
// means that the line is none of ours.
func objects(e LostEvent) map[string]string {
	parts := map[string]string{}
	for part := range strings.FieldsSeq(e.Object) {
		kind, escaped, ok := strings.Cut(part, ":")
		name, err := url.PathUnescape(escaped)
		if _, twice := parts[kind]; !ok || err != nil || twice {
			return nil
		}
		parts[kind] = name
	}
	return parts
}

// only returns the one thing that an event is about.
func only(e LostEvent, kind string) string {
	if parts := objects(e); len(parts) == 1 {
		return parts[kind]
	}
	return ""
}

// gone makes a success of what is gone already.
func gone(err error) (bool, error) {
	if errors.Is(err, oauth.ErrNotFound) {
		err = nil
	}
	return err == nil, err
}

// deleteClient leaves alone a client that was created after the event: somebody
// has repeated it by hand already, and more.
func (r repeater) deleteClient(ctx context.Context, e LostEvent) (bool, error) {
	id := e.ClientID
	if id == "" {
		id = only(e, "client")
	}
	if id == "" {
		return false, nil
	}
	c, _, err := r.store.Client(ctx, id)
	if err != nil || c.CreatedAt.After(e.Time) {
		return gone(err)
	}
	return gone(r.store.DeleteClient(ctx, id, r.now))
}

func (r repeater) endTokens(ctx context.Context, e LostEvent) (bool, error) {
	id := only(e, "client")
	if id == "" {
		return false, nil
	}
	return gone(r.store.RaiseEpoch(ctx, id))
}

func (r repeater) revokeConsent(ctx context.Context, e LostEvent) (bool, error) {
	id, err := oauth.ParseID(only(e, "consent"))
	if err != nil {
		return false, nil //nolint:nilerr // it is about a user
	}
	_, err = r.store.RevokeGrant(ctx, id, r.now)
	return err == nil, err
}

func (r repeater) endSession(ctx context.Context, e LostEvent) (bool, error) {
	id, err := oauth.ParseID(only(e, "session"))
	if err != nil {
		return !r.keepSessions, nil //nolint:nilerr // it is about a user
	}
	_, err = r.store.EndSession(ctx, id, r.now)
	return err == nil, err
}

// revokeToken is about a token without a Grant: all access tokens are dead.
func (r repeater) revokeToken(context.Context, LostEvent) (bool, error) { return true, nil }

func (r repeater) distrust(ctx context.Context, e LostEvent) (bool, error) {
	id, err := oauth.ParseID(strings.ReplaceAll(only(e, "trusted_issuer"), "-", ""))
	if err != nil {
		return false, nil //nolint:nilerr // the call named none
	}
	return gone(r.store.DeleteTrustedIssuer(ctx, id))
}

func (r repeater) deleteInitial(ctx context.Context, e LostEvent) (bool, error) {
	id, err := oauth.ParseID(only(e, "initial_access_token"))
	if err != nil {
		return false, nil //nolint:nilerr // the call named none
	}
	return gone(r.store.DeleteInitialAccessToken(ctx, id))
}

// deleteKey removes a key, or both halves of a pair that was named without
// saying which, or a whole set. The next signature makes what is missing.
func (r repeater) deleteKey(ctx context.Context, e LostEvent) (bool, error) {
	parts := objects(e)
	set, kid := parts["key_set"], parts["key"]
	switch {
	case set == "":
		return false, nil
	case e.Name == "key_set_deleted" && len(parts) == 1:
		_, err := r.store.DeleteKeySet(ctx, set)
		return err == nil, err
	case kid == "" || len(parts) != 2:
		return false, nil
	}
	kids := []string{kid}
	if !strings.HasPrefix(kid, "public:") && !strings.HasPrefix(kid, "private:") {
		kids = append(kids, "public:"+kid, "private:"+kid)
	}
	for _, one := range kids {
		if _, err := r.store.DeleteKey(ctx, set, one); err != nil {
			return false, err
		}
	}
	return true, nil
}
