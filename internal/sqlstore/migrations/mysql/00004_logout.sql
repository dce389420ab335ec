-- +goose Up
-- Clients that want to hear of the end of a session, and the calls that tell
-- them (OpenID Connect Back-Channel Logout). A call that is not due any more
-- has failed for good.

CREATE TABLE IF NOT EXISTS logout_clients (
  client_uid VARBINARY(16) NOT NULL PRIMARY KEY
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS outbox (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  client_uid VARBINARY(16) NOT NULL,
  session_id VARBINARY(16) NOT NULL,
  attempts   BIGINT   NOT NULL,
  created_at BIGINT   NOT NULL,
  due_at     BIGINT   NOT NULL,
  give_up_at BIGINT   NOT NULL,
  failed_at  BIGINT,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  op_id      VARBINARY(16) NOT NULL,
  note       MEDIUMBLOB,
  data       MEDIUMBLOB,
  KEY outbox_by_due (due_at),
  KEY outbox_by_purge (b, purge_at)
) ENGINE=InnoDB;
