package key

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

const maxDepth = 32 // of nested JSON in a JWT or a JWK

// ErrJSON says that a text is not the one strict JSON object that it must be.
var ErrJSON = errors.New("key: not a strict JSON object")

// StrictObject reads exactly one JSON object: UTF-8, no member twice at any
// depth (RFC 8725 §2.4: two readers would take different ones), nesting
// bounded, nothing behind it. Member names are compared exactly. ErrJSON.
func StrictObject(payload []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(payload) {
		return nil, fmt.Errorf("%w: bad UTF-8", ErrJSON)
	}
	if err := checkJSON(payload); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%w: not an object", ErrJSON)
	}
	return members, nil
}

// level is an object or array that is being read.
type level struct {
	names  map[string]bool // nil in an array
	inName bool            // the next string is a member's name
}

func checkJSON(payload []byte) error {
	if loneSurrogate(payload) {
		return fmt.Errorf("%w: half a surrogate pair", ErrJSON)
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber() // a number of any size stays text here
	var open []level
	for {
		token, err := dec.Token()
		if err == io.EOF && len(open) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: bad syntax", ErrJSON)
		}
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			top := &open[n-1]
			if top.inName {
				name, _ := token.(string)
				if top.names[name] {
					return fmt.Errorf("%w: a member stands twice", ErrJSON)
				}
				top.names[name], top.inName = true, false
				continue
			}
			top.inName = true
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{names: make(map[string]bool), inName: true})
		case json.Delim('['):
			open = append(open, level{})
		}
		if len(open) > maxDepth {
			return fmt.Errorf("%w: nested too deeply", ErrJSON)
		}
	}
}

// loneSurrogate looks for an escape such as \ud800 that is not half of a pair.
// Go's decoder turns each into U+FFFD, so that different texts become equal.
func loneSurrogate(text []byte) bool {
	high := false // the escape just before this place is the first half
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 >= len(text) {
			if high {
				return true
			}
			i++
			continue
		}
		if text[i+1] != 'u' || i+6 > len(text) {
			if high {
				return true
			}
			i += 2
			continue
		}
		r, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 32)
		if err != nil {
			return false // bad syntax, which the decoder reports
		}
		isHigh, isLow := r >= 0xd800 && r < 0xdc00, r >= 0xdc00 && r < 0xe000
		if isLow != high {
			return true
		}
		high = isHigh
		i += 6
	}
	return high
}

// String reads a member that must be a JSON string. ErrJSON.
func String(raw json.RawMessage) (string, error) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("%w: a string was expected", ErrJSON)
	}
	return *s, nil
}

// NumericDate reads a NumericDate (RFC 7519 §2): a JSON number of seconds
// since 1970, between 0 and the year 9999, fractions cut to microseconds.
// Strings, negative and huge numbers are refused. ErrJSON.
func NumericDate(raw json.RawMessage) (time.Time, error) {
	var n json.Number
	if len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &n) != nil {
		return time.Time{}, fmt.Errorf("%w: a number was expected", ErrJSON)
	}
	if whole, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		if whole < 0 || whole > maxDate {
			return time.Time{}, fmt.Errorf("%w: a date out of range", ErrJSON)
		}
		return time.Unix(whole, 0).UTC(), nil
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || !(f >= 0 && f <= maxDate) { // also false for NaN
		return time.Time{}, fmt.Errorf("%w: a date out of range", ErrJSON)
	}
	return time.UnixMicro(int64(f * 1e6)).UTC(), nil
}

const maxDate = 253402300799 // 9999-12-31T23:59:59Z
