//! The demonstration school on the servers that Moodle really has: other tests use it there.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kinlink_db::Int;
use kinlink_moodle::{
    demo::{
        self, LoginRowView,
        school::OPENED,
        tasks::{DAY, SyncReport, run_due_in},
    },
    prefix::Prefix,
    schema,
};
use kinlink_testkit::{TestDb, all_engines};

async fn number(test: &TestDb, sql: &str) -> i64 {
    let row: Option<(Int,)> = test.db.fetch_optional(sql, []).await.unwrap();
    row.unwrap().0.0
}

#[tokio::test]
async fn the_school_and_the_tasks_work_on_every_engine() {
    let prefix = Prefix::parse("kl_").unwrap();
    for test in all_engines().await {
        let engine = test.engine();
        schema::create(&test.db, &prefix).await.unwrap();
        demo::fill(&test.db, &prefix).await.unwrap();
        for (from, expected) in [
            ("user", 359),
            ("user WHERE firstname = 'Łukasz' AND lastname = 'Wiśniewski'", 1),
            ("user WHERE firstname = '小明'", 1),
            ("context WHERE contextlevel = 30", 356),
            ("role_assignments", 12),
            ("cohort_members", 350),
        ] {
            let sql = format!("SELECT COUNT(*) FROM kl_{from}");
            assert_eq!(number(&test, &sql).await, expected, "{engine}: {from}");
        }

        // Rows that come later get ids of their own: sequences know the ids that were chosen by hand.
        let row = LoginRowView {
            username: "rachel.turner@example.org",
            firstname: "Rachel",
            lastname: "Turner",
            email: "rachel.turner@example.org",
            description: "",
            lang: "",
        };
        let report = run_due_in(&test.db, &prefix, &[row], OPENED + DAY).await.unwrap();
        let expected = SyncReport { inserted: 1, ..SyncReport::default() };
        assert_eq!(report.sync, Some(expected), "{engine}");
        assert_eq!(report.passwords_mailed, Some(1), "{engine}");
        let sql = "SELECT COUNT(*) FROM kl_user u JOIN kl_context c ON c.contextlevel = 30 AND c.instanceid = u.id \
                   WHERE u.auth = 'db' AND u.id = 360 AND u.lang = 'en' AND c.depth = 2 AND c.path LIKE '/1/%'";
        assert_eq!(number(&test, sql).await, 1, "{engine}");
        let report = run_due_in(&test.db, &prefix, &[], OPENED + 3 * DAY).await.unwrap();
        assert_eq!(report.sync.map(|sync| sync.suspended), Some(1), "{engine}");
        test.drop_database().await;
    }
}
