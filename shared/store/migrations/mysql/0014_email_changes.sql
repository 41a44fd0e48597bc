-- Changes of adults' addresses. `waiting_for` holds the adult while a change has not ended, so that each has at most one.

CREATE TABLE IF NOT EXISTS email_changes (
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
  CONSTRAINT email_changes_token UNIQUE (token_hash),
  KEY email_changes_by_adult (adult_id, created_at),
  KEY email_changes_by_email (email),
  KEY email_changes_by_age (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
