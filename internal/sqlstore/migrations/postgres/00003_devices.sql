-- +goose Up
-- Device authorization requests (RFC 8628), from user code to Grant.

CREATE TABLE IF NOT EXISTS devices (
  id            BYTEA    NOT NULL PRIMARY KEY,
  client_uid    BYTEA    NOT NULL,
  user_code_key BYTEA    NOT NULL,
  status        SMALLINT NOT NULL,
  holder        BYTEA,
  created_at    BIGINT   NOT NULL,
  expires_at    BIGINT   NOT NULL,
  purge_at      BIGINT   NOT NULL,
  b             SMALLINT NOT NULL,
  op_id         BYTEA    NOT NULL,
  data          BYTEA
);
CREATE UNIQUE INDEX IF NOT EXISTS devices_by_user_code ON devices (user_code_key);
CREATE INDEX IF NOT EXISTS devices_by_purge ON devices (b, purge_at);
