-- Members of staff who sign in, their sessions, and sign-ins that are under way.

CREATE TABLE staff (
  id TEXT NOT NULL PRIMARY KEY,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  display_name TEXT NOT NULL,
  email TEXT,
  staff_role TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_signed_in_at INTEGER NOT NULL,
  CONSTRAINT staff_subject UNIQUE (issuer, subject)
);

CREATE TABLE staff_sessions (
  token_hash TEXT NOT NULL PRIMARY KEY,
  staff_id TEXT NOT NULL,
  staff_role TEXT NOT NULL,
  way TEXT NOT NULL,
  id_token TEXT,
  started_at INTEGER NOT NULL,
  authenticated_at INTEGER,
  last_seen_at INTEGER NOT NULL
);
CREATE INDEX staff_sessions_by_staff ON staff_sessions (staff_id);

CREATE TABLE sign_ins (
  state_hash TEXT NOT NULL PRIMARY KEY,
  browser_hash TEXT NOT NULL,
  return_to TEXT NOT NULL,
  again_staff_id TEXT,
  started_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);

CREATE TABLE sign_in_links (
  token_hash TEXT NOT NULL PRIMARY KEY,
  staff_role TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
