-- Holds: legal and safeguarding stops. `turn_at` is when a hold next begins or ends by itself.

CREATE TABLE holds (
  id TEXT NOT NULL PRIMARY KEY,
  adult_id TEXT,
  email TEXT,
  pupil_id INTEGER,
  reason TEXT NOT NULL,
  reference TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  until_at INTEGER,
  turn_at INTEGER,
  placed_by TEXT NOT NULL,
  placed_at INTEGER NOT NULL,
  release_asked_by TEXT,
  release_asked_at INTEGER,
  released_by TEXT,
  released_at INTEGER
);
CREATE INDEX holds_by_turn ON holds (turn_at);
CREATE INDEX holds_by_adult ON holds (adult_id);
CREATE INDEX holds_by_pupil ON holds (pupil_id);
