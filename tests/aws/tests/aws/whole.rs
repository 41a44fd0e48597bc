//! From the form to the role row over everything that runs on AWS, and back to the parent's mailbox.

use kinlink_aws_tests::{
    event::{Front, HttpAnswer, HttpEvent, recorded},
    world::{PUBLIC_URL, World, until, world},
};
use serde_json::{Value, json};

/// The pupils of the stories: one without user context in Moodle, one whose context has no path.
pub const CHILDREN: [(&str, &str); 2] = [("Theo", "Marlow"), ("Nell", "Ashby")];

/// A pupil as parents type them.
pub fn child(index: usize) -> (&'static str, &'static str, String) {
    let (given, family) = CHILDREN[index];
    let all = kinlink_moodle::demo::school::pupils();
    let pupil = all.into_iter().find(|pupil| pupil.given == given && pupil.family == family).unwrap();
    (pupil.given, pupil.family, pupil.tutor_group)
}

/// Fills the form in, checks the answers and sends them, as a browser does; gives the page that it ends on.
async fn fill_in(world: &World, front: Front, email: &str) -> HttpAnswer {
    let origin = |event: HttpEvent| event.header("origin", PUBLIC_URL);
    let (given, family, group) = child(0);
    let form = world.intake.request(&HttpEvent::get(front, "/request")).await.unwrap().expect(200);
    let token = form.field("form_token");
    let answers = [
        ("kind", "new_account"),
        ("given_name", "Zyxwvut"),
        ("family_name", "Qwertzui"),
        ("email", email),
        ("children[0][given_name]", given),
        ("children[0][family_name]", family),
        ("children[0][tutor_group]", &group),
        ("comment", ""),
        ("form_token", &token),
    ];
    let check = origin(HttpEvent::post_form(front, "/request", &answers));
    let check = world.intake.request(&check).await.unwrap().expect(200);
    let token = check.field("form_token");
    let mut answers = answers.to_vec();
    *answers.last_mut().unwrap() = ("form_token", &token);
    answers.push(("declaration", "yes"));
    let sent = origin(HttpEvent::post_form(front, "/request/send", &answers));
    let sent = world.intake.request(&sent).await.unwrap().expect(303);
    world.intake.request(&HttpEvent::get(front, sent.header("location"))).await.unwrap().expect(200)
}

async fn the_whole_story(front: Front, email: &str) {
    let world = world().await.unwrap();
    let migrated = world.provisioner.invoke(&recorded("manual-migrate")).await.unwrap().json();
    assert_eq!(migrated, json!({ "migrated": true }), "the deployment's step");
    let foreign = world.foreign_rows().await.unwrap();

    fill_in(&world, front, email).await;
    // The schedule sends the mail; the link in it opens a page that changes nothing, its button does.
    world.cycle().await.unwrap();
    let link = world.mailed_link(email, "/confirm/").unwrap();
    let _ = world.intake.request(&HttpEvent::get(front, &link)).await.unwrap().expect(200);
    let press = HttpEvent::post_form(front, &link, &[]).header("origin", PUBLIC_URL);
    let _ = world.intake.request(&press).await.unwrap().expect(200);

    let pending = world.staff("GET", "/requests?status=pending", None).await.unwrap().expect(200).json();
    let reference = pending["items"][0]["reference"].as_str().unwrap().to_owned();
    assert_eq!(pending["items"].as_array().unwrap().len(), 1, "{pending}");
    world.approve(&reference).await.unwrap();
    let sent = world.aws.calls_of("admin", "SendMessageBatch");
    assert_eq!(sent.len(), 1, "the decision tells the queue: {sent:?}");
    assert_eq!(sent[0].resource, world.queue);
    assert_eq!(world.depth().await.unwrap(), (1, 0, 0));

    // Moodle has no account yet: it is told to synchronise, and the message is put back for later.
    let waits = world.cycle().await.unwrap();
    assert_eq!((&waits["report"]["added"], &waits["report"]["sync_hurried"]), (&json!(0), &json!(true)), "{waits}");
    assert_eq!(world.depth().await.unwrap(), (0, 1, 0));
    assert_eq!(world.status(&reference).await.unwrap(), "approved");
    world.moodle_cron().await.unwrap();
    world.time_passes().await.unwrap();
    let done = world.cycle().await.unwrap();
    assert_eq!((&done["report"]["added"], &done["report"]["provisioned"]), (&json!(1), &json!(1)), "{done}");
    assert_eq!(world.status(&reference).await.unwrap(), "provisioned");
    assert_eq!(world.our_rows().await.unwrap().len(), 1);
    assert_eq!(world.foreign_rows().await.unwrap(), foreign);
    until("the parent is told", async || Ok(kinlink_testkit::mails_to(email).len() >= 2)).await.unwrap();

    // Nothing more to do, and the request's own parent may see where it stands.
    let again = world.cycle().await.unwrap();
    assert_eq!((&again["report"]["added"], &again["report"]["removed"]), (&json!(0), &json!(0)), "{again}");
    let nothing: Value = world.provisioner.invoke(&recorded("schedule-reconcile")).await.unwrap().json();
    assert_eq!((&nothing["report"]["added"], &nothing["report"]["removed"]), (&json!(0), &json!(0)), "{nothing}");
}

#[tokio::test]
async fn a_form_sent_through_the_gateway_ends_in_a_role_row() {
    the_whole_story(Front::ApiGateway, "whole-gateway@canary.example").await;
}

#[tokio::test]
async fn a_form_sent_to_a_function_s_own_url_ends_in_a_role_row() {
    the_whole_story(Front::FunctionUrl, "whole-url@canary.example").await;
}
