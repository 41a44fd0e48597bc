-- Moodle 4.5's tables that Kinlink uses, as Moodle creates them on MariaDB and MySQL (utf8mb4_unicode_ci: names compare
-- without regard to case and accents). Columns, types, defaults, nullability and keys are Moodle's; storage options are not repeated.
-- A statement ends with a semicolon at the end of a line.

CREATE TABLE {prefix}user (
    id                BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    auth              VARCHAR(20) NOT NULL DEFAULT 'manual',
    confirmed         TINYINT(1) NOT NULL DEFAULT 0,
    policyagreed      TINYINT(1) NOT NULL DEFAULT 0,
    deleted           TINYINT(1) NOT NULL DEFAULT 0,
    suspended         TINYINT(1) NOT NULL DEFAULT 0,
    mnethostid        BIGINT(10) NOT NULL DEFAULT 0,
    username          VARCHAR(100) NOT NULL DEFAULT '',
    password          VARCHAR(255) NOT NULL DEFAULT '',
    idnumber          VARCHAR(255) NOT NULL DEFAULT '',
    firstname         VARCHAR(100) NOT NULL DEFAULT '',
    lastname          VARCHAR(100) NOT NULL DEFAULT '',
    email             VARCHAR(100) NOT NULL DEFAULT '',
    emailstop         TINYINT(1) NOT NULL DEFAULT 0,
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
    firstaccess       BIGINT(10) NOT NULL DEFAULT 0,
    lastaccess        BIGINT(10) NOT NULL DEFAULT 0,
    lastlogin         BIGINT(10) NOT NULL DEFAULT 0,
    currentlogin      BIGINT(10) NOT NULL DEFAULT 0,
    lastip            VARCHAR(45) NOT NULL DEFAULT '',
    secret            VARCHAR(15) NOT NULL DEFAULT '',
    picture           BIGINT(10) NOT NULL DEFAULT 0,
    description       LONGTEXT,
    descriptionformat TINYINT(2) NOT NULL DEFAULT 1,
    mailformat        TINYINT(1) NOT NULL DEFAULT 1,
    maildigest        TINYINT(1) NOT NULL DEFAULT 0,
    maildisplay       TINYINT(2) NOT NULL DEFAULT 2,
    autosubscribe     TINYINT(1) NOT NULL DEFAULT 1,
    trackforums       TINYINT(1) NOT NULL DEFAULT 0,
    timecreated       BIGINT(10) NOT NULL DEFAULT 0,
    timemodified      BIGINT(10) NOT NULL DEFAULT 0,
    trustbitmask      BIGINT(10) NOT NULL DEFAULT 0,
    imagealt          VARCHAR(255),
    lastnamephonetic  VARCHAR(255),
    firstnamephonetic VARCHAR(255),
    middlename        VARCHAR(255),
    alternatename     VARCHAR(255),
    moodlenetprofile  VARCHAR(255),
    UNIQUE KEY {prefix}user_mneuse_uix (mnethostid, username),
    KEY {prefix}user_del_ix (deleted),
    KEY {prefix}user_con_ix (confirmed),
    KEY {prefix}user_fir_ix (firstname),
    KEY {prefix}user_las_ix (lastname),
    KEY {prefix}user_cit_ix (city),
    KEY {prefix}user_cou_ix (country),
    KEY {prefix}user_las2_ix (lastaccess),
    KEY {prefix}user_ema_ix (email),
    KEY {prefix}user_aut_ix (auth),
    KEY {prefix}user_idn_ix (idnumber),
    KEY {prefix}user_fir2_ix (firstnamephonetic),
    KEY {prefix}user_las3_ix (lastnamephonetic),
    KEY {prefix}user_mid_ix (middlename),
    KEY {prefix}user_alt_ix (alternatename)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}context (
    id           BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    contextlevel BIGINT(10) NOT NULL DEFAULT 0,
    instanceid   BIGINT(10) NOT NULL DEFAULT 0,
    path         VARCHAR(255),
    depth        TINYINT(2) NOT NULL DEFAULT 0,
    locked       TINYINT(2) NOT NULL DEFAULT 0,
    UNIQUE KEY {prefix}cont_conins_uix (contextlevel, instanceid),
    KEY {prefix}cont_ins_ix (instanceid),
    KEY {prefix}cont_pat_ix (path)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}role (
    id          BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name        VARCHAR(255) NOT NULL DEFAULT '',
    shortname   VARCHAR(100) NOT NULL DEFAULT '',
    description LONGTEXT NOT NULL,
    sortorder   BIGINT(10) NOT NULL DEFAULT 0,
    archetype   VARCHAR(30) NOT NULL DEFAULT '',
    UNIQUE KEY {prefix}role_sor_uix (sortorder),
    UNIQUE KEY {prefix}role_sho_uix (shortname)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}role_context_levels (
    id           BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    roleid       BIGINT(10) NOT NULL,
    contextlevel BIGINT(10) NOT NULL,
    UNIQUE KEY {prefix}rolecontleve_conrol_uix (contextlevel, roleid),
    KEY {prefix}rolecontleve_rol_ix (roleid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}role_capabilities (
    id           BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    contextid    BIGINT(10) NOT NULL DEFAULT 0,
    roleid       BIGINT(10) NOT NULL DEFAULT 0,
    capability   VARCHAR(255) NOT NULL DEFAULT '',
    permission   BIGINT(10) NOT NULL DEFAULT 0,
    timemodified BIGINT(10) NOT NULL DEFAULT 0,
    modifierid   BIGINT(10) NOT NULL DEFAULT 0,
    UNIQUE KEY {prefix}rolecapa_rolconcap_uix (roleid, contextid, capability),
    KEY {prefix}rolecapa_rol_ix (roleid),
    KEY {prefix}rolecapa_con_ix (contextid),
    KEY {prefix}rolecapa_mod_ix (modifierid),
    KEY {prefix}rolecapa_cap_ix (capability)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}role_assignments (
    id           BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    roleid       BIGINT(10) NOT NULL DEFAULT 0,
    contextid    BIGINT(10) NOT NULL DEFAULT 0,
    userid       BIGINT(10) NOT NULL DEFAULT 0,
    timemodified BIGINT(10) NOT NULL DEFAULT 0,
    modifierid   BIGINT(10) NOT NULL DEFAULT 0,
    component    VARCHAR(100) NOT NULL DEFAULT '',
    itemid       BIGINT(10) NOT NULL DEFAULT 0,
    sortorder    BIGINT(10) NOT NULL DEFAULT 0,
    KEY {prefix}roleassi_sor_ix (sortorder),
    KEY {prefix}roleassi_rolcon_ix (roleid, contextid),
    KEY {prefix}roleassi_useconrol_ix (userid, contextid, roleid),
    KEY {prefix}roleassi_comiteuse_ix (component, itemid, userid),
    KEY {prefix}roleassi_rol_ix (roleid),
    KEY {prefix}roleassi_con_ix (contextid),
    KEY {prefix}roleassi_use_ix (userid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}cache_flags (
    id           BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    flagtype     VARCHAR(255) NOT NULL DEFAULT '',
    name         VARCHAR(255) NOT NULL DEFAULT '',
    timemodified BIGINT(10) NOT NULL DEFAULT 0,
    value        LONGTEXT NOT NULL,
    expiry       BIGINT(10) NOT NULL,
    KEY {prefix}cachflag_fla_ix (flagtype),
    KEY {prefix}cachflag_nam_ix (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}config (
    id    BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name  VARCHAR(255) NOT NULL DEFAULT '',
    value LONGTEXT NOT NULL,
    UNIQUE KEY {prefix}conf_nam_uix (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}config_plugins (
    id     BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    plugin VARCHAR(100) NOT NULL DEFAULT 'core',
    name   VARCHAR(100) NOT NULL DEFAULT '',
    value  LONGTEXT NOT NULL,
    UNIQUE KEY {prefix}confplug_plunam_uix (plugin, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}task_scheduled (
    id          BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    component   VARCHAR(255) NOT NULL DEFAULT '',
    classname   VARCHAR(255) NOT NULL DEFAULT '',
    lastruntime BIGINT(10),
    nextruntime BIGINT(10),
    minute      VARCHAR(200) NOT NULL DEFAULT '',
    hour        VARCHAR(70) NOT NULL DEFAULT '',
    day         VARCHAR(90) NOT NULL DEFAULT '',
    month       VARCHAR(30) NOT NULL DEFAULT '',
    dayofweek   VARCHAR(25) NOT NULL DEFAULT '',
    faildelay   BIGINT(10),
    customised  TINYINT(2) NOT NULL DEFAULT 0,
    disabled    TINYINT(1) NOT NULL DEFAULT 0,
    timestarted BIGINT(10),
    hostname    VARCHAR(255),
    pid         BIGINT(10),
    UNIQUE KEY {prefix}tasksche_cla_uix (classname)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}task_log (
    id        BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    type      SMALLINT(4) NOT NULL,
    component VARCHAR(255) NOT NULL DEFAULT '',
    classname VARCHAR(255) NOT NULL DEFAULT '',
    userid    BIGINT(10) NOT NULL,
    timestart DECIMAL(20,10) NOT NULL,
    timeend   DECIMAL(20,10) NOT NULL,
    dbreads   BIGINT(10) NOT NULL,
    dbwrites  BIGINT(10) NOT NULL,
    result    TINYINT(2) NOT NULL,
    output    LONGTEXT NOT NULL,
    hostname  VARCHAR(255),
    pid       BIGINT(10),
    KEY {prefix}tasklog_cla_ix (classname),
    KEY {prefix}tasklog_tim_ix (timestart),
    KEY {prefix}tasklog_use_ix (userid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}sessions (
    id           BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    state        BIGINT(10) NOT NULL DEFAULT 0,
    sid          VARCHAR(128) NOT NULL DEFAULT '',
    userid       BIGINT(10) NOT NULL,
    sessdata     LONGTEXT,
    timecreated  BIGINT(10) NOT NULL,
    timemodified BIGINT(10) NOT NULL,
    firstip      VARCHAR(45),
    lastip       VARCHAR(45),
    UNIQUE KEY {prefix}sess_sid_uix (sid),
    KEY {prefix}sess_sta_ix (state),
    KEY {prefix}sess_tim_ix (timecreated),
    KEY {prefix}sess_tim2_ix (timemodified),
    KEY {prefix}sess_use_ix (userid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}user_preferences (
    id     BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    userid BIGINT(10) NOT NULL DEFAULT 0,
    name   VARCHAR(255) NOT NULL DEFAULT '',
    value  VARCHAR(1333) NOT NULL DEFAULT '',
    UNIQUE KEY {prefix}userpref_usenam_uix (userid, name),
    KEY {prefix}userpref_nam_ix (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}user_info_field (
    id                BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    shortname         VARCHAR(255) NOT NULL DEFAULT 'shortname',
    name              LONGTEXT NOT NULL,
    datatype          VARCHAR(255) NOT NULL DEFAULT '',
    description       LONGTEXT,
    descriptionformat TINYINT(2) NOT NULL DEFAULT 0,
    categoryid        BIGINT(10) NOT NULL DEFAULT 0,
    sortorder         BIGINT(10) NOT NULL DEFAULT 0,
    required          TINYINT(2) NOT NULL DEFAULT 0,
    locked            TINYINT(2) NOT NULL DEFAULT 0,
    visible           SMALLINT(4) NOT NULL DEFAULT 0,
    forceunique       TINYINT(2) NOT NULL DEFAULT 0,
    signup            TINYINT(2) NOT NULL DEFAULT 0,
    defaultdata       LONGTEXT,
    defaultdataformat TINYINT(2) NOT NULL DEFAULT 0,
    param1            LONGTEXT,
    param2            LONGTEXT,
    param3            LONGTEXT,
    param4            LONGTEXT,
    param5            LONGTEXT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}user_info_data (
    id         BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    userid     BIGINT(10) NOT NULL DEFAULT 0,
    fieldid    BIGINT(10) NOT NULL DEFAULT 0,
    data       LONGTEXT NOT NULL,
    dataformat TINYINT(2) NOT NULL DEFAULT 0,
    UNIQUE KEY {prefix}userinfodata_usefie_uix (userid, fieldid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}cohort (
    id                BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    contextid         BIGINT(10) NOT NULL,
    name              VARCHAR(254) NOT NULL DEFAULT '',
    idnumber          VARCHAR(100),
    description       LONGTEXT,
    descriptionformat TINYINT(2) NOT NULL,
    visible           TINYINT(1) NOT NULL DEFAULT 1,
    component         VARCHAR(100) NOT NULL DEFAULT '',
    timecreated       BIGINT(10) NOT NULL,
    timemodified      BIGINT(10) NOT NULL,
    theme             VARCHAR(50),
    KEY {prefix}coho_con_ix (contextid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}cohort_members (
    id        BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    cohortid  BIGINT(10) NOT NULL DEFAULT 0,
    userid    BIGINT(10) NOT NULL DEFAULT 0,
    timeadded BIGINT(10) NOT NULL DEFAULT 0,
    UNIQUE KEY {prefix}cohomemb_cohuse_uix (cohortid, userid),
    KEY {prefix}cohomemb_coh_ix (cohortid),
    KEY {prefix}cohomemb_use_ix (userid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE {prefix}mnet_host (
    id                 BIGINT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    deleted            TINYINT(1) NOT NULL DEFAULT 0,
    wwwroot            VARCHAR(255) NOT NULL DEFAULT '',
    ip_address         VARCHAR(45) NOT NULL DEFAULT '',
    name               VARCHAR(80) NOT NULL DEFAULT '',
    public_key         LONGTEXT NOT NULL,
    public_key_expires BIGINT(10) NOT NULL DEFAULT 0,
    transport          TINYINT(2) NOT NULL DEFAULT 0,
    portno             MEDIUMINT(5) NOT NULL DEFAULT 0,
    last_connect_time  BIGINT(10) NOT NULL DEFAULT 0,
    last_log_id        BIGINT(10) NOT NULL DEFAULT 0,
    force_theme        TINYINT(1) NOT NULL DEFAULT 0,
    theme              VARCHAR(100),
    applicationid      BIGINT(10) NOT NULL DEFAULT 1,
    sslverification    TINYINT(1) NOT NULL DEFAULT 0,
    KEY {prefix}mnethost_las_ix (last_log_id),
    KEY {prefix}mnethost_app_ix (applicationid)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
