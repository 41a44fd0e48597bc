//! A full comparison: what it finds, what it puts right, and what it leaves alone.

use jiff::SignedDuration;
use kinlink_domain::{
    finding::{Class, Finding},
    ids::MoodleUserId,
    outcome::Outcome,
};
use kinlink_service::{cycle::Mode, reconciliation};
use kinlink_testapp::administrator;

use crate::world::{ENGINES, RoleRow, World, thirty, world};

async fn of_class(world: &World, class: Class) -> Vec<Finding> {
    reconciliation::list(&world.test.app, &administrator(), Some(class), 0, 100).await.unwrap().1
}

async fn delete(world: &World, row: &RoleRow) {
    let sql = format!(
        "DELETE FROM mdl_role_assignments WHERE component = 'local_kinlink' AND userid = {} AND itemid = {}",
        row.0, row.3
    );
    world.meddle(&sql).await;
}

#[tokio::test]
async fn each_class_is_found_counted_and_named() {
    for engine in ENGINES {
        let world = world(engine).await;
        thirty(&world).await;
        let rows = world.our_rows().await;
        let nothing = world.run(Mode::Full).await.unwrap();
        assert!(nothing.classes.is_empty(), "{engine}: {:?}", nothing.classes);
        let foreign = world.foreign_rows().await;

        delete(&world, &rows[0]).await;
        // Another role by hand: the row bears a link in force and is not what we wrote.
        world
            .meddle(&format!(
                "UPDATE mdl_role_assignments SET roleid = 5 WHERE itemid = {} AND component = 'local_kinlink'",
                rows[1].3
            ))
            .await;
        world
            .meddle(
                "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
                 sortorder) VALUES (9, 40, 5, 1, 2, 'local_kinlink', 999999, 0)",
            )
            .await;
        world.meddle(&format!("UPDATE mdl_user SET email = 'other@example.org' WHERE id = {}", rows[2].0)).await;
        world.meddle(&format!("UPDATE mdl_user SET username = 'renamed' WHERE id = {}", rows[3].0)).await;
        world.meddle(&format!("UPDATE mdl_user SET deleted = 1 WHERE id = {}", rows[4].1)).await;
        let report = world.run(Mode::Full).await.unwrap();
        for class in [Class::Missing, Class::Changed, Class::EmailDrift, Class::AccountRenamed] {
            assert_eq!(report.classes.get(&class), Some(&1), "{engine}: {class}: {:?}", report.classes);
        }
        // One that is nobody's, and the one at the account that is renamed.
        assert_eq!(report.classes.get(&Class::Extra), Some(&2), "{engine}: {:?}", report.classes);
        // The renamed account has no login row by that name, and the login row no account.
        assert_eq!(report.classes.get(&Class::OrphanAccount), Some(&1), "{engine}: {:?}", report.classes);
        assert_eq!(report.classes.get(&Class::OrphanLoginRow), Some(&1), "{engine}: {:?}", report.classes);
        let gone = [Class::PupilDeleted, Class::PupilMerged].map(|class| report.classes.get(&class).copied());
        assert_eq!(gone.into_iter().flatten().sum::<u64>(), 1, "{engine}: {:?}", report.classes);

        let overview = reconciliation::overview(&world.test.app, &administrator()).await.unwrap();
        assert_eq!(overview.cycle.unwrap().id, report.cycle, "{engine}");
        let kept: Vec<(Class, u64)> = report.classes.clone().into_iter().collect();
        assert_eq!((overview.kept, overview.more), (kept, 0), "{engine}");
        let missing = of_class(&world, Class::Missing).await;
        assert_eq!(
            (missing[0].user, missing[0].link.map(|link| link.0)),
            (Some(MoodleUserId(rows[0].0)), Some(rows[0].3))
        );
        let drift = of_class(&world, Class::EmailDrift).await;
        assert!(drift[0].user == Some(MoodleUserId(rows[2].0)) && drift[0].adult.is_some(), "{engine}: {drift:?}");
        assert_eq!(of_class(&world, Class::AccountRenamed).await[0].user, Some(MoodleUserId(rows[3].0)), "{engine}");
        assert_eq!(world.foreign_rows().await, foreign, "{engine}");
        assert!(report.foreign > 0, "{engine}: the old plugin's rows are counted");

        // What can be put right was; what is left needs a person and is found again.
        let again = world.run(Mode::Full).await.unwrap();
        assert_eq!((again.added, again.put_back), (0, 0), "{engine}: {again:?}");
        for class in [Class::Missing, Class::Changed, Class::Extra] {
            assert_eq!(again.classes.get(&class), None, "{engine}: {class}: {:?}", again.classes);
        }
    }
}

#[tokio::test]
async fn a_row_that_is_taken_away_each_time_is_left_alone_after_three_times_in_a_day() {
    for engine in ENGINES {
        let world = world(engine).await;
        thirty(&world).await;
        let rows = world.our_rows().await;
        for _ in 0..3 {
            delete(&world, &rows[0]).await;
            world.test.clock.advance(SignedDuration::from_hours(7));
            let report = world.run(Mode::Full).await.unwrap();
            assert_eq!((report.added, report.put_back, report.contested), (1, 1, 0), "{engine}: {report:?}");
        }
        delete(&world, &rows[0]).await;
        delete(&world, &rows[1]).await;
        let report = world.run(Mode::Full).await.unwrap();
        assert_eq!((report.put_back, report.contested), (1, 1), "{engine}: the other one is put back: {report:?}");
        assert_eq!(report.outcome(Outcome::Contested), 1, "{engine}: {report:?}");
        assert_eq!(world.our_rows().await, rows[1..], "{engine}");
        // Also a day later, and it is said each time.
        world.test.clock.advance(SignedDuration::from_hours(48));
        let report = world.run(Mode::Full).await.unwrap();
        assert_eq!((report.added, report.classes.get(&Class::Contested)), (0, Some(&1)), "{engine}: {report:?}");

        let contested = reconciliation::contested(&world.test.app, &administrator()).await.unwrap();
        assert_eq!((contested.len(), contested[0].row.0.0, contested[0].link.0), (1, rows[0].0, rows[0].3), "{engine}");
        reconciliation::release(&world.test.app, &administrator(), contested[0].id).await.unwrap();
        let report = world.cycle().await;
        assert_eq!(report.put_back, 1, "{engine}: {report:?}");
        assert_eq!(world.our_rows().await, rows, "{engine}");
        assert!(reconciliation::contested(&world.test.app, &administrator()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn three_times_in_more_than_a_day_are_no_fight() {
    let world = world(kinlink_db::Engine::Sqlite).await;
    thirty(&world).await;
    let rows = world.our_rows().await;
    for _ in 0..5 {
        delete(&world, &rows[0]).await;
        world.test.clock.advance(SignedDuration::from_hours(13));
        assert_eq!(world.run(Mode::Full).await.unwrap().put_back, 1);
    }
}
