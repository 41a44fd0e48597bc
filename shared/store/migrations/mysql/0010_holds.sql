-- Holds: legal and safeguarding stops. `turn_at` is when a hold next begins or ends by itself.

CREATE TABLE IF NOT EXISTS holds (
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
  released_at BIGINT,
  KEY holds_by_turn (turn_at),
  KEY holds_by_adult (adult_id),
  KEY holds_by_pupil (pupil_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
