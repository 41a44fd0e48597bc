//! How many forms are taken: counted in the store by keyed hashes, the same for known and unknown addresses.

use std::net::IpAddr;

use axum::Extension;
use jiff::SignedDuration;
use kinlink_intake::{IntakeState, router};
use kinlink_testapp::Client;
use kinlink_web::ClientAddress;

use super::{post, typed, with};
use crate::{Intake, intake};

/// A browser at an address.
fn at(intake: &Intake, address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    let state = IntakeState { app: intake.kinlink.app.clone(), school: intake.kinlink.school.clone() };
    Client::new(router(state).layer(Extension(ClientAddress(address))))
}

#[tokio::test]
async fn from_one_address_so_many_an_hour() {
    let intake = intake().await;
    intake.set("form_per_address_per_hour", "2").await;
    let send = async |address: &str, comment: &str| {
        let ready = intake.ready(&with(typed(), &[("comment", comment)])).await;
        (post(&at(&intake, address), "/request/send", &ready).await, ready)
    };
    let (first, ready) = send("203.0.113.9", "1").await;
    let _ = first.expect(303);
    let _ = send("203.0.113.9", "2").await.0.expect(303);
    // The click once more is the same form: it is answered and not counted.
    let _ = post(&at(&intake, "203.0.113.9"), "/request/send", &ready).await.expect(303);
    let (refused, held) = send("203.0.113.9", "3").await;
    let refused = refused.expect(429);
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert!(
        refused.text.contains("<title>Error: Please try again later")
            && refused.text.contains("Too much was sent or tried")
    );
    assert_eq!(refused.header("content-type"), "text/html; charset=utf-8");
    let _ = post(&at(&intake, "203.0.113.10"), "/request/send", &held).await.expect(303);
    assert_eq!(intake.kinlink.count("requests").await, 3);
    // A household's IPv6 network is one client.
    let _ = send("2001:db8::1", "4").await.0.expect(303);
    let _ = send("2001:db8::2", "5").await.0.expect(303);
    let _ = send("2001:db8::3", "6").await.0.expect(429);
    intake.kinlink.clock.advance(SignedDuration::from_secs(wait));
    let _ = send("203.0.113.9", "7").await.0.expect(303);
}

#[tokio::test]
async fn for_one_email_address_so_many_a_day_however_it_is_written_and_whoever_is_known() {
    let intake = intake().await;
    intake.set("form_per_email_per_day", "1").await;
    let send = async |email: &str, comment: &str| {
        let ready = intake.ready(&with(typed(), &[("email", email), ("comment", comment)])).await;
        post(&intake.anyone, "/request/send", &ready).await
    };
    for email in ["hana@example.org", "k.larsen@school.example.org"] {
        let _ = send(email, "1").await.expect(303);
        let refused = send(&email.to_uppercase(), "2").await.expect(429);
        let wait: u32 = refused.header("retry-after").parse().unwrap();
        assert!(wait <= 86_400);
        // The clock stands at eight in the morning: nobody counts sixteen hours in minutes.
        let hours = format!("Please try again in about {} hours.", wait.div_ceil(3_600));
        assert!(wait > 7_200 && refused.text.contains(&hours), "{wait}: {}", refused.text);
        assert!(refused.text.contains("href=\"/request?lang=en-GB\">Go to the form"), "{}", refused.text);
    }
    assert_eq!(intake.kinlink.count("requests").await, 2);
    intake.kinlink.clock.advance(SignedDuration::from_hours(24));
    let _ = send("hana@example.org", "3").await.expect(303);
}

#[tokio::test]
async fn what_is_counted_names_nobody_and_is_forgotten() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    let _ = post(&at(&intake, "203.0.113.9"), "/request/send", &ready).await.expect(303);
    let keys: Vec<(String,)> = intake.kinlink.store.db.fetch_all("SELECT key_hash FROM quotas", []).await.unwrap();
    // The client, the address, and everybody.
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|(key,)| key.len() == 43 && !key.contains("203") && !key.contains('@')), "{keys:?}");
    intake.kinlink.clock.advance(SignedDuration::from_hours(72));
    let tidied = kinlink_service::housekeeping::tidy(&intake.kinlink.app).await.unwrap();
    assert_eq!((tidied.quotas, intake.kinlink.count("quotas").await), (3, 0));
}
