//! Health: what is wrong and what to do, what was given up, how requests come and wait.

use crate::{
    staff::{Office, office, text},
    world::world,
};

#[tokio::test]
async fn what_is_wrong_comes_first_with_what_to_do() {
    let world = world().await;
    let person = world.office.approver().await;
    world.office.meddle_in_moodle("UPDATE mdl_user SET idnumber = ''").await;
    let page = person.page("/admin/health").await;
    let words = text(&page);
    assert!(words.contains("Something is wrong"), "{words}");
    assert!(words.contains("Pupils moodle.pupils Wrong"), "{words}");
    assert!(words.contains("What to do: Nobody passes the pupil filter"), "{words}");
    let (wrong, good) = page.split_once("<details>").unwrap();
    assert!(
        wrong.contains("moodle.pupils") && !wrong.contains("store.connection") && good.contains("store.connection")
    );
    assert!(!page.contains('`'), "commands are marked, not quoted");
    assert!(words.contains("Requests a day") && words.contains("2 in 28 days"), "{words}");
    assert!(words.contains("Waiting for a decision 1 now"), "{words}");
    assert!(words.contains("1 now; most on Thursday 3 September: "), "{words}");
}

#[tokio::test]
async fn what_was_given_up_is_tried_again_by_choice() {
    let world = world().await;
    let person = world.office.approver().await;
    assert!(text(&person.page("/admin/health").await).contains("Nothing was given up."));
    world.office.meddle("UPDATE jobs SET state = 'dead', attempts = 8, outcome = 'account_other_auth'").await;
    let page = person.page("/admin/health").await;
    let words = text(&page);
    for expected in [
        "Rachel Turner",
        "Give access 8 tries",
        "Account signs in another way",
        "approve again",
        world.turner.reference.as_str(),
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(words.contains("Given up 1") && page.contains("data-text=\"{n} selected\""), "{words}");
    let id = page.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let before = world.office.everything().await;
    for fields in [vec![], vec![("id", "x")]] {
        let answer = person.post("/admin/health/retry", &fields).await;
        assert!(text(&person.follow(&answer).await).contains("Nothing was ticked."));
    }
    Office::assert_same(&before, &world.office.everything().await, "nothing ticked");
    let done = person.post("/admin/health/retry", &[("id", &id)]).await;
    assert!(text(&person.follow(&done).await).contains("1 job will be tried again in the next cycle."));
    assert_eq!(world.office.woken(), 1);
    assert_eq!(world.office.number("SELECT COUNT(*) FROM jobs WHERE state = 'dead'").await, 0);
    let again = person.post("/admin/health/retry", &[("id", &id)]).await;
    assert!(text(&person.follow(&again).await).contains("0 jobs will be tried again"));
}

#[tokio::test]
async fn a_kinlink_that_has_done_nothing_yet_says_so() {
    let words = text(&office().await.approver().await.page("/admin/health").await);
    assert!(words.contains("Last good cycle never") && words.contains("Nothing was given up."), "{words}");
    assert!(words.contains("None in 28 days."), "{words}");
}
