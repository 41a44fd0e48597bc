-- Members of staff who sign in, their sessions, and sign-ins that are under way.

CREATE TABLE staff (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  issuer VARCHAR(255) NOT NULL,
  subject VARCHAR(255) NOT NULL,
  display_name VARCHAR(100) NOT NULL,
  email VARCHAR(254),
  staff_role VARCHAR(16) NOT NULL,
  created_at BIGINT NOT NULL,
  last_signed_in_at BIGINT NOT NULL,
  CONSTRAINT staff_subject UNIQUE (issuer, subject)
);

CREATE TABLE staff_sessions (
  token_hash VARCHAR(64) NOT NULL PRIMARY KEY,
  staff_id VARCHAR(36) NOT NULL,
  staff_role VARCHAR(16) NOT NULL,
  way VARCHAR(16) NOT NULL,
  id_token TEXT,
  started_at BIGINT NOT NULL,
  authenticated_at BIGINT,
  last_seen_at BIGINT NOT NULL
);
CREATE INDEX staff_sessions_by_staff ON staff_sessions (staff_id);

CREATE TABLE sign_ins (
  state_hash VARCHAR(64) NOT NULL PRIMARY KEY,
  browser_hash VARCHAR(64) NOT NULL,
  return_to VARCHAR(1000) NOT NULL,
  again_staff_id VARCHAR(36),
  started_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE TABLE sign_in_links (
  token_hash VARCHAR(64) NOT NULL PRIMARY KEY,
  staff_role VARCHAR(16) NOT NULL,
  created_by VARCHAR(100) NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
