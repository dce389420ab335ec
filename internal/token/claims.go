package token

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// claimSet is a JSON object whose members are found by their exact names,
// which decoding into a struct would not do, and keep the bytes they were
// written with: a number keeps its digits.
type claimSet map[string]json.RawMessage

// members takes a JSON object apart. Nothing and null are the empty object.
func members(raw json.RawMessage) (claimSet, error) {
	m := claimSet{}
	if len(raw) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("token: claims are no object: %w", err)
	}
	if m == nil {
		m = claimSet{}
	}
	return m, nil
}

// text, list and number read a member of that type; another type, or none, is
// the zero value, and false.
func (c claimSet) text(name string) (v string, ok bool) {
	ok = json.Unmarshal(c[name], &v) == nil
	return v, ok
}

func (c claimSet) list(name string) (v []string, ok bool) {
	ok = json.Unmarshal(c[name], &v) == nil
	return v, ok
}

func (c claimSet) number(name string) (v int64, ok bool) {
	ok = json.Unmarshal(c[name], &v) == nil
	return v, ok
}

// encodeClaims writes the members in the order of their names.
func encodeClaims(claims map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(claims); err != nil {
		return nil, fmt.Errorf("token: encode claims: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
