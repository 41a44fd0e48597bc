-- The user of the staff's pages on Moodle's database, which only reads: PostgreSQL. Run in Moodle's database, as its owner or as
-- an administrator; only CREATE ROLE needs the right to make roles. What it may read is what the user of moodle-postgres.sql
-- may; a test compares.
--
-- Put in: {prefix} Moodle's table prefix (mdl_), {database} Moodle's database, {user} kinlink_read, {password} a long random
-- one. See README.md for what these rights amount to.

CREATE ROLE "{user}" LOGIN NOINHERIT PASSWORD '{password}';

-- Both are everybody's by default; said for servers where they were taken from PUBLIC.
GRANT CONNECT ON DATABASE "{database}" TO "{user}";
GRANT USAGE ON SCHEMA public TO "{user}";

-- People: what pupils are matched by and accounts are judged by. Not password, secret, description, addresses, phones, IPs.
GRANT SELECT (id, auth, confirmed, deleted, suspended, mnethostid, username, idnumber, firstname, lastname, email, department)
  ON {prefix}user TO "{user}";

-- What the pupil filter may ask: profile fields and cohorts.
GRANT SELECT (id, shortname) ON {prefix}user_info_field TO "{user}";
GRANT SELECT (userid, fieldid, data) ON {prefix}user_info_data TO "{user}";
GRANT SELECT (id, idnumber) ON {prefix}cohort TO "{user}";
GRANT SELECT (cohortid, userid) ON {prefix}cohort_members TO "{user}";

-- Roles: which there are, where they may be given, what they allow.
GRANT SELECT (id, shortname, archetype) ON {prefix}role TO "{user}";
GRANT SELECT (roleid, contextlevel) ON {prefix}role_context_levels TO "{user}";
GRANT SELECT (contextid, roleid, capability, permission) ON {prefix}role_capabilities TO "{user}";

-- Settings: rows cannot be told apart by a grant, so this shows every setting, secrets of other plugins included.
GRANT SELECT (name, value) ON {prefix}config TO "{user}";
GRANT SELECT (plugin, name, value) ON {prefix}config_plugins TO "{user}";

-- Contexts: which context is whose.
GRANT SELECT (id, contextlevel, instanceid, path, depth, locked)
  ON {prefix}context TO "{user}";

-- Role rows: who has which role where.
GRANT SELECT (id, roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder)
  ON {prefix}role_assignments TO "{user}";

-- Dirty flags: which open sessions will load their roles anew.
GRANT SELECT (id, flagtype, name, timemodified, value, expiry)
  ON {prefix}cache_flags TO "{user}";

-- Tasks: when they ran, and whether they are on.
GRANT SELECT (classname, lastruntime, nextruntime, faildelay, disabled)
  ON {prefix}task_scheduled TO "{user}";

-- Sessions: since when somebody is signed in. Not sid and sessdata: with them a session could be stolen.
GRANT SELECT (id, userid, timecreated, timemodified) ON {prefix}sessions TO "{user}";
