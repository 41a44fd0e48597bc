//! What a stranger can learn by sending forms: nothing. Ten thousand of them, about known and unknown people in turn, are
//! answered in the same bytes and in the same time.

use std::time::{Duration, Instant};

use kinlink_service::approve::{Approval, Checks, approve};
use kinlink_testapp::{administrator, family};
use serde_json::{Value, json};

use crate::{REQUESTS, form_of, intake};

/// Posts of each kind.
const POSTS: usize = 2_500;
/// People who have an account and a child linked to it.
const KNOWN: usize = 25;

/// Whom a post is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Nobody at all.
    Nobody,
    /// An adult with an account, and a child whom nobody knows.
    KnownAdult,
    /// An adult whom nobody knows, and a pupil of the school.
    KnownChild,
    /// An adult with an account, and the very pupil whom they are linked to.
    KnownPair,
}

const KINDS: [About; 4] = [About::Nobody, About::KnownAdult, About::KnownChild, About::KnownPair];

fn body(about: About, number: usize) -> Value {
    let person = number % KNOWN;
    let (name, email) = match about {
        // As long as the known ones, so that only who is known differs; each a stranger of their own.
        About::Nobody | About::KnownChild => ("Nobody", format!("n{number:04}{person:03}@example.org")),
        About::KnownAdult | About::KnownPair => ("Turner", format!("turner{person:02}@example.org")),
    };
    let child = match about {
        About::Nobody | About::KnownAdult => ("Nosuch", "Pupils"),
        About::KnownChild | About::KnownPair => ("Amelia", "Turner"),
    };
    json!({
        "kind": "new_account",
        "locale": "en-GB",
        "adult": {"given_name": "Rachel", "family_name": name, "email": email},
        "children": [{"given_name": child.0, "family_name": child.1, "tutor_group": "7KL"}],
        // Each is a request of its own.
        "comment": format!("post {number:05} of kind {}", about as u8),
        "declaration": true,
    })
}

/// How likely it is that a post of one kind takes longer than one of the other: 0.5 when they cannot be told apart, whatever
/// the times are like (the statistic of Mann and Whitney).
fn longer(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> =
        one.iter().map(|time| (*time, true)).chain(other.iter().map(|time| (*time, false))).collect();
    all.sort_unstable();
    let (mut wins, mut below) = (0_u64, 0_u64);
    for (_, is_one) in all {
        if is_one { wins += below } else { below += 1 }
    }
    let pairs = u32::try_from(one.len() * other.len()).expect("millions");
    f64::from(u32::try_from(wins).expect("millions")) / f64::from(pairs)
}

#[test]
fn the_statistic_tells_what_differs_from_what_does_not() {
    let times = |from: u64, step: u64| (0..100).map(|i| Duration::from_micros(from + i * step)).collect::<Vec<_>>();
    assert!((longer(&times(1, 10), &times(2, 10)) - 0.5).abs() < 0.02);
    assert!(longer(&times(2_000, 1), &times(1, 1)) > 0.99);
    assert!(longer(&times(1, 1), &times(2_000, 1)) < 0.01);
}

#[tokio::test]
async fn ten_thousand_forms_about_known_and_unknown_people_are_answered_alike() {
    let intake = intake().await;
    for (name, value) in [
        ("form_per_email_per_day", "100000"),
        ("form_per_address_per_hour", "100000"),
        ("source_per_hour", "100000"),
        ("submissions_per_hour", "100000"),
    ] {
        intake.set(name, value).await;
    }
    for person in 0..KNOWN {
        let raw =
            family(("Rachel", "Turner", &format!("turner{person:02}@example.org")), &[("Amelia", "Turner", "7KL")]);
        let request = intake.kinlink.submit(&raw).await;
        let approval = Approval { checks: Checks::ALL, ..Approval::default() };
        approve(&intake.kinlink.app, &administrator(), request.id, None, &approval).await.unwrap();
    }

    let mut forms = Vec::new();
    let mut times: Vec<Vec<Duration>> = KINDS.iter().map(|_| Vec::with_capacity(POSTS)).collect();
    for number in 0..POSTS {
        // In turn, and each round begins with another kind: whatever slows the machine down meets all of them.
        for step in 0..KINDS.len() {
            let kind = (number + step) % KINDS.len();
            let body = body(KINDS[kind], number);
            let began = Instant::now();
            let answer = intake.form.post(REQUESTS, &body).await;
            times[kind].push(began.elapsed());
            assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
            forms.push(form_of(&answer));
        }
    }
    forms.sort_unstable();
    forms.dedup();
    assert_eq!(forms.len(), 1, "status, headers and length of every answer are the same: {forms:#?}");
    assert_eq!(intake.kinlink.count("requests").await, i64::try_from(KNOWN + POSTS * KINDS.len()).unwrap());

    let (nobody, known) = times.split_first().unwrap();
    for (kind, times) in KINDS[1..].iter().zip(known) {
        let longer = longer(times, nobody);
        println!("{kind:?}: longer than {:?} in {:.1} % of all pairs", About::Nobody, longer * 100.0);
        // By chance alone the share stays within 2.5 % of a half in all but one of a thousand runs.
        assert!((longer - 0.5).abs() < 0.04, "{kind:?} can be told from {:?}: {longer:.3}", About::Nobody);
    }
}
