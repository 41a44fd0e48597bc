-- Erasures of people's data, and since when a person's data is erased. An erasure without `erased_at` waits until Moodle
-- holds no row of the adult's any more.

CREATE TABLE IF NOT EXISTS erasures (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  adult_id VARCHAR(36),
  request_id VARCHAR(36),
  asked_by VARCHAR(100) NOT NULL,
  asked_at BIGINT NOT NULL,
  erased_at BIGINT,
  CONSTRAINT erasures_adult UNIQUE (adult_id),
  CONSTRAINT erasures_request UNIQUE (request_id),
  KEY erasures_by_end (erased_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- MySQL knows no ADD COLUMN and no CREATE INDEX IF NOT EXISTS; a script that died half-way is run again from its start.
SET @make = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE requests ADD COLUMN erased_at BIGINT', 'DO 0') FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'requests' AND column_name = 'erased_at');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE adults ADD COLUMN erased_at BIGINT', 'DO 0') FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'adults' AND column_name = 'erased_at');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX requests_by_change ON requests (status, updated_at)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'requests' AND index_name = 'requests_by_change');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX mails_by_adult ON mails (adult_id)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'mails' AND index_name = 'mails_by_adult');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX mails_by_end ON mails (state, sent_at)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'mails' AND index_name = 'mails_by_end');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX claims_by_pupil ON claims (pupil_id)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'claims' AND index_name = 'claims_by_pupil');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;
