-- Linked pupils who have left, since when that is known: their links end when the grace time is over.

CREATE TABLE IF NOT EXISTS leavers (
  pupil_id BIGINT NOT NULL PRIMARY KEY,
  reason VARCHAR(32) NOT NULL,
  since BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
