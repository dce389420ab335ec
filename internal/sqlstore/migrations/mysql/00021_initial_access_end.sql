-- +goose Up
-- Initial access tokens that have expired or were used up are purged, without
-- buckets: an operator makes them. 00011 says why the statement is chosen.
-- locks: nothing; it looks whether the index is there; rewrites: no
SET @make_index = IF(EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'initial_access_tokens' AND index_name = 'initial_access_tokens_by_end'),
  'DO 0', 'CREATE INDEX initial_access_tokens_by_end ON initial_access_tokens (expires_at)');
-- locks: nothing; rewrites: no
PREPARE make_index FROM @make_index;
-- locks: writes of initial_access_tokens for a moment, while the index is made; there are few rows; rewrites: no
EXECUTE make_index;
-- locks: nothing; rewrites: no
DEALLOCATE PREPARE make_index;
