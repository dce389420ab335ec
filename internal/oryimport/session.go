package oryimport

import (
	"encoding/json"
	"time"

	"hydra/internal/oauth"
)

// session is what stands in the column session_data. Members had other names
// before v1.11, which rows of that time still have; where only the case
// differs, the decoder knows both.
type session struct {
	IDToken    *idToken        `json:"id_token"`
	OldIDToken *idToken        `json:"idToken"`
	Extra      json.RawMessage `json:"extra"`
}

type idToken struct {
	Claims    *claims           `json:"id_token_claims"`
	OldClaims *claims           `json:"Claims"`
	ExpiresAt map[string]moment `json:"expires_at"`
	OldExpiry map[string]moment `json:"ExpiresAt"`
}

type claims struct {
	Subject     string          `json:"sub"`
	OldSubject  string          `json:"Subject"`
	AuthTime    moment          `json:"auth_time"`
	OldAuthTime moment          `json:"AuthTime"`
	ACR         string          `json:"acr"`
	OldACR      string          `json:"AuthenticationContextClassReference"`
	AMR         texts           `json:"amr"`
	OldAMR      texts           `json:"AuthenticationMethodsReferences"`
	Extra       json.RawMessage `json:"ext"`
	OldExtra    json.RawMessage `json:"Extra"`
}

// moment is a time: RFC 3339, or seconds as in a JWT.
type moment struct{ time.Time }

// UnmarshalJSON reads either. Anything else is an error: an end that cannot be
// read must not become none.
func (m *moment) UnmarshalJSON(raw []byte) error {
	var seconds int64
	if json.Unmarshal(raw, &seconds) == nil {
		m.Time = settled(time.Unix(seconds, 0))
		return nil
	}
	err := json.Unmarshal(raw, &m.Time)
	m.Time = settled(m.Time)
	return err
}

// texts is a list, or one text alone, which some releases wrote.
type texts []string

// UnmarshalJSON reads either; anything else counts as none.
func (t *texts) UnmarshalJSON(raw []byte) error {
	var list []string
	var one string
	switch {
	case json.Unmarshal(raw, &list) == nil:
		*t = without(list)
	case json.Unmarshal(raw, &one) == nil && one != "":
		*t = texts{one}
	}
	return nil
}

// known is a session without the two spellings.
type known struct {
	subject      string // of ID tokens
	authTime     time.Time
	acr          string
	amr          []string
	idClaims     json.RawMessage
	accessClaims json.RawMessage
	refreshUntil time.Time // Never: without an end
}

// readSession reads a session in either form.
func readSession(raw []byte) (known, error) {
	var s session
	if err := json.Unmarshal(raw, &s); err != nil {
		return known{}, err
	}
	k := known{accessClaims: object(s.Extra), refreshUntil: oauth.Never}
	token := first(s.IDToken, s.OldIDToken)
	if token == nil {
		return k, nil
	}
	expiry := token.ExpiresAt
	if expiry == nil {
		expiry = token.OldExpiry
	}
	if t := expiry["refresh_token"]; !t.IsZero() {
		k.refreshUntil = t.Time
	}
	c := first(token.Claims, token.OldClaims)
	if c == nil {
		return k, nil
	}
	k.subject, k.acr, k.amr = c.Subject+c.OldSubject, c.ACR+c.OldACR, append(c.AMR, c.OldAMR...)
	k.authTime = c.AuthTime.Time
	if k.authTime.IsZero() {
		k.authTime = c.OldAuthTime.Time
	}
	if k.idClaims = object(c.Extra); k.idClaims == nil {
		k.idClaims = object(c.OldExtra)
	}
	return k, nil
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
