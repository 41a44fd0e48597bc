-- What the lists of the staff pages look up: claims that need a person, decisions of some weeks, the audit by who and when.
--
-- MySQL knows no CREATE INDEX IF NOT EXISTS; a script that died half-way is run again from its start.

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX claims_by_outcome ON claims (outcome, request_id)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'claims' AND index_name = 'claims_by_outcome');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX decisions_by_time ON decisions (made_at)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'decisions' AND index_name = 'decisions_by_time');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX audit_by_actor ON audit (actor, seq)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'audit' AND index_name = 'audit_by_actor');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;

SET @make = (SELECT IF(COUNT(*) = 0, 'CREATE INDEX audit_by_time ON audit (at, seq)', 'DO 0') FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'audit' AND index_name = 'audit_by_time');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;
