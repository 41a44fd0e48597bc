-- Linked pupils who have left, since when that is known: their links end when the grace time is over.

CREATE TABLE leavers (
  pupil_id INTEGER NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL
);
