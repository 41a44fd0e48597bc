-- Kinlink's user on Moodle's database, PostgreSQL. Run in Moodle's database, as its owner or as an administrator; only
-- CREATE ROLE needs the right to make roles.
--
-- Put in: {prefix} Moodle's table prefix (mdl_), {database} Moodle's database, {user} kinlink, {password} a long random
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

-- Contexts: pupils without one get it; one without path gets path and depth. What a context belongs to cannot be changed.
GRANT SELECT (id, contextlevel, instanceid, path, depth, locked),
      INSERT (contextlevel, instanceid, depth, locked),
      UPDATE (path, depth)
  ON {prefix}context TO "{user}";

-- Role rows: ours come and go; of a row of the earlier plugin only whose it is changes, when it is adopted or given back.
-- DELETE is not limited to rows of ours here (README.md: it can be).
GRANT SELECT (id, roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder),
      INSERT (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder),
      UPDATE (component, itemid),
      DELETE
  ON {prefix}role_assignments TO "{user}";

-- Dirty flags: they make open sessions load their roles anew.
GRANT SELECT (id, flagtype, name, timemodified, value, expiry),
      INSERT (flagtype, name, timemodified, value, expiry),
      UPDATE (timemodified, value, expiry)
  ON {prefix}cache_flags TO "{user}";

-- Tasks: their state, and to make one due. Never disabled, so that nothing is switched on behind an administrator's back.
GRANT SELECT (classname, lastruntime, nextruntime, faildelay, disabled), UPDATE (nextruntime)
  ON {prefix}task_scheduled TO "{user}";

-- Sessions: ending those of a person whose access was taken away. Not sid and sessdata: with them a session could be stolen.
GRANT SELECT (id, userid, timecreated, timemodified), DELETE ON {prefix}sessions TO "{user}";

-- Ids of the rows that we insert come from these. USAGE alone: not setval.
GRANT USAGE ON SEQUENCE {prefix}context_id_seq, {prefix}role_assignments_id_seq, {prefix}cache_flags_id_seq TO "{user}";
