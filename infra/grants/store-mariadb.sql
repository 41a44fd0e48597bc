-- The users of Kinlink's own database, MariaDB or MySQL. Run as an administrator of the server, in two parts.
--
-- Put in: {database} kinlink, with every underscore in its name written \_ where `{pattern}` stands (a grant on a whole
-- database takes _ for any character); {user} kinlink, {migrate_user} kinlink_migrate, {auth_user} moodle_auth_db, each
-- with a long random {password}, {migrate_password}, {auth_password}. Narrow '%' to the addresses they connect from.
-- Running it again is harmless.

CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- The functions: every row, no table. Whole database, so that a migration's new table needs no new grant.
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT SELECT, INSERT, UPDATE, DELETE ON `{pattern}`.* TO '{user}'@'%';

-- The owner: `kinlink migrate` and the provisioner's action migrate, nothing else.
CREATE USER IF NOT EXISTS '{migrate_user}'@'%' IDENTIFIED BY '{migrate_password}';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `{pattern}`.* TO '{migrate_user}'@'%';

-- Moodle's external database authentication: what it may read is in part 2.
CREATE USER IF NOT EXISTS '{auth_user}'@'%' IDENTIFIED BY '{auth_password}';

-- ---- Part 2, after the first migration: a grant on columns needs its table. ------------------------------------------

-- Moodle reads the login rows, without what ties them to a request.
GRANT SELECT (username, firstname, lastname, email, description, lang) ON `{database}`.`login_rows` TO '{auth_user}'@'%';
