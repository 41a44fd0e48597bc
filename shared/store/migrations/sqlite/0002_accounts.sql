-- Who may sign in to Moodle, and whose pupils they are linked to.

CREATE TABLE adults (
  id TEXT NOT NULL PRIMARY KEY,
  title TEXT,
  given_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  sort_name TEXT NOT NULL,
  email TEXT NOT NULL,
  locale TEXT NOT NULL,
  username TEXT,
  picked_user_id INTEGER,
  created_at INTEGER NOT NULL,
  CONSTRAINT adults_username UNIQUE (username),
  CONSTRAINT adults_picked_user UNIQUE (picked_user_id)
);
CREATE INDEX adults_by_email ON adults (email);

-- Read by Moodle's external-database authentication: the column names are its contract.
CREATE TABLE login_rows (
  username TEXT NOT NULL PRIMARY KEY,
  firstname TEXT NOT NULL,
  lastname TEXT NOT NULL,
  email TEXT NOT NULL,
  description TEXT NOT NULL,
  lang TEXT NOT NULL,
  request_id TEXT NOT NULL,
  adult_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  CONSTRAINT login_rows_adult UNIQUE (adult_id)
);
CREATE INDEX login_rows_by_request ON login_rows (request_id);

CREATE TABLE links (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  adult_id TEXT NOT NULL,
  pupil_id INTEGER NOT NULL,
  claim_id TEXT NOT NULL,
  active INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  end_reason TEXT,
  CONSTRAINT links_pair UNIQUE (adult_id, pupil_id)
);
CREATE INDEX links_by_pupil ON links (pupil_id);

CREATE TABLE decisions (
  id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL,
  claim_id TEXT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  reason TEXT,
  note TEXT,
  pupil_id INTEGER,
  made_at INTEGER NOT NULL
);
CREATE INDEX decisions_by_request ON decisions (request_id, made_at);
