-- The provisioner's work: jobs, the embedded queue, cycles, and the rows it wrote in Moodle.

CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  adult_id TEXT NOT NULL,
  request_id TEXT,
  state TEXT NOT NULL,
  priority INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  available_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  sent_at INTEGER,
  outcome TEXT
);
CREATE INDEX jobs_due ON jobs (state, available_at, id);
CREATE INDEX jobs_by_adult ON jobs (adult_id, state);

CREATE TABLE queue_messages (
  id TEXT NOT NULL PRIMARY KEY,
  body TEXT NOT NULL,
  receives INTEGER NOT NULL,
  visible_at INTEGER NOT NULL,
  receipt TEXT,
  created_at INTEGER NOT NULL,
  dead_at INTEGER
);
CREATE INDEX queue_messages_visible ON queue_messages (dead_at, visible_at, id);

CREATE TABLE cycles (
  id TEXT NOT NULL PRIMARY KEY,
  action TEXT NOT NULL,
  state TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  report TEXT,
  fault TEXT
);
CREATE INDEX cycles_by_state ON cycles (state, created_at, id);
CREATE INDEX cycles_by_created ON cycles (created_at, id);

CREATE TABLE cycle_results (
  cycle_id TEXT NOT NULL,
  link_id INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  PRIMARY KEY (cycle_id, link_id)
);

CREATE TABLE ledger (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  adult_id TEXT NOT NULL,
  component TEXT NOT NULL,
  item_id INTEGER NOT NULL,
  link_id INTEGER NOT NULL,
  role_id INTEGER NOT NULL,
  context_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  cycle_id TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  CONSTRAINT ledger_row UNIQUE (user_id, context_id, role_id, item_id, component)
);
CREATE INDEX ledger_by_link ON ledger (link_id, state);
CREATE INDEX ledger_by_state ON ledger (state);
CREATE INDEX ledger_by_adult ON ledger (adult_id);

CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  expires_at INTEGER NOT NULL
);
