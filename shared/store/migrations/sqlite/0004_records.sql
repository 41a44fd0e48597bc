-- Audit, mails, settings, tokens.

CREATE TABLE audit (
  seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject, seq);

CREATE TABLE mails (
  id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT,
  adult_id TEXT,
  recipient TEXT NOT NULL,
  letter TEXT NOT NULL,
  once_key TEXT,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  available_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  sent_at INTEGER,
  fault TEXT,
  CONSTRAINT mails_once UNIQUE (once_key)
);
CREATE INDEX mails_due ON mails (state, available_at, id);
CREATE INDEX mails_by_request ON mails (request_id);

CREATE TABLE settings (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by TEXT NOT NULL
);

CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  staff_role TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
);
