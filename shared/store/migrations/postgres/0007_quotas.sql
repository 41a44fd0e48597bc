-- How often something was done within a window of time. Keys are keyed hashes: no address stands here.

CREATE TABLE quotas (
  key_hash VARCHAR(64) NOT NULL,
  window_start BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (key_hash, window_start)
);
CREATE INDEX quotas_by_window ON quotas (window_start);
