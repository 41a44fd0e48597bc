-- What adults sent, and who may send.

CREATE TABLE sources (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  proves_email INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at INTEGER
);

CREATE TABLE requests (
  id TEXT NOT NULL PRIMARY KEY,
  reference TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  locale TEXT NOT NULL,
  source_id TEXT,
  adult_id TEXT,
  title TEXT,
  given_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  email TEXT,
  email_typed TEXT NOT NULL,
  comment_text TEXT NOT NULL,
  faults TEXT NOT NULL,
  submitted TEXT NOT NULL,
  staff_note TEXT NOT NULL,
  search_text TEXT NOT NULL,
  sort_name TEXT NOT NULL,
  dedup_key TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  confirmed_at INTEGER,
  decided_at INTEGER,
  version INTEGER NOT NULL,
  CONSTRAINT requests_reference UNIQUE (reference),
  CONSTRAINT requests_dedup_key UNIQUE (dedup_key)
);
CREATE INDEX requests_by_status ON requests (status, created_at, id);
CREATE INDEX requests_by_created ON requests (created_at, id);
CREATE INDEX requests_by_name ON requests (sort_name, id);
CREATE INDEX requests_by_email ON requests (email);
CREATE INDEX requests_by_adult ON requests (adult_id);

CREATE TABLE claims (
  id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  given_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  tutor_group TEXT,
  admission_number TEXT,
  state TEXT NOT NULL,
  pupil_id INTEGER,
  link_id INTEGER,
  outcome TEXT,
  outcome_at INTEGER,
  CONSTRAINT claims_position UNIQUE (request_id, position)
);
CREATE INDEX claims_by_link ON claims (link_id);

CREATE TABLE email_proofs (
  id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  consumed_at INTEGER,
  CONSTRAINT email_proofs_token UNIQUE (token_hash)
);
CREATE INDEX email_proofs_by_request ON email_proofs (request_id);

CREATE TABLE idempotency_keys (
  scope TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  response TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key_hash)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
