-- What the lists of the staff pages look up: claims that need a person, decisions of some weeks, the audit by who and when.

CREATE INDEX claims_by_outcome ON claims (outcome, request_id);
CREATE INDEX decisions_by_time ON decisions (made_at);
CREATE INDEX audit_by_actor ON audit (actor, seq);
CREATE INDEX audit_by_time ON audit (at, seq);
