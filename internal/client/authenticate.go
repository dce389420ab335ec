package client

import (
	"context"
	"errors"
	"slices"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// assertionType is the only client_assertion_type there is (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// refused is the answer to every failed authentication. It is the same for an
// unknown client, a wrong secret and a method that is not the registered one,
// so that nobody learns which it was; the operator does, from the cause.
func refused(cause error) error {
	return oauth.InvalidClient.Hint("The client is unknown, its credentials are wrong, or it is registered " +
		"with another token_endpoint_auth_method than it used.").Because(cause)
}

// What the operator reads in the log.
var (
	errMethod = errors.New("the client used another method than the registered one")
	errSecret = errors.New("the client secret is wrong")
)

// presentation is how a request authenticates its client, and with what.
type presentation struct {
	method string
	id     string
	secret oauth.Secret
}

// Authenticate finds out which client sends a request and whether it is that
// client (RFC 6749 §2.3). The method must be exactly the registered one. The
// result is shared: nobody may change it.
//
// The error is oauth.InvalidRequest when the request does not say who it is or
// says it twice, oauth.InvalidClient when it is not believed, and
// oauth.TemporarilyUnavailable when too many ask.
func (s *Service) Authenticate(ctx context.Context, cr oauth.Credentials) (*oauth.Client, error) {
	c, err := s.authenticate(ctx, cr)
	if err != nil {
		return nil, err
	}
	s.Used(ctx, c)
	return c, nil
}

func (s *Service) authenticate(ctx context.Context, cr oauth.Credentials) (*oauth.Client, error) {
	p, err := present(cr)
	if err != nil {
		return nil, err
	}
	s.start()
	if p.method == oauth.AuthPrivateKeyJWT {
		return s.authenticateAssertion(ctx, cr)
	}
	l, err := s.load(ctx, p.id)
	known := err == nil
	if !known && !errors.Is(err, oauth.ErrNotFound) {
		return nil, err // the database failed: that says nothing about the client
	}
	if p.method == oauth.AuthNone {
		switch {
		case !known:
			return nil, refused(err)
		case !l.client.IsPublic():
			return nil, refused(errMethod)
		}
		return l.client, nil
	}
	if err := s.authenticateSecret(ctx, p, l, known, cr.Network); err != nil {
		return nil, err
	}
	return l.client, nil
}

// present sorts out which method a request uses. A parameter without a value
// counts as left out (RFC 6749 §3.2).
func present(cr oauth.Credentials) (presentation, error) {
	post := cr.PostSecret != ""
	assertion := cr.AssertionType != "" || cr.Assertion != ""
	switch {
	case cr.Basic && post, cr.Basic && assertion, post && assertion:
		return presentation{}, oauth.InvalidRequest.Hint("A request authenticates its client in one way only (RFC 6749 §2.3).")
	case cr.Basic && cr.PostID != "" && cr.PostID != cr.BasicID:
		return presentation{}, oauth.InvalidRequest.Hint("The client_id in the body is another than that in the Authorization header.")
	case assertion && cr.AssertionType != assertionType:
		return presentation{}, oauth.InvalidRequest.Hint("The client_assertion_type must be " + assertionType + ".")
	case assertion && cr.Assertion == "":
		return presentation{}, oauth.InvalidRequest.Hint("The parameter client_assertion is missing.")
	case assertion:
		return presentation{method: oauth.AuthPrivateKeyJWT}, nil
	case cr.Basic:
		return presentation{oauth.AuthSecretBasic, cr.BasicID, cr.BasicSecret}, nil
	case cr.PostID == "":
		return presentation{}, oauth.InvalidRequest.Hint("The request does not say which client sends it: " +
			"it has neither an Authorization header nor a client_id.")
	case post:
		return presentation{oauth.AuthSecretPost, cr.PostID, cr.PostSecret}, nil
	}
	return presentation{method: oauth.AuthNone, id: cr.PostID}, nil
}

// authenticateSecret checks a secret. Whatever is wrong is found out at the
// same price, after the same slow hash.
func (s *Service) authenticateSecret(ctx context.Context, p presentation, l loaded, known bool, network string) error {
	now := s.Now()
	g := guess{id: p.id, secret: p.secret, network: network}
	cause := error(oauth.ErrNotFound)
	var live []oauth.ClientSecret
	switch {
	case !known:
	case l.client.AuthMethod != p.method:
		cause = errMethod
	case len(p.secret) > maxSecret:
		cause = errSecret
	default:
		cause = errSecret
		g.uid = l.client.UID
		for _, row := range l.secrets {
			if !oauth.Past(row.ExpiresAt, now) {
				live = append(live, row)
				g.hashes = append(g.hashes, row.Hash)
			}
		}
	}
	if len(p.secret) > maxSecret {
		g.secret = g.secret[:maxSecret] // it cannot match; hash no more of it than of others
	}
	index, err := s.hashes.verify(ctx, g, now)
	if err != nil {
		return err
	}
	if index < 0 {
		e := oauth.Event{Name: "client_secret_wrong", Detail: "A client authenticated with a wrong secret or method."}
		if known {
			e.ClientID = l.client.ID
		} else {
			e.Detail = "Somebody authenticated as a client that does not exist." // its name may be anything, a secret too
		}
		s.Observe.Observe(ctx, e)
		return refused(cause)
	}
	s.upgrade(ctx, p, live[index])
	return nil
}

// upgrade stores a hash of the current kind and cost in place of an outdated
// one, now that the secret is known. That it fails is no reason to turn the
// client away; the next sign-in tries again.
func (s *Service) upgrade(ctx context.Context, p presentation, row oauth.ClientSecret) {
	if !secret.Outdated(row.Hash, s.iterations()) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	c, rows, err := s.Store.Client(ctx, p.id)
	if err != nil {
		return
	}
	i := slices.IndexFunc(rows, func(r oauth.ClientSecret) bool { return r.ID == row.ID && r.Hash == row.Hash })
	if i < 0 {
		return // somebody was faster
	}
	rows[i].Hash = secret.HashChosen(string(p.secret), s.iterations())
	if s.Store.UpdateClient(ctx, c, rows) == nil {
		s.changed(c.ID)
		s.hashes.remember(c.UID, rows[i].Hash, p.secret, s.Now())
	}
}
