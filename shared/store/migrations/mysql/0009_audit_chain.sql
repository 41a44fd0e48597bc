-- Each entry of the audit carries the hash of itself and of the one before. `audit_chain` holds both ends: entries up to
-- `first_seq` are not checked (they were written before there was a chain, or have been purged), `last_*` is the newest.
--
-- MySQL knows no ADD COLUMN IF NOT EXISTS; a script that died half-way is run again from its start.

SET @make = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE audit ADD COLUMN hash VARCHAR(64)', 'DO 0') FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'audit' AND column_name = 'hash');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

CREATE TABLE IF NOT EXISTS audit_chain (
  id BIGINT NOT NULL PRIMARY KEY,
  first_seq BIGINT NOT NULL,
  first_hash VARCHAR(64) NOT NULL,
  last_seq BIGINT NOT NULL,
  last_hash VARCHAR(64) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO audit_chain (id, first_seq, first_hash, last_seq, last_hash)
  SELECT 1, COALESCE(MAX(seq), 0), '', COALESCE(MAX(seq), 0), '' FROM audit;
