-- +goose Up
-- Trusted issuers are few and purged without buckets: an operator makes them.
-- MySQL has no CREATE INDEX IF NOT EXISTS, and half a migration must be able to
-- run again, so the statement is chosen first.
-- locks: nothing; it looks whether the index is there; rewrites: no
SET @make_index = IF(EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'trusted_issuers' AND index_name = 'trusted_issuers_by_expiry'),
  'DO 0', 'CREATE INDEX trusted_issuers_by_expiry ON trusted_issuers (expires_at)');
-- locks: nothing; rewrites: no
PREPARE make_index FROM @make_index;
-- locks: writes of trusted_issuers for a moment, while the index is made; there are few rows; rewrites: no
EXECUTE make_index;
-- locks: nothing; rewrites: no
DEALLOCATE PREPARE make_index;

-- Wrong user codes, counted where every node sees them: of one browser, one
-- network, and all. A count is full when n has come to most.
CREATE TABLE IF NOT EXISTS guesses (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  n          BIGINT   NOT NULL,
  most       BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  KEY guesses_by_purge (b, purge_at)
) ENGINE=InnoDB;
