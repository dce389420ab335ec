package public

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// handleJWKS serves GET /.well-known/jwks.json: the public keys that verify
// what this server signs (RFC 7517 §5), those included that will sign soon, and
// those that clients encrypt to.
func (h *Handler) handleJWKS(w http.ResponseWriter, r *http.Request) error {
	sets := h.Options.JWKSSets
	if set := h.Options.EncryptionSet; set != "" {
		if err := h.Keys.EnsureEncryption(r.Context(), set); err != nil {
			return err
		}
		sets = append(slices.Clone(sets), set)
	}
	body, err := h.Keys.PublicJWKS(r.Context(), sets...)
	if err != nil {
		return err
	}
	writeCacheable(w, r, body, etagOf(body), h.Options.JWKSMaxAge)
	return nil
}

// writeCacheable answers with a JSON document that others may keep for maxAge
// and ask again for under its etag (RFC 9110 §13.1.2).
func writeCacheable(w http.ResponseWriter, r *http.Request, body []byte, etag string, maxAge time.Duration) {
	header := w.Header()
	header.Set("ETag", etag)
	if maxAge >= time.Second {
		header.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int64(maxAge/time.Second)))
	} else {
		header.Set("Cache-Control", "no-cache") // keep it, but ask each time
	}
	if sameETag(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client hung up: nobody is left to tell
}

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
