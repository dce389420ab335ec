package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

const (
	maxName   = 2048 // bytes of an issuer
	maxPerson = 1024 // bytes of a subject, as at the login app's accept
)

// Trust stores whose assertions the server takes from now on (RFC 7523 §2.1)
// and fills in the id, the kid and the time. oauth.MissingParameter names what
// is not there, oauth.InvalidRequest what cannot be used; oauth.Conflict says
// that the issuer has this key for this subject already.
func (s *Service) Trust(ctx context.Context, t *oauth.TrustedIssuer) error {
	if err := checkTrust(t); err != nil {
		return err
	}
	t.ID, t.CreatedAt = secret.NewID(), s.Now().Truncate(time.Second).UTC()
	t.ExpiresAt = t.ExpiresAt.UTC()
	t.Scope = oauth.Unique(t.Scope)
	err := s.Store.AddTrustedIssuer(ctx, t)
	if errors.Is(err, oauth.ErrExists) {
		return oauth.Conflict.Hint("The issuer has a key with this kid for this subject already; delete that first.").Because(err)
	}
	if err != nil {
		return err
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "trusted_issuer_added", Detail: "An issuer of assertions was given trust " + t.ID.String() + "."})
	return nil
}

// ImportTrust stores a trusted issuer of another server under its id and
// reports whether it did: one that is here already changes nothing. With dry,
// nothing is written. The errors are those of Trust.
func (s *Service) ImportTrust(ctx context.Context, t *oauth.TrustedIssuer, dry bool) (bool, error) {
	if err := checkTrust(t); err != nil {
		return false, err
	}
	t.Scope = oauth.Unique(t.Scope)
	_, err := s.Store.TrustedIssuer(ctx, t.ID)
	if !errors.Is(err, oauth.ErrNotFound) {
		return false, err
	}
	if dry {
		return true, nil
	}
	err = s.Store.AddTrustedIssuer(ctx, t)
	if errors.Is(err, oauth.ErrExists) {
		return false, oauth.Conflict.Hint("The issuer has a key with this kid for this subject already.").Because(err)
	}
	return err == nil, err
}

func checkTrust(t *oauth.TrustedIssuer) error {
	switch {
	case t.Issuer == "":
		return oauth.MissingParameter.Hint("The member issuer is missing.")
	case t.Subject == "" && !t.AllowAnySubject:
		return oauth.MissingParameter.Hint("One of the members subject and allow_any_subject is needed.")
	case t.Subject != "" && t.AllowAnySubject:
		return oauth.MissingParameter.Hint("Only one of the members subject and allow_any_subject may be set.")
	case t.ExpiresAt.IsZero():
		return oauth.MissingParameter.Hint("The member expires_at is missing.")
	case len(t.JWK) == 0:
		return oauth.MissingParameter.Hint("The member jwk is missing.")
	case len(t.Issuer) > maxName || len(t.Subject) > maxPerson:
		return oauth.InvalidRequest.Hint("The issuer or the subject is too long.")
	case len(t.Scope) > maxListed:
		return oauth.InvalidRequest.Hintf("At most %d scopes can be trusted.", maxListed)
	case slices.ContainsFunc(t.Scope, func(scope string) bool { return !oauth.IsScopeToken(scope) }):
		return oauth.InvalidRequest.Hint("A scope has characters that no scope may have (RFC 6749 §3.3).")
	}
	members, err := key.StrictObject(t.JWK)
	if err != nil {
		return oauth.InvalidRequest.Hint("The member jwk is not a JSON Web Key.").Because(err)
	}
	t.KID, err = key.String(members["kid"])
	if err != nil || t.KID == "" {
		return oauth.MissingParameter.Hint("The member kid of jwk is missing.")
	}
	if err := key.CheckClientJWKS(keySet(t.JWK)); err != nil {
		// The same rules as for a client's keys, but the words of another member.
		return oauth.InvalidRequest.Hint("The member jwk must be a public key: RSA of 2,048 to 4,096 bits with exponent 65537, EC (P-256, P-384, P-521) or OKP (Ed25519).").Because(err)
	}
	if !forSignatures(members) {
		return oauth.InvalidRequest.Hint("The member jwk must be a key that verifies signatures: use sig, key_ops with verify, the alg of a signature, as far as it has them.")
	}
	return nil
}

// forSignatures reports whether a key may verify signatures by what it says of
// itself, if anything (RFC 7517 §4.2 to §4.4).
func forSignatures(jwk map[string]json.RawMessage) bool {
	var (
		use, alg string
		ops      []string
	)
	for name, dst := range map[string]any{"use": &use, "alg": &alg, "key_ops": &ops} {
		if raw, ok := jwk[name]; ok && json.Unmarshal(raw, dst) != nil {
			return false
		}
	}
	return (use == "" || use == "sig") && (alg == "" || contains(key.AssertionAlgs(), alg)) && (ops == nil || contains(ops, "verify"))
}

// keySet is a JSON Web Key Set of one key.
func keySet(jwk json.RawMessage) json.RawMessage {
	return slices.Concat(json.RawMessage(`{"keys":[`), jwk, json.RawMessage(`]}`))
}

// TrustedIssuer returns one, expired or not. oauth.NotFound.
func (s *Service) TrustedIssuer(ctx context.Context, id oauth.ID) (*oauth.TrustedIssuer, error) {
	t, err := s.Store.TrustedIssuer(ctx, id)
	return t, noSuchTrust(err)
}

// TrustedIssuers lists them in the order of their ids, expired ones too.
func (s *Service) TrustedIssuers(ctx context.Context, q oauth.TrustQuery) ([]oauth.TrustedIssuer, error) {
	return s.Store.TrustedIssuers(ctx, q)
}

// CountTrustedIssuers returns how many an issuer has, or all have.
func (s *Service) CountTrustedIssuers(ctx context.Context, issuer string) (int, error) {
	return s.Store.CountTrustedIssuers(ctx, issuer)
}

// Distrust refuses the assertions of a trusted issuer from now on. Access
// tokens that they bought live until they expire. oauth.NotFound.
func (s *Service) Distrust(ctx context.Context, id oauth.ID) error {
	if err := s.Store.DeleteTrustedIssuer(ctx, id); err != nil {
		return noSuchTrust(err)
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "trusted_issuer_deleted", Detail: fmt.Sprintf("An issuer of assertions lost trust %s.", id)})
	return nil
}

func noSuchTrust(err error) error {
	if errors.Is(err, oauth.ErrNotFound) {
		return oauth.NotFound.Hint("There is no trusted issuer with this id.").Because(err)
	}
	return err
}
