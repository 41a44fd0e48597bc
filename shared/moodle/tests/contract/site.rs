//! What is read of the site before anything else, and which sites are refused.

use std::collections::BTreeSet;

use kinlink_domain::{
    ids::{ContextId, MoodleUserId, RoleId},
    policy::Policy,
};
use kinlink_moodle::{MoodleError, Prefix, site};

use crate::bench::Bench;

pub async fn the_site_is_read_whole(bench: &mut Bench) {
    let site = bench.site(&Policy::default()).await;
    let said = &bench.name;
    assert_eq!((site.local_host, site.session_timeout, site.system_path.as_str()), (1, 28_800, "/1"), "{said}");
    assert_eq!(site.never_pupils, BTreeSet::from([MoodleUserId(1), MoodleUserId(2)]), "{said}");
    assert!(site.auth_db_enabled && !site.extended_usernames && site.release.starts_with("4."), "{said}: {site:?}");
    assert_eq!((site.link_role, site.static_role), (RoleId(9), RoleId(9)), "{said}");
    for (value, enabled) in [("email,ldap", 0), ("email, db ", 1), ("dbx", 0), ("", 0), ("email,db", 1)] {
        bench.run("UPDATE {p}config SET value = ? WHERE name = 'auth'", [value.into()]).await;
        assert_eq!(bench.site(&Policy::default()).await.auth_db_enabled, enabled == 1, "{}: {value:?}", bench.name);
    }
    bench.run("UPDATE {p}config SET value = '2, 7,' WHERE name = 'siteadmins'", []).await;
    let never = bench.site(&Policy::default()).await.never_pupils;
    assert_eq!(never, BTreeSet::from([1, 2, 7].map(MoodleUserId)), "{}", bench.name);
    bench.run("UPDATE {p}config SET value = '2' WHERE name = 'siteadmins'", []).await;
}

pub async fn a_site_that_lacks_what_a_cycle_needs_is_refused(bench: &mut Bench) {
    let named =
        |link: &str, fixed: &str| Policy { link_role: link.into(), static_role: fixed.into(), ..Policy::default() };
    // C-3; on MariaDB `Parent` compares equal to `parent`, and is another name all the same.
    for link in ["nobody", "Parent", "parént", ""] {
        let error = site::read(&mut bench.connection, &bench.prefix, &named(link, "parent")).await.unwrap_err();
        assert!(matches!(&error, MoodleError::NoRole(name, "link_role") if name == link), "{}: {error}", bench.name);
    }
    let error = site::read(&mut bench.connection, &bench.prefix, &named("parent", "nobody")).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoRole(_, "static_role")), "{}: {error}", bench.name);
    let error = site::read(&mut bench.connection, &bench.prefix, &named("student", "parent")).await.unwrap_err();
    assert!(matches!(error, MoodleError::RoleNotAssignable(_)), "{}: {error}", bench.name);

    bench.run("UPDATE {p}config SET name = 'away' WHERE name = 'mnet_localhost_id'", []).await;
    let error = site::read(&mut bench.connection, &bench.prefix, &Policy::default()).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoSetting("mnet_localhost_id")), "{}: {error}", bench.name);
    bench.run("UPDATE {p}config SET name = 'mnet_localhost_id' WHERE name = 'away'", []).await;

    bench.run("UPDATE {p}context SET contextlevel = 11 WHERE contextlevel = 10", []).await;
    let error = site::read(&mut bench.connection, &bench.prefix, &Policy::default()).await.unwrap_err();
    assert!(matches!(error, MoodleError::NoSystemContext), "{}: {error}", bench.name);
    bench.run("UPDATE {p}context SET contextlevel = 10 WHERE contextlevel = 11", []).await;

    let other = Prefix::parse("nomoodle_").unwrap();
    let error = site::read(&mut bench.connection, &other, &Policy::default()).await.unwrap_err();
    assert!(error.to_string().contains("nomoodle_"), "{}: {error}", bench.name);
}

pub async fn static_contexts_that_would_show_one_child_to_everybody_are_refused(bench: &mut Bench) {
    let pupil = bench.pupil("Ivy").await;
    let own = bench.context(pupil, Some("/1/1"), 2).await;
    let course = bench.course().await;
    let category = ContextId(bench.number("SELECT MIN(id) FROM {p}context WHERE contextlevel = 40").await);
    let (system, missing) = (ContextId(1), ContextId(999_999));
    let policy = Policy { static_contexts: vec![own, system, missing, category, course], ..Policy::default() };
    let site = bench.site(&policy).await;
    assert_eq!(site.static_contexts, [system, category], "{}", bench.name);
    assert_eq!(site.refused_contexts, [own, missing, course], "{}", bench.name);
}
