package client

import (
	"net/url"
	"slices"
	"strings"
)

// logoutURIs checks where a client wants to hear of the end of a session, and
// where its users may go afterwards.
func logoutURIs(d draft) string {
	for _, uri := range []string{d.FrontchannelLogoutURI, d.BackchannelLogoutURI} {
		switch {
		case uri == "":
		case !webURL(uri, "https", "http") || strings.Contains(uri, "#"):
			return "The logout URIs must be absolute http or https URLs without a fragment."
		case d.IsPublic() && !strings.HasPrefix(strings.ToLower(uri), "https:") && !onLoopback(uri):
			return "The logout URIs of a client without a secret must be https (OpenID Connect Front- and Back-Channel Logout §2.2)."
		}
	}
	if uri := d.FrontchannelLogoutURI; uri != "" && !sharesOrigin(uri, d.RedirectURIs) {
		return "The frontchannel_logout_uri must have scheme, host and port of one of the redirect_uris (OpenID Connect Front-Channel Logout §2)."
	}
	for _, uri := range d.PostLogoutRedirectURIs {
		if !sharesOrigin(uri, d.RedirectURIs) {
			return "Each of the post_logout_redirect_uris must have scheme, host and port of one of the redirect_uris."
		}
	}
	return ""
}

// sharesOrigin reports whether one of the addresses has scheme, host and port
// of uri. Default ports need not be written.
func sharesOrigin(uri string, addresses []string) bool {
	want := originOf(uri)
	return want != "" && slices.ContainsFunc(addresses, func(a string) bool { return originOf(a) == want })
}

func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// onLoopback reports whether the address stays on this machine.
func onLoopback(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, strings.ToLower(u.Hostname()))
}
