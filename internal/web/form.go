package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"hydra/internal/oauth"
)

// Bounds on what is read from a request.
const (
	maxBody       = 1 << 20 // bytes of a body
	maxParameters = 1_000   // parameters of a form or a query
	maxName       = 256     // bytes of a parameter's name
	maxValue      = 1 << 17 // bytes of a parameter's value
)

// Form reads the parameters of a POST body and never those of the URL (RFC
// 6749 §3.2). The body must be application/x-www-form-urlencoded; none at all
// gives no parameters. Names and values are UTF-8 without NUL; a parameter may
// stand only once (RFC 6749 §3.1), but for those listed as repeatable. Errors
// are invalid_request, and request_too_large above 1 MiB.
func Form(w http.ResponseWriter, r *http.Request, repeatable ...string) (url.Values, error) {
	mediaType := contentType(r)
	if mediaType != "" && mediaType != "application/x-www-form-urlencoded" {
		return nil, oauth.InvalidRequest.Hint("The body must have the content type application/x-www-form-urlencoded.")
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if mediaType == "" && len(body) > 0 {
		return nil, oauth.InvalidRequest.Hint("The content type is missing; it must be application/x-www-form-urlencoded.")
	}
	return parameters(string(body), repeatable)
}

// FormOrMultipart is Form, and accepts multipart/form-data too, as long as no
// part is a file. Parts are kept in memory only, within the bounds of Form.
func FormOrMultipart(w http.ResponseWriter, r *http.Request, repeatable ...string) (url.Values, error) {
	if contentType(r) != "multipart/form-data" {
		return Form(w, r, repeatable...)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, oauth.InvalidRequest.Hint("The multipart body is malformed.").Because(err)
	}
	form := url.Values{}
	for n := 0; ; n++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if n == maxParameters {
			return nil, tooMany
		}
		value, err := partValue(part)
		if err != nil {
			return nil, err
		}
		if err := add(form, part.FormName(), value, repeatable); err != nil {
			return nil, err
		}
	}
}

func partValue(part *multipart.Part) (string, error) {
	if part.FileName() != "" {
		return "", oauth.InvalidRequest.Hint("Files are not accepted.")
	}
	value, err := io.ReadAll(io.LimitReader(part, maxValue+1))
	if err != nil {
		return "", bodyError(err)
	}
	return string(value), nil
}

// Query reads the parameters of the URL under the rules of Form.
func Query(r *http.Request, repeatable ...string) (url.Values, error) {
	return parameters(r.URL.RawQuery, repeatable)
}

var tooMany = oauth.InvalidRequest.Hint("The request has too many parameters.")

// parameters parses name=value pairs, joined by "&".
func parameters(s string, repeatable []string) (url.Values, error) {
	if strings.Count(s, "&") >= maxParameters {
		return nil, tooMany
	}
	out := url.Values{}
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name)
		if err != nil {
			return nil, err
		}
		value, err = unescape(value)
		if err != nil {
			return nil, err
		}
		if err := add(out, name, value, repeatable); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func unescape(s string) (string, error) {
	out, err := url.QueryUnescape(s)
	if err != nil {
		// The error of net/url repeats input.
		return "", oauth.InvalidRequest.Hint("A parameter is not percent-encoded correctly.")
	}
	return out, nil
}

// add puts a parameter into the form, if it keeps the rules.
func add(form url.Values, name, value string, repeatable []string) error {
	switch {
	case len(name) > maxName || len(value) > maxValue:
		return oauth.InvalidRequest.Hintf("The parameter %s is too long.", safeName(name))
	case !clean(name) || !clean(value):
		return oauth.InvalidRequest.Hintf("The parameter %s is not valid UTF-8 or has a NUL character.", safeName(name))
	}
	if form.Has(name) && !slices.Contains(repeatable, name) {
		return oauth.InvalidRequest.Hintf("The parameter %s must not be repeated.", safeName(name))
	}
	form[name] = append(form[name], value)
	return nil
}

// clean reports whether text is UTF-8 that every database can hold.
func clean(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// safeName returns the name of a parameter or member for a hint. Foreign
// text is repeated only where it cannot be anything but a name.
func safeName(s string) string {
	if s == "" || len(s) > 40 {
		return "(another name)"
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "(another name)"
		}
	}
	return s
}

// contentType returns the media type of the body, without parameters and in
// lower case. What cannot be parsed is no media type that anybody accepts.
func contentType(r *http.Request) string {
	values := r.Header.Values("Content-Type")
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return ""
	}
	mediaType, _, err := mime.ParseMediaType(values[0])
	if err != nil || len(values) > 1 {
		return "malformed"
	}
	return mediaType
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, bodyError(err)
	}
	return body, nil
}

var tooLarge = oauth.TooLarge.Hint("The body must not be larger than 1 MiB.")

func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	return oauth.InvalidRequest.Hint("The body could not be read.").Because(err)
}
