-- Changes of adults' addresses. `waiting_for` holds the adult while a change has not ended, so that each has at most one.

CREATE TABLE email_changes (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  adult_id VARCHAR(36) NOT NULL,
  waiting_for VARCHAR(36),
  email VARCHAR(100) NOT NULL,
  shared BIGINT NOT NULL,
  request_id VARCHAR(36),
  token_hash VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  outcome VARCHAR(32),
  ended_at BIGINT,
  CONSTRAINT email_changes_waiting UNIQUE (waiting_for),
  CONSTRAINT email_changes_token UNIQUE (token_hash)
);
CREATE INDEX email_changes_by_adult ON email_changes (adult_id, created_at);
CREATE INDEX email_changes_by_email ON email_changes (email);
CREATE INDEX email_changes_by_age ON email_changes (expires_at);
