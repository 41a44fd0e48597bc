//! What staff pages read: lists with checks, neighbours, matching, users, cycles; and that no page sends a statement a row.

mod audit;
mod cycles;
mod deciding;
mod lists;
mod statements;
mod users;

use kinlink_db::Engine;
use kinlink_domain::{
    Timestamp,
    ids::RequestId,
    request::ClaimState,
    staff::{Actor, StaffRole},
    submission::{Child, RawSubmission},
};
use kinlink_moodle::{Moodle, Prefix};
use kinlink_service::view::{self, ListPage, ListQuery, UserQuery, UserView};
use kinlink_store::requests::{self, Claim, Request};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::fresh;

use crate::world::World;

fn viewer() -> Actor {
    Actor { name: "cli:viewer".into(), role: Some(StaffRole::Viewer) }
}

/// A submission from an address of its own about one child.
fn about(adult: &str, child: (&str, &str, &str)) -> RawSubmission {
    family((adult, "Page", &format!("{}@example.org", adult.to_lowercase())), &[child])
}

/// A Moodle that cannot be asked.
async fn without_moodle(world: &mut World) -> Moodle {
    let empty = fresh(Engine::Sqlite).await;
    let gone = Moodle::new(empty.db.clone(), Prefix::parse("gone_").unwrap());
    std::mem::replace(&mut world.test.app.moodle, gone)
}

async fn list(world: &World, query: &ListQuery) -> ListPage {
    view::list_view(&world.test.app, &administrator(), query).await.unwrap()
}

fn users(view: UserView) -> UserQuery {
    UserQuery { view, search: String::new(), page: 1, per_page: 25 }
}

/// Pending requests that no pupil matches, each from an address of its own.
async fn crowd_of_requests(world: &World, store: &mut kinlink_store::Connection, count: usize) {
    let template = world.test.submit(&about("Template", ("Nobody", "Anywhere", "7KL"))).await;
    let app = &world.test.app;
    for number in 1..count {
        let id: RequestId = app.new_id();
        let email = format!("crowd{number}@example.org");
        let request = Request {
            id,
            reference: app.new_reference(),
            family_name: format!("Crowd{number}"),
            email: Some(email.parse().unwrap()),
            email_typed: email,
            dedup_key: None,
            created_at: Timestamp::from_second(1_700_000_000 + i64::try_from(number / 3).unwrap()).unwrap(),
            ..template.clone()
        };
        let child = Child {
            given_name: format!("Nobody{number}"),
            family_name: "Anywhere".into(),
            tutor_group: Some("7KL".into()),
            admission_number: None,
        };
        let claim = Claim {
            id: app.new_id(),
            request: id,
            position: 0,
            child,
            state: ClaimState::Open,
            pupil: None,
            link: None,
            outcome: None,
            outcome_at: None,
        };
        requests::insert(store, &request, &[claim]).await.unwrap();
    }
}
