-- +goose Up
-- What was taken over from an ORY Hydra database: refresh tokens, each with the
-- chain that it belongs to, the chains themselves, and the system secrets, sealed,
-- that the tokens were signed with. A token's id is a hash of its signature.

CREATE TABLE IF NOT EXISTS imported_tokens (
  id         BYTEA NOT NULL PRIMARY KEY,
  chain      BYTEA NOT NULL,
  generation BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  op_id      BYTEA NOT NULL
);
CREATE INDEX IF NOT EXISTS imported_tokens_by_purge ON imported_tokens (b, purge_at);

CREATE TABLE IF NOT EXISTS imported_secrets (
  id         BYTEA NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  data       BYTEA NOT NULL
);
