package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Who may register clients (RFC 7591 §3).
const (
	RegisterOpen      = "open"                 // everybody
	RegisterByToken   = "initial_access_token" // whoever has such a token
	RegisterStatement = "software_statement"   // also who brings a statement of a trusted issuer
)

// Registration is what the operator decides about dynamic registration. The
// zero value lets nobody register.
type Registration struct {
	Access string // one of the constants; "" for nobody
	// Scopes are those that a client may register, compared as text, and what
	// it gets when it names none.
	Scopes []string
	// AllowedScopes may be registered, but are not given to who names none.
	AllowedScopes []string
	// PerHour is how many clients one network may register in an hour without
	// a token. 0: 360.
	PerHour int
	// Total is how many clients may be registered without a token. 0: 10,000.
	Total int
	// UnusedFor is how long a client that registered without a token may stay
	// unused. 0: one week.
	UnusedFor time.Duration
	// StatementIssuers are those whose software statements are believed, with
	// the URLs of their key sets.
	StatementIssuers map[string]string
}

// Registrations keeps what dynamic registration needs, and counts where every
// node sees it.
type Registrations interface {
	oauth.Registrations
	CountGuess(ctx context.Context, counts ...oauth.GuessCount) error
}

// Registered is a client with what only it learns.
type Registered struct {
	Client *oauth.Client
	Secret oauth.Secret // "" when there is no new one
	Token  oauth.Secret // the registration access token, RFC 7592 §3
}

// RegistrationRequest is a request to register (RFC 7591 §3.1).
type RegistrationRequest struct {
	Client    *oauth.Client
	Token     oauth.Secret // an initial access token, or ""
	Statement bool         // it brought a software statement, which was verified
	Network   string       // where it comes from
}

// Register registers a client for somebody who is no administrator. The error
// is oauth.InvalidRedirectURI or oauth.InvalidClientMetadata when a rule is
// broken, oauth.InvalidToken or oauth.RequestUnauthorized without a good
// initial access token, and oauth.TemporarilyUnavailable beyond the limits.
func (s *Service) Register(ctx context.Context, r RegistrationRequest) (Registered, error) {
	initial, err := s.admit(ctx, r)
	if err != nil {
		return Registered{}, err
	}
	c := r.Client
	c.ID = ""
	if c.Scope == "" {
		c.Scope = strings.Join(s.Options.Registration.Scopes, " ")
	}
	// Such a client has no past in which claims stood elsewhere.
	c.ClaimsPlacement = cmp.Or(c.ClaimsPlacement, "standard")
	c.ApplicationType = cmp.Or(c.ApplicationType, oauth.ApplicationWeb)
	if err := s.metadata(c, new(oauth.Client)); err != nil {
		return Registered{}, err
	}
	plain, err := s.create(ctx, c, "", func() error {
		c.RegistrationGeneration = 1
		if !initial.IsZero() {
			err := s.Registrations.UseInitialAccessToken(ctx, initial, oauth.ID(secret.NewID()), s.Now())
			if errors.Is(err, oauth.ErrUsed) {
				return errInitial.Because(err)
			}
			return err
		}
		return s.admitAnonymous(ctx, c, r.Network)
	})
	if err != nil {
		return Registered{}, asMetadata(err)
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "client_registered", ClientID: c.ID, Detail: "A client has registered itself."})
	token, err := s.registrationToken(c)
	return Registered{c, plain, token}, err
}

// admit decides who may register, before anything is looked at.
func (s *Service) admit(ctx context.Context, r RegistrationRequest) (initial oauth.ID, err error) {
	access := s.Options.Registration.Access
	switch {
	case s.Registrations == nil || access == "":
		return oauth.ID{}, oauth.NotFound.Hint("Clients cannot be registered here.")
	case r.Token != "":
		return s.openInitial(ctx, r.Token)
	case access == RegisterOpen, access == RegisterStatement && r.Statement:
		return oauth.ID{}, s.quota.take(r.Network, s.Options.Registration.perHour(), s.Now())
	}
	return oauth.ID{}, oauth.RequestUnauthorized.Hint("To register a client takes an initial access token, in the header Authorization with the scheme Bearer.")
}

func (r Registration) perHour() int { return cmp.Or(r.PerHour, 360) }

// admitAnonymous counts a client that registers without a token, for all nodes
// together, and gives it an end. What its node alone allows has kept a flood
// away from the database before.
func (s *Service) admitAnonymous(ctx context.Context, c *oauth.Client, network string) error {
	if err := s.roomFor(ctx, 1); err != nil {
		return err
	}
	begun := s.Now().Truncate(time.Hour)
	ends := begun.Add(time.Hour)
	err := s.Registrations.CountGuess(ctx, oauth.GuessCount{
		ID:   oauth.ID(s.Sealer.Index("registrations of a network", network, strconv.FormatInt(begun.Unix(), 10))),
		Most: s.Options.Registration.perHour(), Ends: ends.Add(countLag),
	})
	if errors.Is(err, oauth.ErrUsed) {
		return tooManyRegistrations(ends.Sub(s.Now()))
	}
	if err != nil {
		return err
	}
	c.ExpiresAt = s.now().Add(cmp.Or(s.Options.Registration.UnusedFor, 7*24*time.Hour))
	if err := s.Registrations.AddRegistration(ctx, oauth.Registration{ClientUID: c.UID, ClientID: c.ID, UnusedUntil: c.ExpiresAt}); err != nil {
		return err
	}
	// Others may have found the same place. Whoever sees too many leaves, and the
	// last of them sees all.
	if err := s.roomFor(ctx, 0); err != nil {
		return errors.Join(err, s.Registrations.DeleteRegistration(context.WithoutCancel(ctx), c.UID))
	}
	return nil
}

// roomFor refuses when the total leaves no place for so many more.
func (s *Service) roomFor(ctx context.Context, more int) error {
	n, err := s.Registrations.CountRegistrations(ctx)
	if err != nil {
		return err
	}
	if n+more > cmp.Or(s.Options.Registration.Total, 10_000) {
		return oauth.TemporarilyUnavailable.Hint("As many clients have registered as may. Ask the operator of this server.")
	}
	return nil
}

// registrable are the grant types that a client may register for itself. That
// of RFC 7523 rests on issuers whom only the operator can trust.
var registrable = []string{
	oauth.GrantAuthorizationCode, oauth.GrantImplicit, oauth.GrantRefreshToken, oauth.GrantClientCredentials, oauth.GrantDeviceCode,
}

// metadata checks what only somebody who is no administrator must keep to.
// Scopes that the client has been given stay allowed.
func (s *Service) metadata(c, old *oauth.Client) error {
	for _, uri := range c.RedirectURIs {
		if hint := redirectURIs(draft{Client: &oauth.Client{RedirectURIs: []string{uri}}, options: &s.Options}); hint != "" {
			return oauth.InvalidRedirectURI.Hint(hint)
		}
	}
	if hint := applicationType(draft{Client: c}); hint != "" && (c.ApplicationType == oauth.ApplicationWeb || c.ApplicationType == oauth.ApplicationNative) {
		return oauth.InvalidRedirectURI.Hint(hint)
	}
	if len(c.RedirectURIs) == 0 && (c.AllowsGrantType(oauth.GrantAuthorizationCode) || c.AllowsGrantType(oauth.GrantImplicit)) {
		// RFC 7591 §2, redirect_uris: who uses such a flow must register its own.
		return oauth.InvalidRedirectURI.Hint("The grant_types authorization_code and implicit need redirect_uris.")
	}
	o := s.Options.Registration
	for _, t := range c.GrantTypes {
		if !slices.Contains(registrable, t) {
			return oauth.InvalidClientMetadata.Hint("One of the grant_types is unknown, or needs an administrator.")
		}
	}
	for _, t := range c.ResponseTypes {
		if !slices.ContainsFunc(oauth.ResponseTypes, func(known string) bool { return sameWords(known, t) }) {
			return oauth.InvalidClientMetadata.Hint("One of the response_types is unknown.")
		}
	}
	if hint := contradiction(c, old); hint != "" {
		return oauth.InvalidClientMetadata.Hint(hint)
	}
	for _, t := range oauth.Fields(c.Scope) {
		if !slices.Contains(o.Scopes, t) && !slices.Contains(o.AllowedScopes, t) && !slices.Contains(oauth.Fields(old.Scope), t) {
			return oauth.InvalidClientMetadata.Hint("One of the scopes may not be registered; scopes_supported of the discovery document lists those that may.")
		}
	}
	return nil
}

// contradiction names a grant type without which one of the response types is
// refused at every use (RFC 7591 §2.1). Who names one of both alone gets
// the default of the other, and may send it back (RFC 7592 §2.2).
func contradiction(c, old *oauth.Client) string {
	if len(c.GrantTypes) == 0 {
		return ""
	}
	for _, t := range c.ResponseTypes {
		words := oauth.ResponseType(oauth.Fields(t))
		for _, need := range words.GrantTypes() {
			stood := old.AllowsResponseType(words) && !old.AllowsGrantType(need)
			if !c.AllowsGrantType(need) && !stood {
				return "One of the response_types needs the grant type " + need + ", which is not among the grant_types."
			}
		}
	}
	return ""
}

func sameWords(a, b string) bool {
	return slices.Equal(slices.Sorted(slices.Values(oauth.Fields(a))), slices.Sorted(slices.Values(oauth.Fields(b))))
}

// asMetadata gives a broken rule the code of RFC 7591 §3.2.2.
func asMetadata(err error) error {
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Kind == oauth.InvalidRequest {
		return oauth.InvalidClientMetadata.Hint(e.Public).Because(e)
	}
	return err
}

// Registration returns the client of a registration access token (RFC 7592
// §2.1). The error is oauth.InvalidToken, whatever is wrong: the client is
// another, is gone, or got a newer token.
func (s *Service) Registration(ctx context.Context, id string, token oauth.Secret) (*oauth.Client, error) {
	c, _, err := s.registered(ctx, id, token)
	return c, err
}

// UpdateRegistration replaces the client's metadata (RFC 7592 §2.2) and its
// token. What only an administrator decides stays as it is, and so does the
// secret, which may be presented. The errors are those of Registration and
// Register, and oauth.RequestForbidden for another secret.
func (s *Service) UpdateRegistration(ctx context.Context, id string, token oauth.Secret, given *oauth.Client, presented oauth.Secret) (Registered, error) {
	for range updates {
		old, secrets, err := s.registered(ctx, id, token)
		if err != nil {
			return Registered{}, err
		}
		if presented != "" && !known(presented, live(secrets, s.Now())) {
			return Registered{}, oauth.RequestForbidden.Hint("A client cannot choose its client_secret; one that is sent along must be the present one (RFC 7592 §2.2).")
		}
		c := *given
		c.ID, c.RegistrationGeneration = old.ID, old.RegistrationGeneration+1
		administrators(&c, old)
		if c.Scope == "" {
			c.Scope = strings.Join(s.Options.Registration.Scopes, " ")
		}
		if err := s.metadata(&c, old); err != nil {
			return Registered{}, err
		}
		if err := s.settle(ctx, &c, ""); err != nil {
			return Registered{}, asMetadata(err)
		}
		plain, err := s.put(ctx, &c, "", old, secrets)
		if errors.Is(err, oauth.ErrUsed) {
			continue
		}
		if err != nil {
			return Registered{}, err
		}
		s.Observe.Observe(ctx, oauth.Event{Name: "client_registration_changed", ClientID: c.ID, Detail: "A client has changed its registration."})
		fresh, err := s.registrationToken(&c)
		return Registered{&c, plain, fresh}, err
	}
	return Registered{}, contended
}

// known reports whether the secret is one of those that are stored.
func known(presented oauth.Secret, rows []oauth.ClientSecret) bool {
	if len(presented) > maxSecret {
		return false
	}
	return slices.ContainsFunc(rows, func(r oauth.ClientSecret) bool {
		ok, _ := secret.VerifyHash(r.Hash, string(presented))
		return ok
	})
}

// administrators keeps what a client cannot decide about itself.
func administrators(c, old *oauth.Client) {
	c.Owner, c.Audience, c.Metadata = old.Owner, old.Audience, old.Metadata
	c.SkipConsent, c.SkipLogoutConsent, c.Lifespans = old.SkipConsent, old.SkipLogoutConsent, old.Lifespans
	c.AccessTokenStrategy, c.AccessTokenProfile, c.AccessTokenSignedAlg = old.AccessTokenStrategy, old.AccessTokenProfile, old.AccessTokenSignedAlg
	c.ClaimsPlacement = cmp.Or(c.ClaimsPlacement, old.ClaimsPlacement)
	c.ApplicationType = cmp.Or(c.ApplicationType, oauth.ApplicationWeb)
	c.LocalhostAnyPort, c.OverlappingRefresh = old.LocalhostAnyPort, old.OverlappingRefresh
}

// DeleteRegistration deletes the client (RFC 7592 §2.3). The errors are those
// of Registration.
func (s *Service) DeleteRegistration(ctx context.Context, id string, token oauth.Secret) error {
	c, _, err := s.registered(ctx, id, token)
	if err != nil {
		return err
	}
	if err := s.Delete(ctx, c.ID); err != nil {
		return err
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "client_registration_deleted", ClientID: c.ID, Detail: "A client has deleted itself."})
	return s.Registrations.DeleteRegistration(ctx, c.UID)
}

// VerifySoftwareStatement returns the claims of a software statement (RFC 7591
// §2.3) as JSON. oauth.UnapprovedSoftwareStatement when nobody trusted made it,
// oauth.InvalidSoftwareStatement when it is not good.
func (s *Service) VerifySoftwareStatement(ctx context.Context, statement string) ([]byte, error) {
	invalid := oauth.InvalidSoftwareStatement.Hint("The software statement is no JWT that its issuer has signed and that is valid now.")
	_, claims, err := key.ReadUnverified(statement)
	if err != nil {
		return nil, invalid.Because(err)
	}
	uri := s.Options.Registration.StatementIssuers[claims.Issuer]
	if claims.Issuer == "" || uri == "" || s.RemoteKeys == nil {
		return nil, oauth.UnapprovedSoftwareStatement.Hint("This server does not trust the issuer of the software statement.")
	}
	v, err := s.RemoteKeys.VerifyAssertion(ctx, uri, statement, key.AssertionAlgs())
	switch {
	case errors.Is(err, key.ErrInvalidJWT):
		return nil, invalid.Because(err)
	case errors.Is(err, key.ErrFetch):
		return nil, oauth.InvalidSoftwareStatement.Hint("The keys of the issuer of the software statement could not be read.").Because(err)
	case err != nil:
		return nil, err
	}
	now := s.Now()
	if !claims.Expires.IsZero() && oauth.Past(claims.Expires, now) || claims.NotBefore.After(now.Add(assertionSkew)) {
		return nil, invalid
	}
	return v.Payload, nil
}
