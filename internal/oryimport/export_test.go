package oryimport

import "context"

// Write runs a statement as if this package wrote.
func (s *Source) Write(ctx context.Context, stmt string) error {
	_, _, err := s.db.Rows(ctx, stmt)
	return err
}
