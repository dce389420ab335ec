package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"hydra/internal/sqlstore"
)

// crossing stops what is sent until it is let go.
type crossing struct {
	convoys sqlstore.Convoys
	sent    [][]string
	release chan error // the answer
}

func newCrossing() *crossing {
	return &crossing{convoys: sqlstore.NewConvoys(1), release: make(chan error)}
}

// ask asks for a statement in a goroutine of its own, and returns when it is
// on its way or waits.
func (c *crossing) ask(ctx context.Context, stmt string) <-chan error {
	answer := make(chan error, 1)
	go func() {
		answer <- c.convoys.Ask(ctx, stmt, func(stmts []string, fill func(error)) {
			c.sent = append(c.sent, stmts)
			fill(<-c.release)
		})
	}()
	synctest.Wait()
	return answer
}

// Who finds the lane free goes alone; who comes meanwhile goes together, in
// the order of coming, and no more than fit.
func TestConvoysAreThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing()
		answers := []<-chan error{c.ask(t.Context(), "first")}
		var want []string
		for i := range sqlstore.LongestConvoy + 1 {
			want = append(want, fmt.Sprint(i))
			answers = append(answers, c.ask(t.Context(), want[i]))
		}
		for _, verdict := range []error{nil, errors.New("of the second convoy"), nil} {
			c.release <- verdict
			synctest.Wait()
		}
		if len(c.sent) != 3 || !slices.Equal(c.sent[0], []string{"first"}) ||
			!slices.Equal(c.sent[1], want[:sqlstore.LongestConvoy]) || !slices.Equal(c.sent[2], want[sqlstore.LongestConvoy:]) {
			t.Errorf("sent %q", c.sent)
		}
		for i, answer := range answers {
			if err := <-answer; (err != nil) != (i > 0 && i < len(answers)-1) {
				t.Errorf("look-up %d has the answer %v", i, err)
			}
		}
		// The lane is free again.
		last := c.ask(t.Context(), "last")
		c.release <- nil
		if err := <-last; err != nil || len(c.sent[3]) != 1 {
			t.Errorf("afterwards: %v, sent %q", err, c.sent[3:])
		}
	})
}

// A caller who goes is not waited for and not asked for, unless others went
// along with him.
func TestConvoysLeaveWhoHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing()
		first := c.ask(t.Context(), "first")
		early, goEarly := context.WithCancel(t.Context())
		gone := c.ask(early, "gone")
		late, goLate := context.WithCancel(t.Context())
		led := c.ask(late, "led")
		stays := c.ask(t.Context(), "stays")

		goEarly()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller who went had %v", err)
		}
		c.release <- nil
		<-first
		synctest.Wait() // now "led" leads
		goLate()
		c.release <- nil
		if err := errors.Join(<-led, <-stays); err != nil {
			t.Error(err)
		}
		if !slices.Equal(c.sent[1], []string{"led", "stays"}) {
			t.Errorf("sent %q", c.sent)
		}
	})
}

// A leader who panics takes nobody along, and leaves the lane to others.
func TestConvoysSurviveTheirLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing()
		first := c.ask(t.Context(), "first")
		fell := make(chan any)
		go func() {
			defer func() { fell <- recover() }()
			_ = c.convoys.Ask(t.Context(), "leader", func([]string, func(error)) { panic("a bug") })
		}()
		synctest.Wait()
		follower := c.ask(t.Context(), "follower")
		c.release <- nil
		<-first
		if r := <-fell; r != "a bug" {
			t.Errorf("the leader recovered %v", r)
		}
		if err := <-follower; err == nil {
			t.Error("the follower has an answer that nobody gave")
		}
		next := c.ask(t.Context(), "next")
		c.release <- nil
		if err := <-next; err != nil {
			t.Error(err)
		}
	})
}
