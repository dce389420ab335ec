package token

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"hydra/internal/client"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Bounds of the calls that tell clients of the end of a session.
const (
	callTime     = 10 * time.Second // of one attempt
	callLease    = time.Minute      // an attempt that was cut off is made again after it
	callsPerRP   = 4                // under way to one client, so that a slow one does not hold up the others
	callsAtOnce  = callsPerRP * oauth.SkippedClients
	callsLooked  = 500 // due ones that are looked at in one go
	callsTried   = 50  // attempts, whatever the option says of their age
	firstBackoff = 5 * time.Second
	longBackoff  = time.Hour
)

// LogoutCalls tells clients of the end of a session (OpenID Connect
// Back-Channel Logout §2.5). What has to be told stands in the outbox, so that
// it is told also when this node dies or the client is away for a while. Its
// fields are set before the first call.
type LogoutCalls struct {
	Store   oauth.Outbox
	Clients *client.Service
	Tokens  *Service
	// Send posts a form and returns the status of the answer.
	Send    func(ctx context.Context, address string, form url.Values, limit time.Duration) (int, error)
	TellFor time.Duration // from when on nothing is tried again, counted from the end of the session or from Retry
	Observe oauth.Observer
	// Count, if set, is told how an attempt ended: delivered, postponed, failed
	// or dropped (the client is gone, or does not want to hear any more).
	Count func(outcome string)
	// Report, if set, is told of failures of this server itself.
	Report func(error)

	wg   sync.WaitGroup
	mu   sync.Mutex
	all  int              // calls under way
	busy map[oauth.ID]int // the same by client
}

// Deliver begins an attempt at each call that is due, as many as there is room
// for, and does not wait for their end; done is called after each. It returns
// how many it began. Clients to which as many are under way as may are left
// out, so that those whose calls wait behind theirs are found.
func (d *LogoutCalls) Deliver(ctx context.Context, done func()) (int, error) {
	now, begun := d.Tokens.Now(), 0
	for {
		full, room := d.full()
		if !room {
			return begun, nil
		}
		due, err := d.Store.DueLogoutCalls(ctx, now, callsLooked, full...)
		if err != nil {
			return begun, err
		}
		n, err := d.begin(ctx, now, due, done)
		begun += n
		if err != nil || n == 0 || len(due) < callsLooked {
			return begun, err
		}
	}
}

// begin takes as many of the calls as there is room for.
func (d *LogoutCalls) begin(ctx context.Context, now time.Time, due []oauth.LogoutCall, done func()) (begun int, err error) {
	for i := range due {
		c := &due[i]
		if !d.enter(c.ClientUID) {
			continue
		}
		op := oauth.ID(secret.NewID())
		err := d.Store.TakeLogoutCall(ctx, c.ID, c.DueAt, now.Add(callLease), op)
		if err != nil {
			d.leave(c.ClientUID)
			if errors.Is(err, oauth.ErrUsed) {
				continue // another node has it
			}
			return begun, err
		}
		c.Attempts, c.OpID = c.Attempts+1, op
		begun++
		d.wg.Go(func() {
			defer done()
			defer d.leave(c.ClientUID)
			if err := d.attempt(ctx, c); err != nil && d.Report != nil {
				d.Report(err)
			}
		})
	}
	return begun, nil
}

// Wait returns when no attempt is under way.
func (d *LogoutCalls) Wait() { d.wg.Wait() }

// full are the clients to which no further call may be under way; room is
// whether there may be one to another client.
func (d *LogoutCalls) full() (clients []oauth.ID, room bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c, n := range d.busy {
		if n >= callsPerRP {
			clients = append(clients, c)
		}
	}
	return clients, d.all < callsAtOnce
}

func (d *LogoutCalls) enter(client oauth.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= callsAtOnce || d.busy[client] >= callsPerRP {
		return false
	}
	if d.busy == nil {
		d.busy = map[oauth.ID]int{}
	}
	d.all++
	d.busy[client]++
	return true
}

func (d *LogoutCalls) leave(client oauth.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.busy[client]--; d.busy[client] == 0 {
		delete(d.busy, client)
	}
}

// attempt makes one call and writes down how it ended, also when the server
// stops meanwhile.
func (d *LogoutCalls) attempt(ctx context.Context, c *oauth.LogoutCall) error {
	rp, outcome, note, fault := d.call(ctx, c)
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	now := d.Tokens.Now()
	c.Note = note
	switch {
	case outcome == "delivered" || outcome == "dropped":
		fault = d.Store.DeleteLogoutCall(write, c.ID)
		if errors.Is(fault, oauth.ErrNotFound) {
			fault = nil
		}
	case ctx.Err() != nil:
		c.DueAt = now // the next node, or the next start, goes on
		return d.Store.PutLogoutCall(write, c)
	default:
		c.DueAt = now.Add(backoff(c.Attempts))
		if c.Attempts >= callsTried || !c.DueAt.Before(c.GiveUpAt) {
			outcome, c.DueAt, c.FailedAt = "failed", oauth.Never, now
			d.Observe.Observe(write, oauth.Event{Name: "logout_call_failed", ClientID: rp, Detail: "The client was not told of the end of a session: " + note + "."})
		}
		fault = errors.Join(fault, d.Store.PutLogoutCall(write, c))
	}
	if d.Count != nil {
		d.Count(outcome)
	}
	return fault
}

// call makes one call. The note is for the operator and repeats nothing that
// the client's host said but its status.
func (d *LogoutCalls) call(ctx context.Context, c *oauth.LogoutCall) (clientID, outcome, note string, fault error) {
	data, err := d.data(c)
	if err != nil {
		return data.ClientID, "postponed", "this server could not read it", err
	}
	rp, err := d.Clients.Client(ctx, data.ClientID)
	switch {
	case errors.Is(err, oauth.ErrNotFound) || err == nil && (rp.UID != c.ClientUID || rp.BackchannelLogoutURI == ""):
		return data.ClientID, "dropped", "", nil
	case err != nil:
		return data.ClientID, "postponed", "this server could not read the client", err
	}
	jwt, err := d.Tokens.LogoutToken(ctx, rp, data.Subject, c.SessionID.String())
	if err != nil {
		return data.ClientID, "postponed", "this server could not sign", err
	}
	status, err := d.Send(ctx, rp.BackchannelLogoutURI, url.Values{"logout_token": {jwt}}, callTime)
	switch {
	case err != nil:
		return data.ClientID, "postponed", bounded(err.Error()), nil
	case status < 200 || status > 299:
		return data.ClientID, "postponed", fmt.Sprintf("status %d", status), nil
	}
	return data.ClientID, "delivered", "", nil
}

func bounded(note string) string {
	const most = 300
	if len(note) > most {
		note = note[:most]
	}
	return note
}

func (d *LogoutCalls) data(c *oauth.LogoutCall) (data oauth.LogoutCallData, err error) {
	raw, err := d.Tokens.Sealer.OpenRow("outbox", "data", c.ID[:], c.Data)
	if err != nil {
		return data, err
	}
	return data, json.Unmarshal(raw, &data)
}

// backoff doubles from attempt to attempt, up to an hour, and up to a quarter
// longer, so that calls which failed together do not come back together.
func backoff(attempts int64) time.Duration {
	wait := longBackoff
	if attempts < 12 {
		wait = min(wait, firstBackoff<<max(attempts-1, 0))
	}
	return wait + time.Duration(binary.BigEndian.Uint64(secret.Bytes(8))%uint64(wait/4))
}

// ListedCall is a call as the operator sees it.
type ListedCall struct {
	oauth.LogoutCall
	oauth.LogoutCallData
}

// List returns a page of calls.
func (d *LogoutCalls) List(ctx context.Context, q oauth.LogoutCallQuery) ([]ListedCall, error) {
	rows, err := d.Store.LogoutCalls(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]ListedCall, len(rows))
	for i := range rows {
		out[i].LogoutCall = rows[i]
		if out[i].LogoutCallData, err = d.data(&rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// KeepFailedCalls is how long a call that was given up stays listed.
const KeepFailedCalls = 7 * 24 * time.Hour

// Schedule gives a call the times of a new one.
func Schedule(c *oauth.LogoutCall, now time.Time, tellFor time.Duration) {
	c.DueAt, c.GiveUpAt = now, now.Add(tellFor)
	c.ExpiresAt = c.GiveUpAt.Add(KeepFailedCalls)
	c.PurgeAt = c.ExpiresAt
	c.OpID = oauth.ID(secret.NewID())
}

// Retry makes a call due now, as if it were new. Errors: not_found.
func (d *LogoutCalls) Retry(ctx context.Context, id oauth.ID) error {
	c := &oauth.LogoutCall{ID: id}
	Schedule(c, d.Tokens.Now(), d.TellFor)
	return unknownCall(d.Store.RetryLogoutCall(ctx, c))
}

// Drop removes a call. Errors: not_found.
func (d *LogoutCalls) Drop(ctx context.Context, id oauth.ID) error {
	return unknownCall(d.Store.DeleteLogoutCall(ctx, id))
}

func unknownCall(err error) error {
	if errors.Is(err, oauth.ErrNotFound) {
		return oauth.NotFound.Hint("There is no such call.").Because(err)
	}
	return err
}
