-- +goose Up
-- Clients that want to hear of the end of a session, and the calls that tell
-- them (OpenID Connect Back-Channel Logout). A call that is not due any more
-- has failed for good.

CREATE TABLE IF NOT EXISTS logout_clients (
  client_uid BLOB     NOT NULL PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outbox (
  id         BLOB     NOT NULL PRIMARY KEY,
  client_uid BLOB     NOT NULL,
  session_id BLOB     NOT NULL,
  attempts   BIGINT   NOT NULL,
  created_at BIGINT   NOT NULL,
  due_at     BIGINT   NOT NULL,
  give_up_at BIGINT   NOT NULL,
  failed_at  BIGINT,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  op_id      BLOB     NOT NULL,
  note       BLOB,
  data       BLOB
);
CREATE INDEX IF NOT EXISTS outbox_by_due ON outbox (due_at);
CREATE INDEX IF NOT EXISTS outbox_by_purge ON outbox (b, purge_at);
