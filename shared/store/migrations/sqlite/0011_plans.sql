-- Plans that were kept, what a comparison found and remembers, and which plan a cycle applies.

ALTER TABLE cycles ADD COLUMN plan_id TEXT;

CREATE TABLE plans (
  id TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL,
  scope TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  additions INTEGER NOT NULL,
  removals INTEGER NOT NULL,
  contexts INTEGER NOT NULL,
  braked INTEGER NOT NULL,
  asked_by TEXT,
  asked_at INTEGER,
  admitted_by TEXT,
  admitted_at INTEGER,
  begun_at INTEGER,
  applied_at INTEGER,
  cycle_id TEXT
);
CREATE INDEX plans_by_digest ON plans (digest, id);
CREATE INDEX plans_by_age ON plans (created_at);

CREATE TABLE plan_rows (
  plan_id TEXT NOT NULL,
  part INTEGER NOT NULL,
  reason TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (plan_id, part)
);

CREATE TABLE source_sizes (
  name TEXT NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,
  measured_at INTEGER NOT NULL
);

CREATE TABLE put_backs (
  component TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  context_id INTEGER NOT NULL,
  role_id INTEGER NOT NULL,
  item_id INTEGER NOT NULL,
  put_back_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, context_id, role_id, item_id, component, put_back_at)
);
CREATE INDEX put_backs_by_age ON put_backs (put_back_at);

CREATE TABLE contests (
  id TEXT NOT NULL PRIMARY KEY,
  component TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  context_id INTEGER NOT NULL,
  role_id INTEGER NOT NULL,
  item_id INTEGER NOT NULL,
  adult_id TEXT NOT NULL,
  link_id INTEGER NOT NULL,
  began_at INTEGER NOT NULL,
  CONSTRAINT contests_row UNIQUE (user_id, context_id, role_id, item_id, component)
);

CREATE TABLE findings (
  cycle_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  class TEXT NOT NULL,
  adult_id TEXT,
  link_id INTEGER,
  user_id INTEGER,
  pupil_id INTEGER,
  other_id INTEGER,
  PRIMARY KEY (cycle_id, number)
);
