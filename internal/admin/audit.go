package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"hydra/internal/web"
)

// Change is what somebody did, or tried to do, by the admin API.
type Change struct {
	Event   string // as the table in operations.go names it
	Object  string // what it is about, such as "client:shop"; empty if nobody knows
	Outcome string // Done, Refused or Failed
	Status  int    // of the answer, if the change was not done
}

// Outcomes of a change.
const (
	Done    = "done"
	Refused = "refused" // the request was at fault
	Failed  = "failed"  // the server was
)

// objectKey is where a change learns its object.
type objectKey struct{}

// about says what the change of this request is about. Values must not be
// secrets, and subjects only come as SubjectObject.
func about(ctx context.Context, object string) {
	if o, ok := ctx.Value(objectKey{}).(*string); ok {
		*o = object
	}
}

// SubjectObject names a user in the audit log without telling who it is to
// those who do not know: the first 16 hexadecimal digits of the SHA-256.
func SubjectObject(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return "subject:" + hex.EncodeToString(sum[:8])
}

// aboutClient names the client that a decision's redirect is for.
func aboutClient(ctx context.Context, to string) {
	u, err := url.Parse(to)
	if err != nil {
		return
	}
	if client := u.Query().Get("client_id"); client != "" {
		about(ctx, "client:"+escaped(client))
	}
}

// objectOf is what the path and the query name. Challenges are left out: they
// are as good as a password for as long as they live.
func objectOf(r *http.Request) string {
	var parts []string
	add := func(kind, value string) {
		if value != "" {
			parts = append(parts, kind+":"+escaped(web.Shorten(value, 512)))
		}
	}
	q := r.URL.Query()
	if user := r.PathValue("user") + q.Get("subject"); user != "" {
		parts = append(parts, SubjectObject(user))
	}
	switch {
	case strings.Contains(r.Pattern, "/trust/"):
		add("trusted_issuer", r.PathValue("id"))
	case strings.Contains(r.Pattern, callsPath):
		add("logout_call", r.PathValue("id"))
	case strings.Contains(r.Pattern, "/register"):
		add("initial_access_token", r.PathValue("id"))
	default:
		add("client", r.PathValue("id"))
	}
	add("client", r.PathValue("client"))
	add("client", q.Get("client"))
	add("client", q.Get("client_id"))
	add("secret", r.PathValue("secret"))
	add("key_set", r.PathValue("set"))
	add("key", r.PathValue("kid"))
	add("session", q.Get("sid"))
	add("consent", q.Get("consent_request_id"))
	return strings.Join(parts, " ")
}

// escaped writes a name so that it has no space in it and can be read back:
// what is not a visible character of ASCII stands as in a URL.
func escaped(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// audited tells of what an operation changes.
func (h *Handler) audited(event string, f web.HandlerFunc) web.HandlerFunc {
	if h.Audit == nil || event == "" {
		return f
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		object := objectOf(r)
		r = r.WithContext(context.WithValue(r.Context(), objectKey{}, &object))
		err := f(w, r)
		c := Change{Event: event, Object: object, Outcome: Done}
		if err != nil {
			if c.Status = web.StatusOf(err); c.Status >= http.StatusInternalServerError {
				c.Outcome = Failed
			} else {
				c.Outcome = Refused
			}
		}
		h.Audit(r.Context(), c)
		return err
	}
}
