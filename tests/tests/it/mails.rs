//! Mails and a mail server that comes and goes: nothing is given up for the server's trouble, and no mail is begun that might
//! not be sent in time.

use jiff::SignedDuration;
use kinlink_db::Engine;
use kinlink_mail::Smtp;
use kinlink_service::mail::{Delivery, Transport, deliver};
use kinlink_testapp::family;
use kinlink_testkit::mails_to;
use uuid::Uuid;

use crate::world::{World, world};

/// A mail server at an address of this machine.
fn server(address: &str) -> Transport {
    let url = format!("smtp://{address}?tls=none").parse().unwrap();
    Transport::Smtp(Box::new(Smtp::new(&url, &"accounts@school.example".parse().unwrap(), "Example School").unwrap()))
}

/// Three parents whose requests arrived, so that three mails are due.
async fn three_mails(world: &World) -> Vec<String> {
    let addresses: Vec<String> = (0..3).map(|_| format!("p-{}@example.org", Uuid::now_v7())).collect();
    for address in &addresses {
        let raw = family(("Pat", "Marlow", address), &[("Theo", "Marlow", "7B")]);
        world.test.submit(&raw).await;
    }
    addresses
}

#[tokio::test]
async fn a_mail_server_that_is_away_costs_one_try_a_round_and_no_mail() {
    let world = world(Engine::Sqlite).await;
    let addresses = three_mails(&world).await;
    let (app, school) = (&world.test.app, &world.test.school);
    // Nobody listens on port 1.
    let away = server("127.0.0.1:1");
    for round in 0..20 {
        let done = deliver(app, school, &away, 50, None).await.unwrap();
        assert_eq!(done, Delivery { postponed: 1, ..Delivery::default() }, "round {round}");
        world.test.clock.advance(SignedDuration::from_hours(5));
    }
    let back = server(&std::env::var("KINLINK_TEST_SMTP").unwrap());
    let done = deliver(app, school, &back, 50, None).await.unwrap();
    assert_eq!(done, Delivery { sent: 3, ..Delivery::default() });
    for address in addresses {
        assert_eq!(mails_to(&address).len(), 1, "{address}");
    }
}

#[tokio::test]
async fn no_mail_is_begun_that_might_not_be_sent_before_the_deadline() {
    let world = world(Engine::Sqlite).await;
    three_mails(&world).await;
    let (app, school) = (&world.test.app, &world.test.school);
    let soon = |seconds| Some(app.now().checked_add(SignedDuration::from_secs(seconds)).unwrap());
    let done = deliver(app, school, &Transport::Store, 50, soon(19)).await.unwrap();
    assert_eq!(done, Delivery::default());
    let done = deliver(app, school, &Transport::Store, 50, soon(21)).await.unwrap();
    assert_eq!(done, Delivery { sent: 3, ..Delivery::default() });
}
