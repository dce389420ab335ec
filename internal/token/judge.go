package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// What a token is presented as.
const (
	useAccess  = "access_token"
	useRefresh = "refresh_token"
)

// errUnknown is a value that is no token of ours; errExpired one that was.
// Neither costs a statement.
var (
	errUnknown = errors.New("token: unknown")
	errExpired = errors.New("token: expired")
	errDead    = errors.New("token: revoked, superseded, or its client is gone")
)

// refused reports whether the error says something of the token, and not of
// the database.
func refused(err error) bool {
	return errors.Is(err, errUnknown) || errors.Is(err, errExpired) || errors.Is(err, errDead)
}

// claim is what a genuine value says of itself.
type claim struct {
	use        string
	grant      oauth.ID // zero for a machine's token
	generation int64
	rotation   [8]byte // refresh tokens
	epoch      int64   // access tokens
	scope      *subset
	audience   *subset
	issued     time.Time
	expires    time.Time // access tokens

	machine *machinePayload
	token   oauth.ID // a machine's token on the list of revoked ones
}

// read opens a value without any look-up: access, machine and refresh tokens,
// and JWT access tokens. It answers errUnknown, and errExpired beside the
// claim.
func (s *Service) read(ctx context.Context, value oauth.Secret, now time.Time) (*claim, error) {
	if strings.Count(string(value), ".") == 2 {
		return s.readJWT(ctx, value, now)
	}
	if isForeign(string(value)) {
		p, err := s.Imports.open(ctx, string(value))
		if err != nil {
			return nil, err
		}
		return p.claim(), nil
	}
	opened, err := s.Sealer.Open(ctx, string(value), secret.Access, secret.Machine, secret.Refresh)
	if errors.Is(err, secret.ErrUnknown) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, err
	}
	switch opened.Kind {
	case secret.Refresh:
		p, err := decodeRefresh(opened.Payload)
		if err != nil {
			return nil, errUnknown
		}
		return p.claim(), nil
	case secret.Machine:
		p, err := decodeMachine(opened.Payload)
		if err != nil {
			return nil, errUnknown
		}
		c := &claim{use: useAccess, epoch: p.Epoch, machine: &p, token: machineID(opened.Nonce)}
		return c.until(p.Issued, p.Lifetime, now)
	}
	p, err := decodeAccess(opened.Payload)
	if err != nil {
		return nil, errUnknown
	}
	c := &claim{
		use: useAccess, grant: p.Key.GrantID(), generation: p.Generation, epoch: p.Epoch,
		scope: p.Scope, audience: p.Audience,
	}
	return c.until(p.Issued, p.Lifetime, now)
}

func (p refreshPayload) claim() *claim {
	return &claim{use: useRefresh, grant: p.Seed.GrantID(), generation: p.Generation, rotation: p.Rotation}
}

// isForeign reports whether a value has the form of another server's tokens,
// which none of ours has.
func isForeign(value string) bool { return strings.Count(value, ".") == 1 }

// until sets the times; an expired claim comes with errExpired.
func (c *claim) until(issued, lifetime int64, now time.Time) (*claim, error) {
	c.issued, c.expires = time.Unix(issued, 0).UTC(), time.Unix(issued+lifetime, 0).UTC()
	if oauth.Past(c.expires, now) {
		return c, errExpired
	}
	return c, nil
}

// machineID names a token that has no row, by the nonce that no other has.
func machineID(nonce [secret.NonceSize]byte) oauth.ID {
	sum := sha256.Sum256(append([]byte("machine"), nonce[:]...))
	return oauth.ID(sum[:16])
}

// readJWT takes a JWT access token: signature, typ, iss and exp first, and
// only then the reference in its jti, which is worth nothing by itself.
func (s *Service) readJWT(ctx context.Context, value oauth.Secret, now time.Time) (*claim, error) {
	v, err := s.Keys.Verify(ctx, AccessTokenSet, string(value))
	if errors.Is(err, key.ErrInvalidJWT) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, err
	}
	if v.Typ != typeJWT && v.Typ != typeAccessJWT {
		return nil, errUnknown
	}
	body, err := members(v.Payload)
	if err != nil {
		return nil, errUnknown
	}
	if iss, _ := body.text("iss"); iss != s.Options.Issuer {
		return nil, errUnknown
	}
	issued, okIssued := body.number("iat")
	expires, okExpires := body.number("exp")
	if !okIssued || !okExpires {
		return nil, errUnknown
	}
	jti, _ := body.text("jti")
	opened, err := s.Sealer.Open(ctx, jti, secret.JWTReference)
	if errors.Is(err, secret.ErrUnknown) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, err
	}
	ref, err := decodeReference(opened.Payload)
	if err != nil {
		return nil, errUnknown
	}
	c := &claim{
		use: useAccess, grant: ref.Grant, generation: ref.Generation, epoch: ref.Epoch,
		scope: ref.Scope, audience: ref.Audience,
	}
	if !ref.ClientUID.IsZero() {
		c.token = machineID(opened.Nonce)
		c.machine = body.machine(ref)
		if c.machine.Session, err = s.Options.session(body); err != nil {
			return nil, errUnknown
		}
	}
	return c.until(issued, expires-issued, now)
}

// machine reads what a machine's JWT says of itself, in whichever form its
// scope was written.
func (c claimSet) machine(ref referencePayload) *machinePayload {
	m := &machinePayload{ClientUID: ref.ClientUID, Epoch: ref.Epoch}
	m.Subject, _ = c.text("sub")
	m.Audience, _ = c.list("aud")
	scope, listed := c.list("scp")
	if !listed {
		text, _ := c.text("scope")
		scope = oauth.Fields(text)
	}
	m.Scope = scope
	return m
}

// session is what a machine's JWT carries beyond the claims of every token: the
// object ext, and what stands at the top instead.
func (o *Options) session(body claimSet) ([]byte, error) {
	ext, err := members(body["ext"])
	if err != nil {
		return nil, err
	}
	for _, name := range o.TopLevelClaims {
		if v, ok := body[name]; ok && !contains(reservedAccessClaims, name) {
			ext[name] = v
		}
	}
	if len(ext) == 0 {
		return nil, nil
	}
	return encodeJSON(ext)
}

// standing is a token whose row and client were looked up, in one statement.
type standing struct {
	*claim
	row    *oauth.GrantRow   // nil for a machine's token
	client oauth.ClientState // of today
}

// look fetches what stands behind the claim and decides whether it is alive.
// errDead comes with the standing, as far as there is one.
func (s *Service) look(ctx context.Context, c *claim, now time.Time) (*standing, error) {
	if c.machine != nil {
		client, revoked, err := s.Store.MachineToken(ctx, c.token, c.machine.ClientUID)
		if err != nil {
			return nil, err
		}
		st := &standing{claim: c, client: client}
		if revoked || !client.Exists || client.Epoch != c.epoch {
			return st, errDead
		}
		return st, nil
	}
	row, err := s.Store.Grant(ctx, c.grant)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil, errDead
	}
	if err != nil {
		return nil, err
	}
	st := &standing{claim: c, row: row, client: row.Client}
	if row.Dead() || !row.Client.Exists || !c.current(row, now) {
		return st, errDead
	}
	return st, nil
}

// current decides whether the row has not moved on from the token.
func (c *claim) current(row *oauth.GrantRow, now time.Time) bool {
	if c.use == useRefresh {
		// One above the row's is of a time that a restored database forgot.
		same := c.generation == row.Generation && c.rotation == row.RotationID
		return (same || c.generation > row.Generation) && !row.RefreshExpiresAt.IsZero() && !oauth.Past(row.RefreshExpiresAt, now)
	}
	return c.generation >= row.AccessFloor && c.epoch == row.Client.Epoch
}
