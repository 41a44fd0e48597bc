-- What staff asked adults, what those answered, and when a request's adult last answered.

CREATE TABLE questions (
  id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL,
  question TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  answer TEXT,
  closed_at INTEGER
);
CREATE INDEX questions_by_request ON questions (request_id, asked_at);

ALTER TABLE requests ADD COLUMN replied_at INTEGER;
