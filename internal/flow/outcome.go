package flow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"hydra/internal/oauth"
)

// Outcome is what the browser is told: where to go, and which cookies change.
type Outcome struct {
	// To is where the browser goes, without Params. When it is empty nobody but
	// the user can learn of Err: the flow has no redirect URI.
	To string
	// Params go into the query of To, unless Mode says otherwise.
	Params url.Values
	Mode   oauth.ResponseMode
	// Err, if set, is what the client learns: it becomes error, error_description
	// and so on beside Params (RFC 6749 §4.1.2.1).
	Err error
	// AppsWords says that Err is worded by the login or consent app.
	AppsWords bool

	SetFlow    string // suffix of the flow cookie to set; "" for none
	SetValue   string
	ClearFlows []string // suffixes of flow cookies to clear

	SetSession    string        // value of the session cookie to set; "" for none
	SessionMaxAge time.Duration // 0: until the browser is closed
	BrowserState  string        // what the check_session_iframe reads in this browser; "" says nothing
	ClearSession  bool
}

// startOver sends the browser back to the request as the client made it, or to
// where a user code is typed.
func (s *Service) startOver(f *oauth.Flow) Outcome {
	if f.ForDevice() {
		return Outcome{To: s.deviceURL(), ClearFlows: []string{suffix(f)}}
	}
	return Outcome{To: s.requestURL(f), ClearFlows: []string{suffix(f)}}
}

// maxFlowCookies is how many trips one browser may have under way: more would
// burst the header limits of servers and proxies.
const maxFlowCookies = 16

// suffix names the flow's cookie: the second in which it began, so that the
// oldest can be told, and a few digits that tell it from others.
func suffix(f *oauth.Flow) string {
	return fmt.Sprintf("%08x%s", uint32(f.RequestedAt.Unix()), hex.EncodeToString(f.CookieHash[:3]))
}

// surplus names the cookies that must go for one more to come. If there are
// many, somebody has planted them; they go a few at a time, so that the answer
// keeps within the same limits.
func surplus(b Browser) []string {
	var names []string
	for n := range b.Flows {
		names = append(names, n)
	}
	slices.Sort(names)
	return names[:min(max(0, len(names)-maxFlowCookies+1), maxFlowCookies)]
}

// owns reports whether the flow began in this browser.
func owns(b Browser, f *oauth.Flow) bool {
	h := hashCookie(b.Flows[suffix(f)])
	return subtle.ConstantTimeCompare(h[:], f.CookieHash[:]) == 1
}

func hashCookie(value string) [16]byte {
	sum := sha256.Sum256([]byte(value))
	return [16]byte(sum[:16])
}

// strayed answers a browser that brings a verifier of a flow which did not
// begin in it. Nothing happens, but a flow that is over is a user who pressed
// Back: there the browser starts afresh.
func (s *Service) strayed(ctx context.Context, f *oauth.Flow, b Browser) (Outcome, error) {
	if s.expired(f, s.Now()) {
		return s.startOver(f), nil
	}
	row, err := s.Store.Grant(ctx, f.Seed.GrantID())
	switch {
	case err == nil && (row.PaidOut() || row.Dead()):
		return s.startOver(f), nil
	case err != nil && !isNotFound(err):
		return Outcome{}, err
	}
	hint := "The cookie of this sign-in does not belong to it. Start again from the application."
	if b.Flows[suffix(f)] == "" {
		hint = "The cookie of this sign-in is missing: it began in another browser, or this browser refuses cookies. Start again from the application."
	}
	return Outcome{}, oauth.RequestForbidden.Hint(hint)
}

func isNotFound(err error) bool { return errors.Is(err, oauth.ErrNotFound) }
