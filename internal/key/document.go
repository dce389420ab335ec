package key

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"time"
)

// Documents reads request objects at URLs of clients (OpenID Connect Core
// §6.2, RFC 9101 §5.2), and keeps them for as long as their host allows. What
// has its own SHA-256 in its URL cannot change and is kept longest. It must
// not be copied.
type Documents struct {
	Fetcher *Fetcher
	Now     func() time.Time
	Max     int // documents kept, those used last; 0: 200

	mu   sync.Mutex
	kept map[string]*document
}

type document struct {
	text        string
	matches     bool
	until, used time.Time
}

const (
	maxDocument   = 64 << 10
	maxDocuments  = 200
	documentUsual = 5 * time.Second // where the answer says nothing
	documentMax   = 10 * time.Minute
	documentFixed = time.Hour // when the URL holds the hash
)

// Get returns the text at a URL, and whether the URL's fragment is its SHA-256
// in base64url (OpenID Connect Core §6.2). A URL with another fragment is
// another document, so that a changed fragment gets past what is kept. The
// error is ErrFetch, oauth.TemporarilyUnavailable or the context's.
func (d *Documents) Get(ctx context.Context, uri string) (text string, matches bool, err error) {
	now := d.Now()
	d.mu.Lock()
	if k := d.kept[uri]; k != nil && now.Before(k.until) {
		k.used = now
		d.mu.Unlock()
		return k.text, k.matches, nil
	}
	d.mu.Unlock()
	address, fragment, _ := strings.Cut(uri, "#")
	body, meta, err := d.Fetcher.Get(ctx, address, FetchLimits{Bytes: maxDocument})
	if err != nil {
		return "", false, err
	}
	sum := sha256.Sum256(body)
	k := &document{text: strings.TrimSpace(string(body)), used: now}
	k.matches = base64.RawURLEncoding.EncodeToString(sum[:]) == fragment
	switch {
	case k.matches:
		k.until = now.Add(documentFixed)
	case meta.MaxAge < 0:
		k.until = now.Add(documentUsual)
	default:
		k.until = now.Add(min(meta.MaxAge, documentMax))
	}
	if k.until.After(now) {
		d.keep(uri, k)
	}
	return k.text, k.matches, nil
}

func (d *Documents) keep(uri string, k *document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = make(map[string]*document)
	}
	for len(d.kept) >= cmp.Or(d.Max, maxDocuments) && d.kept[uri] == nil {
		oldest := ""
		for u, other := range d.kept {
			if o := d.kept[oldest]; o == nil || other.used.Before(o.used) {
				oldest = u
			}
		}
		delete(d.kept, oldest)
	}
	d.kept[uri] = k
}
