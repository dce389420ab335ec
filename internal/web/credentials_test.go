package web

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

func basicHeader(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	for _, test := range []struct {
		name   string
		header string
		form   url.Values
		want   oauth.Credentials
		kind   oauth.Kind
	}{
		{"nothing", "", nil, oauth.Credentials{}, ""},
		{"Basic", basicHeader("id:s3cret"), nil, oauth.Credentials{Basic: true, BasicID: "id", BasicSecret: "s3cret"}, ""},
		{"the scheme in other letters", "bASIC " + base64.StdEncoding.EncodeToString([]byte("id:x")), nil, oauth.Credentials{Basic: true, BasicID: "id", BasicSecret: "x"}, ""},
		{"RFC 6749 §2.3.1: both halves are form-urlencoded", basicHeader("a%3Ab+c:p%2Bq%25"), nil, oauth.Credentials{Basic: true, BasicID: "a:b c", BasicSecret: "p+q%"}, ""},
		{"the first colon separates", basicHeader("id:a:b"), nil, oauth.Credentials{Basic: true, BasicID: "id", BasicSecret: "a:b"}, ""},
		{"no secret", basicHeader("id:"), nil, oauth.Credentials{Basic: true, BasicID: "id"}, ""},
		{"Basic and its own client_id", basicHeader("id:x"), url.Values{"client_id": {"id"}}, oauth.Credentials{Basic: true, BasicID: "id", BasicSecret: "x", PostID: "id"}, ""},
		{"Basic and an empty client_secret", basicHeader("id:x"), url.Values{"client_secret": {""}}, oauth.Credentials{Basic: true, BasicID: "id", BasicSecret: "x", HasPostSecret: true}, ""},
		{"post, decoded once", "", url.Values{"client_id": {"a%2Fb"}, "client_secret": {"c+d"}}, oauth.Credentials{PostID: "a%2Fb", PostSecret: "c+d", HasPostSecret: true}, ""},
		{"assertion", "", url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {"j"}}, oauth.Credentials{AssertionType: jwtBearer, Assertion: "j"}, ""},
		{"another scheme", "Bearer abc", url.Values{"client_id": {"id"}}, oauth.Credentials{PostID: "id"}, ""},
		{"another client_id", basicHeader("id:x"), url.Values{"client_id": {"other"}}, oauth.Credentials{}, oauth.InvalidRequest},
		{"Basic and client_secret", basicHeader("id:x"), url.Values{"client_secret": {"x"}}, oauth.Credentials{}, oauth.InvalidRequest},
		{"Basic and assertion", basicHeader("id:x"), url.Values{"client_assertion": {"j"}}, oauth.Credentials{}, oauth.InvalidRequest},
		{"Basic and assertion type", basicHeader("id:x"), url.Values{"client_assertion_type": {"j"}}, oauth.Credentials{}, oauth.InvalidRequest},
		{"client_secret and assertion", "", url.Values{"client_secret": {"x"}, "client_assertion": {"j"}}, oauth.Credentials{}, oauth.InvalidRequest},
		{"no colon", basicHeader("idx"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"no user", basicHeader(":x"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"bad escape in the user", basicHeader("i%zzd:x"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"bad escape in the password", basicHeader("id:%"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"not UTF-8", basicHeader("id:\xff"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"not UTF-8, escaped", basicHeader("%ff:x"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"NUL", basicHeader("id:%00"), nil, oauth.Credentials{}, oauth.InvalidClient},
		{"not base64", "Basic !!!", nil, oauth.Credentials{}, oauth.InvalidClient},
		{"base64 without padding", "Basic aWQ6eA", nil, oauth.Credentials{}, oauth.InvalidClient},
		{"base64 with dangling bits", "Basic aWQ6eB==", nil, oauth.Credentials{}, oauth.InvalidClient},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.RemoteAddr = "192.0.2.1:99"
			r.Header.Set("X-Client-Cert", "spoofed")
			if test.header != "" {
				r.Header.Set("Authorization", test.header)
			}
			got, err := Credentials(r, test.form)
			checkKind(t, err, test.kind)
			if test.kind == "" {
				test.want.Network = "192.0.2.1"
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Credentials() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRepeatedAuthorizationIsRefused(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header["Authorization"] = []string{basicHeader("a:b"), basicHeader("c:d")}
	_, err := Credentials(r, nil)
	checkKind(t, err, oauth.InvalidRequest)
	_, err = Bearer(r)
	checkKind(t, err, oauth.InvalidRequest)
}

// A malformed header answers 401 and repeats nothing of what it held.
func TestMalformedBasicIsNotEchoed(t *testing.T) {
	t.Parallel()
	h := (&Errors{ShareDebug: true}).Handle(OAuthErrors, func(_ http.ResponseWriter, r *http.Request) error {
		_, err := Credentials(r, nil)
		return err
	})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Authorization", basicHeader("topsecret%zz:topsecret"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 401 || strings.Contains(w.Body.String(), "topsecret") || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("answer %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header string
		want   oauth.Secret
	}{
		{"", ""}, {"Bearer abc", "abc"}, {"bearer  abc", "abc"}, {"Bearer", ""}, {"Bearerabc", ""}, {"Basic abc", ""}, {"DPoP abc", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/userinfo?access_token=query", nil)
		r.Header.Set("Authorization", test.header)
		if got, err := Bearer(r); got != test.want || err != nil {
			t.Errorf("Bearer(%q) = %q, %v, want %q", test.header, string(got), err, string(test.want))
		}
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add(basicHeader("id:secret"), "id", "", "")
	f.Add("Basic !!!", "", "secret", "")
	f.Add("basic "+base64.StdEncoding.EncodeToString([]byte("a%00:b")), "", "", "jwt")
	f.Add("", "id", "secret", "")
	f.Fuzz(func(t *testing.T, header, id, secret, assertion string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Authorization"] = []string{header}
		got, err := Credentials(r, url.Values{"client_id": {id}, "client_secret": {secret}, "client_assertion": {assertion}})
		if err != nil {
			if k := oauth.KindOf(err); k != oauth.InvalidRequest && k != oauth.InvalidClient {
				t.Fatalf("Credentials() failed with %s", k)
			}
			return
		}
		if got.Basic && (got.BasicID == "" || !clean(got.BasicID) || !clean(string(got.BasicSecret)) || secret != "" || assertion != "") {
			t.Fatalf("accepted %q with %q, %q", header, secret, assertion)
		}
		if got.Basic {
			// One pair has one header: writing it again must be understood the same.
			again := basicHeader(url.QueryEscape(got.BasicID) + ":" + url.QueryEscape(string(got.BasicSecret)))
			r.Header["Authorization"] = []string{again}
			second, err := Credentials(r, nil)
			if err != nil || second.BasicID != got.BasicID || second.BasicSecret != got.BasicSecret {
				t.Fatalf("second reading: %v", err)
			}
		}
	})
}
