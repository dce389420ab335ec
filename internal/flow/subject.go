package flow

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/token"
)

// identifier is the sub that a client gets to know for a login (contract
// §3.1.10): of a pairwise client what the login app says, or else the name that
// the users of its sector have. It is empty for the subject itself.
func (s *Service) identifier(client *oauth.Client, l *oauth.Login) (string, error) {
	switch {
	case client.SubjectType != oauth.SubjectPairwise:
		return "", nil
	case !s.Options.Pairwise:
		return "", oauth.InvalidRequest.Hint("The client has the subject_type pairwise, which this server does not offer any more.")
	case l.ForcedID != "":
		return l.ForcedID, nil
	}
	sector, ok := client.Sector()
	if !ok {
		return "", oauth.InvalidRequest.Hint("The client has the subject_type pairwise, and needs a sector_identifier_uri, or redirect URIs on one host, for it.")
	}
	return oauth.PairwiseSubject(sector, l.Subject, s.Options.PairwiseSalt), nil
}

// told are the values of sub that the parameter claims may ask for: what the
// client learns of a login. The subject itself is not among them for a pairwise
// client, which could else find out by guessing who its users are.
func (s *Service) told(client *oauth.Client, l *oauth.Login) []string {
	id, err := s.identifier(client, l)
	switch {
	case err != nil:
		return nil
	case id == "":
		return []string{l.Subject}
	}
	return []string{id}
}

// names are what an id_token_hint may call the user of a login. A pairwise sub
// cannot be turned back into a subject; the candidate's own is made and
// compared instead.
func (s *Service) names(client *oauth.Client, l *oauth.Login) []string {
	names := []string{l.Subject, l.ForcedID}
	if id, err := s.identifier(client, l); err == nil {
		names = append(names, id)
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// matchesHint reports whether the user who signed in is the one that
// id_token_hint named, if it named one.
func (s *Service) matchesHint(client *oauth.Client, f *oauth.Flow) bool {
	if len(f.HintClaims) == 0 {
		return true
	}
	var hint struct {
		Subject string `json:"sub"`
	}
	return json.Unmarshal(f.HintClaims, &hint) == nil && slices.Contains(s.names(client, f.Login), hint.Subject)
}

// isHinted reports whether the user of a live session is the one whom the hint
// names. A name that the login app has chosen is known from the hint's own
// session, or from the consents that the client has of this user.
func (s *Service) isHinted(ctx context.Context, client *oauth.Client, h *token.Hint, session oauth.ID, subject string, now time.Time) (bool, error) {
	switch {
	case slices.Contains(s.names(client, &oauth.Login{Subject: subject}), h.Subject):
		return true, nil
	case client.SubjectType != oauth.SubjectPairwise:
		return false, nil
	case h.SID != "" && h.SID == session.String():
		return true, nil
	}
	state, err := s.Store.LoginState(ctx, oauth.ID{}, s.rememberKey(client.UID, subject), oauth.ID{}, now)
	if err != nil {
		return false, err
	}
	for i := range state.Remembered {
		data, err := s.Tokens.OpenData(&state.Remembered[i])
		if err != nil {
			return false, err
		}
		if data.SubjectIdentifier == h.Subject {
			return true, nil
		}
	}
	return false, nil
}
