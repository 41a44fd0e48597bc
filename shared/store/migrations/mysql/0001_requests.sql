-- What adults sent, and who may send.

CREATE TABLE IF NOT EXISTS sources (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  key_hash VARCHAR(64) NOT NULL,
  proves_email BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by VARCHAR(100) NOT NULL,
  revoked_at BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS requests (
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
  comment_text MEDIUMTEXT NOT NULL,
  faults MEDIUMTEXT NOT NULL,
  submitted MEDIUMTEXT NOT NULL,
  staff_note MEDIUMTEXT NOT NULL,
  search_text MEDIUMTEXT NOT NULL,
  sort_name VARCHAR(210) NOT NULL,
  dedup_key VARCHAR(64),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  confirmed_at BIGINT,
  decided_at BIGINT,
  version BIGINT NOT NULL,
  CONSTRAINT requests_reference UNIQUE (reference),
  CONSTRAINT requests_dedup_key UNIQUE (dedup_key),
  KEY requests_by_status (status, created_at, id),
  KEY requests_by_created (created_at, id),
  KEY requests_by_name (sort_name, id),
  KEY requests_by_email (email),
  KEY requests_by_adult (adult_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS claims (
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
  CONSTRAINT claims_position UNIQUE (request_id, position),
  KEY claims_by_link (link_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS email_proofs (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36) NOT NULL,
  token_hash VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  consumed_at BIGINT,
  CONSTRAINT email_proofs_token UNIQUE (token_hash),
  KEY email_proofs_by_request (request_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotency_keys (
  scope VARCHAR(64) NOT NULL,
  key_hash VARCHAR(64) NOT NULL,
  fingerprint VARCHAR(64) NOT NULL,
  response MEDIUMTEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope, key_hash),
  KEY idempotency_keys_by_age (created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
