package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/url"
	"slices"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// PagePolicy is the Content-Security-Policy of the page: it runs nothing and
// loads nothing but its own style sheet.
var PagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// chapter is a tag with its operations.
type chapter struct {
	Tag
	Operations []*Operation
}

// Page returns the description as an HTML page.
func (a *API) Page(o Options) ([]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"css":    func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // our own file
		"anchor": anchor,
		"schema": func(name string) *Schema { return a.byName[strings.TrimSuffix(name, "[]")] },
		"errors": func(op *Operation) (out []string) {
			for _, r := range op.Routes {
				if e := op.ErrorsOf(r); e != "" && !slices.Contains(out, e) {
					out = append(out, e)
				}
			}
			return out
		},
		"example": func(name string) (string, error) { return indented(a.example(name)) },
		"scope": func(op *Operation) string {
			r := op.Routes[0]
			if op.Free || r.Port != "admin" || o.Scope == nil {
				return ""
			}
			return o.Scope(r.Method + " " + r.Path)
		},
		"curl": func(op *Operation) (string, error) { return a.curl(op, o) },
	}).Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	var chapters []chapter
	for _, tag := range a.Tags {
		c := chapter{Tag: tag}
		for _, op := range a.Operations {
			if op.Tag == tag.Name {
				c.Operations = append(c.Operations, op)
			}
		}
		chapters = append(chapters, c)
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, "page", struct {
		Options Options
		Tags    []chapter
		Schemas []*Schema
	}{o, chapters, a.Schemas})
	return b.Bytes(), err
}

func anchor(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", ",", "").Replace(name))
}

// indented is JSON for people, empty for nothing.
func indented(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), err
}

// curl is a command line that calls an operation on its newest path.
func (a *API) curl(op *Operation, o Options) (string, error) {
	r := op.Routes[0]
	for _, other := range op.Routes {
		if other.Port == r.Port && other.Method == r.Method && other.Generation == "v2" {
			r = other
		}
	}
	base := o.PublicURL
	if r.Port == "admin" {
		base = o.AdminURL
	}
	address, query := base+r.Path, url.Values{}
	for _, p := range op.ParametersOf(r) {
		switch {
		case p.In == "path":
			address = strings.ReplaceAll(address, "{"+p.Name+"}", "$"+strings.ToUpper(p.Name))
		case p.Required || strings.HasSuffix(p.Name, "_challenge"):
			query.Set(p.Name, strings.ToUpper(p.Name))
		}
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	line := "curl"
	if r.Method != "GET" {
		line += " -X " + r.Method
	}
	if op.Errors == "OAuthError" && r.Port == "public" {
		line += ` -u "$CLIENT_ID:$CLIENT_SECRET"`
	}
	if op.ID == "getUserinfo" {
		line += ` -H "Authorization: Bearer $ACCESS_TOKEN"`
	}
	for _, f := range op.Form {
		if f.Required {
			line += ` -d "` + f.Name + "=$" + strings.ToUpper(f.Name) + `"`
		}
	}
	if op.Body != "" {
		body, err := indented(a.example(op.Body))
		if err != nil {
			return "", err
		}
		line += " -H 'Content-Type: application/json' -d '" + strings.ReplaceAll(body, "'", `'\''`) + "'"
	}
	return line + ` "` + address + `"`, nil
}
