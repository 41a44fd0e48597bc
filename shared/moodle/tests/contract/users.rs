//! Finding users by name and by address, and their contexts.

use std::collections::BTreeSet;

use kinlink_domain::{ids::MoodleUserId, plan::UserContext};
use kinlink_moodle::users;

use crate::bench::Bench;

pub async fn a_user_name_is_exact_whatever_the_collation(bench: &mut Bench) {
    let zoe = bench.user("Zoe", &[("username", "'zoe.exact'"), ("auth", "'db'")]).await;
    bench.user("Far", &[("username", "'far.exact'"), ("mnethostid", "3")]).await;
    let gone = bench
        .user("Gone", &[("username", "'gone.exact'"), ("deleted", "1"), ("suspended", "1"), ("confirmed", "0")])
        .await;
    let names = ["zoe.exact", "far.exact", "gone.exact", "nobody.exact"].map(String::from);
    let mut found = users::by_usernames(&mut bench.connection, &bench.prefix, 1, &names).await.unwrap();
    found.sort_by_key(|user| user.id);
    let ids: Vec<MoodleUserId> = found.iter().map(|user| user.id).collect();
    assert_eq!(ids, [zoe, gone], "{}: users of other hosts are other people", bench.name);
    let flags = |at: usize| (found[at].deleted, found[at].suspended, found[at].confirmed, found[at].host);
    assert_eq!((flags(0), flags(1)), ((false, false, true, 1), (true, true, false, 1)), "{}", bench.name);
    assert_eq!((found[0].auth.as_str(), found[0].name.as_str()), ("db", "Zoe Bench"), "{}", bench.name);
    for other in ["zoë.exact", "Zoe.Exact", "zoe.exact ", "ZOE.EXACT", "zoe.exac%"] {
        let found = users::by_usernames(&mut bench.connection, &bench.prefix, 1, &[other.to_owned()]).await.unwrap();
        assert_eq!(found, [], "{}: {other:?}", bench.name);
    }
    // C-2: an account whose host was changed under it; a guest from another Moodle is none.
    let lost = bench.user("Lost", &[("username", "'lost.exact'"), ("auth", "'db'"), ("mnethostid", "0")]).await;
    for (name, expected) in [("lost.exact", Some(lost)), ("far.exact", None), ("Lost.exact", None), ("zoe.exact", None)]
    {
        let found = users::displaced(&mut bench.connection, &bench.prefix, 1, name).await.unwrap();
        assert_eq!(found.map(|user| user.id), expected, "{}: {name}", bench.name);
    }
    assert_eq!(users::by_usernames(&mut bench.connection, &bench.prefix, 1, &[]).await.unwrap(), []);
    let by_id = users::by_ids(&mut bench.connection, &bench.prefix, &[zoe, gone, MoodleUserId(999_999)]).await.unwrap();
    assert_eq!(by_id.len(), 2, "{}", bench.name);
    assert_eq!(users::by_ids(&mut bench.connection, &bench.prefix, &[]).await.unwrap(), []);
}

pub async fn an_address_is_found_in_any_case(bench: &mut Bench) {
    let mixed = bench.user("Case", &[("email", "'Case.Mixed@Bench.TEST'")]).await;
    let lower = bench.user("Lower", &[("email", "'case.mixed@bench.test'"), ("suspended", "1")]).await;
    bench.user("Dead", &[("email", "'case.mixed@bench.test'"), ("deleted", "1")]).await;
    bench.user("Other", &[("email", "'xcase.mixed@bench.test'")]).await;
    let email = "case.MIXED@bench.test".parse().unwrap();
    let found = users::by_email(&mut bench.connection, &bench.prefix, &email).await.unwrap();
    let ids: BTreeSet<MoodleUserId> = found.into_iter().map(|user| user.id).collect();
    assert_eq!(ids, BTreeSet::from([mixed, lower]), "{}", bench.name);

    let accent = bench.user("Accent", &[("email", "'cäse.mixed@bench.test'")]).await;
    let alone = bench.user("Alone", &[("email", "'alone@bench.test'")]).await;
    let emails = [email, "alone@bench.test".parse().unwrap(), "nobody@bench.test".parse().unwrap()];
    let found = users::by_emails(&mut bench.connection, &bench.prefix, &emails).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(email, user)| (email, user.id)).collect();
    let case = "case.mixed@bench.test".to_owned();
    let expected = [(case.clone(), mixed), (case, lower), ("alone@bench.test".to_owned(), alone)];
    assert_eq!(found, expected, "{}: not {accent:?}", bench.name);
    assert!(users::by_emails(&mut bench.connection, &bench.prefix, &[]).await.unwrap().is_empty(), "{}", bench.name);
}

pub async fn a_context_is_complete_or_not(bench: &mut Bench) {
    let mut expected = Vec::new();
    for (path, depth, complete) in [
        (Some("/1/77"), 2, true),
        (Some("/1/3/77"), 3, true),
        (None, 0, false),
        (None, 2, false),
        (Some(""), 2, false),
        (Some("/1/77"), 0, false),
    ] {
        let user = bench.user("Con", &[]).await;
        let id = bench.context(user, path, depth).await;
        expected.push((user, Some(UserContext { id, complete })));
    }
    let without = bench.user("Con", &[]).await;
    expected.push((without, None));
    let ids: Vec<MoodleUserId> = expected.iter().map(|(user, _)| *user).collect();
    let mut found = users::by_ids(&mut bench.connection, &bench.prefix, &ids).await.unwrap();
    found.sort_by_key(|user| user.id);
    let found: Vec<_> = found.into_iter().map(|user| (user.id, user.context)).collect();
    assert_eq!(found, expected, "{}", bench.name);
}
