-- Each entry of the audit carries the hash of itself and of the one before. `audit_chain` holds both ends: entries up to
-- `first_seq` are not checked (they were written before there was a chain, or have been purged), `last_*` is the newest.

ALTER TABLE audit ADD COLUMN hash TEXT;

CREATE TABLE audit_chain (
  id INTEGER NOT NULL PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  first_hash TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  last_hash TEXT NOT NULL
);
INSERT INTO audit_chain (id, first_seq, first_hash, last_seq, last_hash)
  SELECT 1, COALESCE(MAX(seq), 0), '', COALESCE(MAX(seq), 0), '' FROM audit;
