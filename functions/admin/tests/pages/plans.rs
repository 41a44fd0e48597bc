//! Plans: made, looked at, compared, and applied by those who may.

use jiff::SignedDuration;
use kinlink_domain::staff::StaffRole;
use kinlink_service::{cycle::Mode, plans, settings};
use kinlink_testapp::administrator;
use kinlink_testkit::{changed_tables, snapshot};

use crate::{
    staff::{Office, Person, office, text},
    world::world,
};

const PLANS: &str = "SELECT COUNT(*) FROM plans";
const STRAYS: &str = "SELECT COUNT(*) FROM mdl_role_assignments WHERE component = 'local_kinlink'";

/// Has a plan made, and gives the address of its page.
async fn made(person: &Person) -> String {
    let made = person.post("/admin/plans", &[]).await.expect(303);
    made.header("location").to_owned()
}

async fn in_moodle(office: &Office, sql: &str) -> i64 {
    let row: Option<(i64,)> = office.kinlink.moodle.db.fetch_optional(sql, []).await.unwrap();
    row.unwrap().0
}

#[tokio::test]
async fn what_would_change_is_kept_with_names_and_reasons_and_nothing_is_written() {
    let world = world().await;
    let person = world.office.approver().await;
    world.office.meddle("DELETE FROM plan_rows").await;
    world.office.meddle("DELETE FROM plans").await;
    let empty = text(&person.page("/admin/plans").await);
    assert!(empty.contains("No plan is kept.") && empty.contains("that writes nothing there"), "{empty}");
    let nothing = made(&person).await;
    let page = text(&person.page(&nothing).await);
    assert!(page.contains("Nothing would change.") && !page.contains("Apply this plan"), "{page}");

    let account = "UPDATE mdl_user SET username = 'rachel.turner@example.org', auth = 'db', suspended = 0 WHERE id = 4";
    world.office.meddle_in_moodle(account).await;
    let before = snapshot(&world.office.kinlink.moodle.db).await;
    let answer = person.post("/admin/plans", &[]).await.expect(303);
    assert!(changed_tables(&before, &snapshot(&world.office.kinlink.moodle.db).await).is_empty());
    let page = person.follow(&answer).await;
    let words = text(&page);
    for expected in [
        "nothing was written in Moodle",
        "1 to give or take over",
        "0 to take away",
        "Jo had it made",
        "Give a role",
        "Link approved",
        "add role=",
        "Apply this plan",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(page.contains(&format!("href=\"/admin/users/{}\"><bdi>Rachel Turner</bdi>", world.adult)), "{page}");
    let explain = format!("href=\"/admin/explain?adult={}&#38;pupil={}\"", world.adult, world.amelia);
    assert!(page.contains(&explain) && words.contains("Amelia Turner"), "{page}");
    assert!(!words.contains("The brake holds it"), "{words}");
    assert_eq!(made(&person).await, answer.header("location"), "the same rows are the same plan");
    let list = text(&person.page("/admin/plans").await);
    assert!(list.contains("1 role to give Not applied") && list.contains("Nothing to write Not applied"), "{list}");
    assert!(list.contains("by Jo"), "{list}");
}

#[tokio::test]
async fn rows_of_the_earlier_plugin_are_taken_over_by_a_plan_like_any_other() {
    let world = world().await;
    let person = world.office.approver().await;
    let account = "UPDATE mdl_user SET username = 'rachel.turner@example.org', auth = 'db', suspended = 0 WHERE id = 4";
    world.office.meddle_in_moodle(account).await;
    let of_the_plugin = format!(
        "INSERT INTO mdl_role_assignments (roleid, contextid, userid, component, itemid, timemodified, modifierid, sortorder) \
         SELECT r.id, c.id, 4, '', 0, 1, 2, 0 FROM mdl_role r, mdl_context c WHERE r.shortname = 'parent' AND \
         c.contextlevel = 30 AND c.instanceid = {}",
        world.amelia
    );
    world.office.meddle_in_moodle(&of_the_plugin).await;
    let answer = person.post("/admin/plans", &[("adoption", "adopt")]).await.expect(303);
    let plan = answer.header("location").to_owned();
    let page = text(&person.follow(&answer).await);
    for expected in
        ["Adopting rows of the earlier plugin", "1 to give or take over", "Take over a role", "Apply this plan"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let confirm = text(&person.page(&format!("{plan}/application")).await);
    assert!(confirm.contains("exactly its 1 row in Moodle") && !confirm.contains("takes away"), "{confirm}");
    let _ = person.post(&format!("{plan}/application"), &[]).await.expect(303);
    world.office.run(Mode::Jobs).await;
    assert_eq!(in_moodle(&world.office, &format!("{STRAYS} AND modifierid = 2")).await, 1, "the plugin's own row");

    let answer = person.post("/admin/plans", &[("adoption", "give_back")]).await.expect(303);
    let page = text(&person.follow(&answer).await);
    assert!(page.contains("Giving adopted rows back") && page.contains("Give a role back"), "{page}");
}

#[tokio::test]
async fn two_people_apply_what_the_brake_holds() {
    let office = office().await;
    office.stray(900..903).await;
    let (jo, alex) = (office.approver().await, office.administrator().await);
    let plan = made(&jo).await;
    let application = format!("{plan}/application");
    let page = text(&jo.page(&plan).await);
    assert!(page.contains("The brake holds it.") && page.contains("3 to take away"), "{page}");
    let confirm = text(&jo.page(&application).await);
    for expected in
        ["It takes two people.", "exactly its 3 rows", "It takes away 3 roles", "Ask for this plan to be applied"]
    {
        assert!(confirm.contains(expected), "{expected}: {confirm}");
    }
    assert!(!confirm.contains("Type the number"), "{confirm}");

    let asked = jo.post(&application, &[]).await.expect(303);
    assert_eq!((asked.header("location"), office.woken()), (plan.as_str(), 0));
    let page = text(&jo.follow(&asked).await);
    assert!(page.contains("Nothing is written until another person applies this plan too."), "{page}");
    assert!(page.contains("You asked for it, so another person has to apply it too."), "{page}");
    assert!(!page.contains("Apply this plan"), "{page}");
    let list = text(&alex.page("/admin/plans").await);
    assert!(list.contains("Waits for a second person asked for by Jo"), "{list}");
    // Whoever asked can do no more.
    assert_eq!(jo.get(&application).await.expect(303).header("location"), plan);
    let _ = jo.post(&application, &[]).await.expect(303);
    assert_eq!((office.woken(), office.number("SELECT COUNT(*) FROM cycles").await), (0, 0));

    assert!(text(&alex.page(&plan).await).contains("Apply this plan, as the second person"));
    let confirm = text(&alex.page(&application).await);
    assert!(confirm.contains("You are the second person. Jo asked for this plan."), "{confirm}");
    let queued = alex.post(&application, &[]).await.expect(303);
    let cycle = queued.header("location").to_owned();
    assert!(cycle.starts_with("/admin/cycles/") && office.woken() == 1, "{cycle}");
    let words = alex.follow(&queued).await;
    assert!(text(&words).contains("This cycle applies the plan, exactly as it is."), "{words}");
    assert!(words.contains(&format!("<a href=\"{plan}\">Apply a plan</a>")), "{words}");
    let page = text(&alex.page(&plan).await);
    assert!(page.contains("A cycle applies it now.") && !page.contains("Apply this plan"), "{page}");

    office.run(Mode::Jobs).await;
    assert_eq!(in_moodle(&office, STRAYS).await, 0);
    let page = alex.page(&plan).await;
    assert!(page.contains(&format!("It was applied by <a href=\"{cycle}\">")), "{page}");
    assert!(text(&page).contains("Alex had it applied"), "{page}");
    assert!(text(&page).contains("Kinlink applied it"), "{page}");
    assert!(text(&alex.page("/admin/plans").await).contains("Applied by this cycle"));
    let again = alex.post(&application, &[]).await;
    assert!(text(&alex.follow(&again).await).contains("It was applied before. Nothing is to be done."));
}

#[tokio::test]
async fn a_plan_that_does_not_hold_any_more_says_what_changed_and_offers_a_new_one() {
    let office = office().await;
    office.stray(900..902).await;
    let person = office.approver().await;
    let plan = made(&person).await;
    office.meddle_in_moodle("DELETE FROM mdl_role_assignments WHERE itemid = 900").await;
    office.stray(950..951).await;
    let before = office.everything().await;
    let refused = person.post(&format!("{plan}/application"), &[]).await.expect(409);
    Office::assert_same(&before, &office.everything().await, "a plan that was refused");
    assert_eq!(office.woken(), 0);
    let words = text(&refused.text);
    for expected in ["Nothing was written.", "1 of its rows vanished, 1 came", "Make a new plan"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let (vanished, came) = words.split_once("To be written now, but not in the plan").unwrap();
    assert!(vanished.contains("not to be written any more") && vanished.contains("item=900"), "{words}");
    assert!(came.contains("item=950") && !came.contains("item=900"), "{words}");
    assert!(!words.contains("item=901"), "{words}");

    office.kinlink.clock.advance(SignedDuration::from_secs(1));
    let new = made(&person).await;
    let ids = (plan.rsplit('/').next().unwrap(), new.rsplit('/').next().unwrap());
    assert!(person.page(&new).await.contains(&format!("<option value=\"{}\">", ids.0)), "the other one is offered");
    let comparison = person.page(&format!("{new}/comparison?with={}", ids.0)).await;
    let words = text(&comparison);
    assert!(words.contains("1 row is in both plans") && !words.contains("item=901"), "{words}");
    let (first, second) = words.split_once("Only in the second plan").unwrap();
    assert!(first.contains("item=950") && !first.contains("item=900"), "{first}");
    assert!(second.contains("item=900") && !second.contains("item=950"), "{second}");
    assert!(comparison.contains(&format!("<option value=\"{}\" selected>", ids.0)), "{comparison}");
}

#[tokio::test]
async fn more_than_ten_removals_need_their_number_typed() {
    let office = office().await;
    office.stray(900..911).await;
    settings::set(&office.kinlink.app, &administrator(), "brake_two_persons", "false").await.unwrap();
    let person = office.approver().await;
    let application = format!("{}/application", made(&person).await);
    let asked = text(&person.page(&application).await);
    assert!(asked.contains("Type the number of roles that are taken away"), "{asked}");
    let before = office.everything().await;
    for number in ["", "10", "12", "eleven"] {
        let answer = person.post(&application, &[("number", number)]).await.expect(422);
        assert!(answer.text.contains("<title>Error: Apply a plan"), "{number}");
        assert!(answer.text.contains("href=\"#number\">Type the number of roles that are taken away, 11"), "{number}");
        assert!(answer.text.contains(&format!("value=\"{number}\" aria-invalid=\"true\"")), "{}", answer.text);
    }
    Office::assert_same(&before, &office.everything().await, "a wrong number");
    let queued = person.post(&application, &[("number", " 11 ")]).await.expect(303);
    assert!(queued.header("location").starts_with("/admin/cycles/"), "{}", queued.header("location"));
    office.run(Mode::Jobs).await;
    assert_eq!(in_moodle(&office, STRAYS).await, 0);
}

#[tokio::test]
async fn a_plan_whose_cycle_was_stopped_says_so_and_can_be_applied_again() {
    let office = office().await;
    office.stray(900..901).await;
    settings::set(&office.kinlink.app, &administrator(), "brake_two_persons", "false").await.unwrap();
    let person = office.approver().await;
    let plan = made(&person).await;
    let _ = person.post(&format!("{plan}/application"), &[]).await.expect(303);
    office.meddle("UPDATE cycles SET state = 'failed', fault = 'the store went away'").await;
    let page = text(&person.page(&plan).await);
    assert!(page.contains("A cycle was to apply it and was stopped. The store went away."), "{page}");
    assert!(page.contains("Apply this plan"), "{page}");
    office.kinlink.clock.advance(SignedDuration::from_secs(1));
    let _ = person.post(&format!("{plan}/application"), &[]).await.expect(303);
    office.run(Mode::Jobs).await;
    let page = text(&person.page(&plan).await);
    assert!(page.contains("It was applied by this cycle") && !page.contains("was stopped"), "{page}");
}

#[tokio::test]
async fn who_may_not_apply_sees_the_plan_and_no_button() {
    let office = office().await;
    office.stray(900..901).await;
    let plan = made(&office.approver().await).await;
    let viewer = office.person("Vic", StaffRole::Viewer).await;
    let (list, page) = (viewer.page("/admin/plans").await, viewer.page(&plan).await);
    assert!(!list.contains("<form class=\"no-print\"") && !text(&list).contains("Compare with Moodle and keep"));
    assert!(text(&page).contains("Marked as ours, but nobody’s") && !text(&page).contains("Apply this plan"));
    let _ = viewer.get(&format!("{plan}/application")).await.expect(403);
    let _ = viewer.post(&format!("{plan}/application"), &[]).await.expect(403);
    let _ = viewer.post("/admin/plans", &[]).await.expect(403);
    assert_eq!((office.number(PLANS).await, office.woken()), (1, 0));
    assert_eq!(office.number("SELECT COUNT(*) FROM plans WHERE asked_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn applying_asks_to_sign_in_again_after_a_while() {
    let office = office().await;
    office.stray(900..901).await;
    let person = office.approver().await;
    let application = format!("{}/application", made(&person).await);
    office.kinlink.clock.advance(SignedDuration::from_mins(16));
    let again = format!("/admin/sign-in/again?return_to={}", application.replace('/', "%2F"));
    assert_eq!(person.get(&application).await.expect(303).header("location"), again);
    assert_eq!(person.post(&application, &[]).await.expect(303).header("location"), again);
    assert_eq!(office.number("SELECT COUNT(*) FROM plans WHERE asked_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn rows_are_filtered_by_reason_and_numbered() {
    let world = world().await;
    let office = &world.office;
    let account = "UPDATE mdl_user SET username = 'rachel.turner@example.org', auth = 'db', suspended = 0 WHERE id = 4";
    office.meddle_in_moodle(account).await;
    office.stray(900..960).await;
    let person = office.person("Vic", StaffRole::Viewer).await;
    let plan = made(&office.approver().await).await;
    let all = person.page(&plan).await;
    let words = text(&all);
    assert!(words.contains("All 61") && words.contains("Link approved 1") && words.contains("nobody’s 60"), "{words}");
    assert!(words.contains("Page 1 of 2"), "{words}");
    let strays = person.page(&format!("{plan}?reason=stray&page=2")).await;
    assert_eq!(strays.matches("remove role=").count(), 10);
    assert!(strays.contains(&format!("href=\"{plan}?reason=stray&#38;page=1\" rel=\"prev\"")), "{strays}");
    assert_eq!(person.page(&format!("{plan}?reason=link_approved&page=7")).await.matches("add role=").count(), 1);
    // Reasons and pages that are none are left aside.
    assert!(text(&person.page(&format!("{plan}?reason=king&page=0")).await).contains("Page 1 of 2"));
}

#[tokio::test]
async fn the_list_goes_back_page_by_page() {
    let office = office().await;
    for item in 900..931 {
        office.stray(item..item + 1).await;
        plans::make(&office.kinlink.app, &administrator()).await.unwrap();
        office.kinlink.clock.advance(SignedDuration::from_secs(1));
    }
    let person = office.approver().await;
    let first = person.page("/admin/plans").await;
    assert_eq!(first.matches("class=\"who\"").count(), 30);
    let next = first.split("/admin/plans?after=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let second = person.page(&format!("/admin/plans?after={next}")).await;
    assert_eq!(second.matches("class=\"who\"").count(), 1);
    assert!(text(&second).contains("Newest") && !text(&second).contains("Older"), "{second}");
}
