package oauth

import (
	"net/url"
	"strings"
)

// EncodeParams writes a space as %20, which every client decodes, also those
// that do not treat a response as a form.
func EncodeParams(params url.Values) string {
	return strings.ReplaceAll(params.Encode(), "+", "%20")
}

// WithQuery adds parameters to the query of an address, and leaves the rest of
// it alone.
func WithQuery(address string, params url.Values) string {
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	return address + sep + EncodeParams(params)
}
