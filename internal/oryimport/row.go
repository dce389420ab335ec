package oryimport

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// row is one row by the names of its columns, with values as drivers give them.
type row map[string]any

// text is empty for NULL and for a column that is not there.
func (r row) text(name string) string {
	switch v := r[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// id is a UUID in its usual form; some drivers give its 16 bytes.
func (r row) id(name string) string {
	b, ok := r[name].([16]byte)
	if raw, is := r[name].([]byte); is && len(raw) == 16 {
		b, ok = [16]byte(raw), true
	}
	if !ok {
		return r.text(name)
	}
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// flag reads a boolean, which engines keep as such, as a number or as text.
func (r row) flag(name string) bool {
	switch v := r[name].(type) {
	case bool:
		return v
	case int64:
		return v != 0
	}
	b, err := strconv.ParseBool(r.text(name))
	return err == nil && b
}

func (r row) number(name string) int64 {
	if v, ok := r[name].(int64); ok {
		return v
	}
	n, err := strconv.ParseInt(r.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// timeForms are the ways in which engines write times as text, always in UTC
// unless a zone stands behind it.
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 -0700 MST",
}

// time is zero for NULL, and for what is no time.
func (r row) time(name string) time.Time {
	if t, ok := r[name].(time.Time); ok {
		return settled(t)
	}
	text := r.text(name)
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return settled(t)
		}
	}
	return time.Time{}
}

// settled takes the times before 1971, which stand for none, for none.
func settled(t time.Time) time.Time {
	if t.Year() < 1971 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// list reads a list of texts: a JSON array since v2.0, before that with bars
// between them.
func (r row) list(name string) []string {
	text := r.text(name)
	if strings.HasPrefix(text, "[") {
		var l []string
		if json.Unmarshal([]byte(text), &l) == nil {
			return without(l)
		}
	}
	if text == "null" {
		return nil
	}
	return without(strings.Split(text, "|"))
}

// without leaves out empty texts.
func without(list []string) (out []string) {
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// object returns a JSON object, or nil when there is none or it is empty.
func (r row) object(name string) json.RawMessage { return object([]byte(r.text(name))) }

func object(raw []byte) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || len(members) == 0 {
		return nil
	}
	return raw
}

// span is a lifespan in nanoseconds; nil leaves the server's.
func (r row) span(name string) *time.Duration {
	if r[name] == nil {
		return nil
	}
	d := time.Duration(r.number(name))
	if d <= 0 {
		return nil
	}
	return &d
}

// identifier makes an id of ours from a UUID, the same each time.
func identifier(text string) (oauth.ID, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != len(oauth.ID{}) {
		return oauth.ID{}, false
	}
	return oauth.ID(b), true
}
