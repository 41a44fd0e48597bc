-- What staff asked adults, what those answered, and when a request's adult last answered.

CREATE TABLE questions (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36) NOT NULL,
  question TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  answer TEXT,
  closed_at BIGINT
);
CREATE INDEX questions_by_request ON questions (request_id, asked_at);

ALTER TABLE requests ADD COLUMN replied_at BIGINT;
