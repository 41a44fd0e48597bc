-- Who may sign in to Moodle, and whose pupils they are linked to.

CREATE TABLE IF NOT EXISTS adults (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  title VARCHAR(50),
  given_name VARCHAR(100) NOT NULL,
  family_name VARCHAR(100) NOT NULL,
  sort_name VARCHAR(210) NOT NULL,
  email VARCHAR(100) NOT NULL,
  locale VARCHAR(16) NOT NULL,
  username VARCHAR(100),
  picked_user_id BIGINT,
  created_at BIGINT NOT NULL,
  CONSTRAINT adults_username UNIQUE (username),
  CONSTRAINT adults_picked_user UNIQUE (picked_user_id),
  KEY adults_by_email (email)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Read by Moodle's external-database authentication: the column names are its contract.
CREATE TABLE IF NOT EXISTS login_rows (
  username VARCHAR(100) NOT NULL PRIMARY KEY,
  firstname VARCHAR(100) NOT NULL,
  lastname VARCHAR(100) NOT NULL,
  email VARCHAR(100) NOT NULL,
  description VARCHAR(255) NOT NULL,
  lang VARCHAR(30) NOT NULL,
  request_id VARCHAR(36) NOT NULL,
  adult_id VARCHAR(36) NOT NULL,
  created_at BIGINT NOT NULL,
  CONSTRAINT login_rows_adult UNIQUE (adult_id),
  KEY login_rows_by_request (request_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS links (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  adult_id VARCHAR(36) NOT NULL,
  pupil_id BIGINT NOT NULL,
  claim_id VARCHAR(36) NOT NULL,
  active BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  end_reason VARCHAR(32),
  CONSTRAINT links_pair UNIQUE (adult_id, pupil_id),
  KEY links_by_pupil (pupil_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS decisions (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36) NOT NULL,
  claim_id VARCHAR(36),
  actor VARCHAR(100) NOT NULL,
  action VARCHAR(32) NOT NULL,
  reason VARCHAR(32),
  note MEDIUMTEXT,
  pupil_id BIGINT,
  made_at BIGINT NOT NULL,
  KEY decisions_by_request (request_id, made_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
