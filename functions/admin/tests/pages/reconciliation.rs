//! What a full comparison found, and the rows that are left alone.

use jiff::SignedDuration;
use kinlink_domain::staff::StaffRole;
use kinlink_service::cycle::Mode;

use crate::{
    staff::{office, text},
    world::world,
};

const HERE: &str = "/admin/reconciliation";
const LEFT_ALONE: &str = "/admin/reconciliation?view=left_alone";
/// Mrs Turner's account, as Moodle's synchronisation would make it.
const ACCOUNT: &str = "UPDATE mdl_user SET username = 'rachel.turner@example.org', auth = 'db', suspended = 0, email = \
                       'rachel.turner@example.org' WHERE id = 4";
const HER_ROLE: &str = "SELECT COUNT(*) FROM mdl_role_assignments WHERE userid = 4 AND component = 'local_kinlink'";

#[tokio::test]
async fn what_was_found_is_shown_by_class_with_names_and_what_to_do() {
    let world = world().await;
    let office = &world.office;
    let person = office.approver().await;
    let nothing = text(&person.page(HERE).await);
    assert!(
        nothing.contains("That has not happened yet.") && nothing.contains("Nothing was compared yet."),
        "{nothing}"
    );
    let asked = person.post("/admin/cycles", &[("action", "reconcile")]).await.expect(303);
    office.run(Mode::Jobs).await;
    let page = person.page(HERE).await;
    assert!(text(&page).contains("Moodle is as it should be.") && page.contains(asked.header("location")), "{page}");

    office.meddle_in_moodle(ACCOUNT).await;
    office.meddle_in_moodle("UPDATE mdl_user SET email = 'other@example.org' WHERE id = 4").await;
    office.stray(900..902).await;
    office.kinlink.clock.advance(SignedDuration::from_secs(1));
    office.run(Mode::Full).await;
    let page = person.page(HERE).await;
    let words = text(&page);
    for expected in [
        "All 3",
        "Role in Moodle that nothing wants 2",
        "Address differs 1",
        "Left alone 0",
        "Nothing; it is removed, unless the brake holds it.",
        "Compare everything now",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(page.contains(&format!("href=\"/admin/users/{}\"><bdi>Rachel Turner</bdi>", world.adult)), "{page}");
    let drift = text(&person.page(&format!("{HERE}?view=email_drift")).await);
    assert!(drift.contains("Address differs. The parent or an administrator changed it in Moodle"), "{drift}");
    assert!(drift.contains("Rachel Turner") && !drift.contains("it is removed, unless"), "{drift}");

    let missing = text(&person.page(&format!("{HERE}?view=missing")).await);
    assert!(missing.contains("Nothing of this kind was found.") && !missing.contains("as it should be"), "{missing}");

    // The run leads here, and to the plan of what the brake holds.
    let cycle = office.text("SELECT id FROM cycles ORDER BY id DESC LIMIT 1").await;
    let held = office.text("SELECT id FROM plans WHERE scope = 'held_removals'").await;
    let page = person.page(&format!("/admin/cycles/{cycle}")).await;
    assert!(page.contains("<a href=\"/admin/reconciliation\">3 differences were found</a>"), "{page}");
    assert!(page.contains(&format!("<a href=\"/admin/plans/{held}\">the plan of what is held</a>")), "{page}");
    let health = person.page("/admin/health").await;
    assert!(health.contains("<a href=\"/admin/reconciliation\">Whom the newest comparison found</a>"), "{health}");
}

#[tokio::test]
async fn many_findings_are_numbered_and_say_how_many_more_there_were() {
    let office = office().await;
    office.stray(900..960).await;
    office.run(Mode::Full).await;
    let person = office.approver().await;
    let first = text(&person.page(&format!("{HERE}?view=extra")).await);
    assert!(first.contains("Page 1 of 2") && !first.contains("more: of each class"), "{first}");
    let second = person.page(&format!("{HERE}?view=extra&page=2")).await;
    assert_eq!(second.matches("class=\"cell-who\"").count(), 10);
    office.meddle("UPDATE cycles SET report = '{\"classes\":{\"extra\":1260,\"king\":3}}'").await;
    let first = text(&person.page(HERE).await);
    assert!(first.contains("The comparison found 1,200 more: of each class the first thousand are kept."), "{first}");
}

#[tokio::test]
async fn a_row_that_is_left_alone_is_put_back_when_a_person_says_so() {
    let world = world().await;
    let office = &world.office;
    office.meddle_in_moodle(ACCOUNT).await;
    office.run(Mode::Full).await;
    for _ in 0..4 {
        office.meddle_in_moodle("DELETE FROM mdl_role_assignments WHERE userid = 4").await;
        office.kinlink.clock.advance(SignedDuration::from_mins(10));
        office.run(Mode::Full).await;
    }
    let in_moodle = async || -> i64 {
        let row: Option<(i64,)> = office.kinlink.moodle.db.fetch_optional(HER_ROLE, []).await.unwrap();
        row.unwrap().0
    };
    assert_eq!(in_moodle().await, 0);

    let viewer = office.person("Vic", StaffRole::Viewer).await;
    let page = viewer.page(LEFT_ALONE).await;
    let words = text(&page);
    assert!(words.contains("Left alone 1") && words.contains("Rachel Turner"), "{words}");
    assert!(words.contains("Amelia Turner"), "{words}");
    assert!(!words.contains("Let Kinlink put it back") && !words.contains("Compare everything now"), "{words}");
    let contest = office.text("SELECT id FROM contests").await;
    let release = format!("{HERE}/{contest}/release");
    let _ = viewer.post(&release, &[]).await.expect(403);

    let person = office.approver().await;
    let page = person.page(LEFT_ALONE).await;
    assert!(page.contains(&format!("action=\"{release}\"")), "{page}");
    let done = person.post(&release, &[]).await.expect(303);
    assert_eq!((done.header("location"), office.woken()), (LEFT_ALONE, 1));
    let page = text(&person.follow(&done).await);
    assert!(page.contains("The next cycle puts it back.") && page.contains("Nothing is left alone."), "{page}");
    office.run(Mode::Jobs).await;
    assert_eq!(in_moodle().await, 1);

    let again = person.post(&release, &[]).await;
    assert!(text(&person.follow(&again).await).contains("It is not left alone any more."));
    let _ = person.post(&format!("{HERE}/x/release"), &[]).await.expect(404);
    assert_eq!(office.woken(), 1);
}
