package loadtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// longestWord is how long a part of a path may be to be shown: a secret of 128
// bits takes 22 characters.
const longestWord = 21

// summary is what an error may say of an answer, since errors are printed and
// kept: names of members, and of the values those of RFC 6749 section 5.2.
func (r *response) summary() string {
	s := fmt.Sprintf("status %d", r.status)
	if r.location != "" {
		s += ", Location " + plain(r.location)
	}
	var members map[string]json.RawMessage
	switch {
	case len(r.body) == 0:
	case json.Unmarshal(r.body, &members) != nil:
		s += fmt.Sprintf(", %d bytes that are no JSON object", len(r.body))
	default:
		s += ", members " + strings.Join(slices.Sorted(maps.Keys(members)), ", ")
		var e struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if json.Unmarshal(r.body, &e) == nil && e.Error != "" {
			s += "; " + strings.TrimSuffix(e.Error+": "+e.Description, ": ")
		}
	}
	return fmt.Sprintf("%.600s", s)
}

// plain is a URL without the values of its parameters, those of RFC 6749 section
// 4.1.2.1 excepted, and without what may be a secret in its path.
func plain(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(no URL)"
	}
	path := strings.Split(u.EscapedPath(), "/")
	for i, word := range path {
		if len(word) > longestWord {
			path[i] = "..."
		}
	}
	s := strings.Join(path, "/")
	if u.Host != "" {
		s = u.Scheme + "://" + u.Host + s
	}
	return fmt.Sprintf("%.300s", s+names("?", u.RawQuery)+names("#", u.EscapedFragment()))
}

func names(mark, parameters string) string {
	values, _ := url.ParseQuery(parameters) // what it does not understand it leaves out
	var out []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "error" || name == "error_description" {
			name += "=" + values.Get(name)
		}
		out = append(out, name)
	}
	if out == nil {
		return ""
	}
	return mark + strings.Join(out, "&")
}

// parseURL leaves out what url.Parse repeats of its input.
func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("a redirect to what is no URL")
	}
	return u, nil
}
