-- Role rows of the earlier plugin that became ours, and how many of them a plan adopts or gives back.

ALTER TABLE plans ADD COLUMN adoptions INTEGER NOT NULL DEFAULT 0;

CREATE TABLE adoptions (
  plan_id TEXT NOT NULL,
  assignment_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  context_id INTEGER NOT NULL,
  role_id INTEGER NOT NULL,
  item_id INTEGER NOT NULL,
  adopted_at INTEGER NOT NULL,
  given_back_at INTEGER,
  PRIMARY KEY (plan_id, assignment_id)
);
CREATE INDEX adoptions_by_assignment ON adoptions (assignment_id);
CREATE INDEX adoptions_by_user ON adoptions (user_id);
