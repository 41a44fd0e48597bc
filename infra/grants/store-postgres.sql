-- The users of Kinlink's own database, PostgreSQL. Run in that database as an administrator of the server, in two parts.
-- Make it first: CREATE DATABASE kinlink ENCODING 'UTF8' TEMPLATE template0;
--
-- Put in: {database} kinlink, {user} kinlink, {migrate_user} kinlink_migrate, {auth_user} moodle_auth_db, each with a
-- long random {password}, {migrate_password}, {auth_password}.

CREATE ROLE "{user}" LOGIN NOINHERIT PASSWORD '{password}';
CREATE ROLE "{migrate_user}" LOGIN NOINHERIT PASSWORD '{migrate_password}';
CREATE ROLE "{auth_user}" LOGIN NOINHERIT PASSWORD '{auth_password}';

-- Nobody else comes in, and nobody but the owner makes tables (everybody may, up to PostgreSQL 14).
REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE "{database}" TO "{user}", "{migrate_user}", "{auth_user}";
GRANT USAGE ON SCHEMA public TO "{user}", "{migrate_user}", "{auth_user}";

-- The owner: `kinlink migrate` and the provisioner's action migrate, nothing else. What it makes belongs to it.
GRANT CREATE ON SCHEMA public TO "{migrate_user}";

-- The functions: every row of the tables that the owner makes, also of those that later migrations make. Ids of GENERATED
-- columns need no right on their sequences. An administrator who is no superuser must be a member of {migrate_user} here.
ALTER DEFAULT PRIVILEGES FOR ROLE "{migrate_user}" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{user}";

-- ---- Part 2, after the first migration: a grant on columns needs its table. ------------------------------------------

-- Moodle's external database authentication: the login rows, without what ties them to a request.
GRANT SELECT (username, firstname, lastname, email, description, lang) ON login_rows TO "{auth_user}";

-- The functions look whether the schema is up to date; only the owner says so.
REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM "{user}";

-- What is written in the audit is never changed; it may be read, added to, and purged when it is old.
REVOKE UPDATE ON audit FROM "{user}";
