-- +goose Up
-- What was taken over from an ORY Hydra database: refresh tokens, each with the
-- chain that it belongs to, the chains themselves, and the system secrets, sealed,
-- that the tokens were signed with. A token's id is a hash of its signature.

CREATE TABLE IF NOT EXISTS imported_tokens (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  chain      VARBINARY(16) NOT NULL,
  generation BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  op_id      VARBINARY(16) NOT NULL,
  KEY imported_tokens_by_purge (b, purge_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS imported_secrets (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  data       BLOB NOT NULL
) ENGINE=InnoDB;
