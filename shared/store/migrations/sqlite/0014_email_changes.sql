-- Changes of adults' addresses. `waiting_for` holds the adult while a change has not ended, so that each has at most one.

CREATE TABLE email_changes (
  id TEXT NOT NULL PRIMARY KEY,
  adult_id TEXT NOT NULL,
  waiting_for TEXT,
  email TEXT NOT NULL,
  shared INTEGER NOT NULL,
  request_id TEXT,
  token_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  outcome TEXT,
  ended_at INTEGER,
  CONSTRAINT email_changes_waiting UNIQUE (waiting_for),
  CONSTRAINT email_changes_token UNIQUE (token_hash)
);
CREATE INDEX email_changes_by_adult ON email_changes (adult_id, created_at);
CREATE INDEX email_changes_by_email ON email_changes (email);
CREATE INDEX email_changes_by_age ON email_changes (expires_at);
