package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// dataFormat begins every sealed GrantData; another release may know others.
const dataFormat = 1

// SealData seals what a Grant knows beside its columns, for the row with this id.
func (s *Service) SealData(id oauth.ID, d *oauth.GrantData) ([]byte, error) {
	plain, err := encodeJSON(d)
	if err != nil {
		return nil, err
	}
	return s.Sealer.SealRow("grants", "data", id[:], append([]byte{dataFormat}, plain...))
}

// OpenData opens what SealData sealed. A blob of another row does not open.
func (s *Service) OpenData(g *oauth.Grant) (*oauth.GrantData, error) {
	plain, err := s.Sealer.OpenRow("grants", "data", g.ID[:], g.Data)
	if err != nil {
		return nil, fmt.Errorf("token: open the data of grant %s: %w", g.ID, err)
	}
	if len(plain) == 0 || plain[0] != dataFormat {
		return nil, fmt.Errorf("token: the data of grant %s has a format that this release does not know", g.ID)
	}
	d := new(oauth.GrantData)
	if err := json.Unmarshal(plain[1:], d); err != nil {
		return nil, errors.New("token: the data of grant " + g.ID.String() + " cannot be read")
	}
	return d, nil
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
	return s.Sealer.SealRow("grants", "hook_data", id[:], append([]byte{dataFormat}, plain...))
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
	if len(plain) == 0 || plain[0] != dataFormat || json.Unmarshal(plain[1:], &c) != nil {
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
