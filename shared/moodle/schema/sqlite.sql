-- The same columns and unique keys for SQLite. Moodle itself does not run on SQLite: this serves the demonstration and fast tests.
-- SQLite checks no lengths; what is too long for Moodle is found on MariaDB and PostgreSQL. A statement ends with a semicolon at the end of a line.

CREATE TABLE {prefix}user (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    auth              TEXT NOT NULL DEFAULT 'manual',
    confirmed         INTEGER NOT NULL DEFAULT 0,
    policyagreed      INTEGER NOT NULL DEFAULT 0,
    deleted           INTEGER NOT NULL DEFAULT 0,
    suspended         INTEGER NOT NULL DEFAULT 0,
    mnethostid        INTEGER NOT NULL DEFAULT 0,
    username          TEXT NOT NULL DEFAULT '',
    password          TEXT NOT NULL DEFAULT '',
    idnumber          TEXT NOT NULL DEFAULT '',
    firstname         TEXT NOT NULL DEFAULT '',
    lastname          TEXT NOT NULL DEFAULT '',
    email             TEXT NOT NULL DEFAULT '',
    emailstop         INTEGER NOT NULL DEFAULT 0,
    phone1            TEXT NOT NULL DEFAULT '',
    phone2            TEXT NOT NULL DEFAULT '',
    institution       TEXT NOT NULL DEFAULT '',
    department        TEXT NOT NULL DEFAULT '',
    address           TEXT NOT NULL DEFAULT '',
    city              TEXT NOT NULL DEFAULT '',
    country           TEXT NOT NULL DEFAULT '',
    lang              TEXT NOT NULL DEFAULT 'en',
    calendartype      TEXT NOT NULL DEFAULT 'gregorian',
    theme             TEXT NOT NULL DEFAULT '',
    timezone          TEXT NOT NULL DEFAULT '99',
    firstaccess       INTEGER NOT NULL DEFAULT 0,
    lastaccess        INTEGER NOT NULL DEFAULT 0,
    lastlogin         INTEGER NOT NULL DEFAULT 0,
    currentlogin      INTEGER NOT NULL DEFAULT 0,
    lastip            TEXT NOT NULL DEFAULT '',
    secret            TEXT NOT NULL DEFAULT '',
    picture           INTEGER NOT NULL DEFAULT 0,
    description       TEXT,
    descriptionformat INTEGER NOT NULL DEFAULT 1,
    mailformat        INTEGER NOT NULL DEFAULT 1,
    maildigest        INTEGER NOT NULL DEFAULT 0,
    maildisplay       INTEGER NOT NULL DEFAULT 2,
    autosubscribe     INTEGER NOT NULL DEFAULT 1,
    trackforums       INTEGER NOT NULL DEFAULT 0,
    timecreated       INTEGER NOT NULL DEFAULT 0,
    timemodified      INTEGER NOT NULL DEFAULT 0,
    trustbitmask      INTEGER NOT NULL DEFAULT 0,
    imagealt          TEXT,
    lastnamephonetic  TEXT,
    firstnamephonetic TEXT,
    middlename        TEXT,
    alternatename     TEXT,
    moodlenetprofile  TEXT
);
CREATE UNIQUE INDEX {prefix}user_mneuse_uix ON {prefix}user (mnethostid, username);
CREATE INDEX {prefix}user_del_ix ON {prefix}user (deleted);
CREATE INDEX {prefix}user_con_ix ON {prefix}user (confirmed);
CREATE INDEX {prefix}user_fir_ix ON {prefix}user (firstname);
CREATE INDEX {prefix}user_las_ix ON {prefix}user (lastname);
CREATE INDEX {prefix}user_cit_ix ON {prefix}user (city);
CREATE INDEX {prefix}user_cou_ix ON {prefix}user (country);
CREATE INDEX {prefix}user_las2_ix ON {prefix}user (lastaccess);
CREATE INDEX {prefix}user_ema_ix ON {prefix}user (email);
CREATE INDEX {prefix}user_aut_ix ON {prefix}user (auth);
CREATE INDEX {prefix}user_idn_ix ON {prefix}user (idnumber);
CREATE INDEX {prefix}user_fir2_ix ON {prefix}user (firstnamephonetic);
CREATE INDEX {prefix}user_las3_ix ON {prefix}user (lastnamephonetic);
CREATE INDEX {prefix}user_mid_ix ON {prefix}user (middlename);
CREATE INDEX {prefix}user_alt_ix ON {prefix}user (alternatename);

CREATE TABLE {prefix}context (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    contextlevel INTEGER NOT NULL DEFAULT 0,
    instanceid   INTEGER NOT NULL DEFAULT 0,
    path         TEXT,
    depth        INTEGER NOT NULL DEFAULT 0,
    locked       INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}cont_conins_uix ON {prefix}context (contextlevel, instanceid);
CREATE INDEX {prefix}cont_ins_ix ON {prefix}context (instanceid);
CREATE INDEX {prefix}cont_pat_ix ON {prefix}context (path);

CREATE TABLE {prefix}role (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL DEFAULT '',
    shortname   TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL,
    sortorder   INTEGER NOT NULL DEFAULT 0,
    archetype   TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX {prefix}role_sor_uix ON {prefix}role (sortorder);
CREATE UNIQUE INDEX {prefix}role_sho_uix ON {prefix}role (shortname);

CREATE TABLE {prefix}role_context_levels (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    roleid       INTEGER NOT NULL,
    contextlevel INTEGER NOT NULL
);
CREATE UNIQUE INDEX {prefix}rolecontleve_conrol_uix ON {prefix}role_context_levels (contextlevel, roleid);
CREATE INDEX {prefix}rolecontleve_rol_ix ON {prefix}role_context_levels (roleid);

CREATE TABLE {prefix}role_capabilities (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    contextid    INTEGER NOT NULL DEFAULT 0,
    roleid       INTEGER NOT NULL DEFAULT 0,
    capability   TEXT NOT NULL DEFAULT '',
    permission   INTEGER NOT NULL DEFAULT 0,
    timemodified INTEGER NOT NULL DEFAULT 0,
    modifierid   INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}rolecapa_rolconcap_uix ON {prefix}role_capabilities (roleid, contextid, capability);
CREATE INDEX {prefix}rolecapa_rol_ix ON {prefix}role_capabilities (roleid);
CREATE INDEX {prefix}rolecapa_con_ix ON {prefix}role_capabilities (contextid);
CREATE INDEX {prefix}rolecapa_mod_ix ON {prefix}role_capabilities (modifierid);
CREATE INDEX {prefix}rolecapa_cap_ix ON {prefix}role_capabilities (capability);

CREATE TABLE {prefix}role_assignments (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    roleid       INTEGER NOT NULL DEFAULT 0,
    contextid    INTEGER NOT NULL DEFAULT 0,
    userid       INTEGER NOT NULL DEFAULT 0,
    timemodified INTEGER NOT NULL DEFAULT 0,
    modifierid   INTEGER NOT NULL DEFAULT 0,
    component    TEXT NOT NULL DEFAULT '',
    itemid       INTEGER NOT NULL DEFAULT 0,
    sortorder    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX {prefix}roleassi_sor_ix ON {prefix}role_assignments (sortorder);
CREATE INDEX {prefix}roleassi_rolcon_ix ON {prefix}role_assignments (roleid, contextid);
CREATE INDEX {prefix}roleassi_useconrol_ix ON {prefix}role_assignments (userid, contextid, roleid);
CREATE INDEX {prefix}roleassi_comiteuse_ix ON {prefix}role_assignments (component, itemid, userid);
CREATE INDEX {prefix}roleassi_rol_ix ON {prefix}role_assignments (roleid);
CREATE INDEX {prefix}roleassi_con_ix ON {prefix}role_assignments (contextid);
CREATE INDEX {prefix}roleassi_use_ix ON {prefix}role_assignments (userid);

CREATE TABLE {prefix}cache_flags (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    flagtype     TEXT NOT NULL DEFAULT '',
    name         TEXT NOT NULL DEFAULT '',
    timemodified INTEGER NOT NULL DEFAULT 0,
    value        TEXT NOT NULL,
    expiry       INTEGER NOT NULL
);
CREATE INDEX {prefix}cachflag_fla_ix ON {prefix}cache_flags (flagtype);
CREATE INDEX {prefix}cachflag_nam_ix ON {prefix}cache_flags (name);

CREATE TABLE {prefix}config (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    name  TEXT NOT NULL DEFAULT '',
    value TEXT NOT NULL
);
CREATE UNIQUE INDEX {prefix}conf_nam_uix ON {prefix}config (name);

CREATE TABLE {prefix}config_plugins (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin TEXT NOT NULL DEFAULT 'core',
    name   TEXT NOT NULL DEFAULT '',
    value  TEXT NOT NULL
);
CREATE UNIQUE INDEX {prefix}confplug_plunam_uix ON {prefix}config_plugins (plugin, name);

CREATE TABLE {prefix}task_scheduled (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    component   TEXT NOT NULL DEFAULT '',
    classname   TEXT NOT NULL DEFAULT '',
    lastruntime INTEGER,
    nextruntime INTEGER,
    minute      TEXT NOT NULL DEFAULT '',
    hour        TEXT NOT NULL DEFAULT '',
    day         TEXT NOT NULL DEFAULT '',
    month       TEXT NOT NULL DEFAULT '',
    dayofweek   TEXT NOT NULL DEFAULT '',
    faildelay   INTEGER,
    customised  INTEGER NOT NULL DEFAULT 0,
    disabled    INTEGER NOT NULL DEFAULT 0,
    timestarted INTEGER,
    hostname    TEXT,
    pid         INTEGER
);
CREATE UNIQUE INDEX {prefix}tasksche_cla_uix ON {prefix}task_scheduled (classname);

CREATE TABLE {prefix}task_log (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    type      INTEGER NOT NULL,
    component TEXT NOT NULL DEFAULT '',
    classname TEXT NOT NULL DEFAULT '',
    userid    INTEGER NOT NULL,
    timestart NUMERIC NOT NULL,
    timeend   NUMERIC NOT NULL,
    dbreads   INTEGER NOT NULL,
    dbwrites  INTEGER NOT NULL,
    result    INTEGER NOT NULL,
    output    TEXT NOT NULL,
    hostname  TEXT,
    pid       INTEGER
);
CREATE INDEX {prefix}tasklog_cla_ix ON {prefix}task_log (classname);
CREATE INDEX {prefix}tasklog_tim_ix ON {prefix}task_log (timestart);
CREATE INDEX {prefix}tasklog_use_ix ON {prefix}task_log (userid);

CREATE TABLE {prefix}sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    state        INTEGER NOT NULL DEFAULT 0,
    sid          TEXT NOT NULL DEFAULT '',
    userid       INTEGER NOT NULL,
    sessdata     TEXT,
    timecreated  INTEGER NOT NULL,
    timemodified INTEGER NOT NULL,
    firstip      TEXT,
    lastip       TEXT
);
CREATE UNIQUE INDEX {prefix}sess_sid_uix ON {prefix}sessions (sid);
CREATE INDEX {prefix}sess_sta_ix ON {prefix}sessions (state);
CREATE INDEX {prefix}sess_tim_ix ON {prefix}sessions (timecreated);
CREATE INDEX {prefix}sess_tim2_ix ON {prefix}sessions (timemodified);
CREATE INDEX {prefix}sess_use_ix ON {prefix}sessions (userid);

CREATE TABLE {prefix}user_preferences (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    userid INTEGER NOT NULL DEFAULT 0,
    name   TEXT NOT NULL DEFAULT '',
    value  TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX {prefix}userpref_usenam_uix ON {prefix}user_preferences (userid, name);
CREATE INDEX {prefix}userpref_nam_ix ON {prefix}user_preferences (name);

CREATE TABLE {prefix}user_info_field (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    shortname         TEXT NOT NULL DEFAULT 'shortname',
    name              TEXT NOT NULL,
    datatype          TEXT NOT NULL DEFAULT '',
    description       TEXT,
    descriptionformat INTEGER NOT NULL DEFAULT 0,
    categoryid        INTEGER NOT NULL DEFAULT 0,
    sortorder         INTEGER NOT NULL DEFAULT 0,
    required          INTEGER NOT NULL DEFAULT 0,
    locked            INTEGER NOT NULL DEFAULT 0,
    visible           INTEGER NOT NULL DEFAULT 0,
    forceunique       INTEGER NOT NULL DEFAULT 0,
    signup            INTEGER NOT NULL DEFAULT 0,
    defaultdata       TEXT,
    defaultdataformat INTEGER NOT NULL DEFAULT 0,
    param1            TEXT,
    param2            TEXT,
    param3            TEXT,
    param4            TEXT,
    param5            TEXT
);

CREATE TABLE {prefix}user_info_data (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    userid     INTEGER NOT NULL DEFAULT 0,
    fieldid    INTEGER NOT NULL DEFAULT 0,
    data       TEXT NOT NULL,
    dataformat INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}userinfodata_usefie_uix ON {prefix}user_info_data (userid, fieldid);

CREATE TABLE {prefix}cohort (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    contextid         INTEGER NOT NULL,
    name              TEXT NOT NULL DEFAULT '',
    idnumber          TEXT,
    description       TEXT,
    descriptionformat INTEGER NOT NULL,
    visible           INTEGER NOT NULL DEFAULT 1,
    component         TEXT NOT NULL DEFAULT '',
    timecreated       INTEGER NOT NULL,
    timemodified      INTEGER NOT NULL,
    theme             TEXT
);
CREATE INDEX {prefix}coho_con_ix ON {prefix}cohort (contextid);

CREATE TABLE {prefix}cohort_members (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    cohortid  INTEGER NOT NULL DEFAULT 0,
    userid    INTEGER NOT NULL DEFAULT 0,
    timeadded INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}cohomemb_cohuse_uix ON {prefix}cohort_members (cohortid, userid);
CREATE INDEX {prefix}cohomemb_coh_ix ON {prefix}cohort_members (cohortid);
CREATE INDEX {prefix}cohomemb_use_ix ON {prefix}cohort_members (userid);

CREATE TABLE {prefix}mnet_host (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    deleted            INTEGER NOT NULL DEFAULT 0,
    wwwroot            TEXT NOT NULL DEFAULT '',
    ip_address         TEXT NOT NULL DEFAULT '',
    name               TEXT NOT NULL DEFAULT '',
    public_key         TEXT NOT NULL,
    public_key_expires INTEGER NOT NULL DEFAULT 0,
    transport          INTEGER NOT NULL DEFAULT 0,
    portno             INTEGER NOT NULL DEFAULT 0,
    last_connect_time  INTEGER NOT NULL DEFAULT 0,
    last_log_id        INTEGER NOT NULL DEFAULT 0,
    force_theme        INTEGER NOT NULL DEFAULT 0,
    theme              TEXT,
    applicationid      INTEGER NOT NULL DEFAULT 1,
    sslverification    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX {prefix}mnethost_las_ix ON {prefix}mnet_host (last_log_id);
CREATE INDEX {prefix}mnethost_app_ix ON {prefix}mnet_host (applicationid);
