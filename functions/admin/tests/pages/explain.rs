//! Why somebody does not see their child: finding whom staff mean, the chain, and the way to where it is mended.

use kinlink_domain::{explain::Step, staff::StaffRole};
use kinlink_service::cycle::Mode;
use kinlink_testapp::family;

use crate::{
    staff::{Office, Person, office, text},
    world::{EMILY, World, world},
};

const TITLE: &str = "Why can’t they see their child?";

/// Mrs Turner sees Amelia: every step is good.
async fn whole() -> (World, String, i64) {
    let world = world().await;
    let office = &world.office;
    office
        .meddle_in_moodle(
            "UPDATE mdl_user SET username = 'rachel.turner@example.org', auth = 'db', suspended = 0, confirmed = 1 \
             WHERE id = 4",
        )
        .await;
    office.meddle("UPDATE jobs SET available_at = 0").await;
    office.run(Mode::Full).await;
    // Moodle's cron is judged by its database's own clock.
    let ran = "UPDATE mdl_task_scheduled SET lastruntime = CAST(strftime('%s', 'now') AS INTEGER) - 30";
    office.meddle_in_moodle(ran).await;
    let pupil = office.number("SELECT pupil_id FROM links").await;
    let path = format!("/admin/explain?adult={}&pupil={pupil}", world.adult);
    (world, path, pupil)
}

/// Where a search leads.
async fn lead(person: &Person, path: &str) -> String {
    person.get(path).await.expect(303).header("location").to_owned()
}

async fn pupil(office: &Office, given: &str, family: &str) -> i64 {
    let sql = format!("SELECT id FROM mdl_user WHERE firstname = '{given}' AND lastname = '{family}'");
    let row: Option<(i64,)> = office.kinlink.moodle.db.fetch_optional(&sql, []).await.unwrap();
    row.unwrap().0
}

#[tokio::test]
async fn a_whole_chain_is_shown_step_by_step() {
    let (world, path, _) = whole().await;
    let person = world.office.person("Viv", StaffRole::Viewer).await;
    let page = person.page(&path).await;
    let words = text(&page);
    for expected in [TITLE, "Rachel Turner", "Amelia Turner", "Every step is good", "sign out and in again"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert_eq!(page.matches("<span class=\"tag tag-green\">").count(), Step::ALL.len(), "{words}");
    for step in Step::ALL {
        assert!(page.contains(&format!("<span class=\"mono\">{step}</span>")), "{step}");
    }
}

#[tokio::test]
async fn the_first_broken_step_comes_with_its_evidence_what_to_do_and_where() {
    let (world, path, pupil) = whole().await;
    let person = world.office.administrator().await;
    let viewer = world.office.person("Viv", StaffRole::Viewer).await;
    let request = format!("/admin/requests/{}", world.turner.reference);
    let user = format!("/admin/users/{}", world.adult);
    for (inject, mend, heading, evidence, place) in [
        (
            "UPDATE mdl_user SET suspended = 1 WHERE id = 4".to_owned(),
            "UPDATE mdl_user SET suspended = 0 WHERE id = 4".to_owned(),
            "the account is suspended",
            "Suspended=1.",
            user.as_str(),
        ),
        (
            "UPDATE mdl_role SET shortname = 'guardian' WHERE shortname = 'parent'".to_owned(),
            "UPDATE mdl_role SET shortname = 'parent' WHERE shortname = 'guardian'".to_owned(),
            "the role of parents does not exist",
            "Moodle has no role with this short name.",
            "/admin/settings",
        ),
        (
            format!("UPDATE mdl_user SET deleted = 1 WHERE id = {pupil}"),
            format!("UPDATE mdl_user SET deleted = 0 WHERE id = {pupil}"),
            "Moodle does not have the pupil",
            "Deleted=1.",
            request.as_str(),
        ),
        (
            "UPDATE mdl_role_assignments SET component = 'away' WHERE component = 'local_kinlink'".to_owned(),
            "UPDATE mdl_role_assignments SET component = 'local_kinlink' WHERE component = 'away'".to_owned(),
            "the role over the pupil is not written",
            "No role row of ours.",
            "/admin/cycles",
        ),
        (
            "UPDATE mdl_task_scheduled SET lastruntime = lastruntime - 7200".to_owned(),
            "UPDATE mdl_task_scheduled SET lastruntime = lastruntime + 7200".to_owned(),
            "Moodle’s cron does not run",
            "A task ran 72",
            "/admin/health",
        ),
    ] {
        world.office.meddle_in_moodle(&inject).await;
        let page = person.page(&path).await;
        let words = text(&page);
        assert!(words.contains(&format!("It stops here: {heading} {evidence}")), "{heading}: {words}");
        assert_eq!(words.matches("What to do: ").count(), 1, "{heading}: {words}");
        let main = page.split("id=\"h-broken\"").nth(1).unwrap().split("</section>").next().unwrap();
        assert!(main.contains(&format!("href=\"{place}\"")), "{heading}: {main}");
        assert_eq!(page.matches("aria-current=\"step\"").count(), 1, "{heading}");
        // Who cannot change settings is not sent there.
        assert!(!viewer.page(&path).await.contains("href=\"/admin/settings\""), "{heading}");
        world.office.meddle_in_moodle(&mend).await;
        assert!(text(&person.page(&path).await).contains("Every step is good"), "mended by {mend}");
    }
}

#[tokio::test]
async fn a_search_with_one_who_fits_leads_to_an_address_with_ids_only() {
    let (world, path, _) = whole().await;
    let person = world.office.approver().await;
    for (parent, child) in [
        ("rachel+turner", "amelia+turner"),
        ("RACHEL.TURNER%40example.org", "amelia+turner+7kl"),
        (world.turner.reference.as_str(), "amelia+turner"),
        ("r%C3%A0chel", "%C3%A0melia+turner"),
    ] {
        let found = lead(&person, &format!("/admin/explain?parent={parent}&child={child}")).await;
        assert_eq!(found, path, "{parent} {child}");
    }
    // The pupils of whoever is clear are offered without another search.
    let page = person.page("/admin/explain?parent=rachel").await;
    assert!(page.contains(&format!("name=\"adult\" value=\"{}\"", world.adult)), "{page}");
    assert!(text(&page).contains("Which pupil? Amelia Turner"), "{page}");
    let by_request = format!("/admin/explain?adult={}&{}", world.turner.reference, path.split('&').nth(1).unwrap());
    assert_eq!(lead(&person, &by_request).await, path, "a request stands for its adult");
}

#[tokio::test]
async fn where_several_fit_nobody_is_guessed() {
    let world = world().await;
    let office = &world.office;
    office.kinlink.submit(&family(("Cathy", "Jones", "cathy@example.org"), &[("Isla", "Turner", "8TH")])).await;
    let person = office.approver().await;
    let page = person.page("/admin/explain?parent=jones&child=emily+jones").await;
    let words = text(&page);
    assert!(words.contains("2 fit. Choose who is meant. Which parent or carer? Cat"), "{words}");
    assert!(words.contains("Cat Jones") && words.contains("Cathy Jones"), "{words}");
    assert!(words.contains("2 fit. Choose who is meant. Which pupil? Emily Jones"), "{words}");
    assert_eq!(page.matches("name=\"adult\"").count(), 2);
    assert_eq!(page.matches("name=\"pupil\"").count(), 2);
    assert!(!page.contains("checked"), "nobody is chosen: {page}");
    // Words in a request's children or comment are no reason to take its sender for who was meant.
    let words = text(&person.page("/admin/explain?parent=emily").await);
    assert!(words.contains("Nobody fits. Check the spelling"), "{words}");
    // What was typed stays in its field.
    assert!(person.page("/admin/explain?parent=nobody+at+all").await.contains("value=\"nobody at all\""));
    // The choices of both lead on.
    let (key, id) = (&world.jones.reference, pupil(office, EMILY.0, EMILY.1).await);
    let path = format!("/admin/explain?adult={key}&pupil={id}");
    let words = text(&person.page(&path).await);
    assert!(words.contains("Cat Jones") && words.contains("staff have not approved this child"), "{words}");
    assert!(words.contains(&format!("Go to request {key}")), "{words}");
}

#[tokio::test]
async fn the_pages_of_a_user_and_of_a_request_lead_to_the_answer() {
    let (world, path, _) = whole().await;
    let person = world.office.person("Viv", StaffRole::Viewer).await;
    let escaped = path.replace('&', "&#38;");
    for from in [format!("/admin/users/{}", world.adult), format!("/admin/requests/{}", world.turner.reference)] {
        let page = person.page(&from).await;
        assert_eq!(page.matches(&format!("href=\"{escaped}\"")).count(), 1, "{from}: {page}");
    }
    let undecided = person.page(&format!("/admin/requests/{}", world.jones.reference)).await;
    assert!(!undecided.contains("/admin/explain?"), "a child that nobody approved has no link: {undecided}");
}

#[tokio::test]
async fn who_is_not_there_is_a_page_that_says_so() {
    let office = office().await;
    let person = office.approver().await;
    for path in ["/admin/explain?adult=x", "/admin/explain?adult=01890000-0000-7000-8000-000000000000&pupil=7"] {
        let answer = person.get(path).await.expect(404);
        assert!(text(&answer.text).contains("Page not found"), "{path}");
    }
    let request = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let words = text(&person.page(&format!("/admin/explain?adult={}&pupil=999999", request.reference)).await);
    assert!(words.contains("Moodle user 999999") && words.contains("they did not ask for this child"), "{words}");
}

#[tokio::test]
async fn who_types_nothing_is_told_what_to_type() {
    let world = world().await;
    let person = world.office.approver().await;
    assert!(!person.page("/admin/explain").await.contains("Enter a name"), "nobody was asked yet");
    let words = text(&person.page("/admin/explain?parent=&child=").await);
    assert_eq!(words.matches("Enter a name.").count(), 2, "{words}");
    let words = text(&person.page(&format!("/admin/explain?adult={}&child=+", world.jones.reference)).await);
    assert!(words.contains("Which pupil? Emily Jones") && !words.contains("Enter a name."), "{words}");
    let words = text(&person.page("/admin/explain?parent=jones&child=").await);
    assert!(!words.contains("Enter a name."), "the child comes second: {words}");
    let words = text(&person.page("/admin/explain?parent=&child=amelia+turner").await);
    assert_eq!(words.matches("Enter a name.").count(), 1, "{words}");
}

#[tokio::test]
async fn nobody_leafs_through_moodles_users_by_their_numbers() {
    let world = world().await;
    let office = &world.office;
    let viewer = office.person("Viv", StaffRole::Viewer).await;
    let somebody: Option<(i64, String)> = office
        .kinlink
        .moodle
        .db
        .fetch_optional("SELECT id, firstname || ' ' || lastname FROM mdl_user WHERE id = 2", [])
        .await
        .unwrap();
    let (id, name) = somebody.expect("an administrator of Moodle");
    let stranger = pupil(office, EMILY.0, EMILY.1).await;
    for (path, shown) in [
        (format!("/admin/explain?adult={}&pupil={id}", world.adult), format!("Moodle user {id}")),
        (format!("/admin/explain?pupil={id}"), format!("Moodle user {id}")),
        // A pupil is found by searching anyway, and one who left is still the one that somebody was linked to.
        (format!("/admin/explain?adult={}&pupil={stranger}", world.adult), "Emily Jones".to_owned()),
        (format!("/admin/explain?adult={}&pupil={}", world.adult, world.amelia), "Amelia Turner".to_owned()),
    ] {
        let words = text(&viewer.page(&path).await);
        assert!(words.contains(&shown), "{path}: {words}");
        assert!(!words.contains(&name), "{path} names {name}: {words}");
    }
    office.meddle_in_moodle(&format!("UPDATE mdl_user SET suspended = 1 WHERE id = {}", world.amelia)).await;
    let words = text(&viewer.page(&format!("/admin/explain?adult={}&pupil={}", world.adult, world.amelia)).await);
    assert!(words.contains("Amelia Turner"), "{words}");
}
