-- Role rows of the earlier plugin that became ours, and how many of them a plan adopts or gives back.

ALTER TABLE plans ADD COLUMN adoptions BIGINT NOT NULL DEFAULT 0;

CREATE TABLE adoptions (
  plan_id VARCHAR(36) NOT NULL,
  assignment_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  context_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  adopted_at BIGINT NOT NULL,
  given_back_at BIGINT,
  PRIMARY KEY (plan_id, assignment_id)
);
CREATE INDEX adoptions_by_assignment ON adoptions (assignment_id);
CREATE INDEX adoptions_by_user ON adoptions (user_id);
