package flow

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
)

// The device authorization grant (RFC 8628) in the front channel. A device
// asks for two codes; a person types the short one into a browser, and from
// there it is the login and consent of every other flow:
//
//	device     POST /oauth2/device/auth                     AuthorizeDevice → device code, user code
//	browser    GET /oauth2/device/verify                    StartDevice     → device app, with a device challenge
//	device app GET, PUT accept or reject with the user code Device, AcceptDevice, RejectDevice
//	browser    GET /oauth2/device/verify?device_verifier=…  ResumeDevice    → login app
//	…          login and consent                            Resume
//	browser    GET …?consent_verifier=…                     Resume          → the page that says so
//
// The flow draws its seed when the device asks, so the Grant that the device
// polls for is known from then on. It can be paid out after the browser's last
// step and not before.

// DeviceAuthorization is the answer to a device (RFC 8628 §3.2).
type DeviceAuthorization struct {
	DeviceCode oauth.Secret
	UserCode   oauth.Secret
	URL        string // where the user types the code
	Lifetime   time.Duration
	Interval   time.Duration
}

// userCodeAttempts is how often another user code is drawn when one is taken.
const userCodeAttempts = 3

// deviceChecks are those of an authorization request that concern a device,
// which has neither redirect URI nor state.
var deviceChecks = []check{
	checkSize,
	checkScope,    // RFC 6749 §3.3
	checkAudience, //
}

// AuthorizeDevice takes a device authorization request (RFC 8628 §3.1) of a
// client that has been authenticated.
func (s *Service) AuthorizeDevice(ctx context.Context, c *oauth.Client, form url.Values, network string) (*DeviceAuthorization, error) {
	if !c.AllowsGrantType(oauth.GrantDeviceCode) {
		return nil, oauth.UnauthorizedClient.Hintf("The client is not registered for the grant type %s.", oauth.GrantDeviceCode)
	}
	if id := form.Get("client_id"); id != "" && id != c.ID {
		return nil, oauth.InvalidRequest.Hint("The parameter client_id names another client than the one that authenticated.")
	}
	query := deviceQuery(c, form)
	if _, err := s.readDevice(c, query); err != nil {
		return nil, err
	}
	now := s.Now()
	if err := s.quota.take(c.ID, network, false, now); err != nil {
		return nil, err
	}
	until := now.Add(s.Options.DeviceCodeTTL)
	f := &oauth.Flow{Seed: oauth.Seed(secret.NewID()), ClientUID: c.UID, ClientID: c.ID, RequestedAt: now, Query: query, DeviceUntil: until}
	code, err := s.Tokens.DeviceCode(f.Seed, c.UID, until)
	if err != nil {
		return nil, err
	}
	userCode, err := s.addDevice(ctx, f, now)
	if err != nil {
		return nil, err
	}
	return &DeviceAuthorization{
		DeviceCode: code, UserCode: oauth.Secret(userCode), URL: s.deviceURL(),
		Lifetime: s.Options.DeviceCodeTTL, Interval: s.Tokens.DeviceInterval(),
	}, nil
}

// deviceQuery keeps what was asked for in the form of an authorization request.
func deviceQuery(c *oauth.Client, form url.Values) string {
	q := url.Values{"client_id": {c.ID}}
	for _, name := range []string{"scope", "audience"} {
		if v := form[name]; len(v) > 0 {
			q[name] = v
		}
	}
	return q.Encode()
}

func (s *Service) readDevice(c *oauth.Client, query string) (oauth.Request, error) {
	params, err := url.ParseQuery(query)
	if err != nil {
		return oauth.Request{}, err
	}
	r := &reading{s: s, client: c, params: params, req: oauth.Request{Query: query}}
	if err := run(r, deviceChecks); err != nil {
		return r.req, err
	}
	return r.req, nil
}

// addDevice stores the request under a user code that nobody has.
func (s *Service) addDevice(ctx context.Context, f *oauth.Flow, now time.Time) (userCode string, err error) {
	id := f.Seed.GrantID()
	w := new(pack.Writer)
	appendRequest(w, f)
	data, err := s.Sealer.SealRow("devices", "data", id[:], w.B)
	if err != nil {
		return "", err
	}
	for range userCodeAttempts {
		userCode = secret.Draw(s.Options.UserCodes.Alphabet, s.Options.UserCodes.Length)
		err = s.Store.AddDevice(ctx, &oauth.Device{
			ID: id, ClientUID: f.ClientUID, UserCode: s.userCodeKey(userCode),
			CreatedAt: now, ExpiresAt: f.DeviceUntil, PurgeAt: f.DeviceUntil.Add(lag), OpID: oauth.ID(secret.NewID()), Data: data,
		})
		if !errors.Is(err, oauth.ErrExists) {
			return userCode, err
		}
	}
	busy := oauth.TemporarilyUnavailable.Hint("No free user code was found. Try again in a moment.")
	busy.RetryAfter = 1
	return "", busy
}

// userCodeKey is what a device is found by. It cannot be computed from a dump
// of the database.
func (s *Service) userCodeKey(typed string) oauth.ID {
	return oauth.ID(s.Sealer.Index("user code", oauth.FoldUserCode(typed)))
}

// deviceURL is where the user goes with the code.
func (s *Service) deviceURL() string { return s.Options.PublicURL + "/oauth2/device/verify" }

// maxUserCode bounds what is taken for a user code, in bytes.
const maxUserCode = 64

// StartDevice sends a browser to the page that asks for the user code, along
// with the code where the address had it. Nothing is looked up and nothing
// stored.
func (s *Service) StartDevice(userCode string, b Browser) (Outcome, error) {
	value := base64.RawURLEncoding.EncodeToString(secret.Bytes(16))
	f := &oauth.Flow{RequestedAt: s.Now(), CookieHash: hashCookie(value)}
	w := new(pack.Writer)
	w.Byte(formatVersion)
	w.Time(f.RequestedAt)
	w.Fixed(f.CookieHash[:])
	network := s.Sealer.Index("network", b.Network)
	w.Fixed(network[:])
	challenge, err := s.Sealer.Seal(secret.DeviceChallenge, w.B)
	if err != nil {
		return Outcome{}, err
	}
	params := url.Values{"device_challenge": {challenge}}
	if userCode != "" && len(userCode) <= maxUserCode {
		params.Set("user_code", userCode)
	}
	return Outcome{To: s.Options.DeviceURL, Params: params, SetFlow: suffix(f), SetValue: value, ClearFlows: surplus(b)}, nil
}

// deviceTrip is an opened device challenge: the browser in which a code is typed.
type deviceTrip struct {
	oauth.Flow          // RequestedAt and CookieHash
	network    oauth.ID // keyed hash of where the browser is
	holder     oauth.ID // names the trip
}

func (s *Service) openDevice(ctx context.Context, challenge string) (*deviceTrip, error) {
	o, err := s.Sealer.Open(ctx, challenge, secret.DeviceChallenge)
	if errors.Is(err, secret.ErrUnknown) {
		return nil, oauth.NotFound.Hint("The challenge is unknown.")
	}
	if err != nil {
		return nil, err
	}
	t := &deviceTrip{holder: oauth.ID(s.Sealer.Index("device holder", string(o.Payload)))}
	r := pack.NewReader(o.Payload)
	if r.Byte() != formatVersion {
		r.Fail()
	}
	t.RequestedAt = r.Time()
	r.Fixed(t.CookieHash[:])
	r.Fixed(t.network[:])
	if err := r.End(); err != nil {
		return nil, err
	}
	return t, s.tooLate(&t.Flow, true)
}

// DeviceRequest is what a user code stands for.
type DeviceRequest struct {
	Challenge string
	Request   oauth.Request
	Client    *oauth.Client
	URL       string
	ExpiresAt time.Time
	Handled   bool // it was accepted or rejected in this browser
}

// errWrongCode is the one answer to every code that is of no use here: whoever
// guesses learns nothing.
var errWrongCode = oauth.InvalidRequest.Hint("The user code is wrong, has expired or was used already. Compare it with what the device shows.")

// found is a device that a user code was right for.
type found struct {
	*deviceTrip
	row    *oauth.Device
	flow   *oauth.Flow // as the device's request began it
	client *oauth.Client
	req    oauth.Request
}

// find looks for the device of a user code. Wrong codes are counted.
func (s *Service) find(ctx context.Context, challenge, userCode string, now time.Time) (*found, error) {
	t, err := s.openDevice(ctx, challenge)
	if err != nil {
		return nil, err
	}
	switch code := oauth.FoldUserCode(userCode); {
	case code == "":
		return nil, oauth.InvalidRequest.Hint("The user code is missing.")
	case len(userCode) > maxUserCode:
		return nil, errWrongCode
	}
	right, err := s.guesses.begin(t.holder, t.network, now)
	if err != nil {
		return nil, err
	}
	counts := s.guessCounts(t, now)
	d, err := s.lookForDevice(ctx, t, userCode, counts, now)
	if err == nil || !errors.Is(err, oauth.InvalidRequest) {
		right()
		return d, err
	}
	s.Observe.Observe(ctx, oauth.Event{Name: "user_code_wrong"})
	// Also when the caller has gone: what was guessed, was guessed.
	switch counted := s.Store.CountGuess(context.WithoutCancel(ctx), counts...); {
	case errors.Is(counted, oauth.ErrUsed):
		return nil, errGuessesSpent()
	case counted != nil:
		return nil, counted
	}
	return d, err
}

func (s *Service) lookForDevice(ctx context.Context, t *deviceTrip, userCode string, counts []oauth.GuessCount, now time.Time) (*found, error) {
	row, err := s.Store.Device(ctx, s.userCodeKey(userCode), counts...)
	switch {
	case errors.Is(err, oauth.ErrUsed):
		return nil, errGuessesSpent()
	case isNotFound(err):
		return nil, errWrongCode
	case err != nil:
		return nil, err
	case oauth.Past(row.ExpiresAt, now), row.Status != oauth.DeviceWaiting && row.Holder != t.holder:
		return nil, errWrongCode
	}
	plain, err := s.Sealer.OpenRow("devices", "data", row.ID[:], row.Data)
	if err != nil {
		return nil, err
	}
	d := &found{deviceTrip: t, row: row, flow: new(oauth.Flow)}
	r := pack.NewReader(plain)
	readRequest(r, d.flow)
	if err := r.End(); err != nil {
		return nil, err
	}
	d.client, err = s.clientOf(ctx, d.flow)
	if oauth.KindOf(err) == oauth.InvalidClient {
		return nil, errWrongCode
	}
	if err != nil {
		return nil, err
	}
	d.req, err = s.readDevice(d.client, d.flow.Query)
	// From here on it is the trip of the browser that typed the code.
	d.flow.RequestedAt, d.flow.CookieHash = t.RequestedAt, t.CookieHash
	return d, err
}

// Device tells what a user code stands for, so that the device app can show
// what is about to be connected (RFC 8628 §5.4). Errors: not_found for a
// challenge that is none of ours, request_unauthorized when its time is over,
// invalid_request for a code that is of no use.
func (s *Service) Device(ctx context.Context, challenge, userCode string) (*DeviceRequest, error) {
	d, err := s.find(ctx, challenge, userCode, s.Now())
	if err != nil {
		return nil, err
	}
	return &DeviceRequest{
		Challenge: challenge, Request: d.req, Client: d.client, URL: s.requestURL(d.flow),
		ExpiresAt: d.row.ExpiresAt, Handled: d.row.Status != oauth.DeviceWaiting,
	}, nil
}

// AcceptDevice takes a user code that was typed in the browser of the
// challenge, which from now on is the only one that can connect the device. It
// returns where the app must send the browser. Errors as Device; conflict when
// the device was rejected.
func (s *Service) AcceptDevice(ctx context.Context, challenge, userCode string) (string, error) {
	d, err := s.decide(ctx, challenge, userCode, oauth.DeviceAccepted, s.Now())
	if err != nil {
		return "", err
	}
	return s.deviceVerifierURL(ctx, d)
}

// RejectDevice refuses the device for good. Errors as AcceptDevice; conflict
// when the device was accepted.
func (s *Service) RejectDevice(ctx context.Context, challenge, userCode string, r Reject) (string, error) {
	refused, err := denied(r)
	if err != nil {
		return "", err
	}
	now := s.Now()
	d, err := s.decide(ctx, challenge, userCode, oauth.DeviceRejected, now)
	if err != nil {
		return "", err
	}
	if err := s.bury(ctx, d.flow, now); err != nil && !errors.Is(err, oauth.ErrUsed) {
		return "", err
	}
	d.flow.Denied = refused
	return s.deviceVerifierURL(ctx, d)
}

// decide writes the first decision. The same one again, from the same browser,
// is no error.
func (s *Service) decide(ctx context.Context, challenge, userCode string, status oauth.DeviceStatus, now time.Time) (*found, error) {
	d, err := s.find(ctx, challenge, userCode, now)
	if err != nil {
		return nil, err
	}
	if d.row.Status == oauth.DeviceWaiting {
		err = s.Store.DecideDevice(ctx, d.row.ID, status, d.holder, oauth.ID(secret.NewID()), now)
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, oauth.ErrUsed) {
			return nil, err
		}
		if d, err = s.lookForDevice(ctx, d.deviceTrip, userCode, nil, now); err != nil {
			return nil, err
		}
	}
	if d.row.Status != status {
		return nil, s.handled("device", d.flow)
	}
	return d, nil
}

func (s *Service) deviceVerifierURL(ctx context.Context, d *found) (string, error) {
	w := new(pack.Writer)
	appendRequest(w, d.flow)
	appendDecision(w, d.flow)
	text, _, err := s.seal(ctx, secret.DeviceVerifier, w.B, d.flow.RequestedAt, func() error { return nil })
	if err != nil {
		return "", err
	}
	return s.deviceURL() + "?" + url.Values{"client_id": {d.flow.ClientID}, "device_verifier": {text}}.Encode(), nil
}

// ResumeDevice takes a browser that the device app has sent back, and sends it
// to the login app.
func (s *Service) ResumeDevice(ctx context.Context, params url.Values, b Browser) (Outcome, error) {
	payload, _, err := s.content(ctx, secret.DeviceVerifier, params.Get("device_verifier"))
	if errors.Is(err, errUnknownValue) {
		return Outcome{}, oauth.AccessDenied.Hint("The device_verifier is unknown.")
	}
	if err != nil {
		return Outcome{}, err
	}
	f, r := new(oauth.Flow), pack.NewReader(payload)
	readRequest(r, f)
	readDecision(r, f)
	if err := r.End(); err != nil {
		return Outcome{}, err
	}
	if err := contradicts(params, f); err != nil {
		return Outcome{}, err
	}
	client, err := s.clientOf(ctx, f)
	if err != nil {
		return Outcome{}, err
	}
	req, err := s.readDevice(client, f.Query)
	if err != nil {
		return Outcome{}, err
	}
	now := s.Now()
	switch {
	case !owns(b, f):
		return s.strayed(ctx, f, b)
	case s.expired(f, now) || oauth.Past(f.DeviceUntil, now):
		return s.timeOut(f, &req), nil
	case f.Denied != nil:
		return Outcome{Err: refusal(f.Denied), ClearFlows: []string{suffix(f)}}, nil
	}
	was := situation{request: req, public: client.IsPublic()}
	if err := s.remember(ctx, f, &was, b); err != nil {
		return Outcome{}, err
	}
	to, err := s.loginURL(ctx, f)
	return Outcome{To: s.Options.LoginURL, Params: to}, err
}

// loginURL makes the parameters that a device's flow goes to the login app with.
func (s *Service) loginURL(ctx context.Context, f *oauth.Flow) (url.Values, error) {
	w := new(pack.Writer)
	appendRequest(w, f)
	challenge, _, err := s.seal(ctx, secret.LoginChallenge, w.B, f.RequestedAt, func() error { return nil })
	return url.Values{"login_challenge": {challenge}}, err
}

// connect is the last step of a device's flow: from now on the device gets its
// tokens.
func (s *Service) connect(ctx context.Context, c *carried, now time.Time) (Outcome, error) {
	id := c.Seed.GrantID()
	done := Outcome{To: s.Options.DeviceDoneURL, Params: url.Values{"client_id": {c.ClientID}}, ClearFlows: []string{suffix(&c.Flow)}}
	for range 2 { // the second time when somebody else was first
		row, err := s.Store.Grant(ctx, id)
		switch {
		case isNotFound(err):
			return s.startOver(&c.Flow), nil
		case err != nil:
			return Outcome{}, err
		case !row.Client.Exists:
			return Outcome{}, oauth.InvalidClient.Hint("The client of this request has been deleted.")
		case row.EndReason == oauth.EndedByRejecter:
			return s.refusedBefore(c, &oauth.Request{}), nil
		case row.Dead():
			return s.startOver(&c.Flow), nil
		case row.Approved():
			return done, nil
		case row.SessionEnded:
			return s.startOver(&c.Flow), nil
		case oauth.Past(c.DeviceUntil, now):
			return s.timeOut(&c.Flow, &oauth.Request{}), nil
		}
		err = s.Store.ApproveDevice(ctx, id, c.DeviceUntil, oauth.ID(secret.NewID()))
		if err == nil {
			s.Observe.Observe(ctx, oauth.Event{Name: "device_connected", ClientID: c.ClientID, Grant: id})
			return done, nil
		}
		if !errors.Is(err, oauth.ErrUsed) {
			return Outcome{}, err
		}
	}
	return s.startOver(&c.Flow), nil
}

// deviceLoginAgain is the flow once more, without the login that the browser
// remembers.
func (s *Service) deviceLoginAgain(ctx context.Context, f *oauth.Flow) (string, error) {
	fresh := *f
	fresh.Had = nil
	params, err := s.loginURL(ctx, &fresh)
	if err != nil {
		return "", err
	}
	return oauth.WithQuery(s.Options.LoginURL, params), nil
}

// readFlow reads the flow's request again, by the rules that it was taken with.
func (s *Service) readFlow(c *oauth.Client, f *oauth.Flow) (oauth.Request, error) {
	if f.ForDevice() {
		return s.readDevice(c, f.Query)
	}
	return s.read(c, f.Query)
}

func kindOf(f *oauth.Flow) oauth.GrantKind {
	if f.ForDevice() {
		return oauth.DeviceGrant
	}
	return oauth.ConsentGrant
}

// codeUntil is the end of the code that a new Grant has. That of a device has
// none before the browser brought the consent back.
func codeUntil(f *oauth.Flow, end time.Time) time.Time {
	if f.ForDevice() {
		return time.Time{}
	}
	return end
}
