package token

import (
	"context"
	"net/url"
	"time"

	"hydra/internal/oauth"
)

// request is one call of the token endpoint by an authenticated client.
type request struct {
	client *oauth.Client
	form   url.Values
	now    time.Time
}

// grantTypes holds one function for each grant type, each in a file of its own.
var grantTypes = map[string]func(*Service, context.Context, request) (*Response, error){
	oauth.GrantAuthorizationCode: (*Service).authorizationCode, // RFC 6749 §4.1.3
	oauth.GrantRefreshToken:      (*Service).refreshToken,      // RFC 6749 §6
	oauth.GrantClientCredentials: (*Service).clientCredentials, // RFC 6749 §4.4
	oauth.GrantJWTBearer:         (*Service).jwtBearer,         // RFC 7523 §2.1
	oauth.GrantDeviceCode:        (*Service).deviceCode,        // RFC 8628 §3.4
}

// Exchange answers a token request of a client that has been authenticated.
// Failures are *oauth.Error; anything else is a fault of the server.
func (s *Service) Exchange(ctx context.Context, c *oauth.Client, form url.Values) (*Response, error) {
	name := form.Get("grant_type")
	if name == "" {
		return nil, oauth.InvalidRequest.Hint("The parameter grant_type is missing.")
	}
	grant, ok := grantTypes[name]
	if !ok {
		// RFC 6749 has unsupported_grant_type for this; Hydra's clients know
		// invalid_request (contract Q-47).
		return nil, oauth.InvalidRequest.Hint("This grant_type is not supported.")
	}
	return grant(s, ctx, request{client: c, form: form, now: s.Now()})
}

// checkGrantType refuses a grant type that the client is not registered for.
// RFC 6749 has unauthorized_client for this; Hydra's clients know invalid_grant.
func checkGrantType(c *oauth.Client, name string) error {
	if !c.AllowsGrantType(name) {
		return oauth.InvalidGrant.Hintf("The client is not registered for the grant type %s.", name)
	}
	return nil
}

// spending is asked right before something is written, when the answer is
// complete. A caller who has gone, or whose time is over, has lost nothing yet;
// its error is then that of the context. From here on the connection must not
// decide any more, so the context that it returns has no end.
func spending(ctx context.Context) (context.Context, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return context.WithoutCancel(ctx), nil
}

// event tells the operator about a Grant of a client.
func (s *Service) event(ctx context.Context, name string, c *oauth.Client, id oauth.ID, detail string) {
	s.Observe.Observe(ctx, oauth.Event{Name: name, ClientID: c.ID, Grant: id, Detail: detail})
}
