//! Rows to store.

use std::sync::atomic::{AtomicU64, Ordering};

use kinlink_domain::{
    Timestamp,
    email::EmailAddress,
    ids::{AdultId, ClaimId, Id, LinkId, MoodleUserId, RequestId},
    reference::Reference,
    request::{ClaimState, Kind, Status},
    submission::Child,
};
use kinlink_store::{
    Session,
    accounts::{self, Adult, LoginRow},
    cycles::{Cycle, CycleState},
    jobs::{Job, Priority},
    links,
    mails::Mail,
    requests::{self, Claim, Request},
};

/// Names that weak code breaks: quotes, accents (composed), scripts, four bytes, backslashes, what SQL and LIKE know.
pub(crate) const HARD_NAMES: [&str; 10] = [
    "O'Brien",
    "Zo\u{eb}",
    "محمد",
    "王",
    "Łukasz",
    "👩‍👧 😀",
    r"back\slash\\",
    r#"100% _under "quoted" `tick`"#,
    "'; DROP TABLE requests; -- ?",
    "İpek ß ﬁ",
];

static NEXT: AtomicU64 = AtomicU64::new(1);

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An id that sorts behind every earlier one.
pub(crate) fn id<Of>() -> Id<Of> {
    Id::new(1_750_000_000_000 + next(), &[0xc5; 10])
}

/// An instant, by seconds.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

pub(crate) fn email(address: &str) -> EmailAddress {
    EmailAddress::parse(address).unwrap()
}

fn reference() -> Reference {
    let number = next();
    Reference::from_random(std::array::from_fn(|digit| {
        u8::try_from(number / 30_u64.pow(u32::try_from(digit).unwrap()) % 30).unwrap()
    }))
}

pub(crate) fn request(given_name: &str, family_name: &str) -> Request {
    Request {
        id: id(),
        reference: reference(),
        kind: Kind::NewAccount,
        status: Status::Pending,
        locale: "en".to_owned(),
        source: None,
        adult: None,
        title: None,
        given_name: given_name.to_owned(),
        family_name: family_name.to_owned(),
        email: Some(email("jo@example.org")),
        email_typed: "Jo@Example.org".to_owned(),
        comment: String::new(),
        faults: Vec::new(),
        submitted: "{}".to_owned(),
        staff_note: String::new(),
        dedup_key: None,
        created_at: at(0),
        updated_at: at(0),
        confirmed_at: None,
        decided_at: None,
        replied_at: None,
        version: 1,
    }
}

pub(crate) fn claim(request: RequestId, position: i64, given_name: &str, family_name: &str) -> Claim {
    Claim {
        id: id(),
        request,
        position,
        child: Child {
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            tutor_group: None,
            admission_number: None,
        },
        state: ClaimState::ALL[0],
        pupil: None,
        link: None,
        outcome: None,
        outcome_at: None,
    }
}

pub(crate) async fn stored_request(session: &mut impl Session, given_name: &str, family_name: &str) -> Request {
    let request = request(given_name, family_name);
    requests::insert(session, &request, &[]).await.unwrap();
    request
}

pub(crate) fn adult(given_name: &str, family_name: &str, username: Option<&str>) -> Adult {
    Adult {
        id: id(),
        title: None,
        given_name: given_name.to_owned(),
        family_name: family_name.to_owned(),
        email: email("jo@example.org"),
        locale: "en".to_owned(),
        username: username.map(str::to_owned),
        picked_user: None,
        created_at: at(0),
    }
}

pub(crate) fn login_row(adult: &Adult) -> LoginRow {
    LoginRow {
        username: adult.username.clone().unwrap(),
        firstname: adult.given_name.clone(),
        lastname: adult.family_name.clone(),
        email: adult.email.to_string(),
        description: "Parent".to_owned(),
        lang: "en".to_owned(),
        request: id(),
        adult: adult.id,
        created_at: at(0),
    }
}

/// An adult with a login row.
pub(crate) async fn stored_adult(
    session: &mut impl Session,
    given_name: &str,
    family_name: &str,
    username: &str,
) -> Adult {
    let adult = adult(given_name, family_name, Some(username));
    accounts::insert_adult(session, &adult).await.unwrap();
    accounts::insert_login_row(session, &login_row(&adult)).await.unwrap();
    adult
}

pub(crate) async fn stored_link(session: &mut impl Session, adult: AdultId, pupil: i64) -> LinkId {
    links::activate(session, adult, MoodleUserId(pupil), id(), at(0)).await.unwrap()
}

pub(crate) fn job(adult: AdultId, priority: Priority, available_at: Timestamp) -> Job {
    Job { id: id(), adult, request: None, priority, attempts: 0, available_at }
}

pub(crate) fn mail(once_key: Option<&str>, second: i64) -> Mail {
    Mail {
        id: id(),
        request: None,
        adult: None,
        recipient: email("jo@example.org"),
        letter: "{}".to_owned(),
        once_key: once_key.map(str::to_owned),
        state: "queued".to_owned(),
        attempts: 0,
        available_at: at(second),
        created_at: at(second),
        sent_at: None,
        fault: None,
    }
}

pub(crate) fn cycle(state: CycleState, second: i64) -> Cycle {
    Cycle {
        id: id(),
        action: "cycle".to_owned(),
        state,
        actor: "system".to_owned(),
        plan: None,
        created_at: at(second),
        started_at: None,
        finished_at: None,
        report: None,
        fault: None,
    }
}

pub(crate) fn new_claim_id() -> ClaimId {
    id()
}
