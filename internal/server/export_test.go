package server

import (
	"context"
	"fmt"
	"time"
)

// Job does the work of a background job now, as this node does when its time
// has come: tests move their own clock, and no ticker knows it.
func (s *Server) Job(ctx context.Context, name string) error {
	for _, j := range s.app.jobs() {
		if j.name == name {
			s.jobs.once(ctx, j)
			return nil
		}
	}
	return fmt.Errorf("there is no job %q", name)
}

// AnswerTimes are what the open ports give an answer, the public one first.
func (s *Server) AnswerTimes() (times []time.Duration) {
	for _, server := range s.servers {
		times = append(times, server.WriteTimeout)
	}
	return times
}
