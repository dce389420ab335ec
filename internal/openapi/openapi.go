// Package openapi describes the HTTP API of both ports: the parts below say
// each operation once, with the paths that it has in each generation, and this
// package makes an OpenAPI 3.1 document and a page for people of them. It also
// judges answers by the description, for tests.
package openapi

import (
	"embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed parts/*.yaml
var parts embed.FS

// API is the description.
type API struct {
	Tags       []Tag
	Operations []*Operation
	Schemas    []*Schema
	byName     map[string]*Schema
}

// Tag is a chapter.
type Tag struct{ Name, Text string }

// Operation is one thing that the API does.
type Operation struct {
	ID, Tag, Summary, Text string
	Routes                 []Route
	Parameters             []Member // in the path and the query
	Body                   string   // type of a JSON body, or empty
	Bodiless               bool     // the body may be left out
	Form                   []Member // of a form body
	Responses              []Response
	Errors                 string // schema of errors where it is not that of the generation, or "none"
	Free                   bool   // nobody is asked who they are, ever
	onlyBySegment          map[string]bool
}

// Route is a way to call an operation.
type Route struct {
	Method, Path string
	Port         string // "admin" or "public"
	Generation   string // "rc", "v1", "v2", or empty where there is but one
}

// Response is an answer.
type Response struct {
	Status string // a number, or "default"
	Type   string // of the JSON body, or empty
	Media  string // of a body that is no JSON, or empty
	Text   string
}

// Schema is a JSON object.
type Schema struct {
	Name, Text string
	Open       bool // may have other members
	Members    []Member
	Example    any
}

// Member is a member of an object, or a parameter.
type Member struct {
	Name, In, Type, Text string
	Required, Nullable   bool
}

// part is a file as it is written.
type part struct {
	Tag, Text  string
	Operations []struct {
		ID, Summary, Text    string
		Segment, Query, Both []string
		Plain, Admin, Public []string
		SegmentParameters    []string `yaml:"segment_parameters"`
		Parameters           yaml.MapSlice
		Body                 string
		Form                 yaml.MapSlice
		Responses            yaml.MapSlice
		Errors               string
		Free                 bool
	}
	Schemas yaml.MapSlice
}

// Load reads the parts.
func Load() (*API, error) {
	a := &API{byName: map[string]*Schema{}}
	entries, err := parts.ReadDir("parts")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data, err := parts.ReadFile("parts/" + e.Name())
		if err != nil {
			return nil, err
		}
		if err := a.add(data); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return a, a.check()
}

func (a *API) add(data []byte) error {
	var p part
	if err := yaml.UnmarshalWithOptions(data, &p, yaml.Strict(), yaml.UseOrderedMap()); err != nil {
		return err
	}
	a.Tags = append(a.Tags, Tag{p.Tag, p.Text})
	for _, in := range p.Operations {
		body, bodiless := strings.CutSuffix(in.Body, "?")
		o := &Operation{
			ID: in.ID, Tag: p.Tag, Summary: in.Summary, Text: in.Text, Body: body, Bodiless: bodiless, Errors: in.Errors, Free: in.Free,
			onlyBySegment: map[string]bool{},
		}
		for _, name := range in.SegmentParameters {
			o.onlyBySegment[name] = true
		}
		for _, r := range []struct {
			patterns []string
			route    Route
			prefix   string
		}{
			{in.Segment, Route{Port: "admin", Generation: "rc"}, ""},
			{in.Query, Route{Port: "admin", Generation: "v1"}, ""},
			{in.Both, Route{Port: "admin", Generation: "v1"}, ""},
			{in.Plain, Route{Port: "admin", Generation: "v1"}, ""},
			{in.Query, Route{Port: "admin", Generation: "v2"}, "/admin"},
			{in.Both, Route{Port: "admin", Generation: "v2"}, "/admin"},
			{in.Admin, Route{Port: "admin"}, ""},
			{in.Public, Route{Port: "public"}, ""},
		} {
			for _, pattern := range r.patterns {
				method, path, ok := strings.Cut(pattern, " ")
				if !ok {
					return fmt.Errorf("%s: %q is no route", in.ID, pattern)
				}
				route := r.route
				route.Method, route.Path = method, r.prefix+path
				o.Routes = append(o.Routes, route)
			}
		}
		var err error
		if o.Parameters, err = members(in.Parameters, true); err != nil {
			return fmt.Errorf("%s: %w", in.ID, err)
		}
		if o.Form, err = members(in.Form, false); err != nil {
			return fmt.Errorf("%s: %w", in.ID, err)
		}
		for _, r := range in.Responses {
			o.Responses = append(o.Responses, response(fmt.Sprint(r.Key), fmt.Sprint(r.Value)))
		}
		a.Operations = append(a.Operations, o)
	}
	for _, s := range p.Schemas {
		if err := a.schema(fmt.Sprint(s.Key), s.Value); err != nil {
			return fmt.Errorf("%v: %w", s.Key, err)
		}
	}
	return nil
}

var typed = regexp.MustCompile(`^([A-Z][A-Za-z]*(?:\[\])?|[a-z]+/[a-z]+); (.*)$`)

// response reads "Schema; text", "text/html; text" or "text".
func response(status, value string) Response {
	m := typed.FindStringSubmatch(value)
	switch {
	case m == nil:
		return Response{Status: status, Text: value}
	case strings.Contains(m[1], "/"):
		return Response{Status: status, Media: m[1], Text: m[2]}
	}
	return Response{Status: status, Type: m[1], Text: m[2]}
}

// members reads "type text" for each name; parameters have "in type text". A
// type with ! is always there, one with ? may be null.
func members(in yaml.MapSlice, placed bool) (out []Member, err error) {
	for _, item := range in {
		m := Member{Name: fmt.Sprint(item.Key), Text: fmt.Sprint(item.Value)}
		if placed {
			m.In, m.Text, _ = strings.Cut(m.Text, " ")
		}
		m.Type, m.Text, _ = strings.Cut(m.Text, " ")
		m.Type, m.Required = strings.CutSuffix(m.Type, "!")
		m.Type, m.Nullable = strings.CutSuffix(m.Type, "?")
		if m.Text == "" || placed && m.In != "path" && m.In != "query" {
			return nil, fmt.Errorf("%s has no type or no text", m.Name)
		}
		out = append(out, m)
	}
	return out, nil
}

func (a *API) schema(name string, value any) error {
	s := &Schema{Name: name}
	fields, ok := value.(yaml.MapSlice)
	if !ok {
		return fmt.Errorf("is %T and no object", value)
	}
	for _, f := range fields {
		switch f.Key {
		case "text":
			s.Text = fmt.Sprint(f.Value)
		case "open":
			s.Open, _ = f.Value.(bool)
		case "example":
			s.Example = plain(f.Value)
		case "members":
			list, ok := f.Value.(yaml.MapSlice)
			var err error
			if !ok {
				return fmt.Errorf("has members that are %T", f.Value)
			}
			if s.Members, err = members(list, false); err != nil {
				return err
			}
		default:
			return fmt.Errorf("has the unknown field %v", f.Key)
		}
	}
	if a.byName[name] != nil {
		return fmt.Errorf("is there twice")
	}
	a.byName[name] = s
	a.Schemas = append(a.Schemas, s)
	return nil
}

// plain turns ordered maps into ordinary ones.
func plain(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		out := map[string]any{}
		for _, item := range v {
			out[fmt.Sprint(item.Key)] = plain(item.Value)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, item := range v {
			out[k] = plain(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	}
	return v
}

// check refuses types that do not exist and operations without an answer.
func (a *API) check() error {
	ids, routes := map[string]bool{}, map[string]bool{}
	for _, o := range a.Operations {
		types := []string{o.Body}
		for _, r := range o.Responses {
			types = append(types, r.Type)
		}
		for _, m := range append(append([]Member{}, o.Parameters...), o.Form...) {
			types = append(types, m.Type)
		}
		for _, t := range types {
			if t != "" && a.jsonSchema(t) == nil {
				return fmt.Errorf("%s: there is no type %s", o.ID, t)
			}
		}
		if ids[o.ID] || o.Summary == "" || len(o.Routes) == 0 || len(o.Responses) == 0 {
			return fmt.Errorf("%s is there twice, or has no summary, route or response", o.ID)
		}
		ids[o.ID] = true
		for _, r := range o.Routes {
			key := r.Port + " " + r.Method + " " + r.Path
			if routes[key] {
				return fmt.Errorf("%s is there twice", key)
			}
			routes[key] = true
		}
	}
	for _, s := range a.Schemas {
		for _, m := range s.Members {
			if a.jsonSchema(m.Type) == nil {
				return fmt.Errorf("%s.%s: there is no type %s", s.Name, m.Name, m.Type)
			}
		}
	}
	return nil
}
