package public

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"hydra/internal/web"
)

// jwks returns the handler of GET /.well-known/jwks.json: the public keys that
// verify what this server signs (RFC 7517 §5), those included that will sign
// soon, and those that clients encrypt to.
func (h *Handler) jwks() web.HandlerFunc {
	sets := h.Options.JWKSSets
	if set := h.Options.EncryptionSet; set != "" {
		sets = append(slices.Clone(sets), set)
	}
	var last atomic.Pointer[document]
	return func(w http.ResponseWriter, r *http.Request) error {
		if set := h.Options.EncryptionSet; set != "" {
			if err := h.Keys.EnsureEncryption(r.Context(), set); err != nil {
				return err
			}
		}
		body, err := h.Keys.PublicJWKS(r.Context(), sets...)
		if err != nil {
			return err
		}
		d := last.Load()
		if d == nil || !bytes.Equal(d.body, body) {
			d = newDocument(body, h.Options.JWKSMaxAge)
			last.Store(d)
		}
		d.write(w, r)
		return nil
	}
}

// document is a JSON document that others may keep for a while and ask again
// for under its etag (RFC 9110 §13.1.2), with all that an answer says of it.
type document struct {
	body   []byte
	etag   string
	header http.Header // shared by all answers, see web.SecurityHeaders
	extent []string    // Content-Length
}

func newDocument(body []byte, maxAge time.Duration) *document {
	d := &document{body: body, etag: etagOf(body), extent: []string{strconv.Itoa(len(body))}}
	kept := "no-cache" // keep it, but ask each time
	if maxAge >= time.Second {
		kept = fmt.Sprintf("public, max-age=%d", int64(maxAge/time.Second))
	}
	d.header = http.Header{"Etag": {d.etag}, "Cache-Control": {kept}}
	return d
}

func (d *document) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	maps.Copy(header, d.header)
	if sameETag(r.Header.Values("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"], header["Content-Length"] = isJSON, d.extent
	_, _ = w.Write(d.body) // the client hung up: nobody is left to tell
}

var isJSON = []string{"application/json"}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// sameETag compares weakly, as If-None-Match wants it: proxies that compress
// turn an etag into a weak one.
func sameETag(lines []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.TrimPrefix(strings.Trim(tag, " \t"), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}
