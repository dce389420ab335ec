package admin

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Bounds of a page of a list.
const (
	defaultLimit = 100
	maxLimit     = 500
)

// placeLife is how long a page token is good for.
const placeLife = time.Hour

// paging is what a request asks of a list. Two ways exist: by offset (rc, v1)
// and by place (v2), where a sealed token says behind what the list goes on,
// so that nothing is shown twice or left out when others add and delete.
type paging struct {
	offset, limit int
	byPlace       bool
	from          *place // the page begins behind it; nil: at the beginning
	totals        bool   // links and the length of the list are wanted by offset
	filter        string // what list it is, and what it is narrowed to
}

// place is where a list goes on: behind a client's id, or behind a consent.
// It is sealed, because ids and times of others are nobody's business.
type place struct {
	Client string `json:"c,omitempty"`
	At     int64  `json:"a,omitempty"` // requested_at, Unix microseconds
	ID     string `json:"i,omitempty"` // of a consent
	Filter string `json:"f"`
	Issued int64  `json:"t"` // Unix seconds
}

// consent reads the place as one in a list of consents.
func (p *place) consent() (*oauth.GrantPosition, error) {
	if p == nil {
		return nil, nil
	}
	id, err := oauth.ParseID(p.ID)
	return &oauth.GrantPosition{RequestedAt: time.UnixMicro(p.At), ID: id}, err
}

// page reads how a request wants a list to be paged: by limit and offset if it
// has one of them, by page_size and page_token if it has one of those, else in
// the way of its generation. The filters must be those of the page before.
func (h *Handler) page(g *generation, r *http.Request, q url.Values, list string, filters ...string) (paging, error) {
	p := paging{limit: defaultLimit, totals: g.totals || g.places, filter: filterHash(list, filters)}
	byOffset, byPlace := q.Has("limit") || q.Has("offset"), q.Has("page_size") || q.Has("page_token")
	p.byPlace = !byOffset && (byPlace || g.places)
	if !p.byPlace {
		p.offset, p.limit = page(r)
		return p, nil
	}
	if size := q.Get("page_size"); size != "" {
		n, err := strconv.Atoi(size)
		if (err != nil && !errors.Is(err, strconv.ErrRange)) || n < 1 {
			return p, oauth.InvalidRequest.Hint("The parameter page_size must be a number above zero.")
		}
		p.limit = min(n, maxLimit)
	}
	if text := q.Get("page_token"); text != "" {
		from, err := h.openPlace(r, text, p.filter)
		if err != nil {
			return p, err
		}
		p.from = from
	}
	return p, nil
}

// page reads limit and offset. What is no number counts as absent, what is
// negative as 0, as it always did.
func page(r *http.Request) (offset, limit int) {
	number := func(name string, absent int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil {
			return absent
		}
		return max(n, 0)
	}
	return number("offset", 0), min(number("limit", defaultLimit), maxLimit)
}

// filterHash stands for a list and what it is narrowed to.
func filterHash(list string, filters []string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", list, filters))
	return fmt.Sprintf("%x", sum[:8])
}

var errPlace = oauth.InvalidRequest.Hint("The page_token is unknown, has expired or belongs to another list. Begin with the first page.")

func (h *Handler) openPlace(r *http.Request, text, filter string) (*place, error) {
	opened, err := h.Sealer.Open(r.Context(), text, secret.PageToken)
	if errors.Is(err, secret.ErrUnknown) {
		return nil, errPlace
	}
	if err != nil {
		return nil, err
	}
	p := new(place)
	if err := json.Unmarshal(opened.Payload, p); err != nil {
		return nil, err
	}
	if p.Filter != filter || oauth.Past(time.Unix(p.Issued, 0).Add(placeLife), h.Tokens.Now()) {
		return nil, errPlace
	}
	return p, nil
}

// announce says where the list goes on (RFC 8288) and how long it is. shown
// entries are on the page; next is where the list goes on, nil at its end. The
// list is counted only where its page does not tell how long it is.
func (h *Handler) announce(w http.ResponseWriter, r *http.Request, p paging, shown int, next *place, count func() (int, error)) error {
	switch {
	case p.byPlace:
		return h.announcePlaces(w, r, p, next)
	case !p.totals:
		return nil
	}
	total := p.offset + shown
	if next != nil || shown == 0 && p.offset > 0 || p.limit == 0 {
		var err error
		if total, err = count(); err != nil {
			return err
		}
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	if p.limit == 0 {
		return nil
	}
	to := func(offset int) map[string]string {
		return map[string]string{"limit": strconv.Itoa(p.limit), "offset": strconv.Itoa(offset)}
	}
	links := []string{link(r, "first", to(0))}
	if total-p.limit > p.offset {
		links = append(links, link(r, "next", to(p.offset+p.limit)))
	}
	if p.offset > 0 {
		links = append(links, link(r, "prev", to(max(0, min(p.offset, total)-p.limit))))
	}
	links = append(links, link(r, "last", to(max(0, total-1)/p.limit*p.limit)))
	w.Header().Set("Link", strings.Join(links, ","))
	return nil
}

func (h *Handler) announcePlaces(w http.ResponseWriter, r *http.Request, p paging, next *place) error {
	size := strconv.Itoa(p.limit)
	links := []string{link(r, "first", map[string]string{"page_size": size})}
	if next != nil {
		next.Filter, next.Issued = p.filter, h.Tokens.Now().Unix()
		payload, err := json.Marshal(next)
		if err != nil {
			return err
		}
		text, err := h.Sealer.Seal(secret.PageToken, payload)
		if err != nil {
			return err
		}
		links = append(links, link(r, "next", map[string]string{"page_size": size, "page_token": text}))
	}
	w.Header().Set("Link", strings.Join(links, ","))
	return nil
}

// link is a link to another page of the list that the request asks for.
func link(r *http.Request, relation string, page map[string]string) string {
	q := r.URL.Query()
	for _, name := range []string{"limit", "offset", "page_size", "page_token"} {
		q.Del(name)
	}
	for name, value := range page {
		q.Set(name, value)
	}
	return "<" + r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="` + relation + `"`
}
