-- What adults sent, and who may send.

CREATE TABLE sources (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  key_hash VARCHAR(64) NOT NULL,
  proves_email BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by VARCHAR(100) NOT NULL,
  revoked_at BIGINT
);

CREATE TABLE requests (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  reference VARCHAR(9) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  status VARCHAR(32) NOT NULL,
  locale VARCHAR(16) NOT NULL,
  source_id VARCHAR(36),
  adult_id VARCHAR(36),
  title VARCHAR(50),
  given_name VARCHAR(100) NOT NULL,
  family_name VARCHAR(100) NOT NULL,
  email VARCHAR(100),
  email_typed VARCHAR(254) NOT NULL,
  comment_text TEXT NOT NULL,
  faults TEXT NOT NULL,
  submitted TEXT NOT NULL,
  staff_note TEXT NOT NULL,
  search_text TEXT NOT NULL,
  sort_name VARCHAR(210) NOT NULL,
  dedup_key VARCHAR(64),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  confirmed_at BIGINT,
  decided_at BIGINT,
  version BIGINT NOT NULL,
  CONSTRAINT requests_reference UNIQUE (reference),
  CONSTRAINT requests_dedup_key UNIQUE (dedup_key)
);
CREATE INDEX requests_by_status ON requests (status, created_at, id);
CREATE INDEX requests_by_created ON requests (created_at, id);
CREATE INDEX requests_by_name ON requests (sort_name, id);
CREATE INDEX requests_by_email ON requests (email);
CREATE INDEX requests_by_adult ON requests (adult_id);

CREATE TABLE claims (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36) NOT NULL,
  position BIGINT NOT NULL,
  given_name VARCHAR(100) NOT NULL,
  family_name VARCHAR(100) NOT NULL,
  tutor_group VARCHAR(50),
  admission_number VARCHAR(50),
  state VARCHAR(16) NOT NULL,
  pupil_id BIGINT,
  link_id BIGINT,
  outcome VARCHAR(32),
  outcome_at BIGINT,
  CONSTRAINT claims_position UNIQUE (request_id, position)
);
CREATE INDEX claims_by_link ON claims (link_id);

CREATE TABLE email_proofs (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36) NOT NULL,
  token_hash VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT,
  CONSTRAINT email_proofs_token UNIQUE (token_hash)
);
CREATE INDEX email_proofs_by_request ON email_proofs (request_id);

CREATE TABLE idempotency_keys (
  scope VARCHAR(64) NOT NULL,
  key_hash VARCHAR(64) NOT NULL,
  fingerprint VARCHAR(64) NOT NULL,
  response TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope, key_hash)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
