package loadtest

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const live = "live-credential-4711"

// Errors are printed and kept in logs of builds, where no credential belongs.
func TestErrorsShowNoCredentials(t *testing.T) {
	t.Parallel()
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	}
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	tokens := says(200, `{"access_token":"`+live+`","refresh_token":{"value":"`+live+`"},"id_token":"`+live+`"}`)
	challenge := strings.Repeat(live, 2)
	rc := hydraRC()
	for what, tt := range map[string]struct {
		answer http.HandlerFunc
		op     func(*worker) error
		want   string
	}{
		"a token that stays":     {says(200, `{"access_token":"`+live+`","refresh_token":"`+live+`"}`), (*worker).rotate, "access_token, refresh_token"},
		"tokens of another kind": {tokens, (*worker).rotate, "status 200"},
		"tokens of another name": {says(200, `{"accessToken":"`+live+`"}`), (*worker).clientCredentials, "accessToken"},
		"tokens of a form":       {says(200, "access_token="+live), (*worker).clientCredentials, "no JSON object"},
		"tokens in an array":     {says(200, `["`+live+`"]`), (*worker).clientCredentials, "no JSON object"},
		"tokens with an error":   {says(500, `{"access_token":"`+live+`"}`), (*worker).clientCredentials, "status 500"},
		"an OAuth error":         {says(400, `{"error":"invalid_grant","error_description":"It is spent.","hint":"`+live+`"}`), (*worker).clientCredentials, "invalid_grant: It is spent."},
		"an error as an object":  {says(500, `{"error":{"code":500,"message":"`+live+`"}}`), (*worker).clientCredentials, "members error"},
		"accepted after all":     {says(200, `{"access_token":"`+live+`"}`), (*worker).forgedUserinfo, "access_token"},
		"a code too early":       {redirect("http://127.0.0.1:5555/callback?code=" + live + "&state=" + live), (*worker).codeFlow, "http://127.0.0.1:5555/callback?code&state"},
		"a token in a fragment":  {redirect("/callback#access_token=" + live), (*worker).codeFlow, "/callback#access_token"},
		"a code with an error":   {redirect("/callback?error=server_error&error_description=Later.&code=" + live), (*worker).codeFlow, "error=server_error"},
		"a code in no URL":       {redirect("http://[::1/callback?code=" + live), (*worker).codeFlow, "no URL"},
		"a redirect to a code":   {redirect("/callback?code=" + live), (*worker).clientCredentials, "/callback?code"},
		"a code in no redirect":  {says(200, `{"code":"`+live+`"}`), (*worker).codeFlow, "members code"},
		"a page for the code":    {says(200, "<a>"+live+"</a>"), (*worker).codeFlow, "no JSON object"},
		"a challenge":            {says(404, ""), func(w *worker) error { _, err := w.decide("login", live, ""); return err }, "?login_challenge"},
		"a challenge in a path":  {says(404, ""), func(w *worker) error { w.target = rc; _, err := w.decide("login", challenge, ""); return err }, "requests/login/"},
		"a verifier":             {says(500, ""), func(w *worker) error { _, err := w.browse("/oauth2/auth?login_verifier=" + live); return err }, "?login_verifier"},
		"a verifier in no URL": {says(200, `{"challenge":"x","redirect_to":"http://[::1/?login_verifier=`+live+`"}`),
			func(w *worker) error { _, err := w.decide("login", "x", "{}"); return err }, "no URL"},
	} {
		s := httptest.NewServer(tt.answer)
		t.Cleanup(s.Close)
		r, err := Endpoint{URL: s.URL}.route(false)
		if err != nil {
			t.Fatal(err)
		}
		w := &worker{bench: &bench{target: hydraV2(), machines: []string{live}}, pub: r.conn(time.Minute), adm: r.conn(time.Minute), cookies: map[string]string{}, refresh: live}
		t.Cleanup(w.pub.close)
		t.Cleanup(w.adm.close)
		err = tt.op(w)
		if err == nil || strings.Contains(err.Error(), live) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q and no credential", what, err, tt.want)
		}
	}
}

func TestMissingTokensShowNoOthers(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	var state string
	for path, to := range map[string]string{"/oauth2/auth": "/login?login_challenge=a", "/a": "/consent?consent_challenge=b", "/b": "/callback?code=c&state="} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if s := r.FormValue("state"); s != "" {
				state = s
			}
			if strings.HasSuffix(to, "state=") {
				to += state
			}
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		})
	}
	mux.HandleFunc("/admin/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"challenge":"x","redirect_to":"/`+r.FormValue("login_challenge")+r.FormValue("consent_challenge")+`"}`)
	})
	mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"`+live+`","id_token":"`+live+`"}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	o := options(s)
	o.Target, o.Scenario, o.ClientID = "hydra-v2", "userinfo", "a"
	_, err := Run(t.Context(), o)
	if err == nil || strings.Contains(err.Error(), live) || !strings.Contains(err.Error(), "tokens are missing: status 200, members access_token, id_token") {
		t.Errorf("%v", err)
	}
}

// What comes where no answer begins may be the rest of a body.
func TestBrokenAnswersAreNotShown(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"access_token":"` + live + "\"}\r\n", "HTTP/1.1 " + live + "\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + live + "\r\n"} {
		c := &conn{br: bufio.NewReader(strings.NewReader(answer))}
		if err := c.readResponse(); err == nil || strings.Contains(err.Error(), live) {
			t.Errorf("%q: %v", answer, err)
		}
	}
	if _, err := (Endpoint{URL: "http://me:" + live + "@127.0.0.1:80"}).route(false); err == nil || strings.Contains(err.Error(), live) {
		t.Errorf("a password: %v", err)
	}
}
