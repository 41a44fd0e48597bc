//! Least privilege, by a recorded run: the roles of the template allow what the functions' calls need, and nothing more.

use std::collections::BTreeSet;

use kinlink_aws_tests::{
    event::recorded,
    world::{Options, World, world_with},
};

use crate::whole::child;

/// The services that the application itself calls. Logs, traces and the network are Lambda's.
const SERVICES: [&str; 2] = ["sqs:", "secretsmanager:"];

type Right = (String, String, String);

/// What the roles allow: function, action, resource of the template.
fn allowed(world: &World) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for function in ["intake", "admin", "provisioner"] {
        for (action, resource) in world.template.function(function).unwrap().allowed {
            if SERVICES.iter().any(|service| action.starts_with(service)) {
                rights.insert((function.to_owned(), action, resource));
            }
        }
    }
    rights
}

/// What was called, in IAM's words: a batch needs the right to the single action.
fn needed(world: &World) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for (function, action, resource) in world.aws.record() {
        let own = world.resources.iter().find(|(_, own)| **own == resource);
        let (arn, _) =
            own.unwrap_or_else(|| panic!("{function} calls {action} on {resource:?}, which is none of ours"));
        let action = action.strip_suffix("Batch").unwrap_or(&action).to_owned();
        rights.insert((function, action, arn.clone()));
    }
    rights
}

/// Everything that makes a function call AWS.
async fn everything(world: &World) {
    let mut references = Vec::new();
    for number in 0..2 {
        let (given, family, group) = child(number);
        let email = format!("rights{number}@canary.example");
        references.push(world.submit(&email, &[(given, family, &group)]).await.unwrap());
    }
    // A job that waits: its message is put back for later.
    world.approve(&references[0]).await.unwrap();
    world.cycle().await.unwrap();
    // A job that is done: its message is deleted.
    world.approve(&references[1]).await.unwrap();
    world.moodle_cron().await.unwrap();
    world.time_passes().await.unwrap();
    let report = world.cycle().await.unwrap();
    assert_eq!(report["report"]["provisioned"], 2, "{report}");
    // A letter that is dead, looked at by everybody who can.
    world.sqs.send_message().queue_url(&world.dead).message_body("no json").send().await.unwrap();
    for event in ["manual-doctor", "manual-retry", "schedule-reconcile", "manual-migrate"] {
        world.provisioner.invoke(&recorded(event)).await.unwrap().json();
    }
    let _ = world.staff("GET", "/doctor", None).await.unwrap().expect(200);
    let _ = world.staff("GET", "/health", None).await.unwrap().expect(200);
    let cookie = world.signed_in().await.unwrap();
    for page in ["/admin", "/admin/health", "/admin/cycles"] {
        let event = kinlink_aws_tests::event::HttpEvent::get(kinlink_aws_tests::event::Front::ApiGateway, page);
        let answer = world.admin.request(&event.cookie(&cookie)).await.unwrap();
        assert!(answer.status < 400, "{page}: {}", answer.text());
    }
}

#[tokio::test]
async fn roles_allow_exactly_what_a_complete_run_calls() {
    let world = world_with(Options { secrets: true, ..Options::default() }).await.unwrap();
    everything(&world).await;
    let (allowed, needed) = (allowed(&world), needed(&world));
    let missing: Vec<_> = needed.difference(&allowed).collect();
    let unused: Vec<_> = allowed.difference(&needed).collect();
    assert!(
        missing.is_empty() && unused.is_empty(),
        "called, not allowed: {missing:#?}\nallowed, not called: {unused:#?}"
    );
    assert!(!needed.iter().any(|(function, action, _)| function == "intake" && action.starts_with("sqs:")));
    assert!(!allowed.iter().any(|(_, action, resource)| action.contains('*') || resource.contains('*')));
}
