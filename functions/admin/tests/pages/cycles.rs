//! Cycles: asking for one, watching it, what it found, what a full one would do.

use jiff::SignedDuration;
use kinlink_service::{cycle::Mode, view::request_cycle};
use kinlink_testapp::administrator;

use crate::{
    staff::{Office, Person, office, text},
    world::world,
};

/// Where a part of a page asks again, and after how long.
fn again(part: &str) -> Option<(String, u32)> {
    let href = part.split("hx-get=\"").nth(1)?.split('"').next()?.replace("&#38;", "&");
    let seconds = part.split("hx-trigger=\"every ").nth(1)?.split("s\"").next()?.parse().ok()?;
    Some((href, seconds))
}

#[tokio::test]
async fn asking_for_a_cycle_wakes_the_provisioner_and_leads_to_its_page() {
    let office = office().await;
    let person = office.approver().await;
    assert!(text(&person.page("/admin/cycles").await).contains("No cycle has run yet."));
    for (action, words) in [("cycle", "Do what waits"), ("reconcile", "Compare everything"), ("apply", "Do what waits")]
    {
        let before = office.woken();
        let asked = person.post("/admin/cycles", &[("action", action)]).await.expect(303);
        let (path, id) = asked.header("location").split_at("/admin/cycles/".len());
        assert_eq!((path, id.len(), office.woken()), ("/admin/cycles/", 36, before + 1));
        let page = text(&person.follow(&asked).await);
        assert!(page.contains("A cycle was asked for.") && page.contains("Waiting to start"), "{page}");
        assert!(page.contains(&format!("{words}, asked for by Jo")) && page.contains("Nothing so far."), "{page}");
    }
    let list = person.page("/admin/cycles").await;
    assert!(text(&list).contains("A cycle is under way") && !text(&list).contains("Run now"), "{list}");
}

#[tokio::test]
async fn the_list_goes_back_page_by_page() {
    let office = office().await;
    for _ in 0..31 {
        request_cycle(&office.kinlink.app, &administrator(), "cycle").await.unwrap();
    }
    office.run(Mode::Full).await;
    let person = office.approver().await;
    let first = person.page("/admin/cycles").await;
    assert_eq!(first.matches("class=\"who\"").count(), 30);
    assert!(!text(&first).contains("Newest"));
    let next = first.split("/admin/cycles?after=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let second = person.page(&format!("/admin/cycles?after={next}")).await;
    assert!(second.matches("class=\"who\"").count() < 30 && text(&second).contains("Newest"));
    assert!(!text(&second).contains("Older"), "{second}");
}

async fn queued(office: &Office) -> (Person, String) {
    let id = request_cycle(&office.kinlink.app, &administrator(), "reconcile").await.unwrap();
    (office.approver().await, format!("/admin/cycles/{id}"))
}

#[tokio::test]
async fn the_part_that_changes_asks_less_and_less_often_until_the_cycle_has_ended() {
    let office = office().await;
    let (person, path) = queued(&office).await;
    let page = person.page(&path).await;
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"), "{page}");
    assert!(page.contains("htmx-"), "the script that asks");
    let (mut href, mut seconds) = again(&page).unwrap();
    let mut pauses = vec![seconds];
    let mut part = String::new();
    for change in [false, false, false, false, false, true, false] {
        if change {
            let report = "{\"reached\":{\"step\":\"compare\",\"done\":50,\"total\":100},\"added\":3}";
            office.meddle(&format!("UPDATE cycles SET state = 'running', report = '{report}'")).await;
        }
        part = person.page(&href).await;
        assert!(part.starts_with("<section class=\"card\" id=\"progress\""), "{part}");
        (href, seconds) = again(&part).unwrap();
        pauses.push(seconds);
        // The half is told once.
        assert_eq!(part.contains("hx-swap-oob=\"true\">Compare everybody with Moodle: 50 %<"), change, "{part}");
    }
    assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 2, 4]);
    assert!(part.contains("max=\"100\" value=\"50\"") && text(&part).contains("Under way: 50 of 100"), "{part}");
    assert!(text(&part).contains("3 roles given."), "{part}");

    office.meddle("UPDATE cycles SET state = 'failed', fault = 'The store went away.'").await;
    let part = person.page(&href).await;
    assert_eq!(again(&part), None);
    let words = text(&part);
    assert!(words.contains("The store went away.") && words.contains("Stopped here: 50 of 100"), "{words}");
    assert!(words.contains("The cycle has ended: failed.") && words.contains("Show the results"), "{words}");
    let page = person.page(&path).await;
    assert!(!page.contains("http-equiv") && !page.contains("htmx-4") && again(&page).is_none(), "{page}");
    assert!(!page.contains("hx-swap-oob"), "the page has one live region: {page}");
}

#[tokio::test]
async fn watching_can_be_paused_and_ends_by_itself_on_a_page_that_nobody_loads_anew() {
    let office = office().await;
    let (person, path) = queued(&office).await;
    let page = person.page(&path).await;
    assert!(page.contains(&format!("href=\"{path}?updates=off\"")) && text(&page).contains("Pause updates"), "{page}");
    let paused = person.page(&format!("{path}?updates=off&show=all")).await;
    assert!(again(&paused).is_none() && !paused.contains("http-equiv"), "{paused}");
    assert!(
        text(&paused).contains("Go on updating") && paused.contains(&format!("href=\"{path}?show=all\"")),
        "{paused}"
    );

    let mut href = again(&page).unwrap().0;
    for _ in 0..2 {
        office.kinlink.clock.advance(SignedDuration::from_mins(14));
        href = again(&person.page(&href).await).unwrap().0;
    }
    office.kinlink.clock.advance(SignedDuration::from_mins(2));
    let part = person.page(&href).await;
    assert!(again(&part).is_none() && text(&part).contains("Go on updating"), "{part}");
}

#[tokio::test]
async fn a_cycle_lists_what_is_not_done_and_on_demand_everything() {
    let world = world().await;
    let person = world.office.approver().await;
    let path = format!("/admin/cycles/{}", world.cycle);
    let words = text(&person.page(&path).await);
    for expected in [
        "Rachel Turner",
        "Amelia Turner",
        "Waiting for Moodle’s account",
        world.turner.reference.as_str(),
        "asked for by Kinlink",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    world.office.meddle("UPDATE cycle_results SET outcome = 'linked'").await;
    let words = text(&person.page(&path).await);
    assert!(words.contains("Everything that was looked at is done.") && words.contains("1 Linked"), "{words}");
    let words = text(&person.page(&format!("{path}?show=all")).await);
    assert!(words.contains("Rachel Turner") && words.contains("Linked"), "{words}");
}
