-- What staff asked adults, what those answered, and when a request's adult last answered.

CREATE TABLE IF NOT EXISTS questions (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36) NOT NULL,
  question MEDIUMTEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  answer MEDIUMTEXT,
  closed_at BIGINT,
  KEY questions_by_request (request_id, asked_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- MySQL knows no ADD COLUMN IF NOT EXISTS; a script that died half-way is run again from its start.
SET @make = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE requests ADD COLUMN replied_at BIGINT', 'DO 0') FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'requests' AND column_name = 'replied_at');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;
