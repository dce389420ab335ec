-- +goose Up
-- Clients that want to hear of the end of a session, and the calls that tell
-- them (OpenID Connect Back-Channel Logout). A call that is not due any more
-- has failed for good.

CREATE TABLE IF NOT EXISTS logout_clients (
  client_uid BYTEA    NOT NULL PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS outbox (
  id         BYTEA    NOT NULL PRIMARY KEY,
  client_uid BYTEA    NOT NULL,
  session_id BYTEA    NOT NULL,
  attempts   BIGINT   NOT NULL,
  created_at BIGINT   NOT NULL,
  due_at     BIGINT   NOT NULL,
  give_up_at BIGINT   NOT NULL,
  failed_at  BIGINT,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  op_id      BYTEA    NOT NULL,
  note       BYTEA,
  data       BYTEA
);
CREATE INDEX IF NOT EXISTS outbox_by_due ON outbox (due_at);
CREATE INDEX IF NOT EXISTS outbox_by_purge ON outbox (b, purge_at);
