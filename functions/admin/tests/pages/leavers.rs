//! Pupils who leave: the page that says what ends when, the person's page, and giving back what ended. By the API as well.

use jiff::SignedDuration;
use kinlink_service::cycle::Mode;
use serde_json::Value;

use crate::{
    staff::{Office, text},
    world::world,
};

/// What an MIS does to a pupil who leaves, and to one who is back.
async fn suspend(office: &Office, suspended: i64) {
    let sql = format!("UPDATE mdl_user SET suspended = {suspended} WHERE firstname = 'Amelia' AND lastname = 'Turner'");
    office.meddle_in_moodle(&sql).await;
}

async fn nights(office: &Office, nights: i64) {
    for _ in 0..nights {
        office.kinlink.clock.advance(SignedDuration::from_hours(24));
        office.run(Mode::Full).await;
    }
}

#[tokio::test]
async fn staff_see_who_left_and_when_access_ends_and_give_it_back_by_one_act() {
    let world = world().await;
    let (office, path) = (&world.office, format!("/admin/users/{}", world.adult));
    for (name, value) in [("leaver_grace_days", "3"), ("login_row_grace_days", "2")] {
        kinlink_service::settings::set(&office.kinlink.app, &kinlink_testapp::administrator(), name, value)
            .await
            .unwrap();
    }
    let viewer = &office.kinlink.viewer_token;
    let api = office.anyone.bearer(viewer);
    let empty = office.approver().await.page("/admin/leavers").await;
    assert!(text(&empty).contains("Every linked pupil is here."), "{empty}");

    suspend(office, 1).await;
    let tonight = text(&office.approver().await.page("/admin/leavers").await);
    for expected in
        ["1 have left, of 1 linked pupil", "Amelia Turner", "7KL", "Suspended in Moodle", "to be noted tonight"]
    {
        assert!(tonight.contains(expected), "{expected}: {tonight}");
    }
    let preview = api.get("/api/v1/admin/leavers").await.expect(200);
    let preview: Value = serde_json::from_str(&preview.text).unwrap();
    assert_eq!((&preview["leavers"][0]["reason"], &preview["held"]), (&"suspended".into(), &false.into()));
    assert_eq!(preview["groups"][0]["year_group"], 7);

    nights(office, 1).await;
    let person = office.approver().await;
    let words = text(&person.page(&path).await);
    // Noted on the fourth of September, with three days of grace.
    assert!(words.contains("left on 4 September 2026 , access ends on 7 September 2026"), "{words}");
    assert!(words.contains("Linked") && !words.contains("Restore access"), "{words}");
    let left = text(&person.page("/admin/users?view=pupils_left").await);
    assert!(left.contains("Pupils have left 1") && left.contains("Amelia Turner (left)"), "{left}");

    nights(office, 3).await;
    let person = office.approver().await;
    let words = text(&person.page(&path).await);
    assert!(words.contains("Ended") && !words.contains("Restore access"), "they are still gone: {words}");
    let left = text(&person.page("/admin/users?view=pupils_left").await);
    assert!(left.contains("Pupils have left 1"), "they may still sign in: {left}");
    let waiting = text(&person.page("/admin/leavers").await);
    assert!(waiting.contains("1 may still sign in without a pupil; the first until 9 September 2026"), "{waiting}");
    let refused = office.anyone.bearer(&office.kinlink.approver_token);
    let refused = refused.json("POST", "/api/v1/admin/links/1/restore", &Value::Null).await.expect(409);
    assert!(refused.text.contains("not_a_pupil"), "{}", refused.text);

    nights(office, 2).await;
    let person = office.approver().await;
    assert!(text(&person.page(&path).await).contains("No access"));
    suspend(office, 0).await;
    let shown = person.page(&path).await;
    assert!(text(&shown).contains("Restore access to Amelia Turner"), "{shown}");
    let watching = office.person("Vi", kinlink_domain::staff::StaffRole::Viewer).await;
    assert!(!text(&watching.page(&path).await).contains("Restore access"));
    let restore = format!("{path}/restore");
    let done = person.post(&restore, &[("link", "1")]).await.expect(303);
    assert!(text(&person.follow(&done).await).contains("Access to 1 pupil is restored."));
    let words = text(&person.page(&path).await);
    assert!(words.contains("Jo gave the access back") && words.contains("Linked"), "{words}");
    assert_eq!(
        office.text("SELECT username FROM login_rows WHERE username LIKE '%@%'").await,
        "rachel.turner@example.org"
    );
    let again = person.post(&restore, &[]).await.expect(303);
    assert!(text(&person.follow(&again).await).contains("No pupil of this adult has come back"));
    for wrong in ["x", "987654"] {
        let _ = person.post(&restore, &[("link", wrong)]).await.expect(404);
    }
}

#[tokio::test]
async fn a_broken_filter_is_said_loudly_and_ends_nothing() {
    let world = world().await;
    let office = &world.office;
    let administrator = kinlink_testapp::administrator();
    let set = async |value: &str| {
        kinlink_service::settings::set(&office.kinlink.app, &administrator, "pupil_filter", value).await.unwrap();
    };
    set("cohort=nosuch").await;
    // Ids of one moment are in no order.
    office.kinlink.clock.advance(jiff::SignedDuration::from_secs(1));
    office.run(Mode::Full).await;
    let words = text(&office.approver().await.page("/admin/leavers").await);
    assert!(words.contains("This is not believed, and nothing will end."), "{words}");
    assert_eq!(office.number("SELECT COUNT(*) FROM leavers").await, 0);
    assert_eq!(office.number("SELECT COUNT(*) FROM links WHERE active = 1").await, 1);
    assert!(office.text("SELECT report FROM cycles ORDER BY id DESC LIMIT 1").await.contains("not believed"));
    set("idnumber=*").await;
    office.kinlink.clock.advance(jiff::SignedDuration::from_secs(1));
    office.run(Mode::Full).await;
    assert!(!office.text("SELECT report FROM cycles ORDER BY id DESC LIMIT 1").await.contains("not believed"));
}
