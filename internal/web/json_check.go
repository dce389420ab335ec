package web

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"hydra/internal/oauth"
)

// Bounds on a JSON text, beside those of the body.
const (
	maxDepth   = 64     // levels of objects and arrays
	maxMembers = 20_000 // members of all objects
	maxNumber  = 64     // characters of a number
)

// member is a member of the outermost object, by its place in the text.
type member struct {
	name       string
	start, end int // from the name's quotation mark to behind the value
}

// jsonChecker walks over a text that json.Valid has accepted, so it never
// meets a syntax error and reads each byte once.
type jsonChecker struct {
	text    []byte
	at      int
	count   int
	fold    bool // names of the outermost object are compared without regard to case
	members []member
}

// checkJSON refuses what encoding/json lets pass although two readers could
// understand it differently, and returns the members of the outermost object.
func checkJSON(text []byte, fold bool) ([]member, error) {
	if !utf8.Valid(text) {
		return nil, oauth.InvalidRequest.Hint("The body is not valid UTF-8.")
	}
	c := &jsonChecker{text: text, fold: fold}
	if err := c.value(0); err != nil {
		return nil, err
	}
	return c.members, nil
}

func (c *jsonChecker) space() {
	for c.at < len(c.text) && strings.IndexByte(" \t\r\n", c.text[c.at]) >= 0 {
		c.at++
	}
}

// next skips white space and returns the byte there.
func (c *jsonChecker) next() byte {
	c.space()
	return c.text[c.at]
}

func (c *jsonChecker) value(depth int) error {
	if depth > maxDepth {
		return oauth.InvalidRequest.Hintf("The JSON must not be nested more than %d levels deep.", maxDepth)
	}
	switch b := c.next(); {
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.array(depth)
	case b == '"':
		_, err := c.string()
		return err
	case b == '-' || b >= '0' && b <= '9':
		return c.number()
	case b == 'f':
		c.at += len("false")
	default:
		c.at += len("true") // or null
	}
	return nil
}

func (c *jsonChecker) array(depth int) error {
	c.at++
	for c.next() != ']' {
		if err := c.value(depth + 1); err != nil {
			return err
		}
		if c.next() == ',' {
			c.at++
		}
	}
	c.at++
	return nil
}

func (c *jsonChecker) object(depth int) error {
	c.at++
	seen := map[string]struct{}{}
	for c.next() != '}' {
		start := c.at
		name, err := c.string()
		if err != nil {
			return err
		}
		key := name
		if depth == 0 && c.fold {
			key = foldName(name)
		}
		if _, ok := seen[key]; ok {
			return oauth.InvalidRequest.Hintf("The member %s stands twice in one JSON object.", safeName(name))
		}
		seen[key] = struct{}{}
		if c.count++; c.count > maxMembers {
			return oauth.InvalidRequest.Hint("The JSON has too many members.")
		}
		c.space()
		c.at++ // the colon
		if err := c.value(depth + 1); err != nil {
			return err
		}
		if depth == 0 {
			c.members = append(c.members, member{name, start, c.at})
		}
		if c.next() == ',' {
			c.at++
		}
	}
	c.at++
	return nil
}

// string reads a string, its quotation marks included, and returns its value.
func (c *jsonChecker) string() (string, error) {
	start := c.at
	escaped := false
	for c.at++; c.text[c.at] != '"'; c.at++ {
		if c.text[c.at] != '\\' {
			continue
		}
		escaped = true
		c.at++
		if c.text[c.at] != 'u' {
			continue
		}
		if err := c.escape(); err != nil {
			return "", err
		}
	}
	c.at++
	raw := c.text[start:c.at]
	if !escaped {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", oauth.InvalidRequest.Hint("The body is not valid JSON.").Because(err)
	}
	return s, nil
}

// escape stands on the u of \uXXXX and leaves at the last digit of what
// belongs together. A lone surrogate would become U+FFFD silently, and
// PostgreSQL cannot hold NUL.
func (c *jsonChecker) escape() error {
	r := c.hex(c.at + 1)
	c.at += 4
	switch {
	case r == 0:
		return oauth.InvalidRequest.Hint("The JSON has a NUL character.")
	case !utf16.IsSurrogate(r):
		return nil
	}
	if c.at+6 < len(c.text) && c.text[c.at+1] == '\\' && c.text[c.at+2] == 'u' &&
		utf16.DecodeRune(r, c.hex(c.at+3)) != unicode.ReplacementChar {
		c.at += 6
		return nil
	}
	return oauth.InvalidRequest.Hint("The JSON has half of a surrogate pair.")
}

// hex reads the four digits at i; json.Valid has seen that they are digits.
func (c *jsonChecker) hex(i int) rune {
	n, err := strconv.ParseUint(string(c.text[i:i+4]), 16, 16)
	if err != nil {
		return unicode.ReplacementChar
	}
	return rune(n)
}

func (c *jsonChecker) number() error {
	start := c.at
	for c.at < len(c.text) && strings.IndexByte("+-.eE0123456789", c.text[c.at]) >= 0 {
		c.at++
	}
	n, err := strconv.ParseFloat(string(c.text[start:min(c.at, start+maxNumber)]), 64)
	if c.at-start > maxNumber || err != nil || math.IsInf(n, 0) {
		return oauth.InvalidRequest.Hint("A number in the JSON is too large or too long.")
	}
	return nil
}

// foldName maps names that encoding/json takes for the same to one text.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}
