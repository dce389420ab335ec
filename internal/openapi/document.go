package openapi

import (
	"encoding/json"
	"strings"
)

// Options are what a server adds to the description.
type Options struct {
	Version             string
	PublicURL, AdminURL string
	// Scope says which scope an operation of the admin port needs, by its
	// pattern without /admin.
	Scope func(pattern string) string
}

type object = map[string]any

// Document returns the description as an OpenAPI 3.1 document in JSON.
func (a *API) Document(o Options) ([]byte, error) {
	paths, schemas, tags := object{}, object{}, []object{}
	for _, t := range a.Tags {
		tags = append(tags, object{"name": t.Name, "description": t.Text})
	}
	for _, s := range a.Schemas {
		schemas[s.Name] = a.object(s)
	}
	for _, op := range a.Operations {
		for _, r := range op.Routes {
			path, _ := paths[r.Path].(object)
			if path == nil {
				path = object{}
				paths[r.Path] = path
			}
			method := strings.ToLower(r.Method)
			if there, ok := path[method].(object); ok { // on both ports
				there["servers"] = append(there["servers"].([]object), servers(r.Port, o)...) //nolint:forcetypeassert // see operation
				continue
			}
			path[method] = a.operation(op, r, o)
		}
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Hydra", "version": o.Version,
			"description": "An OAuth 2.0 and OpenID Connect server. The public port speaks with browsers and clients, the admin port with the operator and the login and consent app. " +
				"Admin operations have the paths of three generations of ORY Hydra, and answer in the form of the one that was called: rc (segments), v1 (query parameters) and v2 (below /admin).",
		},
		"servers": servers("public", o), "tags": tags, "paths": paths,
		"components": object{
			"schemas": schemas,
			"securitySchemes": object{
				"adminToken":       object{"type": "http", "scheme": "bearer", "description": "A token of serve.admin.auth.tokens. Not needed while the admin API asks nobody."},
				"adminCertificate": object{"type": "mutualTLS", "description": "A client certificate of serve.admin.auth.client_ca."},
				"accessToken":      object{"type": "http", "scheme": "bearer", "description": "An access token of a user."},
				"client":           object{"type": "http", "scheme": "basic", "description": "client_id and client_secret, each percent-encoded (RFC 6749 §2.3.1). Other methods are in the form."},
			},
		},
	}, "", "  ")
}

func servers(port string, o Options) []object {
	if port == "admin" {
		return []object{{"url": orSlash(o.AdminURL), "description": "admin port"}}
	}
	return []object{{"url": orSlash(o.PublicURL), "description": "public port"}}
}

func orSlash(url string) string {
	if url == "" {
		return "/"
	}
	return url
}

func (a *API) operation(op *Operation, r Route, o Options) object {
	id, text := op.ID, op.Text
	if len(op.Routes) > 1 {
		id = op.ID + strings.ToUpper(r.Generation)
		if n := op.position(r); n > 0 {
			id += string(rune('A' + n))
		}
	}
	out := object{"operationId": id, "summary": op.Summary, "tags": []string{op.Tag}, "servers": servers(r.Port, o)}
	switch {
	case op.Free:
	case r.Port == "admin":
		out["security"] = []object{{}, {"adminToken": []string{}}, {"adminCertificate": []string{}}}
		if o.Scope != nil {
			scope := o.Scope(r.Method + " " + strings.TrimPrefix(r.Path, "/admin"))
			out["x-hydra-scope"] = scope
			text = strings.TrimSpace(text + " Scope, where the admin API asks who calls: " + scope + ".")
		}
	case op.Errors == "OAuthError":
		out["security"] = []object{{"client": []string{}}, {}}
	case op.ID == "getUserinfo":
		out["security"] = []object{{"accessToken": []string{}}}
	}
	if text != "" {
		out["description"] = text
	}
	var parameters []object
	for _, p := range op.ParametersOf(r) {
		schema := a.nullable(p)
		parameters = append(parameters, object{"name": p.Name, "in": p.In, "required": p.Required, "description": p.Text, "schema": schema})
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if op.Body != "" {
		out["requestBody"] = object{"required": !op.Bodiless, "content": object{"application/json": a.media(op.Body)}}
	}
	if op.Form != nil {
		form := object{"application/x-www-form-urlencoded": object{"schema": a.object(&Schema{Members: op.Form})}}
		out["requestBody"] = object{"required": true, "content": form}
	}
	responses := object{}
	for _, response := range op.Responses {
		item := object{"description": response.Text}
		switch {
		case response.Type != "":
			item["content"] = object{"application/json": a.media(response.Type)}
		case response.Media != "":
			item["content"] = object{response.Media: object{"schema": object{"type": "string"}}}
		}
		responses[response.Status] = item
	}
	if errors := op.ErrorsOf(r); errors != "" {
		responses["default"] = object{"description": "An error. What is refused before the path counts, such as a foreign page, has the form Error in any case.", "content": object{"application/json": a.media(errors)}}
	}
	out["responses"] = responses
	return out
}

// position counts the routes of the same generation and port before r.
func (o *Operation) position(r Route) (n int) {
	for _, other := range o.Routes {
		if other == r {
			return n
		}
		if other.Generation == r.Generation && other.Port == r.Port || r.Generation == "" {
			n++
		}
	}
	return n
}

// ParametersOf are the parameters that a route has: by segment those of its
// path, and few others.
func (o *Operation) ParametersOf(r Route) (out []Member) {
	for _, p := range o.Parameters {
		inPath := strings.Contains(r.Path, "{"+p.Name+"}")
		if p.In == "path" && !inPath || p.In == "query" && r.Generation == "rc" && !o.onlyBySegment[p.Name] {
			continue
		}
		out = append(out, p)
	}
	if strings.Contains(r.Path, "{challenge}") {
		out = append(out, Member{Name: "challenge", In: "path", Type: "string", Text: "The challenge from the URL of the page.", Required: true})
	}
	if strings.Contains(r.Path, "{client}") {
		out = append(out, Member{Name: "client", In: "path", Type: "string", Text: "The client.", Required: true})
	}
	return out
}

// ErrorsOf is the schema of a route's errors, empty if there is none.
func (o *Operation) ErrorsOf(r Route) string {
	for _, response := range o.Responses {
		if response.Status == "default" {
			return ""
		}
	}
	switch {
	case o.Errors == "none":
		return ""
	case o.Errors != "":
		return o.Errors
	case r.Generation == "v2" && !o.Free:
		return "BriefError"
	}
	return "Error"
}

// media is a body with its example.
func (a *API) media(name string) object {
	out := object{"schema": a.jsonSchema(name)}
	if example := a.example(name); example != nil {
		out["example"] = example
	}
	return out
}

func (a *API) example(name string) any {
	name, list := strings.CutSuffix(name, "[]")
	s := a.byName[name]
	if s == nil || s.Example == nil {
		return nil
	}
	if list {
		return []any{s.Example}
	}
	return s.Example
}

// object is the JSON schema of an object.
func (a *API) object(s *Schema) object {
	properties, required := object{}, []string{}
	for _, m := range s.Members {
		property := a.nullable(m)
		property["description"] = m.Text
		properties[m.Name] = property
		if m.Required {
			required = append(required, m.Name)
		}
	}
	out := object{"type": "object", "properties": properties}
	if s.Text != "" {
		out["description"] = s.Text
	}
	if len(required) > 0 {
		out["required"] = required
	}
	if s.Example != nil {
		out["example"] = s.Example
	}
	return out
}

// nullable is the JSON schema of a member's type.
func (a *API) nullable(m Member) object {
	schema := a.jsonSchema(m.Type)
	if !m.Nullable {
		return schema
	}
	if t, ok := schema["type"].(string); ok {
		schema["type"] = []string{t, "null"}
	}
	if schema["$ref"] != nil {
		return object{"anyOf": []object{schema, {"type": "null"}}}
	}
	return schema
}

// jsonSchema is the JSON schema of a type by its name, nil if there is none.
func (a *API) jsonSchema(name string) object {
	if item, ok := strings.CutSuffix(name, "[]"); ok {
		if items := a.jsonSchema(item); items != nil {
			return object{"type": "array", "items": items}
		}
		return nil
	}
	switch name {
	case "string":
		return object{"type": "string"}
	case "duration":
		return object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
	case "time":
		return object{"type": "string", "format": "date-time"}
	case "bool":
		return object{"type": "boolean"}
	case "int":
		return object{"type": "integer", "format": "int64"}
	case "object":
		return object{"type": "object", "additionalProperties": true}
	case "any":
		return object{}
	}
	if a.byName[name] != nil {
		return object{"$ref": "#/components/schemas/" + name}
	}
	return nil
}
