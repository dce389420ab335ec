package token

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// maxMachineToken bounds the characters of a token that carries all it says:
// it must pass through headers that others limit.
const maxMachineToken = 1500

// clientCredentials issues a token to the client itself (RFC 6749 §4.4). It
// reads and writes no row: the token says everything, and the client's epoch
// in it is what revokes it.
func (s *Service) clientCredentials(ctx context.Context, r request) (*Response, error) {
	scope, err := formScope(r.form)
	if err != nil {
		return nil, err
	}
	if len(scope) == 0 && s.Options.DefaultGrantAllowedScope {
		scope = oauth.Unique(oauth.Fields(r.client.Scope))
	}
	audience, err := formAudience(r.form)
	if err != nil {
		return nil, err
	}
	switch {
	case !s.Options.scopes().Covers(oauth.Fields(r.client.Scope), scope):
		return nil, oauth.InvalidScope.Hint("The client may not have one of the requested scopes.")
	case !oauth.AllowsAudience(r.client.Audience, audience):
		return nil, oauth.InvalidRequest.Hint("The client may not address one of the requested audiences.")
	case r.client.IsPublic():
		return nil, oauth.InvalidGrant.Hint("A public client cannot use the grant type client_credentials.")
	}
	if err := checkGrantType(r.client, oauth.GrantClientCredentials); err != nil {
		return nil, err
	}

	lifetime := s.Options.lifespans(r.client.Lifespans.ClientCredentialsAccess, nil, nil).access
	m := machine{scope: scope, audience: audience, lifetime: lifetime}
	if err := s.askMachine(ctx, &r, oauth.GrantClientCredentials, &m); err != nil {
		return nil, err
	}
	value, row, err := s.machineToken(ctx, r, m)
	if err != nil {
		return nil, err
	}
	if err := s.addMachine(ctx, row); err != nil {
		return nil, err
	}
	return &Response{
		AccessToken: value,
		ExpiresIn:   int64(lifetime / time.Second),
		Scope:       strings.Join(scope, " "),
		TokenType:   "bearer",
	}, nil
}

// machine is what an access token without a row says.
type machine struct {
	subject         string // empty: the client itself
	scope, audience []string
	lifetime        time.Duration
	assertion       oauth.Secret    // that it is for
	session         json.RawMessage // claims of a hook
}

// askMachine lets BeforeSpend have its say.
func (s *Service) askMachine(ctx context.Context, r *request, grantType string, m *machine) error {
	if s.BeforeSpend == nil {
		return nil
	}
	ask := Payout{GrantType: grantType, Client: r.client, Scope: m.scope, Assertion: m.assertion, Data: &oauth.GrantData{
		Subject: m.holder(r.client), RequestedScope: m.scope, RequestedAudience: m.audience, GrantedScope: m.scope, GrantedAudience: m.audience,
	}}
	if err := s.BeforeSpend(ctx, &ask); err != nil {
		return err
	}
	r.now = s.Now()
	session, err := members(ask.Data.AccessClaims)
	if err == nil && len(session) > 0 {
		m.session = ask.Data.AccessClaims
	}
	return err
}

// holder is the sub of the token: without a subject the client.
func (m *machine) holder(c *oauth.Client) string {
	if m.subject == "" {
		return c.ID
	}
	return m.subject
}

// machineToken makes the token, and the row that stands behind it when a hook
// says more than fits into it; mostly none does. addMachine writes the row.
func (s *Service) machineToken(ctx context.Context, r request, m machine) (oauth.Secret, *oauth.Grant, error) {
	value, err := s.sealMachine(r, m, nil)
	switch {
	case err != nil:
		return "", nil, err
	case len(value) > maxMachineToken:
		return "", nil, oauth.InvalidScope.Hint("Subject, scopes and audiences are too long for one access token.")
	case s.Options.strategy(r.client) == strategyJWT:
		value, err = s.machineJWT(ctx, r, m)
		return value, nil, err
	case m.session == nil:
		return value, nil, nil
	case len(m.session) > maxMachineToken:
		return s.machineGrant(r, m)
	}
	value, err = s.sealMachine(r, m, m.session)
	if err == nil && len(value) > maxMachineToken {
		return s.machineGrant(r, m)
	}
	return value, nil, err
}

func (s *Service) sealMachine(r request, m machine, session json.RawMessage) (oauth.Secret, error) {
	value, err := s.Sealer.Seal(secret.Machine, encodeMachine(machinePayload{
		ClientUID: r.client.UID,
		Epoch:     r.client.Epoch,
		Subject:   m.subject,
		Scope:     m.scope,
		Audience:  m.audience,
		Issued:    r.now.Unix(),
		Lifetime:  int64(m.lifetime / time.Second),
		Session:   session,
	}))
	return oauth.Secret(value), err
}

// machineGrant makes an access token and the row behind it.
func (s *Service) machineGrant(r request, m machine) (oauth.Secret, *oauth.Grant, error) {
	seed := oauth.Seed(secret.NewID())
	expires := r.now.Add(m.lifetime)
	g := &oauth.Grant{
		ID: seed.GrantID(), ClientUID: r.client.UID, Kind: oauth.MachineGrant, RequestedAt: r.now, CodeUsedAt: r.now,
		ExpiresAt: expires, PurgeAt: Appointment(expires, r.now), OpID: secret.NewID(),
	}
	var err error
	g.Data, err = s.SealData(g.ID, &oauth.GrantData{
		Subject: m.holder(r.client), GrantedScope: m.scope, GrantedAudience: m.audience, AccessClaims: m.session,
	})
	if err != nil {
		return "", nil, err
	}
	value, err := s.Sealer.Seal(secret.Access, encodeAccess(accessPayload{
		Key: seed.AccessKey(), Epoch: r.client.Epoch, Issued: r.now.Unix(), Lifetime: int64(m.lifetime / time.Second),
	}))
	return oauth.Secret(value), g, err
}

// addMachine writes the row behind a machine's token, if there is one.
func (s *Service) addMachine(ctx context.Context, g *oauth.Grant) error {
	if g == nil {
		return nil
	}
	ctx, err := spending(ctx)
	if err != nil {
		return err
	}
	err = s.Store.AddGrant(ctx, g, oauth.Standing{Now: g.RequestedAt})
	if errors.Is(err, oauth.ErrGone) {
		return oauth.InvalidClient.Hint("The client was deleted.").Because(err)
	}
	return err
}

func (s *Service) machineJWT(ctx context.Context, r request, m machine) (oauth.Secret, error) {
	jti, err := s.Sealer.Seal(secret.JWTReference, encodeReference(referencePayload{ClientUID: r.client.UID, Epoch: r.client.Epoch}))
	if err != nil {
		return "", err
	}
	return s.signAccess(ctx, accessClaims{
		client: r.client, jti: jti, subject: m.holder(r.client), scope: m.scope, audience: m.audience,
		issued: r.now, lifetime: m.lifetime, session: m.session,
	})
}

// maxListed bounds the scopes and audiences of one request: each is compared
// with each that the client has.
const maxListed = 500

// formScope reads the parameter scope without doubles.
func formScope(form url.Values) ([]string, error) {
	scope := oauth.Fields(form.Get("scope"))
	switch {
	case len(scope) > maxListed:
		return nil, oauth.InvalidScope.Hintf("At most %d scopes can be requested at once.", maxListed)
	case slices.ContainsFunc(scope, func(token string) bool { return !oauth.IsScopeToken(token) }):
		return nil, oauth.InvalidScope.Hint("A scope has characters that no scope may have (RFC 6749 §3.3).")
	}
	return oauth.Unique(scope), nil
}

// formAudience reads the parameter audience, which may repeat and may hold
// several values with spaces between them.
func formAudience(form url.Values) ([]string, error) {
	var all []string
	for _, v := range form["audience"] {
		all = append(all, oauth.Fields(v)...)
	}
	audience := oauth.Unique(all)
	if len(audience) > maxListed {
		return nil, oauth.InvalidRequest.Hintf("At most %d audiences can be requested at once.", maxListed)
	}
	return audience, nil
}
