package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A page of another site cannot use an operator's browser to change anything
// on the admin port; programs and allowed origins can.
func TestSameSite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		cors    CORS
		method  string
		headers map[string]string
		want    int
	}{
		{"a program", CORS{}, "POST", nil, 204},
		{"a page of another site", CORS{}, "POST", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403},
		{"a page in an old browser", CORS{}, "DELETE", map[string]string{"Origin": "https://evil.example"}, 403},
		{"a sandboxed page", CORS{}, "PUT", map[string]string{"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403},
		{"a page that only reads", CORS{}, "GET", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 204},
		{"the server's own page", CORS{}, "POST", map[string]string{"Origin": "http://admin.example", "Sec-Fetch-Site": "same-origin"}, 204},
		{"an allowed origin", CORS{Enabled: true, Origins: []string{"https://ops.example"}}, "POST", map[string]string{"Origin": "https://ops.example", "Sec-Fetch-Site": "cross-site"}, 204},
		{"any origin", CORS{Enabled: true, AllWhenEmpty: true}, "POST", map[string]string{"Origin": "https://ops.example", "Sec-Fetch-Site": "cross-site"}, 204},
		{"another than the allowed origin", CORS{Enabled: true, Origins: []string{"https://ops.example"}}, "POST", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403},
		{"an origin that was allowed before CORS was switched off", CORS{Origins: []string{"https://ops.example"}}, "POST", map[string]string{"Origin": "https://ops.example", "Sec-Fetch-Site": "cross-site"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := test.cors.SameSite(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), &Errors{})
			r := httptest.NewRequest(test.method, "http://admin.example/clients", nil)
			for name, value := range test.headers {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
		})
	}
}
