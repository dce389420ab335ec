package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Answer is what a port answered.
type Answer struct {
	Port, Method string
	Path         string // escaped, without the query
	Status       int
	ContentType  string
	Body         []byte
}

// Judge says what in an answer the description does not know: a path, a
// method, a status, a content type, a member or a type. It is for tests.
func (a *API) Judge(got Answer) error {
	if byServer(got) {
		return nil
	}
	op, route := a.find(got)
	if op == nil {
		return undescribed(got, a.hasPath(got))
	}
	where := fmt.Sprintf("%s %s on the %s port answers %d", route.Method, route.Path, route.Port, got.Status)
	var found *Response
	for i, r := range op.Responses {
		if r.Status == strconv.Itoa(got.Status) || r.Status == "default" && found == nil {
			found = &op.Responses[i]
		}
	}
	if found == nil && got.Status >= http.StatusBadRequest {
		errors := op.ErrorsOf(route)
		switch {
		case got.Status == http.StatusMethodNotAllowed:
			return nil
		case errors == "":
			errors = "Error"
		}
		found = &Response{Type: errors}
	}
	if found == nil {
		return fmt.Errorf("%s, which is not described: add the status to responses of %s in internal/openapi/parts", where, op.ID)
	}
	media, _, _ := strings.Cut(got.ContentType, ";")
	switch {
	case got.Method == http.MethodHead:
		return nil
	case found.Media != "":
		if media != found.Media {
			return fmt.Errorf("%s with %q, described is %s", where, got.ContentType, found.Media)
		}
		return nil
	case found.Type == "":
		if len(got.Body) != 0 && got.Status >= 200 && got.Status < 300 {
			return fmt.Errorf("%s with a body, which is not described: %.200s", where, got.Body)
		}
		return nil
	case media == "application/jwt" && op.ID == "getUserinfo":
		return nil
	case media != "application/json":
		return fmt.Errorf("%s with %q, described is JSON", where, got.ContentType)
	}
	d := json.NewDecoder(bytes.NewReader(got.Body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return fmt.Errorf("%s with what is no JSON: %w", where, err)
	}
	problem := a.fits(value, a.jsonSchema(found.Type), "body")
	if problem != "" && refusedEarly(got.Status) && a.fits(value, a.jsonSchema("Error"), "body") == "" {
		return nil
	}
	if problem != "" {
		return fmt.Errorf("%s, but %s (%s, internal/openapi/parts)", where, problem, found.Type)
	}
	return nil
}

// byServer recognises what net/http answers itself to requests that no handler
// sees.
func byServer(got Answer) bool {
	return got.Status == http.StatusRequestHeaderFieldsTooLarge ||
		got.Status == http.StatusBadRequest && (got.ContentType == "" || bytes.HasPrefix(got.Body, []byte("400 Bad Request")))
}

// refusedEarly are the statuses of what is refused before the path counts,
// always with the schema Error: foreign pages, plain HTTP, panics.
func refusedEarly(status int) bool {
	return status == http.StatusForbidden || status == http.StatusInternalServerError || status == http.StatusBadGateway
}

// undescribed judges an answer for what has no description: only the answers
// that every path can have are in order.
func undescribed(got Answer, pathKnown bool) error {
	switch got.Status {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, // to the right spelling
		http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnauthorized, http.StatusForbidden, http.StatusBadGateway, http.StatusBadRequest:
		return nil
	}
	if got.Method == http.MethodOptions || got.Method == http.MethodHead && pathKnown {
		return nil
	}
	return fmt.Errorf("%s %s on the %s port answers %d and is not described: add it to internal/openapi/parts", got.Method, got.Path, got.Port, got.Status)
}

// find returns the operation of a request: a literal segment goes before a
// parameter.
func (a *API) find(got Answer) (*Operation, Route) {
	var best *Operation
	var route Route
	literal := -1
	for _, op := range a.Operations {
		for _, r := range op.Routes {
			if r.Port != got.Port || r.Method != got.Method {
				continue
			}
			if n, ok := matches(r.Path, got.Path); ok && n > literal {
				best, route, literal = op, r, n
			}
		}
	}
	return best, route
}

func (a *API) hasPath(got Answer) bool {
	for _, op := range a.Operations {
		for _, r := range op.Routes {
			if _, ok := matches(r.Path, got.Path); ok && r.Port == got.Port {
				return true
			}
		}
	}
	return false
}

// matches compares a path with a pattern and counts the literal segments.
func matches(pattern, path string) (literal int, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return 0, false
	}
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], "{"):
			if have[i] == "" {
				return 0, false
			}
		case want[i] == have[i]:
			literal++
		default:
			return 0, false
		}
	}
	return literal, true
}

// fits says what in a value is not as the schema wants it, "" if nothing. An
// object has no members but those described, unless it is open.
func (a *API) fits(value any, schema object, at string) string {
	if either, ok := schema["anyOf"].([]object); ok { // a schema, or null
		if value == nil {
			return ""
		}
		schema = either[0]
	}
	open := false
	if ref, ok := schema["$ref"].(string); ok {
		s := a.byName[strings.TrimPrefix(ref, "#/components/schemas/")]
		schema, open = a.object(s), s.Open
	}
	types, _ := schema["type"].([]string)
	if one, ok := schema["type"].(string); ok {
		types = []string{one}
	}
	if len(types) == 0 {
		return ""
	}
	kind := kindOf(value)
	if !slices.Contains(types, kind) {
		return fmt.Sprintf("%s is %s and not %s", at, kind, strings.Join(types, " or "))
	}
	switch v := value.(type) {
	case string:
		return fitsText(v, schema, at)
	case []any:
		items, _ := schema["items"].(object)
		for i, item := range v {
			if problem := a.fits(item, items, fmt.Sprintf("%s[%d]", at, i)); problem != "" {
				return problem
			}
		}
	case object:
		return a.fitsObject(v, schema, open || schema["additionalProperties"] == true, at)
	}
	return ""
}

func (a *API) fitsObject(v, schema object, open bool, at string) string {
	required, _ := schema["required"].([]string)
	for _, name := range required {
		if _, ok := v[name]; !ok {
			return at + "." + name + " is missing"
		}
	}
	properties, _ := schema["properties"].(object)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		property, ok := properties[name].(object)
		if !ok && !open {
			return at + "." + name + " is not described"
		}
		if ok {
			if problem := a.fits(v[name], property, at+"."+name); problem != "" {
				return problem
			}
		}
	}
	return ""
}

func fitsText(s string, schema object, at string) string {
	if schema["format"] == "date-time" {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return at + " is no time of RFC 3339"
		}
	}
	if pattern, ok := schema["pattern"].(string); ok {
		if fit, err := regexp.MatchString(pattern, s); err != nil || !fit {
			return at + " does not match " + pattern
		}
	}
	return ""
}

func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case json.Number:
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && !strings.ContainsAny(v.String(), ".eE") {
			return "integer"
		}
		return "number"
	}
	return "object"
}
