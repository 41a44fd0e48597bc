//! How many statements a page sends: as many with a few rows behind it as with many.

use kinlink_service::{cycle::Mode, plans};
use kinlink_testapp::{administrator, family};

use crate::{staff::Office, world::world};

fn sent(office: &Office) -> (u64, u64) {
    let count = |db: &kinlink_testkit::TestDb| db.db.stats().reads() + db.db.stats().writes();
    (count(&office.kinlink.store), count(&office.kinlink.moodle))
}

#[tokio::test]
async fn a_page_sends_as_many_statements_for_few_rows_as_for_many() {
    let world = world().await;
    let person = world.office.administrator().await;
    let mut counts = Vec::new();
    for people in [0..3, 3..30] {
        for number in people.clone() {
            let email = format!("unclear{number}@example.org");
            let child = format!("Emil{}", "y".repeat(1 + number % 7));
            world.office.kinlink.submit(&family(("Pat", "Moss", &email), &[(&child, "Jones", "8MB")])).await;
        }
        world.office.crowd(people.clone()).await;
        world.office.run(Mode::Jobs).await;
        world.office.meddle("UPDATE jobs SET state = 'dead', attempts = 8, outcome = 'write_failed'").await;
        let latest = world.office.text("SELECT id FROM cycles ORDER BY id DESC LIMIT 1").await;
        // What a comparison finds, what would be taken away, and what is left alone: as many as there are people.
        let rows =
            |first: i64| first + i64::try_from(people.start).unwrap()..first + i64::try_from(people.end).unwrap();
        world.office.stray(rows(1_000_000)).await;
        world.office.run(Mode::Full).await;
        let plan = plans::make(&world.office.kinlink.app, &administrator()).await.unwrap().id.to_string();
        for row in rows(0) {
            let contest = format!(
                "INSERT INTO contests (id, component, user_id, context_id, role_id, item_id, adult_id, link_id, began_at) \
                 SELECT '0192f0c1-8a5e-7c3e-9d1a-{row:012x}', 'local_kinlink', {row}, 1, 9, id, adult_id, id, 0 FROM links \
                 ORDER BY id DESC LIMIT 1"
            );
            world.office.meddle(&contest).await;
        }
        let mut paths: Vec<String> = world.pages().into_iter().map(|(path, ..)| path).collect();
        paths.extend([format!("/admin/cycles/{latest}?show=all"), format!("/admin/cycles/{latest}/progress")]);
        let mut now = Vec::new();
        paths.extend([format!("/admin/plans/{plan}"), format!("/admin/plans/{plan}/comparison?with={}", world.plan)]);
        for path in paths {
            let before = sent(&world.office);
            person.page(&path).await;
            let after = sent(&world.office);
            now.push((
                path.replace(&latest, "{latest}").replace(&plan, "{plan}"),
                after.0 - before.0,
                after.1 - before.1,
            ));
        }
        let names = world.office.kinlink.store.db.fetch_all("SELECT username FROM login_rows LIMIT 10", []);
        let names: Vec<(String,)> = names.await.unwrap();
        let fields: Vec<(&str, &str)> = names.iter().map(|(name,)| ("id", name.as_str())).collect();
        let before = sent(&world.office);
        let _ = person.post("/admin/users/revoke", &fields).await.expect(200);
        let after = sent(&world.office);
        now.push(("/admin/users/revoke".to_owned(), after.0 - before.0, after.1 - before.1));
        counts.push(now);
    }
    for (few, many) in counts[0].iter().zip(&counts[1]) {
        assert!(many.1 <= few.1 && many.2 <= few.2, "{few:?} {many:?}");
    }
    for (path, store, moodle) in &counts[1] {
        println!("{path}: {store} to the store, {moodle} to Moodle");
        assert!(*store <= 20 && *moodle <= 40, "{path} sends {store} and {moodle} statements");
    }
}
