package openapi

import (
	"encoding/json"
	"strings"
	"testing"
)

// The judge finds what is not described, wherever it is.
func TestJudge(t *testing.T) {
	t.Parallel()
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	const redirect = "/admin/oauth2/auth/requests/login/accept"
	for name, test := range map[string]struct {
		got  Answer
		want string // part of the complaint; empty: none
	}{
		"as described":             {Answer{"admin", "PUT", redirect, 200, "application/json", []byte(`{"redirect_to":"x"}`)}, ""},
		"by segment":               {Answer{"admin", "GET", "/oauth2/auth/requests/login/accept", 409, "application/json", []byte(`{"error":"a","error_description":"b","request_id":""}`)}, ""},
		"no body where none is":    {Answer{"admin", "DELETE", "/clients/x", 204, "", nil}, ""},
		"unknown path":             {Answer{"admin", "GET", "/nowhere", 404, "text/plain", []byte("404 page not found\n")}, ""},
		"null where it may be":     {Answer{"admin", "GET", "/clients/x", 200, "application/json", []byte(`{"redirect_uris":null}`)}, ""},
		"members of an open one":   {Answer{"public", "GET", "/userinfo", 200, "application/json", []byte(`{"sub":"a","anything":1}`)}, ""},
		"undescribed path":         {Answer{"admin", "GET", "/nowhere", 200, "application/json", []byte(`{}`)}, "not described"},
		"on the other port":        {Answer{"public", "GET", "/clients", 200, "application/json", []byte(`[]`)}, "not described"},
		"undescribed method":       {Answer{"admin", "POST", redirect, 200, "application/json", []byte(`{"redirect_to":"x"}`)}, "not described"},
		"undescribed status":       {Answer{"admin", "PUT", redirect, 202, "application/json", []byte(`{"redirect_to":"x"}`)}, "status"},
		"other content type":       {Answer{"admin", "PUT", redirect, 200, "text/plain", []byte(`{"redirect_to":"x"}`)}, "text/plain"},
		"no JSON":                  {Answer{"admin", "PUT", redirect, 200, "application/json", []byte(`{`)}, "no JSON"},
		"missing member":           {Answer{"admin", "PUT", redirect, 200, "application/json", []byte(`{}`)}, "body.redirect_to is missing"},
		"other type":               {Answer{"admin", "PUT", redirect, 200, "application/json", []byte(`{"redirect_to":1}`)}, "integer and not string"},
		"null where it may not":    {Answer{"admin", "PUT", redirect, 200, "application/json", []byte(`{"redirect_to":null}`)}, "null and not string"},
		"undescribed member":       {Answer{"admin", "PUT", redirect, 200, "application/json", []byte(`{"redirect_to":"x","y":1}`)}, "body.y is not described"},
		"in a list":                {Answer{"admin", "GET", "/clients", 200, "application/json", []byte(`[{"client_id":"a"},{"client_id":2}]`)}, "body[1].client_id"},
		"no list":                  {Answer{"admin", "GET", "/clients", 200, "application/json", []byte(`{}`)}, "object and not array"},
		"a fraction":               {Answer{"admin", "GET", "/clients/x", 200, "application/json", []byte(`{"client_secret_expires_at":0.5}`)}, "number and not integer"},
		"no time":                  {Answer{"admin", "GET", "/clients/x", 200, "application/json", []byte(`{"created_at":"today"}`)}, "RFC 3339"},
		"no duration":              {Answer{"admin", "GET", "/clients/x", 200, "application/json", []byte(`{"refresh_token_grant_id_token_lifespan":"soon"}`)}, "does not match"},
		"a body where none is":     {Answer{"public", "POST", "/oauth2/revoke", 200, "application/json", []byte(`{}`)}, "with a body"},
		"error of another form":    {Answer{"admin", "GET", "/admin/clients/x", 404, "application/json", []byte(`{"error":"a","error_description":"b","request_id":""}`)}, "request_id is not described"},
		"page of another type":     {Answer{"public", "GET", "/oauth2/fallbacks/logout", 200, "application/json", []byte(`{}`)}, "described is text/html"},
		"a member deep in another": {Answer{"admin", "GET", "/oauth2/auth/sessions/consent/u", 200, "application/json", []byte(`[{"consent_request_id":"a","grant_scope":[],"grant_access_token_audience":[],"session":{"id_token":1},"remember":false,"remember_for":0,"handled_at":"","consent_request":{}}]`)}, "body[0].consent_request"},
	} {
		err := a.Judge(test.got)
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// Examples are what they are examples of.
func TestExamplesFit(t *testing.T) {
	t.Parallel()
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	with := 0
	for _, s := range a.Schemas {
		if s.Example == nil {
			continue
		}
		with++
		data, err := json.Marshal(s.Example)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(string(data)))
		d.UseNumber()
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if problem := a.fits(value, a.jsonSchema(s.Name), s.Name); problem != "" {
			t.Errorf("the example of %s: %s", s.Name, problem)
		}
	}
	if with < 25 {
		t.Errorf("only %d schemas have an example", with)
	}
}

// Each operation has an id of its own, which generators turn into a name.
func TestOperationIDs(t *testing.T) {
	t.Parallel()
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	data, err := a.Document(Options{Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			if other := seen[op.OperationID]; other != "" {
				t.Errorf("%s %s and %s have the id %s", method, path, other, op.OperationID)
			}
			seen[op.OperationID] = method + " " + path
			inPath := 0
			for _, p := range op.Parameters {
				if p.In == "path" && strings.Contains(path, "{"+p.Name+"}") {
					inPath++
				}
			}
			if inPath != strings.Count(path, "{") {
				t.Errorf("%s %s does not describe the parameters of its path", method, path)
			}
		}
	}
}
