package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// codeAttempts bounds how often an exchange looks again because the consent app
// replaced its decision meanwhile. Once is rare already.
const codeAttempts = 4

// authorizationCode exchanges a code (RFC 6749 §4.1.3). Everything is compared
// and everything that can fail is made before the code is spent; the spending
// statement repeats every condition and decides the race.
func (s *Service) authorizationCode(ctx context.Context, r request) (*Response, error) {
	if err := checkGrantType(r.client, oauth.GrantAuthorizationCode); err != nil {
		return nil, err
	}
	code, err := s.openCode(ctx, r)
	if err != nil {
		return nil, err
	}
	for range codeAttempts {
		res, err := s.exchangeOnce(ctx, r, code)
		if !errors.Is(err, oauth.ErrUsed) {
			return res, err
		}
		// What was granted has been decided anew. The row has the decision.
	}
	return nil, oauth.TemporarilyUnavailable.Hint("What the code stands for changes all the time.")
}

// exchangeOnce reads the row, decides what the code is worth, and tries to pay
// it. oauth.ErrUsed says that the consent app replaced its decision in between.
func (s *Service) exchangeOnce(ctx context.Context, r request, code codePayload) (*Response, error) {
	row, err := s.Store.Grant(ctx, code.Seed.GrantID())
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return nil, oauth.InvalidGrant.Hint("The authorization code is unknown.").Because(err)
	case err != nil:
		return nil, err
	}
	if err := s.checkCode(ctx, r, row); err != nil {
		return nil, err
	}
	data, err := s.openPaid(&row.Grant)
	if err != nil {
		return nil, err
	}
	if err := s.checkRedirectURI(ctx, r, row, data); err != nil {
		return nil, err
	}
	if err := s.checkVerifier(ctx, r, row, data); err != nil {
		return nil, err
	}

	own := r.client.Lifespans
	p := payout{
		request: r, grantType: oauth.GrantAuthorizationCode, seed: code.Seed, row: row, data: data,
		scope: data.GrantedScope, nonce: data.Nonce,
		life: s.Options.lifespans(own.AuthorizationCodeAccess, own.AuthorizationCodeID, own.AuthorizationCodeRefresh),
	}
	if !row.FrontAt.IsZero() {
		p.code = oauth.Secret(r.form.Get("code")) // as the ID token that came with it has it (OpenID Connect Core §3.3.3.6)
	}
	if offline(data.GrantedScope) {
		p.refresh = true
		copy(p.rotation[:], secret.Bytes(len(p.rotation)))
	}
	res, err := s.pay(ctx, &p)
	if err != nil {
		return nil, err
	}

	ctx, err = spending(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Store.SpendCode(ctx, row.ID, p.spend(s.Options.GracePeriod))
	if errors.Is(err, oauth.ErrUsed) {
		return nil, s.lostCode(ctx, p.request, &row.Grant)
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

func (s *Service) openCode(ctx context.Context, r request) (codePayload, error) {
	value := r.form.Get("code")
	if value == "" {
		return codePayload{}, oauth.InvalidRequest.Hint("The parameter code is missing.")
	}
	opened, err := s.Sealer.Open(ctx, value, secret.Code)
	if errors.Is(err, secret.ErrUnknown) {
		return codePayload{}, oauth.InvalidGrant.Hint("The authorization code is unknown.").Because(err)
	}
	if err != nil {
		return codePayload{}, err
	}
	code, err := decodeCode(opened.Payload)
	if err != nil {
		return codePayload{}, oauth.InvalidGrant.Hint("The authorization code is unknown.").Because(err)
	}
	if oauth.Past(time.UnixMicro(code.Expires), r.now) {
		return codePayload{}, s.expiredCode(ctx, r, code)
	}
	return code, nil
}

// expiredCode answers a genuine code after its time. If it has been used, this
// is a replay like any other (RFC 6749 §4.1.2 names no end), and what it
// bought is taken back; but only for its own client, and only if that has
// authenticated: a code leaks more easily the older it gets, and nobody else
// who found one shall end a Grant, nor cost a statement.
func (s *Service) expiredCode(ctx context.Context, r request, code codePayload) error {
	expired := oauth.InvalidGrant.Hint("The authorization code has expired.")
	if r.client.IsPublic() {
		return expired
	}
	row, err := s.Store.Grant(ctx, code.Seed.GrantID())
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return expired
	case err != nil:
		return err
	case row.ClientUID != r.client.UID || row.CodeUsedAt.IsZero():
		return expired
	}
	return s.replayedCode(ctx, r, row)
}

// checkCode decides by the row alone whether the client may have the code.
func (s *Service) checkCode(ctx context.Context, r request, row *oauth.GrantRow) error {
	switch {
	case row.ClientUID != r.client.UID:
		// Nothing is burnt: a stranger must not be able to hurt the owner.
		s.event(ctx, "code_of_another_client", r.client, row.ID, "A client presented an authorization code that was issued to another.")
		return oauth.InvalidGrant.Hint("The authorization code was issued to another client.")
	case !row.Client.Exists:
		return oauth.InvalidGrant.Hint("The authorization code is unknown.")
	case !row.CodeUsedAt.IsZero():
		return s.replayedCode(ctx, r, row)
	case row.Dead():
		return oauth.InvalidGrant.Hint("The authorization was revoked.")
	case oauth.Past(row.CodeExpiresAt, r.now):
		return oauth.InvalidGrant.Hint("The authorization code has expired.")
	}
	return nil
}

// replayedCode takes back what a code bought, because it was presented again
// (RFC 6749 §4.1.2): one of the two who have it should not.
func (s *Service) replayedCode(ctx context.Context, r request, row *oauth.GrantRow) error {
	refused := oauth.InvalidGrant.Hint("The authorization code has been used before.")
	if row.Dead() {
		return refused
	}
	s.event(ctx, "code_replayed", r.client, row.ID, "An authorization code was presented twice; its tokens were revoked.")
	// Not the end of the caller's patience decides whether this is written.
	if err := s.Store.EndGrant(context.WithoutCancel(ctx), row.ID, oauth.EndedByReplay, r.now); err != nil {
		return err
	}
	return refused
}

// lostCode tells why the spending statement changed nothing: oauth.ErrUsed when
// the row is not the one that was read, but may be paid out.
func (s *Service) lostCode(ctx context.Context, r request, was *oauth.Grant) error {
	row, err := s.Store.Grant(ctx, was.ID)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return oauth.InvalidGrant.Hint("The authorization code is unknown.").Because(err)
	case err != nil:
		return err
	}
	if err := s.checkCode(ctx, r, row); err != nil {
		return err
	}
	if row.OpID != was.OpID {
		return oauth.ErrUsed
	}
	return oauth.InvalidGrant.Hint("The authorization code cannot be used any more.")
}

// checkRedirectURI compares with what the authorization request sent, byte for
// byte (RFC 6749 §4.1.3). A failure burns nothing.
func (s *Service) checkRedirectURI(ctx context.Context, r request, row *oauth.GrantRow, d *oauth.GrantData) error {
	if d.RedirectURI == "" || d.RedirectURI == r.form.Get("redirect_uri") {
		return nil
	}
	s.event(ctx, "code_redirect_uri_mismatch", r.client, row.ID, "An authorization code was presented with another redirect_uri than it was requested with.")
	return oauth.InvalidGrant.Hint("The parameter redirect_uri is not the one of the authorization request.")
}

// checkVerifier is RFC 7636 §4.6. A failed check burns the code: whoever has
// the code but not the verifier gets no second try.
func (s *Service) checkVerifier(ctx context.Context, r request, row *oauth.GrantRow, d *oauth.GrantData) error {
	verifier := r.form.Get("code_verifier")
	var refused *oauth.Error
	switch {
	case d.CodeChallenge == "" && verifier == "":
		return nil
	case d.CodeChallenge == "":
		// Somebody took the challenge out of the authorization request (RFC 9700 §2.1.1).
		refused = oauth.InvalidGrant.Hint("A code_verifier was sent, but the authorization request had no code_challenge.")
	case verifier == "":
		refused = oauth.InvalidGrant.Hint("The parameter code_verifier is missing, but the authorization request had a code_challenge.")
	case !validVerifier(verifier):
		// Can never have been right, so it tells nothing and burns nothing.
		return oauth.InvalidRequest.Hint("The code_verifier must have 43 to 128 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'.")
	default:
		sum := sha256.Sum256([]byte(verifier))
		if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(d.CodeChallenge)) == 1 {
			return nil
		}
		refused = oauth.InvalidGrant.Hint("The code_verifier does not match the code_challenge.")
	}
	s.event(ctx, "pkce_failed", r.client, row.ID, "The code verifier of an authorization code was wrong, missing or unexpected; the code was burnt.")
	if err := s.Store.EndGrant(context.WithoutCancel(ctx), row.ID, oauth.EndedByPKCE, r.now); err != nil {
		return err
	}
	return refused
}

// validVerifier holds the grammar of RFC 7636 §4.1.
func validVerifier(v string) bool {
	if len(v) < 43 || len(v) > 128 {
		return false
	}
	for _, c := range []byte(v) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
