-- How often something was done within a window of time. Keys are keyed hashes: no address stands here.

CREATE TABLE IF NOT EXISTS quotas (
  key_hash VARCHAR(64) NOT NULL,
  window_start BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (key_hash, window_start),
  KEY quotas_by_window (window_start)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
