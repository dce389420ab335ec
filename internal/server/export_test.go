package server

import (
	"context"
	"fmt"
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
