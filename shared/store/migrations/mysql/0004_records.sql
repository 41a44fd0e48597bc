-- Audit, mails, settings, tokens.

CREATE TABLE IF NOT EXISTS audit (
  seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor VARCHAR(100) NOT NULL,
  action VARCHAR(64) NOT NULL,
  subject VARCHAR(100) NOT NULL,
  detail MEDIUMTEXT NOT NULL,
  KEY audit_by_subject (subject, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS mails (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  request_id VARCHAR(36),
  adult_id VARCHAR(36),
  recipient VARCHAR(100) NOT NULL,
  letter MEDIUMTEXT NOT NULL,
  once_key VARCHAR(100),
  state VARCHAR(16) NOT NULL,
  attempts BIGINT NOT NULL,
  available_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  fault VARCHAR(100),
  CONSTRAINT mails_once UNIQUE (once_key),
  KEY mails_due (state, available_at, id),
  KEY mails_by_request (request_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS settings (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  value MEDIUMTEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by VARCHAR(100) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tokens (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  staff_role VARCHAR(16) NOT NULL,
  secret_hash VARCHAR(64) NOT NULL,
  created_at BIGINT NOT NULL,
  created_by VARCHAR(100) NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
