package token

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Bounds of an assertion.
const (
	maxBearerAssertion = 16 << 10 // characters
	maxBearerJTI       = 256      // bytes
	maxBearerKeys      = 20       // that are tried on one assertion
	assertionSkew      = time.Minute
	defaultMaxTTL      = 720 * time.Hour
	// replaySpread is how much longer a jti is kept than its assertion lives:
	// nodes' clocks differ, and the assertion is judged by each one's own.
	replaySpread = 6 * time.Minute
)

// jwtBearer issues an access token for the subject of an assertion that a
// trusted issuer signed (RFC 7523 §2.1, §3). The token is like that of client
// credentials: it says everything, unless a hook says too much.
//
// One look-up finds what the issuer is trusted with; the one write is the jti,
// after everything else was right and the answer is complete. A row behind the
// token comes after that: a replay must write nothing.
func (s *Service) jwtBearer(ctx context.Context, r request) (*Response, error) {
	if err := checkGrantType(r.client, oauth.GrantJWTBearer); err != nil {
		return nil, err
	}
	scope, err := formScope(r.form)
	if err != nil {
		return nil, err
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
	}
	claims, trusted, err := s.assertion(ctx, r)
	if err != nil {
		return nil, err
	}
	if !s.Options.scopes().Covers(trusted, scope) {
		return nil, oauth.InvalidScope.Hint("The issuer of the assertion is not trusted with one of the requested scopes.")
	}

	lifetime := s.Options.lifespans(r.client.Lifespans.JWTBearerAccess, nil, nil).access
	m := machine{
		subject: claims.Subject, scope: scope, audience: audience, lifetime: lifetime,
		assertion: oauth.Secret(r.form.Get("assertion")),
	}
	if err := s.askMachine(ctx, &r, oauth.GrantJWTBearer, &m); err != nil {
		return nil, err
	}
	value, row, err := s.machineToken(ctx, r, m)
	if err != nil {
		return nil, err
	}
	ctx, err = spending(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.spendAssertion(ctx, r, claims); err != nil {
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

// assertion checks everything of an assertion but whether it was used before,
// and returns its claims and the scopes that its issuer is trusted with.
func (s *Service) assertion(ctx context.Context, r request) (*key.Claims, []string, error) {
	jwt := r.form.Get("assertion")
	switch {
	case jwt == "":
		return nil, nil, oauth.InvalidRequest.Hint("The parameter assertion is missing.")
	case len(jwt) > maxBearerAssertion:
		return nil, nil, oauth.InvalidGrant.Hint("The assertion is too long.")
	}
	header, claims, err := key.ReadUnverified(jwt)
	if err != nil {
		return nil, nil, oauth.InvalidGrant.Hint("The assertion is not a signed JWT with well-formed claims, in compact serialization (RFC 7523 §3).").Because(err)
	}
	// What is cheap comes first: a claim that cannot be right costs no look-up.
	if hint := s.Options.checkAssertion(header.Typ, &claims, r.now); hint != "" {
		return nil, nil, oauth.InvalidGrant.Hint(hint)
	}
	rows, err := s.Store.TrustedFor(ctx, claims.Issuer, claims.Subject, header.KID, r.now, maxBearerKeys)
	if err != nil {
		return nil, nil, err
	}
	var scope []string
	verified := false
	for _, t := range rows {
		if _, err := key.VerifyAssertion(keySet(t.JWK), jwt, key.AssertionAlgs()); err != nil {
			continue // another of its keys may be the one
		}
		verified = true
		scope = append(scope, t.Scope...)
	}
	if !verified {
		// One answer for an unknown issuer, a subject that it may not speak
		// for, a trust that has expired and a wrong signature: which of them it
		// is concerns the operator, and the event tells him that it happened.
		s.event(ctx, "jwt_bearer_untrusted", r.client, oauth.ID{}, "An assertion was presented that no trusted issuer signed for its subject.")
		return nil, nil, oauth.InvalidGrant.Hint("No issuer that is trusted for this subject has signed the assertion, with this kid.")
	}
	return &claims, scope, nil
}

// checkAssertion returns what is wrong with the claims of an assertion, or "".
func (o *Options) checkAssertion(typ string, a *key.Claims, now time.Time) string {
	most := o.AssertionMaxTTL
	if most <= 0 {
		most = defaultMaxTTL
	}
	issued := a.IssuedAt
	if issued.IsZero() {
		issued = now
	}
	switch {
	case !slices.Contains([]string{"", "jwt", "authorization-grant+jwt"}, strings.ToLower(typ)):
		// RFC 8725 §3.11: what was signed for another purpose is no grant.
		return "The typ of the assertion is that of another kind of JWT."
	case a.Issuer == "" || a.Subject == "":
		return "The assertion needs the claims iss and sub."
	case len(a.Issuer) > maxName || len(a.Subject) > maxPerson:
		return "The iss or sub of the assertion is too long."
	case a.Expires.IsZero():
		return "The assertion needs the claim exp."
	case oauth.Past(a.Expires, now):
		return "The assertion has expired."
	case a.NotBefore.After(now.Add(assertionSkew)):
		return "The nbf of the assertion is in the future."
	case a.IssuedAt.IsZero() && !o.AssertionIATOptional:
		return "The assertion needs the claim iat."
	case a.IssuedAt.After(now.Add(assertionSkew)):
		return "The iat of the assertion is in the future."
	case a.Expires.After(issued.Add(most)):
		return "The assertion lives longer than this server accepts."
	case a.JTI == "" && !o.AssertionJTIOptional:
		return "The assertion needs the claim jti."
	case len(a.JTI) > maxBearerJTI:
		return "The jti of the assertion is longer than 256 bytes."
	case !a.AddressedTo(o.AssertionAudiences):
		return "The aud of the assertion must be the issuer or the token endpoint of this server, and of no other."
	}
	return ""
}

// spendAssertion remembers the jti, once per issuer and on all nodes. Without
// one, where the option lets that through, an assertion may be used until it
// expires.
func (s *Service) spendAssertion(ctx context.Context, r request, a *key.Claims) error {
	if a.JTI == "" {
		return nil
	}
	id := s.Sealer.Index("jwt_bearer", a.Issuer, a.JTI)
	err := s.Store.AddReplay(ctx, id, a.Expires.Add(replaySpread))
	if errors.Is(err, oauth.ErrExists) {
		s.event(ctx, "jwt_bearer_replayed", r.client, oauth.ID{}, "An assertion was presented a second time.")
		return oauth.InvalidGrant.Hint("The assertion has been used before; each needs a jti of its own.").Because(err)
	}
	return err
}
