package client

import (
	"slices"
	"strings"

	"hydra/internal/oauth"
)

// Bounds of what a client asks for where its requests say nothing.
const (
	maxDefaultAge = 1<<31 - 1 // seconds, as of max_age
	maxACRValues  = 2 << 10   // bytes of all, as of acr_values
)

// applicationType holds redirect URIs to what the kind of application may have
// (OpenID Connect Registration §2). The kind that is meant when nothing is said,
// web, binds those that register themselves; an administrator's client has no
// kind unless it is given one, because Hydra's clients never had.
func applicationType(d draft) string {
	switch d.ApplicationType {
	case "":
		return ""
	case oauth.ApplicationWeb:
		if usesImplicit(d.Client) && slices.ContainsFunc(d.RedirectURIs, func(uri string) bool { return !webURL(uri, "https") || onLoopback(uri) }) {
			return "A client with application_type web and the implicit grant takes redirect URIs with scheme https only, and not on localhost (OpenID Connect Registration §2)."
		}
		return ""
	case oauth.ApplicationNative:
		if slices.ContainsFunc(d.RedirectURIs, func(uri string) bool { return webURL(uri, "http") && !onLoopback(uri) }) {
			return "A client with application_type native takes redirect URIs with scheme http on the loopback interface only (RFC 8252 §7.3)."
		}
		return ""
	}
	return "The application_type is web or native."
}

// usesImplicit reports whether the client gets tokens from the authorization
// endpoint.
func usesImplicit(c *oauth.Client) bool {
	return slices.Contains(c.GrantTypes, oauth.GrantImplicit) || slices.ContainsFunc(c.ResponseTypes, func(t string) bool {
		words := oauth.Fields(t)
		return slices.Contains(words, "token") || slices.Contains(words, "id_token")
	})
}

// requestDefaults checks default_max_age and default_acr_values.
func requestDefaults(d draft) string {
	if age := d.DefaultMaxAge; age != nil && (*age < 0 || *age > maxDefaultAge) {
		return "The default_max_age is a number of seconds that is not negative."
	}
	for _, v := range d.DefaultACRValues {
		if v == "" || strings.Contains(v, " ") {
			return "An entry of default_acr_values is not empty and has no space in it."
		}
	}
	if len(strings.Join(d.DefaultACRValues, " ")) > maxACRValues {
		return "The default_acr_values are longer than 2 KiB."
	}
	return ""
}
