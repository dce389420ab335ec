-- +goose Up
-- Device authorization requests (RFC 8628), from user code to Grant.

CREATE TABLE IF NOT EXISTS devices (
  id            VARBINARY(16) NOT NULL PRIMARY KEY,
  client_uid    VARBINARY(16) NOT NULL,
  user_code_key VARBINARY(16) NOT NULL,
  status        SMALLINT NOT NULL,
  holder        VARBINARY(16),
  created_at    BIGINT   NOT NULL,
  expires_at    BIGINT   NOT NULL,
  purge_at      BIGINT   NOT NULL,
  b             SMALLINT NOT NULL,
  op_id         VARBINARY(16) NOT NULL,
  data          MEDIUMBLOB,
  UNIQUE KEY devices_by_user_code (user_code_key),
  KEY devices_by_purge (b, purge_at)
) ENGINE=InnoDB;
