package flow

import (
	"context"
	"time"

	"hydra/internal/client"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/token"
)

// Store is what the front channel keeps.
type Store interface {
	oauth.Grants
	oauth.Sessions
	oauth.Requests
	oauth.Devices
	oauth.Outbox
	Tx(ctx context.Context, f func(oauth.Store) error) error
}

// Service runs flows. Its fields are set once, before the first call.
type Service struct {
	Store   Store
	Clients *client.Service
	Tokens  *token.Service
	Sealer  *secret.Sealer
	Keys    *key.Service // opens encrypted request objects; nil: refused
	// Documents reads request objects at URLs; nil: refused.
	Documents *key.Documents
	Options   Options
	Now       func() time.Time
	Observe   oauth.Observer
	// CallsWait, if set, is told when the outbox has got new calls.
	CallsWait func()

	quota   quota   // of device authorization requests, and of stored requests that nobody has signed in for
	guesses guesses // of user codes
}

// Options are the settings of the front channel. Base URLs have no trailing
// slash.
type Options struct {
	Issuer     string // the iss of authorization responses (RFC 9207)
	PublicURL  string // where browsers reach this server
	LoginURL   string // the login app
	ConsentURL string // the consent app
	// RegistrationURL is the page that opens accounts (prompt=create); LoginURL
	// when it is empty.
	RegistrationURL string
	LogoutURL       string // the logout app

	LoggedOutURL  string        // where a browser goes after a logout that names no other address
	LogoutTellFor time.Duration // how long clients are tried to be told of it

	DeviceURL     string          // the page where a user code is typed
	DeviceDoneURL string          // the page that says that the device is connected
	DeviceCodeTTL time.Duration   // of device and user codes (RFC 8628 §3.2)
	UserCodes     oauth.UserCodes // how user codes look

	FlowTTL    time.Duration // from the first request to the last (15 to 30 minutes are usual)
	CodeTTL    time.Duration // of an authorization code (RFC 6749 §4.1.2 recommends 10 minutes at most)
	SessionTTL time.Duration // of a remembered login without an end of its own

	Scopes            oauth.ScopeStrategy
	MinState          int          // characters that state must have; 0: it may be missing
	MinNonce          int          // characters that a nonce must have if there is one
	Pairwise          bool         // clients may have pairwise subjects (OpenID Connect Core §8.1)
	PairwiseSalt      oauth.Secret // of these
	PKCEForAll        bool         // demand PKCE of every client
	PKCEForPublic     bool         // demand PKCE of public clients
	RequestObjects    RequestObjects
	InsecureRedirects bool // allow http beyond the loopback interface (development)

	// MaxSealedChars is the length up to which a challenge travels in the URL;
	// a longer one is stored and the URL carries 32 characters. 0: always stored.
	MaxSealedChars int
}

// defaultSealedChars keeps every URL that the server makes under 2,000 bytes.
const defaultSealedChars = 1400

// lag is how long rows outlive the last moment at which they could matter.
const lag = 10 * time.Minute

// Browser is what the browser brought along.
type Browser struct {
	Session string            // value of the session cookie; "" when there is none
	Flows   map[string]string // flow cookies, by the suffix of their name
	Network string            // where the request comes from, coarsely
}

// authURL is the authorization endpoint.
func (s *Service) authURL() string { return s.Options.PublicURL + "/oauth2/auth" }

// requestURL is the request as the client made it, which is also where the
// browser goes to start over.
func (s *Service) requestURL(f *oauth.Flow) string { return s.endpoint(f) + "?" + f.Query }

// endpoint is where the browser comes back to.
func (s *Service) endpoint(f *oauth.Flow) string {
	if f.ForDevice() {
		return s.deviceURL()
	}
	return s.authURL()
}

// subjectKey and rememberKey are what rows are found by; neither can be
// computed from a dump of the database.
func (s *Service) subjectKey(subject string) oauth.ID {
	return oauth.ID(s.Sealer.Index("subject", subject))
}

func (s *Service) rememberKey(client oauth.ID, subject string) oauth.ID {
	return oauth.ID(s.Sealer.Index("remember", string(client[:]), subject))
}

// expired reports whether the flow's time is over. One clock runs from the
// first request to the last.
func (s *Service) expired(f *oauth.Flow, now time.Time) bool {
	return oauth.Past(f.RequestedAt.Add(s.Options.FlowTTL), now)
}

// clientOf returns the flow's client, if it still is the one that the flow
// began with.
func (s *Service) clientOf(ctx context.Context, f *oauth.Flow) (*oauth.Client, error) {
	c, err := s.Clients.Client(ctx, f.ClientID)
	if err != nil {
		return nil, unknownClient(err)
	}
	if c.UID != f.ClientUID {
		return nil, oauth.InvalidClient.Hint("The client of this request has been deleted.")
	}
	return c, nil
}

func unknownClient(err error) error {
	if isNotFound(err) {
		return oauth.InvalidClient.Hint("The client is unknown.").Because(err)
	}
	return err
}
