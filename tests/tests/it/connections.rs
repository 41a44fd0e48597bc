//! A sandbox on Lambda and a school's server have few connections: whoever acts never waits for a second one while they hold the
//! first. Eight people who did so at once would wait for each other.

use std::time::Duration;

use kinlink_db::{Db, Options};
use kinlink_domain::{
    hold::HoldReason,
    ids::MoodleUserId,
    request::Action,
    staff::{Actor, StaffRole},
};
use kinlink_moodle::{Moodle, Prefix};
use kinlink_service::{
    App, accounts,
    approve::{Approval, Checks, approve},
    bundle,
    decide::{self, Reason},
    email_change::{self, NewAddress},
    erasure, explain,
    holds::{self, NewHold},
    sessions::provider::{self, Identity},
    view::{show_request, show_user},
};
use kinlink_store::Store;
use kinlink_testapp::family;

use crate::world::{ENGINES, pupil_named, world};

/// Somebody who signed in at the school. With an address: whose own something is, is asked for nobody else.
async fn colleague(app: &App, subject: &str) -> Actor {
    let begun = provider::begin(app, None, "/admin/requests", None).await.unwrap();
    let under_way = provider::take(app, &begun.state, &begun.browser).await.unwrap();
    let identity = Identity {
        issuer: "https://sign-in.school.example".into(),
        subject: subject.into(),
        name: Some(subject.into()),
        email: Some(format!("{subject}@school.example")),
        role: Some(StaffRole::Administrator),
        authenticated_at: Some(app.now()),
        id_token: "a.b.c".into(),
    };
    provider::enter(app, &under_way, &identity, None).await.unwrap().session.actor().clone()
}

#[tokio::test]
async fn every_act_gets_by_with_one_connection_to_each_database() {
    for engine in ENGINES {
        let mut world = world(engine).await;
        let narrow = |url: &str| {
            let acquire_timeout = Duration::from_secs(5);
            Db::connect_lazy(url, Options { max_connections: 1, acquire_timeout, ..Options::default() }).unwrap()
        };
        world.test.app.store = Store::new(narrow(&world.test.store.url));
        world.test.app.moodle = Moodle::new(narrow(&world.test.moodle.url), Prefix::default());
        let app = &world.test.app;
        let (kim, sam) = (&colleague(app, "kim").await, &colleague(app, "sam").await);
        let child = pupil_named("Theo", "Marlow");
        let asks = |given: &str| {
            let parent = (given, "Marlow", &*format!("{given}@example.org").to_lowercase());
            family(parent, &[(child.given, child.family, &child.tutor_group)])
        };
        let reason = Reason { message: Some("Which group?".into()), ..Reason::default() };
        let all = Approval { checks: Checks::ALL, ..Approval::default() };

        let request = world.test.submit(&asks("Ann")).await;
        decide::note(app, kim, request.id, None, "rang").await.unwrap();
        decide::ask(app, kim, request.id, None, &reason).await.unwrap();
        let approved = approve(app, kim, request.id, None, &all).await.unwrap();
        let adult = approved.adult.unwrap();
        show_request(app, kim, &request.id.to_string()).await.unwrap();
        let user = show_user(app, kim, &adult.to_string()).await.unwrap();
        let pupil: MoodleUserId = user.links[0].pupil;
        explain::explain(app, kim, adult, pupil).await.unwrap();
        bundle::of_adult(app, kim, adult).await.unwrap();
        bundle::of_pupil(app, kim, pupil).await.unwrap();

        let wanted = NewAddress { email: "ann@new.example.org".into(), shared: false };
        email_change::start(app, kim, adult, &wanted).await.unwrap();
        email_change::show(app, kim, adult).await.unwrap();
        email_change::withdraw(app, kim, adult).await.unwrap();

        let hold = NewHold {
            adult: Some(adult),
            email: None,
            pupil: None,
            reason: HoldReason::CourtOrder,
            reference: "C-1/2026".into(),
            from: None,
            until: None,
        };
        let hold = holds::place(app, kim, &hold).await.unwrap();
        holds::ask_release(app, kim, hold.id).await.unwrap();
        holds::release(app, sam, hold.id).await.unwrap();

        accounts::revoke(app, kim, &[user.username.unwrap()], None).await.unwrap();
        erasure::adult(app, kim, adult, true).await.unwrap();

        let other = world.test.submit(&asks("Bea")).await;
        decide::end(app, kim, other.id, None, Action::Deny, &Reason::default()).await.unwrap();
        decide::reopen(app, kim, other.id, None, &Reason::default()).await.unwrap();
    }
}
