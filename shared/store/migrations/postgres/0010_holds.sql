-- Holds: legal and safeguarding stops. `turn_at` is when a hold next begins or ends by itself.

CREATE TABLE holds (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  adult_id VARCHAR(36),
  email VARCHAR(100),
  pupil_id BIGINT,
  reason VARCHAR(32) NOT NULL,
  reference VARCHAR(100) NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT,
  turn_at BIGINT,
  placed_by VARCHAR(100) NOT NULL,
  placed_at BIGINT NOT NULL,
  release_asked_by VARCHAR(100),
  release_asked_at BIGINT,
  released_by VARCHAR(100),
  released_at BIGINT
);
CREATE INDEX holds_by_turn ON holds (turn_at);
CREATE INDEX holds_by_adult ON holds (adult_id);
CREATE INDEX holds_by_pupil ON holds (pupil_id);
