package flow

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
)

// origin tells how the text of a challenge came about, so that it can be
// shown again byte for byte.
type origin struct {
	stored bool
	ref    oauth.ID // of a stored one
	kid    uint32   // of a sealed one
	nonce  [24]byte
}

// carried is an opened value: the flow, and how its challenges look.
type carried struct {
	oauth.Flow
	login   origin
	consent origin
	first   []byte // the login challenge's content
}

// seal makes the text of a value. Where that is too long, or all are to be
// short, the content is stored and the text is a reference of 32 characters.
//
// Nonce and reference follow from the content by a keyed hash: the same step
// taken twice gives the same text and the same row.
func (s *Service) seal(ctx context.Context, k secret.Kind, payload []byte, requestedAt time.Time, allow func() error) (string, origin, error) {
	nonce, ref := s.identify(k, payload)
	if secret.SealedLen(k, len(payload)) <= s.inlineLimit(k) {
		o := origin{nonce: nonce}
		var err error
		if o.kid, err = s.Sealer.Current(k); err != nil {
			return "", origin{}, err
		}
		text, err := s.Sealer.SealNonce(k, o.kid, o.nonce, payload)
		return text, o, err
	}
	if err := allow(); err != nil {
		return "", origin{}, err
	}
	id := rowOf(ref)
	data, err := s.Sealer.SealRow("requests", "data", id[:], payload)
	if err != nil {
		return "", origin{}, err
	}
	end := requestedAt.Add(s.Options.FlowTTL)
	row := &oauth.StoredRequest{ID: id, Kind: int(k), CreatedAt: s.Now(), ExpiresAt: end, PurgeAt: end.Add(time.Hour), Data: data}
	return ref.String(), origin{stored: true, ref: ref}, s.Store.AddRequest(ctx, row)
}

// identify returns what a content is called: the nonce of its value, or the
// reference to its row.
func (s *Service) identify(k secret.Kind, payload []byte) (nonce [secret.NonceSize]byte, ref oauth.ID) {
	sum := s.Sealer.Digest("flow value", k.String(), payload)
	return [secret.NonceSize]byte(sum[:]), oauth.ID(sum[:])
}

// inlineLimit is the option for challenges, which other people's apps keep in
// columns. Verifiers are kept nowhere, so they need not be stored to be short.
func (s *Service) inlineLimit(k secret.Kind) int {
	challenge := k == secret.LoginChallenge || k == secret.ConsentChallenge || k == secret.LogoutChallenge
	if challenge || s.Options.MaxSealedChars > 0 {
		return s.Options.MaxSealedChars
	}
	return defaultSealedChars
}

// rowOf is the primary key under which a referenced value is stored. The
// reference itself stays out of the database.
func rowOf(ref oauth.ID) oauth.ID {
	sum := sha256.Sum256(ref[:])
	return oauth.ID(sum[:16])
}

// errUnknownValue says that a challenge or verifier is none of ours.
var errUnknownValue = errors.New("flow: unknown value")

// content opens a text of one kind.
func (s *Service) content(ctx context.Context, k secret.Kind, text string) ([]byte, origin, error) {
	if ref, err := oauth.ParseID(text); err == nil {
		payload, err := s.stored(ctx, k, ref)
		return payload, origin{stored: true, ref: ref}, err
	}
	o, err := s.Sealer.Open(ctx, text, k)
	if errors.Is(err, secret.ErrUnknown) {
		return nil, origin{}, errUnknownValue
	}
	return o.Payload, origin{kid: o.KID, nonce: o.Nonce}, err
}

func (s *Service) stored(ctx context.Context, k secret.Kind, ref oauth.ID) ([]byte, error) {
	id := rowOf(ref)
	row, err := s.Store.Request(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil, errUnknownValue
	}
	if err != nil {
		return nil, err
	}
	if row.Kind != int(k) {
		return nil, errUnknownValue
	}
	return s.Sealer.OpenRow("requests", "data", id[:], row.Data)
}

// openLogin opens a login challenge.
func (s *Service) openLogin(ctx context.Context, challenge string) (*carried, error) {
	payload, o, err := s.content(ctx, secret.LoginChallenge, challenge)
	if err != nil {
		return nil, err
	}
	c := &carried{login: o, first: payload}
	r := pack.NewReader(payload)
	readRequest(r, &c.Flow)
	return c, r.End()
}

// openLater opens a value that carries a decision beside the request.
func (s *Service) openLater(ctx context.Context, k secret.Kind, text string) (*carried, error) {
	payload, o, err := s.content(ctx, k, text)
	if err != nil {
		return nil, err
	}
	c, err := s.readLater(ctx, payload)
	if err == nil {
		c.consent = o
	}
	return c, err
}

func (s *Service) readLater(ctx context.Context, payload []byte) (*carried, error) {
	c := new(carried)
	r := pack.NewReader(payload)
	c.login.stored = r.Flags(1)[0]
	if c.login.stored {
		r.Fixed(c.login.ref[:])
	} else {
		c.login.kid = uint32(r.Uint())
		r.Fixed(c.login.nonce[:])
	}
	c.first = r.Bytes()
	if c.first == nil && r.Err() == nil {
		first, err := s.stored(ctx, secret.LoginChallenge, c.login.ref)
		if err != nil {
			return nil, err
		}
		c.first = first
	}
	readDecision(r, &c.Flow)
	if err := r.End(); err != nil {
		return nil, err
	}
	f := pack.NewReader(c.first)
	readRequest(f, &c.Flow)
	return c, f.End()
}

// later writes the content of a value that carries a decision. A stored
// request is only referred to, unless whole is set.
func (c *carried) later(whole bool) []byte {
	w := new(pack.Writer)
	w.Flags(c.login.stored)
	if c.login.stored {
		w.Fixed(c.login.ref[:])
	} else {
		w.Uint(uint64(c.login.kid))
		w.Fixed(c.login.nonce[:])
	}
	if c.login.stored && !whole {
		w.Bytes(nil)
	} else {
		w.Bytes(c.first)
	}
	appendDecision(w, &c.Flow)
	return w.B
}

// loginChallenge is the text of the flow's login challenge. It is empty once
// its key is gone.
func (s *Service) loginChallenge(c *carried) string {
	return s.again(secret.LoginChallenge, c.login, c.first)
}

func (s *Service) again(k secret.Kind, o origin, payload []byte) string {
	if o.stored {
		return o.ref.String()
	}
	text, err := s.Sealer.SealNonce(k, o.kid, o.nonce, payload)
	if err != nil {
		return ""
	}
	return text
}
