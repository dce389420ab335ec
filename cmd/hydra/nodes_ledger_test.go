package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ledger is what the clients of a fleet were told, and counts.
type ledger struct {
	mu     sync.Mutex
	grants map[string]*permission // by consent_request_id
	counts map[string]int64
}

// permission is a Grant as its client knows it. It belongs to one person at a
// time.
type permission struct {
	id          string
	subject     string
	client      *app
	tokens      map[string]bool // given out, and whether they must be alive; what may be either is not here
	least, most int             // generations that the client has paid for
	deleted     bool            // with its client
	story       []string
}

func (l *ledger) open(id, subject string, c *app) *permission {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.grants[id]
	if p == nil {
		p = &permission{id: id, subject: subject, client: c, tokens: map[string]bool{}}
		l.grants[id] = p
	}
	p.story = append(p.story, "consent acknowledged")
	return p
}

func (l *ledger) all() []*permission {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.grants))
}

func (l *ledger) count(what string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]int64{}
	}
	l.counts[what] += n
}

// clients is how many the flows registered.
func (l *ledger) clients() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.counts["clients registered"])
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	parts := []string{fmt.Sprintf("%d grants", len(l.grants))}
	for _, what := range slices.Sorted(maps.Keys(l.counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", l.counts[what], what))
	}
	return strings.Join(parts, ", ")
}

func (p *permission) note(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

// given notes the tokens of an answer that a client has.
func (p *permission) given(t *tokens) {
	p.tokens[t.Access] = true
	if t.Refresh != "" {
		p.tokens[t.Refresh] = true
	}
}

// unsure notes that the answer to a change was lost: nothing is known of what
// it was to change.
func (p *permission) unsure() { clear(p.tokens) }

// end notes that all tokens are dead.
func (p *permission) end(why string) {
	p.note("%s", why)
	for token := range p.tokens {
		p.tokens[token] = false
	}
}
