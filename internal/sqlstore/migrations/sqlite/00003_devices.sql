-- +goose Up
-- Device authorization requests (RFC 8628), from user code to Grant.

CREATE TABLE IF NOT EXISTS devices (
  id            BLOB     NOT NULL PRIMARY KEY,
  client_uid    BLOB     NOT NULL,
  user_code_key BLOB     NOT NULL,
  status        SMALLINT NOT NULL,
  holder        BLOB,
  created_at    BIGINT   NOT NULL,
  expires_at    BIGINT   NOT NULL,
  purge_at      BIGINT   NOT NULL,
  b             SMALLINT NOT NULL,
  op_id         BLOB     NOT NULL,
  data          BLOB
);
CREATE UNIQUE INDEX IF NOT EXISTS devices_by_user_code ON devices (user_code_key);
CREATE INDEX IF NOT EXISTS devices_by_purge ON devices (b, purge_at);
