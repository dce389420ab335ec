package token

import (
	"context"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
)

// devicePayload is sealed into a device code. It tells everything that a
// device which still waits has to know, so that its request costs one look-up.
type devicePayload struct {
	Seed      oauth.Seed
	ClientUID oauth.ID
	Expires   int64 // Unix microseconds
}

func encodeDevice(p devicePayload) []byte {
	var w pack.Writer
	w.Fixed(p.Seed[:])
	w.Fixed(p.ClientUID[:])
	w.Count(p.Expires)
	return w.B
}

func decodeDevice(b []byte) (p devicePayload, err error) {
	r := pack.NewReader(b)
	r.Fixed(p.Seed[:])
	r.Fixed(p.ClientUID[:])
	p.Expires = r.Count()
	return p, r.End()
}

// DeviceCode seals the device code (RFC 8628 §3.2) for the Grant that the seed
// may lead to.
func (s *Service) DeviceCode(seed oauth.Seed, client oauth.ID, expires time.Time) (oauth.Secret, error) {
	v, err := s.Sealer.Seal(secret.DeviceCode, encodeDevice(devicePayload{Seed: seed, ClientUID: client, Expires: expires.UnixMicro()}))
	return oauth.Secret(v), err
}

// DeviceInterval is how long a device waits between two requests (RFC 8628
// §3.2).
func (s *Service) DeviceInterval() time.Duration {
	return pick(nil, s.Options.DeviceInterval, 5*time.Second)
}

// deviceCode exchanges a device code (RFC 8628 §3.4), or says that there is
// nothing to exchange yet. What it pays out, one conditional update decides.
func (s *Service) deviceCode(ctx context.Context, r request) (*Response, error) {
	if err := checkGrantType(r.client, oauth.GrantDeviceCode); err != nil {
		return nil, err
	}
	code, err := s.openDeviceCode(ctx, r)
	if err != nil {
		return nil, err
	}
	id := code.Seed.GrantID()
	if !s.polls.allow(id, s.DeviceInterval(), r.now, time.UnixMicro(code.Expires)) {
		return nil, oauth.SlowDown.Hint("Wait five seconds longer than before between two requests.")
	}
	row, err := s.Store.Grant(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil, pending()
	}
	if err != nil {
		return nil, err
	}
	if err := checkDevice(r, row); err != nil {
		return nil, err
	}
	data, err := s.openPaid(&row.Grant)
	if err != nil {
		return nil, err
	}
	own := r.client.Lifespans
	p := payout{
		request: r, grantType: oauth.GrantDeviceCode, seed: code.Seed, row: row, data: data, scope: data.GrantedScope,
		life: s.Options.lifespans(own.DeviceAccess, own.DeviceID, own.DeviceRefresh),
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
	err = s.Store.SpendCode(ctx, id, p.spend(s.Options.GracePeriod))
	if errors.Is(err, oauth.ErrUsed) {
		return nil, s.lostDevice(ctx, p.request, id)
	}
	if err != nil {
		return nil, err
	}
	s.polls.forget(id)
	return res, nil
}

func pending() *oauth.Error {
	return oauth.AuthorizationPending.Hint("The user has not finished on the other device yet.")
}

func (s *Service) openDeviceCode(ctx context.Context, r request) (devicePayload, error) {
	value := r.form.Get("device_code")
	if value == "" {
		return devicePayload{}, oauth.InvalidRequest.Hint("The parameter device_code is missing.")
	}
	unknown := oauth.InvalidGrant.Hint("The device code is unknown.")
	opened, err := s.Sealer.Open(ctx, value, secret.DeviceCode)
	if errors.Is(err, secret.ErrUnknown) {
		return devicePayload{}, unknown.Because(err)
	}
	if err != nil {
		return devicePayload{}, err
	}
	code, err := decodeDevice(opened.Payload)
	switch {
	case err != nil:
		return code, unknown.Because(err)
	case code.ClientUID != r.client.UID:
		// Nothing is burnt: a stranger must not be able to hurt the owner.
		s.event(ctx, "device_code_of_another_client", r.client, code.Seed.GrantID(), "A client presented a device code that was issued to another.")
		return code, oauth.InvalidGrant.Hint("The device code was issued to another client.")
	case oauth.Past(time.UnixMicro(code.Expires), r.now):
		return code, oauth.ExpiredToken.Hint("The device code has expired. Begin again.")
	}
	return code, nil
}

// checkDevice decides by the row alone whether the device may have its tokens.
func checkDevice(r request, row *oauth.GrantRow) error {
	denied := oauth.AccessDenied.Hint("The user did not allow it.")
	denied.Status = 400 // at the token endpoint, RFC 6749 §5.2
	switch {
	case row.ClientUID != r.client.UID || !row.Client.Exists || row.Kind != oauth.DeviceGrant:
		return oauth.InvalidGrant.Hint("The device code is unknown.")
	case !row.CodeUsedAt.IsZero():
		// No reason to end the Grant: a device whose answer was lost asks
		// again, and nobody else has ever seen its code.
		return oauth.InvalidGrant.Hint("The device code has been used before.")
	case row.Dead():
		return denied
	case !row.Approved():
		return pending()
	case oauth.Past(row.CodeExpiresAt, r.now):
		return oauth.ExpiredToken.Hint("The device code has expired. Begin again.")
	}
	return nil
}

// lostDevice tells why the spending statement changed nothing.
func (s *Service) lostDevice(ctx context.Context, r request, id oauth.ID) error {
	row, err := s.Store.Grant(ctx, id)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return oauth.InvalidGrant.Hint("The device code is unknown.").Because(err)
	case err != nil:
		return err
	}
	if err := checkDevice(r, row); err != nil {
		return err
	}
	return oauth.InvalidGrant.Hint("The device code cannot be used any more.")
}
