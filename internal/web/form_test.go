package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

const urlencoded = "application/x-www-form-urlencoded"

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/oauth2/token?grant_type=query&a=1", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestForm(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("p=&", maxParameters)
	for i := range maxParameters {
		many = strings.Replace(many, "p=&", fmt.Sprintf("p%d=&", i), 1)
	}
	many = strings.TrimSuffix(many, "&")
	for _, test := range []struct {
		name        string
		contentType string
		body        string
		want        url.Values
		kind        oauth.Kind
	}{
		{"RFC 6749 §3.2: the query does not count", urlencoded, "grant_type=x", url.Values{"grant_type": {"x"}}, ""},
		{"charset and letter case of the type", "Application/X-WWW-Form-URLEncoded; charset=UTF-8", "a=%C3%BC+b", url.Values{"a": {"ü b"}}, ""},
		{"no body at all", "", "", url.Values{}, ""},
		{"empty body", urlencoded, "", url.Values{}, ""},
		{"value left out", urlencoded, "a&b=", url.Values{"a": {""}, "b": {""}}, ""},
		{"empty pairs", urlencoded, "&&a=1&", url.Values{"a": {"1"}}, ""},
		{"repeatable", urlencoded, "audience=a&audience=b&resource=c", url.Values{"audience": {"a", "b"}, "resource": {"c"}}, ""},
		{"a parameter stands twice", urlencoded, "scope=a&scope=b", nil, oauth.InvalidRequest},
		{"twice by another spelling", urlencoded, "scope=a&sc%6fpe=b", nil, oauth.InvalidRequest},
		{"once empty", urlencoded, "scope=&scope=b", nil, oauth.InvalidRequest},
		{"JSON", "application/json", `{"grant_type":"x"}`, nil, oauth.InvalidRequest},
		{"multipart", "multipart/form-data; boundary=x", "--x--", nil, oauth.InvalidRequest},
		{"type missing", "", "a=1", nil, oauth.InvalidRequest},
		{"type malformed", "application/", "a=1", nil, oauth.InvalidRequest},
		{"bad escape", urlencoded, "a=%zz", nil, oauth.InvalidRequest},
		{"NUL", urlencoded, "a=%00", nil, oauth.InvalidRequest},
		{"not UTF-8", urlencoded, "a=%ff", nil, oauth.InvalidRequest},
		{"overlong UTF-8", urlencoded, "a=%c0%af", nil, oauth.InvalidRequest},
		{"surrogate as UTF-8", urlencoded, "a=%ed%a0%80", nil, oauth.InvalidRequest},
		{"name not UTF-8", urlencoded, "%ff=a", nil, oauth.InvalidRequest},
		{"semicolon is data", urlencoded, "a=1;b=2", url.Values{"a": {"1;b=2"}}, ""},
		{"too many parameters", urlencoded, many + "&q=1", nil, oauth.InvalidRequest},
		{"long value", urlencoded, "a=" + strings.Repeat("x", maxValue+1), nil, oauth.InvalidRequest},
		{"long name", urlencoded, strings.Repeat("x", maxName+1) + "=1", nil, oauth.InvalidRequest},
		{"body above 1 MiB", urlencoded, strings.Repeat("a&", 1<<19) + "a", nil, oauth.TooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Form(httptest.NewRecorder(), post(test.contentType, test.body), "audience", "resource")
			checkKind(t, err, test.kind)
			if diff := cmp.Diff(test.want, got); test.kind == "" && diff != "" {
				t.Errorf("Form() (-want +got):\n%s", diff)
			}
		})
	}
	if got, err := Form(httptest.NewRecorder(), post(urlencoded, many)); err != nil || len(got) != maxParameters {
		t.Errorf("Form() with %d parameters = %d, %v", maxParameters, len(got), err)
	}
}

func checkKind(t *testing.T, err error, want oauth.Kind) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("error %v, want none", err)
	case want != "" && !errors.Is(err, want):
		t.Errorf("error %v, want %s", err, want)
	}
}

// A chunked body has no length to look at.
func TestFormBoundsChunkedBodies(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", endless{})
	r.ContentLength = -1
	r.Header.Set("Content-Type", urlencoded)
	_, err := Form(httptest.NewRecorder(), r)
	checkKind(t, err, oauth.TooLarge)
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

func TestFormThatBreaksOff(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("a=1"), broken{}))
	r.Header.Set("Content-Type", urlencoded)
	_, err := Form(httptest.NewRecorder(), r)
	checkKind(t, err, oauth.InvalidRequest)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// Hints must not repeat input, or an error page becomes a billboard.
func TestHintsDoNotEcho(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"%3Cscript%3E=1&%3Cscript%3E=2",
		"visit+evil.example=1&visit+evil.example=2",
		"a=%zzevil",
		strings.Repeat("e", 300) + "=1",
	} {
		_, err := Form(httptest.NewRecorder(), post(urlencoded, body))
		_, _, hint, _ := Describe(err)
		for _, bad := range []string{"script", "evil", "eeee", "%"} {
			if err == nil || strings.Contains(hint, bad) {
				t.Errorf("body %.40q: hint %q", body, hint)
			}
		}
	}
}

func TestFormOrMultipart(t *testing.T) {
	t.Parallel()
	build := func(f func(*multipart.Writer)) *http.Request {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		f(w)
		_ = w.Close()
		r := httptest.NewRequest(http.MethodPost, "/", &b)
		r.Header.Set("Content-Type", w.FormDataContentType())
		return r
	}
	for _, test := range []struct {
		name string
		r    *http.Request
		want url.Values
		kind oauth.Kind
	}{
		{"fields", build(func(w *multipart.Writer) {
			_ = w.WriteField("token", "a+b")
			_ = w.WriteField("scope", "c d")
		}), url.Values{"token": {"a+b"}, "scope": {"c d"}}, ""},
		{"urlencoded still works", post(urlencoded, "token=a%2Bb"), url.Values{"token": {"a+b"}}, ""},
		{"a file", build(func(w *multipart.Writer) {
			f, _ := w.CreateFormFile("token", "t.txt")
			_, _ = f.Write([]byte("x"))
		}), nil, oauth.InvalidRequest},
		{"a field stands twice", build(func(w *multipart.Writer) {
			_ = w.WriteField("token", "a")
			_ = w.WriteField("token", "b")
		}), nil, oauth.InvalidRequest},
		{"NUL", build(func(w *multipart.Writer) { _ = w.WriteField("token", "a\x00") }), nil, oauth.InvalidRequest},
		{"long value", build(func(w *multipart.Writer) { _ = w.WriteField("token", strings.Repeat("x", maxValue+1)) }), nil, oauth.InvalidRequest},
		{"too many", build(func(w *multipart.Writer) {
			for i := range maxParameters + 1 {
				_ = w.WriteField(fmt.Sprint(i), "")
			}
		}), nil, oauth.InvalidRequest},
		{"too large", build(func(w *multipart.Writer) {
			for i := range 20 {
				_ = w.WriteField(fmt.Sprint(i), strings.Repeat("x", maxValue/2))
			}
		}), nil, oauth.TooLarge},
		{"no boundary", post("multipart/form-data", "x"), nil, oauth.InvalidRequest},
		{"cut off", post("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb"), nil, oauth.InvalidRequest},
		{"JSON", post("application/json", "{}"), nil, oauth.InvalidRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := FormOrMultipart(httptest.NewRecorder(), test.r)
			checkKind(t, err, test.kind)
			if diff := cmp.Diff(test.want, got); test.kind == "" && diff != "" {
				t.Errorf("FormOrMultipart() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query string
		want  url.Values
		kind  oauth.Kind
	}{
		{"", url.Values{}, ""},
		{"client_id=a%2Fb&scope=x+y", url.Values{"client_id": {"a/b"}, "scope": {"x y"}}, ""},
		{"redirect_uri=a&redirect_uri=b", nil, oauth.InvalidRequest},
		{"audience=a&audience=b", url.Values{"audience": {"a", "b"}}, ""},
		{"state=%00", nil, oauth.InvalidRequest},
		{"state=%e2%80%ae", url.Values{"state": {"\u202e"}}, ""}, // kept byte for byte
		{"state=%", nil, oauth.InvalidRequest},
	} {
		r := httptest.NewRequest(http.MethodGet, "/oauth2/auth", nil)
		r.URL.RawQuery = test.query
		got, err := Query(r, "audience", "resource")
		checkKind(t, err, test.kind)
		if diff := cmp.Diff(test.want, got); test.kind == "" && diff != "" {
			t.Errorf("Query(%q) (-want +got):\n%s", test.query, diff)
		}
	}
}

// What is accepted is what it says, and writing it down again gives the same.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2", "a=%C3%BC", "a=%00", "a=1&a=2", "audience=1&audience=2", "a=%zz", "=x", "&&&", "a;b=1", "%61=1&a=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := Form(httptest.NewRecorder(), post(urlencoded, body), "audience")
		if err != nil {
			if k := oauth.KindOf(err); k != oauth.InvalidRequest && k != oauth.TooLarge {
				t.Fatalf("Form() failed with %s", k)
			}
			return
		}
		checkParameters(t, got)
		again, err := Form(httptest.NewRecorder(), post(urlencoded, got.Encode()), "audience")
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Fatalf("second reading: %v\n%s", err, diff)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "client_id=a&state=%7B%7D", "state=%ff", "a=1&a=1", "x=" + strings.Repeat("%41", 50)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := Query(&http.Request{URL: &url.URL{RawQuery: query}}, "audience")
		if err == nil {
			checkParameters(t, got)
		}
	})
}

func checkParameters(t *testing.T, form url.Values) {
	t.Helper()
	for name, values := range form {
		if len(values) != 1 && name != "audience" {
			t.Fatalf("%q stands %d times", name, len(values))
		}
		for _, v := range append(values, name) {
			if !utf8.ValidString(v) || strings.Contains(v, "\x00") {
				t.Fatalf("%q was accepted", v)
			}
		}
	}
}
