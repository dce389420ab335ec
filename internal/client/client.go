package client

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Options are what the operator decides about clients. The zero value works:
// every field says what its zero value means.
type Options struct {
	// Audiences are the values that name us in the aud claim of a client
	// assertion: the issuer and the URL of the token endpoint. With none, no
	// assertion is accepted.
	Audiences []string
	// DefaultScope is what a client gets that is registered without a scope,
	// separated by spaces.
	DefaultScope string
	// SubjectTypes are the subject types that clients may have, the default
	// first unless public is among them. None: public alone.
	SubjectTypes []string
	// UnsignedIDTokens lets clients register the algorithm none for ID tokens.
	UnsignedIDTokens bool
	// RedirectSchemes are private-use URI schemes without a dot that redirect
	// URIs may use all the same (RFC 8252 §7.1 asks for a dot).
	RedirectSchemes []string
	// PBKDF2Iterations is the cost of hashing a secret that somebody chose;
	// below 25,000 it counts as 25,000.
	PBKDF2Iterations int
	// AssertionLifetime is how far ahead the exp claim of a client assertion
	// may lie, and how old its iat may be. 0: one hour.
	AssertionLifetime time.Duration
	// CacheSize is how many clients are kept in memory. 0: 10,000.
	CacheSize int
	// HashWorkers is how many slow hashes are computed at once. 0: one per CPU.
	HashWorkers int
	// HashQueue is how many requests may wait for a worker before others are
	// turned away. 0: 64 per worker.
	HashQueue int
	// Registration says who may register clients, and which.
	Registration Registration
}

// Service is the registry of clients. It must not be copied.
type Service struct {
	Store   oauth.Clients
	Replays oauth.Replays // jti values of assertions
	Watch   *key.Watch    // nil: nothing is cached
	Now     func() time.Time
	Options Options
	Observe oauth.Observer
	// Sealer keeps the secrets of client_secret_jwt readable for us.
	Sealer *secret.Sealer
	// RemoteKeys reads jwks_uri. nil: clients with keys there are refused.
	RemoteKeys *key.RemoteKeys
	// Registrations keeps what dynamic registration needs. nil: nobody can register.
	Registrations Registrations
	// Fetch returns the body of an https URL, bounded in size and time, and
	// only from addresses that clients may make us call; see key.Fetcher. It is
	// used for sector_identifier_uri; nil leaves those unread and only checks
	// their form.
	Fetch func(ctx context.Context, url string) ([]byte, error)

	once   sync.Once
	cache  cache
	hashes hashing
	quota  quota
}

// start fills in what depends on the options.
func (s *Service) start() {
	s.once.Do(func() {
		s.cache.limit = s.Options.CacheSize
		if s.cache.limit <= 0 {
			s.cache.limit = 10_000
		}
		workers := s.Options.HashWorkers
		if workers <= 0 {
			workers = runtime.GOMAXPROCS(0)
		}
		queue := s.Options.HashQueue
		if queue <= 0 {
			queue = 64 * workers
		}
		s.hashes.start(workers, queue, s.iterations())
	})
}

func (s *Service) iterations() int { return max(s.Options.PBKDF2Iterations, 25_000) }

// now returns the time as clients carry it: to the second, in UTC.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Second) }

// Client returns the client with the id, compared byte for byte, as fresh as
// the staleness of the cache allows. The error is oauth.ErrNotFound when there
// is none. The result is shared: nobody may change it.
func (s *Service) Client(ctx context.Context, id string) (*oauth.Client, error) {
	l, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.client, nil
}

// Read returns the client past the cache. The error is oauth.NotFound, and
// also oauth.ErrNotFound, when there is none. The result is shared: nobody may
// change it.
func (s *Service) Read(ctx context.Context, id string) (*oauth.Client, error) {
	c, err := s.Store.ReadClient(ctx, id)
	return c, unknown(err)
}

// unknown words the store's "not found" for an administrator.
func unknown(err error) error {
	if errors.Is(err, oauth.ErrNotFound) {
		return oauth.NotFound.Hint("There is no client with this id.").Because(err)
	}
	return err
}

// List returns the clients of a page in the byte order of their ids. They are
// shared: nobody may change them.
func (s *Service) List(ctx context.Context, q oauth.ClientQuery) ([]*oauth.Client, error) {
	return s.Store.ListClients(ctx, q)
}

// Count returns how many clients the filter lets through.
func (s *Service) Count(ctx context.Context, f oauth.ClientFilter) (int, error) {
	return s.Store.CountClients(ctx, f)
}

// Create registers a client. An empty id is replaced by a random UUID, absent
// members by their defaults; c is what was stored when it returns nil. It
// returns the secret in clear, the given one or a generated one; a public
// client has none.
//
// The error is oauth.InvalidRequest when a rule is broken, oauth.Conflict when
// the id is taken.
func (s *Service) Create(ctx context.Context, c *oauth.Client, given oauth.Secret) (oauth.Secret, error) {
	return s.create(ctx, c, given, func() error { return nil })
}

// create is Create with a last word: born runs when everything is known and
// before anything is stored.
func (s *Service) create(ctx context.Context, c *oauth.Client, given oauth.Secret, born func() error) (oauth.Secret, error) {
	now := s.now()
	if c.ID == "" {
		c.ID = secret.UUID()
	}
	if err := s.settle(ctx, c, given); err != nil {
		return "", err
	}
	c.UID = oauth.ID(secret.NewID())
	c.Epoch, c.Version, c.RegistrationGeneration = 0, 0, 0
	c.CreatedAt, c.UpdatedAt, c.ExpiresAt = now, now, oauth.Never

	plain, rows := oauth.Secret(""), []oauth.ClientSecret{}
	if !c.IsPublic() {
		var row oauth.ClientSecret
		var err error
		if plain, row, err = s.newSecret(c, given, now); err != nil {
			return "", err
		}
		rows = append(rows, row)
	}
	if err := born(); err != nil {
		return "", err
	}
	err := s.Store.AddClient(ctx, c, rows)
	if errors.Is(err, oauth.ErrExists) {
		return "", oauth.Conflict.Hint("A client with this client_id exists already.").Because(err)
	}
	if err != nil {
		return "", err
	}
	s.changed(c.ID)
	return plain, nil
}

// updates is how often an update starts over because another one was faster.
const updates = 8

// Update replaces the client with that id: members that c does not have are
// empty or at their defaults afterwards. What identifies the client stays, and
// so do its secrets unless one is given that is none of them: that becomes the
// only one. c is what was stored when it returns nil. It returns the given
// secret, or in clear the one that the client now needs.
//
// The errors are those of Create, and oauth.NotFound.
func (s *Service) Update(ctx context.Context, id string, c *oauth.Client, given oauth.Secret) (oauth.Secret, error) {
	c.ID = id
	if err := s.settle(ctx, c, given); err != nil {
		// A wrong description of a client that is not there is a 404 all the
		// same: what the path names comes first.
		if _, readErr := s.Read(ctx, id); readErr != nil {
			return "", readErr
		}
		return "", err
	}
	for range updates {
		plain, err := s.replace(ctx, c, given)
		if !errors.Is(err, oauth.ErrUsed) {
			return plain, err
		}
	}
	return "", contended
}

// contended answers a change that lost against others again and again.
var contended = oauth.Conflict.Hint("The client is being changed by somebody else; try again.").Because(oauth.ErrUsed)

// Edit changes a client as it is stored. The function may change every member
// but those that identify the client, and returns a new secret or none; it may
// run more than once. Edit returns what was stored, and the secret in clear if
// there is a new one. The errors are those of Update and of the function.
func (s *Service) Edit(ctx context.Context, id string, edit func(*oauth.Client) (oauth.Secret, error)) (*oauth.Client, oauth.Secret, error) {
	for range updates {
		old, secrets, err := s.Store.Client(ctx, id)
		if err != nil {
			return nil, "", unknown(err)
		}
		c := *old
		given, err := edit(&c)
		if err != nil {
			return nil, "", err
		}
		c.ID = old.ID
		if err := s.settle(ctx, &c, given); err != nil {
			return nil, "", err
		}
		plain, err := s.put(ctx, &c, given, old, secrets)
		if !errors.Is(err, oauth.ErrUsed) {
			return &c, plain, err
		}
	}
	return nil, "", contended
}

// replace tries an update once. The error is oauth.ErrUsed when the client
// changed under its hands.
func (s *Service) replace(ctx context.Context, c *oauth.Client, given oauth.Secret) (oauth.Secret, error) {
	old, secrets, err := s.Store.Client(ctx, c.ID)
	if err != nil {
		return "", unknown(err)
	}
	return s.put(ctx, c, given, old, secrets)
}

// put writes c in place of old. The error is oauth.ErrUsed when that is not
// what is stored any more.
func (s *Service) put(ctx context.Context, c *oauth.Client, given oauth.Secret, old *oauth.Client, secrets []oauth.ClientSecret) (oauth.Secret, error) {
	now := s.now()
	c.UID, c.Epoch, c.Version = old.UID, old.Epoch, old.Version
	c.RegistrationGeneration, c.ExpiresAt = max(old.RegistrationGeneration, c.RegistrationGeneration), old.ExpiresAt
	c.CreatedAt, c.UpdatedAt = old.CreatedAt, now

	plain, rows := given, []oauth.ClientSecret(nil) // nil: the secrets stay
	switch {
	case c.IsPublic():
		rows = []oauth.ClientSecret{} // and a given one is only echoed, as Hydra does
	case given != "" && !holds(c, given, live(secrets, s.Now())) || lacksSecret(c, secrets):
		// The second case is a client that was public until now: without a
		// secret it could not authenticate at all.
		var row oauth.ClientSecret
		var err error
		if plain, row, err = s.newSecret(c, given, now); err != nil {
			return "", err
		}
		rows = []oauth.ClientSecret{row}
	case c.AuthMethod != oauth.AuthSecretJWT && recoverable(secrets):
		rows = forgotten(secrets)
	}
	if err := s.Store.UpdateClient(ctx, c, rows); err != nil {
		return "", err
	}
	s.changed(c.ID)
	return plain, nil
}

// Delete removes the client. Everything that belongs to it is dead at once,
// because it belongs to the uid. An unknown id is no error.
func (s *Service) Delete(ctx context.Context, id string) error {
	err := s.Store.DeleteClient(ctx, id, s.Now())
	if errors.Is(err, oauth.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.changed(id)
	return nil
}

// EndAccessTokens ends every access token of the client. Refresh tokens and
// consents stay. An unknown id is no error: it has no tokens.
func (s *Service) EndAccessTokens(ctx context.Context, id string) error {
	err := s.Store.RaiseEpoch(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.changed(id)
	return nil
}

// subjectTypes returns the enabled subject types and the default one.
func (o *Options) subjectTypes() (enabled []string, standard string) {
	if len(o.SubjectTypes) == 0 || slices.Contains(o.SubjectTypes, oauth.SubjectPublic) {
		standard = oauth.SubjectPublic
	}
	if len(o.SubjectTypes) == 0 {
		return []string{standard}, standard
	}
	if standard == "" {
		standard = o.SubjectTypes[0]
	}
	return o.SubjectTypes, standard
}
