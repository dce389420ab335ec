package storetest

import (
	"context"
	"strings"
	"sync"
)

// Counter counts statements; give its Observe to sqlstore.Config. It is safe
// for concurrent use.
type Counter struct {
	mu    sync.Mutex
	count Counts
	seen  []string
}

// Counts are numbers of statements. Begins and Commits belong to transactions
// of several statements; a rollback counts as a commit.
type Counts struct{ Reads, Writes, Begins, Commits int }

// Observe counts one statement.
func (c *Counter) Observe(_ context.Context, kind, statement string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kind {
	case "read":
		c.count.Reads++
	case "write":
		c.count.Writes++
	case "begin":
		c.count.Begins++
	case "commit":
		c.count.Commits++
	}
	c.seen = append(c.seen, kind+": "+strings.Join(strings.Fields(statement), " "))
}

// Take returns the counts since the last call and begins anew.
func (c *Counter) Take() Counts {
	n, _ := c.TakeAll()
	return n
}

// TakeAll is Take with the statements, to be shown when a test fails.
func (c *Counter) TakeAll() (Counts, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, seen := c.count, c.seen
	c.count, c.seen = Counts{}, nil
	return n, seen
}
