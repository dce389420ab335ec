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

// encodeJSON writes v on one line, members of a map in the order of their
// names, and leaves the text of raw members alone.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("token: encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
