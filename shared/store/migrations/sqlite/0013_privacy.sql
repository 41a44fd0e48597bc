-- Erasures of people's data, and since when a person's data is erased. An erasure without `erased_at` waits until Moodle
-- holds no row of the adult's any more.

CREATE TABLE erasures (
  id TEXT NOT NULL PRIMARY KEY,
  adult_id TEXT,
  request_id TEXT,
  asked_by TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  erased_at INTEGER,
  CONSTRAINT erasures_adult UNIQUE (adult_id),
  CONSTRAINT erasures_request UNIQUE (request_id)
);
CREATE INDEX erasures_by_end ON erasures (erased_at);

ALTER TABLE requests ADD COLUMN erased_at INTEGER;
ALTER TABLE adults ADD COLUMN erased_at INTEGER;
CREATE INDEX requests_by_change ON requests (status, updated_at);
CREATE INDEX mails_by_adult ON mails (adult_id);
CREATE INDEX mails_by_end ON mails (state, sent_at);
CREATE INDEX claims_by_pupil ON claims (pupil_id);
