package flow

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/token"
)

// endSession ends a session and leaves a call for every client that wants to
// hear of it by the back channel, in one transaction. It returns the pages of
// those that want to hear of it in the browser. A session that had ended
// before tells nobody.
func (s *Service) endSession(ctx context.Context, id oauth.ID) (frames []string, err error) {
	now, calls := s.Now(), 0
	err = s.Store.Tx(ctx, func(tx oauth.Store) error {
		frames, calls = nil, 0
		ended, err := tx.EndSession(ctx, id, now)
		if err != nil || !ended {
			return err
		}
		clients, err := tx.SessionClients(ctx, id, now)
		if err != nil {
			return err
		}
		for _, c := range clients {
			if c.Client.FrontchannelLogoutURI != "" {
				frames = append(frames, oauth.WithQuery(c.Client.FrontchannelLogoutURI, url.Values{"iss": {s.Options.Issuer}, "sid": {id.String()}}))
			}
			if c.Client.BackchannelLogoutURI == "" {
				continue
			}
			call, err := s.logoutCall(c, id, now)
			if err != nil {
				return err
			}
			if err := tx.AddLogoutCall(ctx, call); err != nil {
				return err
			}
			calls++
		}
		return nil
	})
	if err == nil && calls > 0 && s.CallsWait != nil {
		s.CallsWait()
	}
	return frames, err
}

// logoutCall is the call to one client. Its id follows from session and
// client: the same end is told once.
func (s *Service) logoutCall(c oauth.SessionClient, session oauth.ID, now time.Time) (*oauth.LogoutCall, error) {
	data, err := s.Tokens.OpenData(&oauth.Grant{ID: c.Grant, Data: c.Data})
	if err != nil {
		return nil, err
	}
	call := &oauth.LogoutCall{
		ID:        oauth.ID(s.Sealer.Index("logout call", string(session[:]), string(c.Client.UID[:]))),
		ClientUID: c.Client.UID, SessionID: session, CreatedAt: now,
	}
	token.Schedule(call, now, s.Options.LogoutTellFor)
	raw, err := json.Marshal(oauth.LogoutCallData{ClientID: c.Client.ID, Subject: s.Tokens.SubjectIdentifier(data)})
	if err != nil {
		return nil, err
	}
	call.Data, err = s.Sealer.SealRow("outbox", "data", call.ID[:], raw)
	return call, err
}
