package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"hydra/internal/oauth"
)

// JSONOptions says what a body may be, and what to do with members that the
// destination does not have.
type JSONOptions struct {
	// Optional lets an empty body pass, which leaves the destination as it is.
	Optional bool
	// RefuseUnknown refuses them, at every depth.
	RefuseUnknown bool
	// Known names members of the outermost object that are dropped all the
	// same: other generations of the API know them.
	Known []string
}

// DecodeJSON reads one JSON value from the body into dst, a pointer. The
// content type is not looked at; names match without regard to case. Refused
// as invalid_request are: an empty body, bad syntax, a wrong type, anything
// after the value but white space, a name that stands twice in one object,
// more than 64 levels, numbers beyond a float64, text that is not UTF-8,
// escapes of NUL and of half a surrogate pair. A body above 1 MiB is
// request_too_large.
func DecodeJSON(w http.ResponseWriter, r *http.Request, dst any, o JSONOptions) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	return decodeJSON(body, dst, o)
}

func decodeJSON(body []byte, dst any, o JSONOptions) error {
	if len(bytes.TrimLeft(body, " \t\r\n")) == 0 {
		if o.Optional {
			return nil
		}
		return oauth.InvalidRequest.Hint("The body is empty; it must be JSON.")
	}
	if !json.Valid(body) {
		return oauth.InvalidRequest.Hint("The body is not valid JSON.")
	}
	target := reflect.TypeOf(dst)
	isStruct := target != nil && target.Kind() == reflect.Pointer && target.Elem().Kind() == reflect.Struct
	members, err := checkJSON(body, isStruct)
	if err != nil {
		return err
	}
	if isStruct && bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return oauth.InvalidRequest.Hint("The body must be a JSON object.")
	}
	if isStruct && o.RefuseUnknown && len(o.Known) > 0 {
		body = without(body, members, o.Known)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if o.RefuseUnknown {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(dst); err != nil {
		return typeError(err)
	}
	return nil
}

// without returns the object without the named members.
func without(body []byte, members []member, names []string) []byte {
	out := []byte{'{'}
	for _, m := range members {
		known := false
		for _, n := range names {
			known = known || strings.EqualFold(m.name, n)
		}
		if known {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, body[m.start:m.end]...)
	}
	return append(out, '}')
}

// typeError says which member is wrong without repeating its value.
func typeError(err error) error {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e // the destination has its own opinion
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(e.Value, " ")
		if e.Field == "" {
			return oauth.InvalidRequest.Hintf("The body must not be of JSON type %s.", kind)
		}
		return oauth.InvalidRequest.Hintf("The member %s must not be of JSON type %s.", safePath(e.Field), kind)
	}
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name, _ := strconv.Unquote(quoted)
		return oauth.InvalidRequest.Hintf("The member %s is unknown.", safeName(name))
	}
	return oauth.InvalidRequest.Hint("A member of the body has a value that is not allowed.").Because(err)
}

// safePath is safeName for names joined by dots.
func safePath(path string) string {
	names := strings.Split(path, ".")
	for i, n := range names {
		names[i] = safeName(n)
	}
	return strings.Join(names, ".")
}
