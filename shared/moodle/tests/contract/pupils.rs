//! Who is a pupil, who left, and the fields of the filter.

use kinlink_db::{Engine, Value};
use kinlink_domain::{
    ids::{ContextId, MoodleUserId},
    leaving::{Departure, PupilFacts},
    matching::Pupil,
    policy::Policy,
};
use kinlink_moodle::pupils;

use crate::bench::{Bench, OURS, policy};

/// S-5. Every one of these has an admission number.
pub async fn staff_parents_and_people_who_left_are_never_pupils(bench: &mut Bench) {
    let (course, system) = (bench.course().await, ContextId(1));
    let pupil = bench.pupil("Real").await;
    let own = bench.context(pupil, Some("/1/2"), 2).await;
    bench.assign(pupil, "student", course, "", 0).await;
    // A pupil who may look at their own reports: not over somebody else.
    bench.assign(pupil, "parent", own, "", 0).await;
    let mut others = Vec::new();
    for role in ["manager", "coursecreator", "editingteacher", "teacher"] {
        for context in [course, system] {
            let staff = bench.pupil("Staff").await;
            bench.assign(staff, role, context, "", 0).await;
            others.push(staff);
        }
    }
    // A role of the school's own making, by what it was made from.
    bench
        .run(
            "INSERT INTO {p}role (name, shortname, description, sortorder, archetype) VALUES ('Head', 'headofyear', '', 77, 'teacher')",
            [],
        )
        .await;
    let head = bench.pupil("Head").await;
    bench.assign(head, "headofyear", course, "enrol_manual", 0).await;
    let parent = bench.pupil("Parent").await;
    bench.assign(parent, "parent", own, OURS, 7).await;
    others.extend([head, parent]);
    for attribute in ["deleted", "suspended"] {
        others.push(bench.user("Left", &[("idnumber", "'B9'"), (attribute, "1")]).await);
    }
    let (guest, admin) = (MoodleUserId(1), MoodleUserId(2));
    bench.run("UPDATE {p}user SET idnumber = 'B8' WHERE id IN (1, 2)", []).await;
    others.extend([guest, admin]);
    let asked: Vec<MoodleUserId> = others.iter().copied().chain([pupil]).collect();
    for filter in ["idnumber=*", "auth=manual,db,nologin"] {
        assert_eq!(bench.pupils(&policy(filter), &asked).await, [pupil], "{}: {filter}", bench.name);
    }
    bench.run("UPDATE {p}user SET idnumber = '' WHERE id IN (1, 2)", []).await;
    bench.run("DELETE FROM {p}role_assignments WHERE itemid = 7", []).await;
    assert_eq!(bench.pupils(&Policy::default(), &[]).await, []);
}

pub async fn who_left_is_known_with_the_reason(bench: &mut Bench) {
    let here = bench.pupil("Here").await;
    let suspended = bench.user("Suspended", &[("idnumber", "'L1'"), ("suspended", "1")]).await;
    let deleted = bench.user("Deleted", &[("deleted", "1")]).await;
    let unmarked = bench.user("Unmarked", &[("department", "'7KL'")]).await;
    let leaver = bench.user("Leaver", &[("idnumber", "'L2'"), ("department", "'LEFT'")]).await;
    let cohort = bench.user("Cohort", &[("idnumber", "'L3'"), ("department", "'LEFT'")]).await;
    bench
        .run("INSERT INTO {p}cohort (contextid, name, idnumber, descriptionformat, timecreated, timemodified) VALUES (1, 'Gone', 'gone', 1, 0, 0)", [])
        .await;
    let member = "INSERT INTO {p}cohort_members (cohortid, userid, timeadded) SELECT id, ?, 0 FROM {p}cohort WHERE idnumber = 'gone'";
    bench.run(member, [cohort.0.into()]).await;
    let nobody = MoodleUserId(987_654_321);
    let asked = [here, suspended, deleted, unmarked, leaver, cohort, nobody];
    let name = bench.name.clone();
    for (filter, left) in
        [("", vec![]), ("department=LEFT", vec![leaver, cohort]), ("department=LEFT cohort=gone", vec![cohort])]
    {
        let mut policy = Policy::default();
        policy.set("leaver_filter", filter).unwrap();
        let site = bench.site(&policy).await;
        let facts = pupils::facts(&mut bench.connection, &bench.prefix, &policy, &site, &asked).await.unwrap();
        let reasons: Vec<Option<Departure>> =
            asked.iter().map(|id| facts.get(id).copied().unwrap_or(PupilFacts::MISSING).departure()).collect();
        let marked = |id| left.contains(&id).then_some(Departure::Leaver);
        let expected = [
            None,
            Some(Departure::Suspended),
            Some(Departure::Deleted),
            Some(Departure::NotAPupil),
            marked(leaver),
            marked(cohort),
            Some(Departure::Deleted),
        ];
        assert_eq!(reasons, expected, "{name}: {filter:?}");
        // Nothing new is given to who is marked as a leaver.
        let pupils: Vec<MoodleUserId> = [here, leaver, cohort].into_iter().filter(|id| !left.contains(id)).collect();
        assert_eq!(bench.pupils(&policy, &asked).await, pupils, "{name}: {filter:?}");
    }
    let policy = Policy::default();
    let site = bench.site(&policy).await;
    let named =
        pupils::named(&mut bench.connection, &bench.prefix, &policy, &[leaver, suspended, nobody]).await.unwrap();
    let mut named: Vec<(MoodleUserId, String)> = named.into_iter().map(|pupil| (pupil.id, pupil.tutor_group)).collect();
    named.sort_unstable();
    assert_eq!(named, [(suspended, String::new()), (leaver, "LEFT".to_owned())], "{name}: whoever they are now");
    assert!(pupils::any(&mut bench.connection, &bench.prefix, &policy, &site).await.unwrap(), "{name}");
    for filter in ["cohort=nosuch", "idnumber=nosuch"] {
        let policy = self::policy(filter);
        assert!(!pupils::any(&mut bench.connection, &bench.prefix, &policy, &site).await.unwrap(), "{name}: {filter}");
    }
    bench.run("UPDATE {p}user SET idnumber = 'L9' WHERE id = 2", []).await;
    let administrator = self::policy("idnumber=L9");
    assert!(!pupils::any(&mut bench.connection, &bench.prefix, &administrator, &site).await.unwrap(), "{name}");
    bench.run("UPDATE {p}user SET idnumber = '' WHERE id = 2", []).await;
}

pub async fn every_field_of_the_filter_works(bench: &mut Bench) {
    let course = bench.course().await;
    bench.run("INSERT INTO {p}user_info_field (shortname, name, datatype) VALUES ('kind', 'Kind', 'text')", []).await;
    bench.run("INSERT INTO {p}user_info_field (shortname, name, datatype) VALUES ('form', 'Form', 'text')", []).await;
    let field = bench.number("SELECT id FROM {p}user_info_field WHERE shortname = 'kind'").await;
    let form = bench.number("SELECT id FROM {p}user_info_field WHERE shortname = 'form'").await;
    bench
        .run(
            "INSERT INTO {p}cohort (contextid, name, idnumber, descriptionformat, timecreated, timemodified) VALUES \
             (1, 'Bench', 'bench', 0, 0, 0)",
            [],
        )
        .await;
    let cohort = bench.number("SELECT id FROM {p}cohort WHERE idnumber = 'bench'").await;

    let all = bench.user("All", &[("auth", "'ldap'"), ("idnumber", "'F1'"), ("department", "'7KL'")]).await;
    let none = bench.user("None", &[]).await;
    bench
        .run(
            "INSERT INTO {p}cohort_members (cohortid, userid, timeadded) VALUES (?, ?, 0)",
            [cohort.into(), all.0.into()],
        )
        .await;
    for (field, data) in [(field, "pupil"), (form, "9 KL")] {
        let args: [Value; 3] = [all.0.into(), field.into(), data.into()];
        bench.run("INSERT INTO {p}user_info_data (userid, fieldid, data) VALUES (?, ?, ?)", args).await;
    }
    let args: [Value; 2] = [none.0.into(), field.into()];
    bench.run("INSERT INTO {p}user_info_data (userid, fieldid, data) VALUES (?, ?, '')", args).await;
    bench.assign(all, "student", course, "", 0).await;

    for (condition, fits) in [
        ("auth=ldap", true),
        ("auth=db,ldap", true),
        ("auth=db", false),
        ("idnumber=*", true),
        ("idnumber=F1,F2", true),
        ("idnumber=F2", false),
        ("department=*", true),
        ("department=7KL", true),
        ("department=8KL", false),
        ("cohort=bench", true),
        ("cohort=other,bench", true),
        ("cohort=other", false),
        ("role=student", true),
        ("role=guest", false),
        ("profile:kind=pupil", true),
        ("profile:kind=staff,pupil", true),
        ("profile:kind=staff", false),
        ("profile:kind=*", true),
        ("profile:nofield=*", false),
    ] {
        let (field, values) = condition.split_once('=').unwrap();
        let (with, without) = (policy(condition), policy(&format!("{field}!={values}")));
        // `none` has none of it, so that it fits exactly the negations (but signs in by hand, in neither list).
        let found = bench.pupils(&with, &[all, none]).await;
        let expected: &[MoodleUserId] = if fits { &[all] } else { &[] };
        assert_eq!(found, expected, "{}: {condition}", bench.name);
        let found = bench.pupils(&without, &[all, none]).await;
        let expected: &[MoodleUserId] = if fits { &[none] } else { &[all, none] };
        assert_eq!(found, expected, "{}: not {condition}", bench.name);
    }
    // All at once, the tutor group out of a profile field: values are bound in the order of the text.
    let mut every =
        policy("auth=ldap idnumber=F1 department!=8KL cohort=bench role=student profile:kind=pupil profile:form!=x");
    every.tutor_group_field = "profile:form".to_owned().try_into().unwrap();
    assert_eq!(bench.pupils(&every, &[all, none]).await, [all], "{}", bench.name);
    let site = bench.site(&every).await;
    let found = pupils::all(&mut bench.connection, &bench.prefix, &every, &site).await.unwrap();
    let expected = Pupil {
        id: all,
        given_name: "All".into(),
        family_name: "Bench".into(),
        tutor_group: "9 KL".into(),
        admission_number: "F1".into(),
    };
    assert_eq!(found.into_iter().find(|pupil| pupil.id == all), Some(expected), "{}", bench.name);
    every.pupil_filter = "profile:kind!=*".parse().unwrap();
    let found = pupils::all(&mut bench.connection, &bench.prefix, &every, &site).await.unwrap();
    let groups: Vec<String> =
        found.into_iter().filter(|pupil| pupil.id == none).map(|pupil| pupil.tutor_group).collect();
    assert_eq!(groups, [""], "{}: a pupil without the field has no tutor group", bench.name);
}

/// C-9. The MariaDB of the tests speaks latin1 unless it is told otherwise.
pub async fn accented_names_come_back_as_they_are(bench: &mut Bench) {
    let written = [("Zoë", "5A6FC3AB"), ("Seán", "5365C3A16E"), ("Łukasz", "C581756B61737A"), ("小明", "E5B08FE6988E")];
    let mut ids = Vec::new();
    for (name, _) in written {
        let id = bench.pupil("Plain").await;
        bench
            .run(
                "UPDATE {p}user SET firstname = ?, department = ? WHERE id = ?",
                [name.into(), "7Ä".into(), id.0.into()],
            )
            .await;
        ids.push(id);
    }
    if bench.engine() == Engine::MySql {
        for (id, (name, hex)) in ids.iter().zip(written) {
            let same = format!("SELECT COUNT(*) FROM {{p}}user WHERE id = {id} AND HEX(firstname) = '{hex}'");
            assert_eq!(bench.number(&same).await, 1, "{name} lies there in UTF-8");
        }
    }
    let policy = Policy::default();
    let site = bench.site(&policy).await;
    let found = pupils::all(&mut bench.connection, &bench.prefix, &policy, &site).await.unwrap();
    for (id, (name, _)) in ids.iter().zip(written) {
        let pupil = found.iter().find(|pupil| pupil.id == *id).unwrap();
        assert_eq!((pupil.given_name.as_str(), pupil.tutor_group.as_str()), (name, "7Ä"), "{}", bench.name);
    }
}
