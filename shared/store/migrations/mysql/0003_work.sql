-- The provisioner's work: jobs, the embedded queue, cycles, and the rows it wrote in Moodle.

CREATE TABLE IF NOT EXISTS jobs (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  adult_id VARCHAR(36) NOT NULL,
  request_id VARCHAR(36),
  state VARCHAR(16) NOT NULL,
  priority BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  available_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  outcome VARCHAR(32),
  KEY jobs_due (state, available_at, id),
  KEY jobs_by_adult (adult_id, state)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS queue_messages (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  body MEDIUMTEXT NOT NULL,
  receives BIGINT NOT NULL,
  visible_at BIGINT NOT NULL,
  receipt VARCHAR(36),
  created_at BIGINT NOT NULL,
  dead_at BIGINT,
  KEY queue_messages_visible (dead_at, visible_at, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS cycles (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  action VARCHAR(32) NOT NULL,
  state VARCHAR(16) NOT NULL,
  actor VARCHAR(100) NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  report MEDIUMTEXT,
  fault MEDIUMTEXT,
  KEY cycles_by_state (state, created_at, id),
  KEY cycles_by_created (created_at, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS cycle_results (
  cycle_id VARCHAR(36) NOT NULL,
  link_id BIGINT NOT NULL,
  outcome VARCHAR(32) NOT NULL,
  found_at BIGINT NOT NULL,
  PRIMARY KEY (cycle_id, link_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS ledger (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  adult_id VARCHAR(36) NOT NULL,
  component VARCHAR(100) NOT NULL,
  item_id BIGINT NOT NULL,
  link_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL,
  context_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  state VARCHAR(16) NOT NULL,
  cycle_id VARCHAR(36) NOT NULL,
  changed_at BIGINT NOT NULL,
  CONSTRAINT ledger_row UNIQUE (user_id, context_id, role_id, item_id, component),
  KEY ledger_by_link (link_id, state),
  KEY ledger_by_state (state),
  KEY ledger_by_adult (adult_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS leases (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  holder VARCHAR(36) NOT NULL,
  expires_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
