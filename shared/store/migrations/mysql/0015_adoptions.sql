-- Role rows of the earlier plugin that became ours, and how many of them a plan adopts or gives back.
--
-- MySQL knows no ADD COLUMN IF NOT EXISTS; a script that died half-way is run again from its start.

SET @make = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE plans ADD COLUMN adoptions BIGINT NOT NULL DEFAULT 0', 'DO 0') FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'plans' AND column_name = 'adoptions');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

CREATE TABLE IF NOT EXISTS adoptions (
  plan_id VARCHAR(36) NOT NULL,
  assignment_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  context_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  adopted_at BIGINT NOT NULL,
  given_back_at BIGINT,
  PRIMARY KEY (plan_id, assignment_id),
  KEY adoptions_by_assignment (assignment_id),
  KEY adoptions_by_user (user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
