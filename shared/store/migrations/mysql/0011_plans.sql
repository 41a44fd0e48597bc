-- Plans that were kept, what a comparison found and remembers, and which plan a cycle applies.
--
-- MySQL knows no ADD COLUMN IF NOT EXISTS; a script that died half-way is run again from its start.

SET @make = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE cycles ADD COLUMN plan_id VARCHAR(36)', 'DO 0') FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'cycles' AND column_name = 'plan_id');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

CREATE TABLE IF NOT EXISTS plans (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  digest VARCHAR(64) NOT NULL,
  scope VARCHAR(32) NOT NULL,
  actor VARCHAR(100) NOT NULL,
  created_at BIGINT NOT NULL,
  additions BIGINT NOT NULL,
  removals BIGINT NOT NULL,
  contexts BIGINT NOT NULL,
  braked BIGINT NOT NULL,
  asked_by VARCHAR(100),
  asked_at BIGINT,
  admitted_by VARCHAR(100),
  admitted_at BIGINT,
  begun_at BIGINT,
  applied_at BIGINT,
  cycle_id VARCHAR(36),
  KEY plans_by_digest (digest, id),
  KEY plans_by_age (created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS plan_rows (
  plan_id VARCHAR(36) NOT NULL,
  part BIGINT NOT NULL,
  reason VARCHAR(32) NOT NULL,
  row_count BIGINT NOT NULL,
  content MEDIUMTEXT NOT NULL,
  PRIMARY KEY (plan_id, part)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS source_sizes (
  name VARCHAR(32) NOT NULL PRIMARY KEY,
  size BIGINT NOT NULL,
  measured_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS put_backs (
  component VARCHAR(100) NOT NULL,
  user_id BIGINT NOT NULL,
  context_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  put_back_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, context_id, role_id, item_id, component, put_back_at),
  KEY put_backs_by_age (put_back_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS contests (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  component VARCHAR(100) NOT NULL,
  user_id BIGINT NOT NULL,
  context_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  adult_id VARCHAR(36) NOT NULL,
  link_id BIGINT NOT NULL,
  began_at BIGINT NOT NULL,
  CONSTRAINT contests_row UNIQUE (user_id, context_id, role_id, item_id, component)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS findings (
  cycle_id VARCHAR(36) NOT NULL,
  number BIGINT NOT NULL,
  class VARCHAR(32) NOT NULL,
  adult_id VARCHAR(36),
  link_id BIGINT,
  user_id BIGINT,
  pupil_id BIGINT,
  other_id BIGINT,
  PRIMARY KEY (cycle_id, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
