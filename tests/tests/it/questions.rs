//! Asking the adult, their answer, and the page that says where a request stands.

use kinlink_domain::{
    locale::Locale,
    request::{Action, Status},
    submission::RawSubmission,
};
use kinlink_service::{
    ServiceError,
    approve::Approval,
    confirm,
    decide::{self, Correction, MAX_QUESTION, Reason},
    mail::{self, Delivery, Transport},
    questions::{self, Answered, MAX_ANSWER},
    status::{PublicState, PublicStatus, find_by_status_token, status_token},
    view,
};
use kinlink_store::{audit, mails, requests::Request};
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, World, pupil_named, world};

const QUESTION: &str = "Which tutor group is meant?\n\nThank you <b>\"very\"</b> much.";

fn marlow() -> RawSubmission {
    let pupil = pupil_named("Theo", "Marlow");
    family(("Rachel", "Turner", "rachel@example.org"), &[(pupil.given, pupil.family, &pupil.tutor_group)])
}

impl World {
    /// Asks, a moment later than whatever was done before.
    async fn ask(&self, request: &Request, message: Option<&str>) -> Result<Request, ServiceError> {
        self.test.clock.advance(jiff::SignedDuration::from_secs(1));
        let reason = Reason {
            reason: Some("which_child".into()),
            note: Some("for staff".into()),
            message: message.map(str::to_owned),
        };
        decide::ask(&self.test.app, &administrator(), request.id, None, &reason).await
    }

    async fn state(&self, token: &str) -> Option<PublicState> {
        let found: Option<PublicStatus> = find_by_status_token(&self.test.app, token).await.unwrap();
        found.map(|status| status.state)
    }

    /// Subject and body of the newest mail about a request, as it would be sent now.
    async fn newest_mail(&self, request: &Request) -> Option<(String, String)> {
        let mut store = self.test.app.store.acquire().await.unwrap();
        let mail = mails::of_request(&mut store, request.id).await.unwrap().pop().unwrap();
        let written = mail::write(&self.test.app, &self.test.school, &mut store, &mail).await.unwrap();
        written.map(|mail| (mail.subject, mail.body))
    }

    async fn deliver(&self) -> Delivery {
        mail::deliver(&self.test.app, &self.test.school, &Transport::Store, 50, None).await.unwrap()
    }

    async fn answer(&self, token: &str, text: &str) -> Result<Answered, ServiceError> {
        questions::answer(&self.test.app, token, text).await
    }
}

/// The token of the status page that a mail links to.
fn token_in(body: &str) -> &str {
    let mut tokens = body.lines().filter_map(|line| line.strip_prefix("https://kinlink.test/status/"));
    let token = tokens.next().unwrap();
    assert!(tokens.next().is_none(), "{body}");
    token
}

fn faults(result: Result<impl std::fmt::Debug, ServiceError>) -> Vec<String> {
    match result {
        Err(ServiceError::Invalid(faults)) => faults.iter().map(|f| format!("{} {}", f.pointer, f.code)).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_question_reaches_the_adult_who_answers_it_once_and_staff_see_it() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let request = world.test.submit(&marlow()).await;
        let (_, received) = world.newest_mail(&request).await.unwrap();
        let token = token_in(&received).to_owned();
        assert_eq!(world.state(&token).await, Some(PublicState::BeingLookedAt), "{engine}");
        assert_eq!(questions::open_question(app, &token).await.unwrap(), None);
        assert_eq!(world.answer(&token, "too early").await.unwrap(), Answered::Closed(request.reference.clone()));

        let asked = world.ask(&request, Some(QUESTION)).await.unwrap();
        assert_eq!((asked.status, asked.version), (Status::WaitingForParent, 2), "{engine}");
        let (subject, body) = world.newest_mail(&request).await.unwrap();
        assert!(subject.contains(request.reference.as_str()), "{subject}");
        assert!(QUESTION.lines().all(|line| body.contains(line)), "{body}");
        assert!(!body.contains("for staff"), "{body}");
        assert_eq!(token_in(&body), token, "{engine}: one link for every mail of a request");
        assert_eq!(world.deliver().await, Delivery { sent: 2, ..Delivery::default() }, "{engine}");

        assert_eq!(world.state(&token).await, Some(PublicState::QuestionAsked { text: QUESTION.into() }));
        let open = questions::open_question(app, &token).await.unwrap().unwrap();
        assert_eq!((open.reference.as_str(), open.text.as_str()), (request.reference.as_str(), QUESTION));
        let detail = view::show_request(app, &administrator(), request.reference.as_str()).await.unwrap();
        assert_eq!((detail.question.as_deref(), detail.summary.replied), (Some(QUESTION), false));

        // What cannot be kept is refused, and the question stays open.
        assert_eq!(faults(world.answer(&token, " \n ").await), ["/answer required"]);
        assert_eq!(faults(world.answer(&token, "a\u{0}").await), ["/answer unprintable"]);
        assert_eq!(faults(world.answer(&token, &"x".repeat(MAX_ANSWER + 1)).await), ["/answer too_long"]);

        world.test.clock.advance(jiff::SignedDuration::from_mins(90));
        assert_eq!(world.answer(&token, " 7KL,\r\nنور ").await.unwrap(), Answered::Taken(request.reference.clone()));
        assert_eq!(world.answer(&token, "again").await.unwrap(), Answered::Closed(request.reference.clone()));
        assert_eq!(world.state(&token).await, Some(PublicState::BeingLookedAt));
        let answered = world.request(&request).await;
        assert_eq!((answered.status, answered.version), (Status::Pending, 3), "{engine}");
        assert_eq!(answered.replied_at, Some(app.now()));

        let detail = view::show_request(app, &administrator(), request.reference.as_str()).await.unwrap();
        assert_eq!((detail.question, detail.summary.replied), (None, true), "{engine}");
        let entry = |action: &str| detail.history.iter().find(|entry| entry.action == action).unwrap();
        assert_eq!(entry("ask").message.as_deref(), Some(QUESTION));
        assert_eq!(entry("ask").note.as_deref(), Some("for staff"));
        let answer = entry("answer");
        assert_eq!((answer.actor.as_str(), answer.message.as_deref()), ("parent", Some("7KL,\nنور")));
        assert!(!detail.actions.contains(&Action::Answer), "staff do not answer");
        let audited = audit::of_subject(&mut app.store.acquire().await.unwrap(), &format!("request:{}", request.id))
            .await
            .unwrap();
        let audited = audited.iter().find(|written| written.entry.action == "request.answer").unwrap();
        assert_eq!((audited.actor.as_str(), audited.entry.detail["version"].as_i64()), ("parent", Some(3)));
        assert!(!audited.entry.detail.to_string().contains("7KL"));

        // To the end of the road: the same link tells of each step, and the mark goes with the next decision.
        world.test.clock.advance(jiff::SignedDuration::from_mins(1));
        let approved = world.approve(&answered, &Approval::default()).await.unwrap();
        assert!(!approved.is_replied());
        assert_eq!(world.state(&token).await, Some(PublicState::Approved), "{engine}");
        world.cycle().await;
        world.moodle_cron().await;
        world.cycle().await;
        assert_eq!(world.state(&token).await, Some(PublicState::Ready), "{engine}");
        let (_, body) = world.newest_mail(&request).await.unwrap();
        assert!(body.contains("Your user name is: rachel@example.org"), "{engine}: {body}");
        assert_eq!(token_in(&body), token, "{engine}");
        let withdrawn = decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await;
        assert_eq!(withdrawn.unwrap().status, Status::Denied);
        assert_eq!(world.state(&token).await, Some(PublicState::Closed), "{engine}");
    }
}

#[tokio::test]
async fn of_two_answers_at_the_same_moment_one_is_kept() {
    for engine in ENGINES {
        let world = world(engine).await;
        let request = world.test.submit(&marlow()).await;
        let asked = world.ask(&request, Some(QUESTION)).await.unwrap();
        let token = status_token(&world.test.app, &asked);
        let (one, two) = tokio::join!(world.answer(&token, "one"), world.answer(&token, "two"));
        let results = [("one", one.unwrap()), ("two", two.unwrap())];
        let kept: Vec<&str> = results
            .iter()
            .filter(|(_, answered)| matches!(answered, Answered::Taken(_)))
            .map(|(text, _)| *text)
            .collect();
        assert_eq!(kept.len(), 1, "{engine}: {results:?}");
        assert!(results.iter().all(|(_, answered)| *answered != Answered::Unknown));
        let detail = view::show_request(&world.test.app, &administrator(), request.reference.as_str()).await.unwrap();
        let answers: Vec<_> = detail.history.iter().filter(|entry| entry.action == "answer").collect();
        assert_eq!(answers.len(), 1, "{engine}");
        assert_eq!(answers[0].message.as_deref(), Some(kept[0]), "{engine}");
        assert_eq!(detail.summary.version, 3, "{engine}");
    }
}

#[tokio::test]
async fn a_question_that_is_not_true_any_more_is_not_sent_and_takes_no_answer() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let request = world.test.submit(&marlow()).await;
        world.deliver().await;

        // Taken up again before the mail went.
        world.ask(&request, Some("first")).await.unwrap();
        let reopened = decide::reopen(app, &administrator(), request.id, None, &Reason::default()).await.unwrap();
        assert_eq!(reopened.status, Status::Pending);
        let token = status_token(app, &reopened);
        assert_eq!(world.newest_mail(&request).await, None, "{engine}");
        assert_eq!(world.deliver().await, Delivery { suppressed: 1, ..Delivery::default() }, "{engine}");
        assert!(matches!(world.answer(&token, "x").await.unwrap(), Answered::Closed(_)));

        // Asked in another way: the first question does not come back with the status.
        world.ask(&request, None).await.unwrap();
        assert_eq!(world.deliver().await, Delivery::default(), "{engine}: without a message no mail");
        assert_eq!(world.state(&token).await, Some(PublicState::BeingLookedAt), "{engine}");
        assert!(matches!(world.answer(&token, "x").await.unwrap(), Answered::Closed(_)));
        let detail = view::show_request(app, &administrator(), request.reference.as_str()).await.unwrap();
        assert_eq!((detail.summary.status, detail.question), (Status::WaitingForParent, None), "{engine}");

        // Asked anew before the mail went: only the last question is sent and answered.
        world.ask(&request, Some("second")).await.unwrap();
        world.ask(&request, Some("third")).await.unwrap();
        let delivery = Delivery { sent: 1, suppressed: 1, ..Delivery::default() };
        assert_eq!(world.deliver().await, delivery, "{engine}");
        assert_eq!(world.state(&token).await, Some(PublicState::QuestionAsked { text: "third".into() }));
        decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
        assert!(matches!(world.answer(&token, "x").await.unwrap(), Answered::Closed(_)), "{engine}");
        assert_eq!(world.state(&token).await, Some(PublicState::Closed), "{engine}");
    }
}

#[tokio::test]
async fn only_a_question_carries_a_message_and_only_to_an_address() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let request = world.test.submit(&marlow()).await;
    assert_eq!(faults(world.ask(&request, Some("  ")).await), ["/message required"]);
    assert_eq!(faults(world.ask(&request, Some(&"x".repeat(MAX_QUESTION + 1))).await), ["/message too_long"]);
    let reason = Reason { message: Some("why".into()), ..Reason::default() };
    let denied = decide::end(app, &administrator(), request.id, None, Action::Deny, &reason).await;
    assert_eq!(faults(denied), ["/message invalid"]);

    let mut raw = marlow();
    raw.email = "rachel at example".into();
    let request = world.test.submit(&raw).await;
    let refused = world.ask(&request, Some("Which?")).await.unwrap_err();
    assert!(matches!(refused, ServiceError::Refused { code: "no_address", .. }), "{refused:?}");
    assert_eq!(world.request(&request).await.version, 1);
    assert_eq!(world.ask(&request, None).await.unwrap().status, Status::WaitingForParent);
}

#[tokio::test]
async fn a_token_is_good_only_whole_for_its_own_request_and_for_the_address_it_was_sent_to() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let request = world.test.submit(&marlow()).await;
    let token = status_token(app, &request);
    assert!(token.len() == 44 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
    let mut other = marlow();
    other.email = "other@example.org".into();
    let other = status_token(app, &world.test.submit(&other).await);

    let mut wrong =
        vec![String::new(), "x".into(), token[..43].to_owned(), format!("{token}A"), "ü".repeat(22), "=".repeat(44)];
    wrong.push(format!("{}{}", &token[..22], &other[22..]));
    wrong.push(format!("{}{}", &other[..22], &token[22..]));
    for at in 0..token.len() {
        let instead = if &token[at..=at] == "A" { "B" } else { "A" };
        wrong.push(format!("{}{instead}{}", &token[..at], &token[at + 1..]));
    }
    for wrong in &wrong {
        assert_eq!(find_by_status_token(app, wrong).await.unwrap(), None, "{wrong}");
        assert_eq!(questions::open_question(app, wrong).await.unwrap(), None, "{wrong}");
        // Not even the answer's faults tell a wrong token from a right one.
        assert_eq!(world.answer(wrong, "").await.unwrap(), Answered::Unknown, "{wrong}");
    }
    assert!(world.state(&token).await.is_some() && world.state(&other).await.is_some());

    // Whoever holds a mailbox that was named by mistake is shut out when staff correct it.
    world.ask(&request, Some(QUESTION)).await.unwrap();
    let correction = Correction { email: Some("right@example.org".into()), ..Correction::default() };
    let corrected = decide::correct(app, &administrator(), request.id, None, &correction).await.unwrap();
    assert_eq!(world.state(&token).await, None);
    assert_eq!(world.answer(&token, "mine").await.unwrap(), Answered::Unknown);
    assert_eq!(world.state(&status_token(app, &corrected)).await, Some(PublicState::AwaitingEmailProof));
}

#[tokio::test]
async fn every_way_to_end_looks_the_same_and_tells_nothing() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let request = world.test.submit(&marlow()).await;
    let token = status_token(app, &request);
    for action in [Action::Deny, Action::MarkDuplicate, Action::MarkBogus] {
        decide::end(app, &administrator(), request.id, None, action, &Reason::default()).await.unwrap();
        let status = find_by_status_token(app, &token).await.unwrap().unwrap();
        assert_eq!(
            status,
            PublicStatus {
                reference: request.reference.clone(),
                state: PublicState::Closed,
                locale: Locale::En,
                created_at: request.created_at,
                updated_at: request.updated_at,
            },
            "{action}"
        );
        decide::reopen(app, &administrator(), request.id, None, &Reason::default()).await.unwrap();
    }
    // Approved, and its only child withdrawn.
    let approved = world.approve(&request, &Approval::default()).await.unwrap();
    let claim = view::summarise(app, &administrator(), &approved).await.unwrap().children[0].claim;
    let reason = Reason::default();
    let withdrawn = decide::withdraw_child(app, &administrator(), request.id, None, claim, &reason).await.unwrap();
    assert_eq!(withdrawn.status, Status::Withdrawn);
    assert_eq!(world.state(&token).await, Some(PublicState::Closed));

    // Expired: the address was never proven.
    decide::end(app, &administrator(), world.test.submit(&marlow()).await.id, None, Action::MarkBogus, &reason)
        .await
        .unwrap();
    let fresh = world.test.submit(&marlow()).await;
    let correction = Correction { email: Some("other@example.org".into()), ..Correction::default() };
    let corrected = decide::correct(app, &administrator(), fresh.id, None, &correction).await.unwrap();
    let token = status_token(app, &corrected);
    assert_eq!(world.state(&token).await, Some(PublicState::AwaitingEmailProof));
    world.test.clock.advance(jiff::SignedDuration::from_hours(24 * 30));
    assert_eq!(confirm::expire(app).await.unwrap(), 1);
    assert_eq!(world.state(&token).await, Some(PublicState::Closed));
}

#[tokio::test]
async fn mails_are_written_in_the_language_of_the_request() {
    let world = world(ENGINES[0]).await;
    for (number, (locale, hello)) in
        [("en", "Dear "), ("cy-GB", "Annwyl "), ("pl", "Dzień dobry, "), ("ar", "تحية طيبة، "), ("tlh", "Dear ")]
            .into_iter()
            .enumerate()
    {
        let mut raw = marlow();
        raw.locale = Some(locale.into());
        raw.email = format!("adult{number}@example.org");
        let request = world.test.submit(&raw).await;
        world.ask(&request, Some("Cwestiwn?")).await.unwrap();
        let (_, body) = world.newest_mail(&request).await.unwrap();
        assert!(body.starts_with(&format!("{hello}Rachel Turner")), "{locale}: {body}");
        let status = find_by_status_token(&world.test.app, token_in(&body)).await.unwrap().unwrap();
        assert_eq!(status.locale, Locale::from_tag(locale));
    }
}
