package flow

import (
	"context"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
)

// ConsentSession is an accepted consent (contract §4.8).
type ConsentSession struct {
	Request   *ConsentRequest
	Granted   *oauth.GrantData
	HandledAt time.Time
}

// ConsentQuery is a page of a subject's consents, of one login session if
// Session is set: Limit of them from behind a place in the list, or behind the
// first Offset.
type ConsentQuery struct {
	Subject string
	Session oauth.ID
	After   *oauth.GrantPosition
	Offset  int
	Limit   int
}

// Consents lists what a subject has consented to, newest first. next is the
// place behind which the list goes on; nil at its end.
func (s *Service) Consents(ctx context.Context, q ConsentQuery) (page []ConsentSession, next *oauth.GrantPosition, err error) {
	subject, f := s.subjectKey(q.Subject), oauth.GrantFilter{SessionID: q.Session}
	var rows []oauth.GrantRow
	if q.After != nil {
		rows, err = s.Store.GrantsAfter(ctx, subject, f, s.Now(), *q.After, q.Limit+1)
	} else {
		rows, err = s.Store.GrantsOf(ctx, subject, f, s.Now(), q.Offset, q.Limit+1)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		if q.Limit > 0 {
			last := rows[q.Limit-1]
			next = &oauth.GrantPosition{RequestedAt: last.RequestedAt, ID: last.ID}
		}
	}
	page = make([]ConsentSession, 0, len(rows))
	for i := range rows {
		session, err := s.consentSession(ctx, &rows[i])
		if err != nil {
			return nil, nil, err
		}
		if session != nil {
			page = append(page, *session)
		}
	}
	return page, next, nil
}

// CountConsents returns how long the list of the query is, all pages together.
func (s *Service) CountConsents(ctx context.Context, q ConsentQuery) (int, error) {
	return s.Store.CountGrantsOf(ctx, s.subjectKey(q.Subject), oauth.GrantFilter{SessionID: q.Session}, s.Now())
}

// consentSession returns nil when the client went since the list was read.
func (s *Service) consentSession(ctx context.Context, row *oauth.GrantRow) (*ConsentSession, error) {
	data, err := s.Tokens.OpenData(&row.Grant)
	if err != nil {
		return nil, err
	}
	c, err := s.kept(ctx, data.Flow)
	if err != nil {
		return nil, err
	}
	client, err := s.Clients.Client(ctx, row.Client.ID)
	if isNotFound(err) || (err == nil && client.UID != row.ClientUID) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// A request that today's rules would refuse is still what was consented to.
	req, _ := s.readFlow(client, &c.Flow)
	req.OIDC.IDTokenHintClaims = c.HintClaims
	challenge := s.again(secret.ConsentChallenge, c.consent, c.later(false))
	handled := row.HandledAt
	if data.HandledAt != 0 {
		handled = time.Unix(data.HandledAt, 0)
	}
	return &ConsentSession{Request: s.consentRequest(challenge, c, client, req), Granted: data, HandledAt: handled}, nil
}

// keep writes the consent challenge and its content for the Grant, whole: what
// it refers to is gone long before the Grant is.
func (c *carried) keep() []byte {
	w := new(pack.Writer)
	w.Byte(formatVersion)
	w.Flags(c.consent.stored)
	w.Fixed(c.consent.ref[:])
	w.Uint(uint64(c.consent.kid))
	w.Fixed(c.consent.nonce[:])
	w.Bytes(c.later(true))
	return w.B
}

func (s *Service) kept(ctx context.Context, b []byte) (*carried, error) {
	r := pack.NewReader(b)
	if r.Byte() != formatVersion {
		r.Fail()
	}
	var o origin
	o.stored = r.Flags(1)[0]
	r.Fixed(o.ref[:])
	o.kid = uint32(r.Uint())
	r.Fixed(o.nonce[:])
	payload := r.Bytes()
	if err := r.End(); err != nil {
		return nil, err
	}
	c, err := s.readLater(ctx, payload)
	if err != nil {
		return nil, err
	}
	c.consent = o
	return c, nil
}

// revokeBatch bounds one transaction of a revocation.
const revokeBatch = 500

// RevokeConsents takes back every consent of a subject, of one client if
// clientID is set, with all tokens that came out of them. It returns how many.
func (s *Service) RevokeConsents(ctx context.Context, subject, clientID string) (int, error) {
	var f oauth.GrantFilter
	if clientID != "" {
		client, err := s.Clients.Read(ctx, clientID)
		if isNotFound(err) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		f.ClientUID = client.UID
	}
	now, total := s.Now(), 0
	for {
		n, err := s.Store.RevokeGrants(ctx, s.subjectKey(subject), f, now, revokeBatch)
		total += n
		if err != nil {
			return total, err
		}
		if n == 0 {
			break
		}
	}
	if total > 0 {
		s.Observe.Observe(ctx, oauth.Event{Name: "consents_revoked", ClientID: clientID})
	}
	return total, nil
}
