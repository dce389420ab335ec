package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/pack"
	"hydra/internal/secret"
)

// What is sealed into grants.data and grants.hook_data begins with its format.
const (
	jsonFormat = 1 // JSON; written before 2026-11-23
	packFormat = 2
)

// SealData seals what a Grant knows beside its columns, for the row with this id.
func (s *Service) SealData(id oauth.ID, d *oauth.GrantData) ([]byte, error) {
	return s.Sealer.SealRow("grants", "data", id[:], encodeData(d))
}

// OpenData opens what SealData sealed. A blob of another row does not open.
func (s *Service) OpenData(g *oauth.Grant) (*oauth.GrantData, error) {
	plain, err := s.Sealer.OpenRow("grants", "data", g.ID[:], g.Data)
	if err != nil {
		return nil, fmt.Errorf("token: open the data of grant %s: %w", g.ID, err)
	}
	d, err := decodeData(plain)
	if err != nil {
		return nil, fmt.Errorf("token: the data of grant %s cannot be read: %w", g.ID, err)
	}
	return d, nil
}

// encodeData writes d in the form of package pack: every request that reads a
// Grant takes it apart again.
func encodeData(d *oauth.GrantData) []byte {
	var w pack.Writer
	w.Byte(packFormat)
	w.Flags(d.Remember)
	for _, text := range []string{d.Subject, d.SubjectIdentifier, d.RedirectURI, d.CodeChallenge, d.Nonce, d.ACR} {
		w.Text(text)
	}
	for _, list := range [][]string{d.RequestedScope, d.RequestedAudience, d.GrantedScope, d.GrantedAudience, d.AMR, d.WantedInIDToken, d.WantedAtUserinfo} {
		w.List(list)
	}
	for _, raw := range [][]byte{d.AccessClaims, d.IDClaims, d.Context, d.Flow} {
		w.Bytes(raw)
	}
	for _, n := range []int64{d.AuthTime, d.RememberFor, d.HandledAt} {
		w.Int(n)
	}
	return w.B
}

// errDataFormat means a newer release, or a fault.
var errDataFormat = errors.New("this release does not know its format")

func decodeData(plain []byte) (*oauth.GrantData, error) {
	d, r := new(oauth.GrantData), pack.NewReader(plain)
	switch r.Byte() {
	case jsonFormat:
		if err := json.Unmarshal(plain[1:], d); err != nil {
			return nil, errors.New("malformed JSON") // the error may quote what was sealed
		}
		return d, nil
	case packFormat:
	default:
		return nil, errDataFormat
	}
	d.Remember = r.Flags(1)[0]
	for _, text := range []*string{&d.Subject, &d.SubjectIdentifier, &d.RedirectURI, &d.CodeChallenge, &d.Nonce, &d.ACR} {
		*text = r.Text()
	}
	for _, list := range []*[]string{&d.RequestedScope, &d.RequestedAudience, &d.GrantedScope, &d.GrantedAudience, &d.AMR, &d.WantedInIDToken, &d.WantedAtUserinfo} {
		*list = r.List()
	}
	d.AccessClaims, d.IDClaims, d.Context, d.Flow = r.Bytes(), r.Bytes(), r.Bytes(), r.Bytes()
	d.AuthTime, d.RememberFor, d.HandledAt = r.Int(), r.Int(), r.Int()
	return d, r.End()
}

// hookClaims are the claims that a hook put in place of the consent's. They are
// kept beside those, which the consent app gets to see again.
type hookClaims struct {
	Access json.RawMessage `json:"ac,omitempty"`
	ID     json.RawMessage `json:"ic,omitempty"`
}

// sealHook seals the claims of d that came from a hook.
func (s *Service) sealHook(id oauth.ID, d *oauth.GrantData) ([]byte, error) {
	plain, err := encodeJSON(hookClaims{d.AccessClaims, d.IDClaims})
	if err != nil {
		return nil, err
	}
	return s.Sealer.SealRow("grants", "hook_data", id[:], append([]byte{jsonFormat}, plain...))
}

// openPaid is OpenData with the claims as tokens carry them: those of a hook,
// where one has said something.
func (s *Service) openPaid(g *oauth.Grant) (*oauth.GrantData, error) {
	d, err := s.OpenData(g)
	if err != nil || len(g.HookData) == 0 {
		return d, err
	}
	plain, err := s.Sealer.OpenRow("grants", "hook_data", g.ID[:], g.HookData)
	if err != nil {
		return nil, fmt.Errorf("token: open the claims of a hook in grant %s: %w", g.ID, err)
	}
	var c hookClaims
	if len(plain) == 0 || plain[0] != jsonFormat || json.Unmarshal(plain[1:], &c) != nil {
		return nil, fmt.Errorf("token: the claims of a hook in grant %s cannot be read", g.ID)
	}
	d.AccessClaims, d.IDClaims = c.Access, c.ID
	return d, nil
}

// Code seals an authorization code for the Grant of the seed. Calling it again
// gives another value for the same code: whichever is spent first, spends both.
func (s *Service) Code(seed oauth.Seed, expires time.Time) (oauth.Secret, error) {
	v, err := s.Sealer.Seal(secret.Code, encodeCode(codePayload{Seed: seed, Expires: expires.UnixMicro()}))
	return oauth.Secret(v), err
}
