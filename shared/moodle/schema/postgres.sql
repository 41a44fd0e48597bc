-- Moodle 4.5's tables that Kinlink uses, as Moodle creates them on PostgreSQL (text compares byte by byte).
-- Columns, types, defaults, nullability and keys are Moodle's. A statement ends with a semicolon at the end of a line.

CREATE TABLE {prefix}user (
    id                BIGSERIAL CONSTRAINT {prefix}user_id_pk PRIMARY KEY,
    auth              VARCHAR(20) NOT NULL DEFAULT 'manual',
    confirmed         SMALLINT NOT NULL DEFAULT 0,
    policyagreed      SMALLINT NOT NULL DEFAULT 0,
    deleted           SMALLINT NOT NULL DEFAULT 0,
    suspended         SMALLINT NOT NULL DEFAULT 0,
    mnethostid        BIGINT NOT NULL DEFAULT 0,
    username          VARCHAR(100) NOT NULL DEFAULT '',
    password          VARCHAR(255) NOT NULL DEFAULT '',
    idnumber          VARCHAR(255) NOT NULL DEFAULT '',
    firstname         VARCHAR(100) NOT NULL DEFAULT '',
    lastname          VARCHAR(100) NOT NULL DEFAULT '',
    email             VARCHAR(100) NOT NULL DEFAULT '',
    emailstop         SMALLINT NOT NULL DEFAULT 0,
    phone1            VARCHAR(20) NOT NULL DEFAULT '',
    phone2            VARCHAR(20) NOT NULL DEFAULT '',
    institution       VARCHAR(255) NOT NULL DEFAULT '',
    department        VARCHAR(255) NOT NULL DEFAULT '',
    address           VARCHAR(255) NOT NULL DEFAULT '',
    city              VARCHAR(120) NOT NULL DEFAULT '',
    country           VARCHAR(2) NOT NULL DEFAULT '',
    lang              VARCHAR(30) NOT NULL DEFAULT 'en',
    calendartype      VARCHAR(30) NOT NULL DEFAULT 'gregorian',
    theme             VARCHAR(50) NOT NULL DEFAULT '',
    timezone          VARCHAR(100) NOT NULL DEFAULT '99',
    firstaccess       BIGINT NOT NULL DEFAULT 0,
    lastaccess        BIGINT NOT NULL DEFAULT 0,
    lastlogin         BIGINT NOT NULL DEFAULT 0,
    currentlogin      BIGINT NOT NULL DEFAULT 0,
    lastip            VARCHAR(45) NOT NULL DEFAULT '',
    secret            VARCHAR(15) NOT NULL DEFAULT '',
    picture           BIGINT NOT NULL DEFAULT 0,
    description       TEXT,
    descriptionformat SMALLINT NOT NULL DEFAULT 1,
    mailformat        SMALLINT NOT NULL DEFAULT 1,
    maildigest        SMALLINT NOT NULL DEFAULT 0,
    maildisplay       SMALLINT NOT NULL DEFAULT 2,
    autosubscribe     SMALLINT NOT NULL DEFAULT 1,
    trackforums       SMALLINT NOT NULL DEFAULT 0,
    timecreated       BIGINT NOT NULL DEFAULT 0,
    timemodified      BIGINT NOT NULL DEFAULT 0,
    trustbitmask      BIGINT NOT NULL DEFAULT 0,
    imagealt          VARCHAR(255),
    lastnamephonetic  VARCHAR(255),
    firstnamephonetic VARCHAR(255),
    middlename        VARCHAR(255),
    alternatename     VARCHAR(255),
    moodlenetprofile  VARCHAR(255)
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
    id           BIGSERIAL CONSTRAINT {prefix}cont_id_pk PRIMARY KEY,
    contextlevel BIGINT NOT NULL DEFAULT 0,
    instanceid   BIGINT NOT NULL DEFAULT 0,
    path         VARCHAR(255),
    depth        SMALLINT NOT NULL DEFAULT 0,
    locked       SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}cont_conins_uix ON {prefix}context (contextlevel, instanceid);
CREATE INDEX {prefix}cont_ins_ix ON {prefix}context (instanceid);
CREATE INDEX {prefix}cont_pat_ix ON {prefix}context (path);
CREATE INDEX {prefix}cont_pat_ix_pattern ON {prefix}context (path varchar_pattern_ops);

CREATE TABLE {prefix}role (
    id          BIGSERIAL CONSTRAINT {prefix}role_id_pk PRIMARY KEY,
    name        VARCHAR(255) NOT NULL DEFAULT '',
    shortname   VARCHAR(100) NOT NULL DEFAULT '',
    description TEXT NOT NULL,
    sortorder   BIGINT NOT NULL DEFAULT 0,
    archetype   VARCHAR(30) NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX {prefix}role_sor_uix ON {prefix}role (sortorder);
CREATE UNIQUE INDEX {prefix}role_sho_uix ON {prefix}role (shortname);

CREATE TABLE {prefix}role_context_levels (
    id           BIGSERIAL CONSTRAINT {prefix}rolecontleve_id_pk PRIMARY KEY,
    roleid       BIGINT NOT NULL,
    contextlevel BIGINT NOT NULL
);
CREATE UNIQUE INDEX {prefix}rolecontleve_conrol_uix ON {prefix}role_context_levels (contextlevel, roleid);
CREATE INDEX {prefix}rolecontleve_rol_ix ON {prefix}role_context_levels (roleid);

CREATE TABLE {prefix}role_capabilities (
    id           BIGSERIAL CONSTRAINT {prefix}rolecapa_id_pk PRIMARY KEY,
    contextid    BIGINT NOT NULL DEFAULT 0,
    roleid       BIGINT NOT NULL DEFAULT 0,
    capability   VARCHAR(255) NOT NULL DEFAULT '',
    permission   BIGINT NOT NULL DEFAULT 0,
    timemodified BIGINT NOT NULL DEFAULT 0,
    modifierid   BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}rolecapa_rolconcap_uix ON {prefix}role_capabilities (roleid, contextid, capability);
CREATE INDEX {prefix}rolecapa_rol_ix ON {prefix}role_capabilities (roleid);
CREATE INDEX {prefix}rolecapa_con_ix ON {prefix}role_capabilities (contextid);
CREATE INDEX {prefix}rolecapa_mod_ix ON {prefix}role_capabilities (modifierid);
CREATE INDEX {prefix}rolecapa_cap_ix ON {prefix}role_capabilities (capability);

CREATE TABLE {prefix}role_assignments (
    id           BIGSERIAL CONSTRAINT {prefix}roleassi_id_pk PRIMARY KEY,
    roleid       BIGINT NOT NULL DEFAULT 0,
    contextid    BIGINT NOT NULL DEFAULT 0,
    userid       BIGINT NOT NULL DEFAULT 0,
    timemodified BIGINT NOT NULL DEFAULT 0,
    modifierid   BIGINT NOT NULL DEFAULT 0,
    component    VARCHAR(100) NOT NULL DEFAULT '',
    itemid       BIGINT NOT NULL DEFAULT 0,
    sortorder    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX {prefix}roleassi_sor_ix ON {prefix}role_assignments (sortorder);
CREATE INDEX {prefix}roleassi_rolcon_ix ON {prefix}role_assignments (roleid, contextid);
CREATE INDEX {prefix}roleassi_useconrol_ix ON {prefix}role_assignments (userid, contextid, roleid);
CREATE INDEX {prefix}roleassi_comiteuse_ix ON {prefix}role_assignments (component, itemid, userid);
CREATE INDEX {prefix}roleassi_rol_ix ON {prefix}role_assignments (roleid);
CREATE INDEX {prefix}roleassi_con_ix ON {prefix}role_assignments (contextid);
CREATE INDEX {prefix}roleassi_use_ix ON {prefix}role_assignments (userid);

CREATE TABLE {prefix}cache_flags (
    id           BIGSERIAL CONSTRAINT {prefix}cachflag_id_pk PRIMARY KEY,
    flagtype     VARCHAR(255) NOT NULL DEFAULT '',
    name         VARCHAR(255) NOT NULL DEFAULT '',
    timemodified BIGINT NOT NULL DEFAULT 0,
    value        TEXT NOT NULL,
    expiry       BIGINT NOT NULL
);
CREATE INDEX {prefix}cachflag_fla_ix ON {prefix}cache_flags (flagtype);
CREATE INDEX {prefix}cachflag_nam_ix ON {prefix}cache_flags (name);

CREATE TABLE {prefix}config (
    id    BIGSERIAL CONSTRAINT {prefix}conf_id_pk PRIMARY KEY,
    name  VARCHAR(255) NOT NULL DEFAULT '',
    value TEXT NOT NULL
);
CREATE UNIQUE INDEX {prefix}conf_nam_uix ON {prefix}config (name);

CREATE TABLE {prefix}config_plugins (
    id     BIGSERIAL CONSTRAINT {prefix}confplug_id_pk PRIMARY KEY,
    plugin VARCHAR(100) NOT NULL DEFAULT 'core',
    name   VARCHAR(100) NOT NULL DEFAULT '',
    value  TEXT NOT NULL
);
CREATE UNIQUE INDEX {prefix}confplug_plunam_uix ON {prefix}config_plugins (plugin, name);

CREATE TABLE {prefix}task_scheduled (
    id          BIGSERIAL CONSTRAINT {prefix}tasksche_id_pk PRIMARY KEY,
    component   VARCHAR(255) NOT NULL DEFAULT '',
    classname   VARCHAR(255) NOT NULL DEFAULT '',
    lastruntime BIGINT,
    nextruntime BIGINT,
    minute      VARCHAR(200) NOT NULL DEFAULT '',
    hour        VARCHAR(70) NOT NULL DEFAULT '',
    day         VARCHAR(90) NOT NULL DEFAULT '',
    month       VARCHAR(30) NOT NULL DEFAULT '',
    dayofweek   VARCHAR(25) NOT NULL DEFAULT '',
    faildelay   BIGINT,
    customised  SMALLINT NOT NULL DEFAULT 0,
    disabled    SMALLINT NOT NULL DEFAULT 0,
    timestarted BIGINT,
    hostname    VARCHAR(255),
    pid         BIGINT
);
CREATE UNIQUE INDEX {prefix}tasksche_cla_uix ON {prefix}task_scheduled (classname);

CREATE TABLE {prefix}task_log (
    id        BIGSERIAL CONSTRAINT {prefix}tasklog_id_pk PRIMARY KEY,
    type      SMALLINT NOT NULL,
    component VARCHAR(255) NOT NULL DEFAULT '',
    classname VARCHAR(255) NOT NULL DEFAULT '',
    userid    BIGINT NOT NULL,
    timestart NUMERIC(20,10) NOT NULL,
    timeend   NUMERIC(20,10) NOT NULL,
    dbreads   BIGINT NOT NULL,
    dbwrites  BIGINT NOT NULL,
    result    SMALLINT NOT NULL,
    output    TEXT NOT NULL,
    hostname  VARCHAR(255),
    pid       BIGINT
);
CREATE INDEX {prefix}tasklog_cla_ix ON {prefix}task_log (classname);
CREATE INDEX {prefix}tasklog_tim_ix ON {prefix}task_log (timestart);
CREATE INDEX {prefix}tasklog_use_ix ON {prefix}task_log (userid);

CREATE TABLE {prefix}sessions (
    id           BIGSERIAL CONSTRAINT {prefix}sess_id_pk PRIMARY KEY,
    state        BIGINT NOT NULL DEFAULT 0,
    sid          VARCHAR(128) NOT NULL DEFAULT '',
    userid       BIGINT NOT NULL,
    sessdata     TEXT,
    timecreated  BIGINT NOT NULL,
    timemodified BIGINT NOT NULL,
    firstip      VARCHAR(45),
    lastip       VARCHAR(45)
);
CREATE UNIQUE INDEX {prefix}sess_sid_uix ON {prefix}sessions (sid);
CREATE INDEX {prefix}sess_sta_ix ON {prefix}sessions (state);
CREATE INDEX {prefix}sess_tim_ix ON {prefix}sessions (timecreated);
CREATE INDEX {prefix}sess_tim2_ix ON {prefix}sessions (timemodified);
CREATE INDEX {prefix}sess_use_ix ON {prefix}sessions (userid);

CREATE TABLE {prefix}user_preferences (
    id     BIGSERIAL CONSTRAINT {prefix}userpref_id_pk PRIMARY KEY,
    userid BIGINT NOT NULL DEFAULT 0,
    name   VARCHAR(255) NOT NULL DEFAULT '',
    value  VARCHAR(1333) NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX {prefix}userpref_usenam_uix ON {prefix}user_preferences (userid, name);
CREATE INDEX {prefix}userpref_nam_ix ON {prefix}user_preferences (name);

CREATE TABLE {prefix}user_info_field (
    id                BIGSERIAL CONSTRAINT {prefix}userinfofiel_id_pk PRIMARY KEY,
    shortname         VARCHAR(255) NOT NULL DEFAULT 'shortname',
    name              TEXT NOT NULL,
    datatype          VARCHAR(255) NOT NULL DEFAULT '',
    description       TEXT,
    descriptionformat SMALLINT NOT NULL DEFAULT 0,
    categoryid        BIGINT NOT NULL DEFAULT 0,
    sortorder         BIGINT NOT NULL DEFAULT 0,
    required          SMALLINT NOT NULL DEFAULT 0,
    locked            SMALLINT NOT NULL DEFAULT 0,
    visible           SMALLINT NOT NULL DEFAULT 0,
    forceunique       SMALLINT NOT NULL DEFAULT 0,
    signup            SMALLINT NOT NULL DEFAULT 0,
    defaultdata       TEXT,
    defaultdataformat SMALLINT NOT NULL DEFAULT 0,
    param1            TEXT,
    param2            TEXT,
    param3            TEXT,
    param4            TEXT,
    param5            TEXT
);

CREATE TABLE {prefix}user_info_data (
    id         BIGSERIAL CONSTRAINT {prefix}userinfodata_id_pk PRIMARY KEY,
    userid     BIGINT NOT NULL DEFAULT 0,
    fieldid    BIGINT NOT NULL DEFAULT 0,
    data       TEXT NOT NULL,
    dataformat SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}userinfodata_usefie_uix ON {prefix}user_info_data (userid, fieldid);

CREATE TABLE {prefix}cohort (
    id                BIGSERIAL CONSTRAINT {prefix}coho_id_pk PRIMARY KEY,
    contextid         BIGINT NOT NULL,
    name              VARCHAR(254) NOT NULL DEFAULT '',
    idnumber          VARCHAR(100),
    description       TEXT,
    descriptionformat SMALLINT NOT NULL,
    visible           SMALLINT NOT NULL DEFAULT 1,
    component         VARCHAR(100) NOT NULL DEFAULT '',
    timecreated       BIGINT NOT NULL,
    timemodified      BIGINT NOT NULL,
    theme             VARCHAR(50)
);
CREATE INDEX {prefix}coho_con_ix ON {prefix}cohort (contextid);

CREATE TABLE {prefix}cohort_members (
    id        BIGSERIAL CONSTRAINT {prefix}cohomemb_id_pk PRIMARY KEY,
    cohortid  BIGINT NOT NULL DEFAULT 0,
    userid    BIGINT NOT NULL DEFAULT 0,
    timeadded BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}cohomemb_cohuse_uix ON {prefix}cohort_members (cohortid, userid);
CREATE INDEX {prefix}cohomemb_coh_ix ON {prefix}cohort_members (cohortid);
CREATE INDEX {prefix}cohomemb_use_ix ON {prefix}cohort_members (userid);

CREATE TABLE {prefix}mnet_host (
    id                 BIGSERIAL CONSTRAINT {prefix}mnethost_id_pk PRIMARY KEY,
    deleted            SMALLINT NOT NULL DEFAULT 0,
    wwwroot            VARCHAR(255) NOT NULL DEFAULT '',
    ip_address         VARCHAR(45) NOT NULL DEFAULT '',
    name               VARCHAR(80) NOT NULL DEFAULT '',
    public_key         TEXT NOT NULL,
    public_key_expires BIGINT NOT NULL DEFAULT 0,
    transport          SMALLINT NOT NULL DEFAULT 0,
    portno             INTEGER NOT NULL DEFAULT 0,
    last_connect_time  BIGINT NOT NULL DEFAULT 0,
    last_log_id        BIGINT NOT NULL DEFAULT 0,
    force_theme        SMALLINT NOT NULL DEFAULT 0,
    theme              VARCHAR(100),
    applicationid      BIGINT NOT NULL DEFAULT 1,
    sslverification    SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX {prefix}mnethost_las_ix ON {prefix}mnet_host (last_log_id);
CREATE INDEX {prefix}mnethost_app_ix ON {prefix}mnet_host (applicationid);
