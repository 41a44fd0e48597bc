-- Linked pupils who have left, since when that is known: their links end when the grace time is over.

CREATE TABLE leavers (
  pupil_id BIGINT NOT NULL PRIMARY KEY,
  reason VARCHAR(32) NOT NULL,
  since BIGINT NOT NULL
);
