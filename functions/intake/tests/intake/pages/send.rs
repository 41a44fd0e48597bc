//! `/request/send` and the page behind it: once for one form, the same whoever is known.

use jiff::SignedDuration;
use kinlink_domain::{
    request::{Kind, Status},
    submission::FaultCode,
};

use super::{form, post, reference_on, typed, with};
use crate::{good, intake};

#[tokio::test]
async fn a_form_becomes_a_request_that_waits_for_the_proof_of_its_address() {
    let intake = intake().await;
    let page = intake.sent(&typed()).await;
    assert!(page.text.contains("<title>Request sent – "));
    let request = intake.kinlink.request(&reference_on(&page)).await;
    assert_eq!((request.kind, request.status, request.faults.len()), (Kind::NewAccount, Status::Unconfirmed, 0));
    assert_eq!((request.source, request.locale.as_str()), (None, "en"));
    assert_eq!(request.comment, "Jan was Nowak\nat primary school.");
    assert_eq!(intake.kinlink.mailed_confirmations().await.len(), 1);
    // The address of the page stays in the browser: nothing about the person is in it or on it.
    for personal in ["Hana", "Kowalczyk", "hana", "Zofia", "8C", "/status/"] {
        assert!(!page.text.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn showing_the_answers_stores_nothing() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    let check = post(&intake.anyone, "/request", &ready).await.expect(200);
    for shown in
        ["I need a new account", "<bdi>Mrs Hana Kowalczyk</bdi>", "<bdi>Zofia Kowalczyk</bdi>", "<bdi>8C</bdi>"]
    {
        assert!(check.text.contains(shown), "{shown}");
    }
    for table in ["requests", "quotas", "idempotency_keys", "mails"] {
        assert_eq!(intake.kinlink.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn two_clicks_are_one_request_with_one_mail_and_count_once() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    let (first, second) =
        tokio::join!(post(&intake.anyone, "/request/send", &ready), post(&intake.anyone, "/request/send", &ready));
    let later = post(&intake.anyone, "/request/send", &ready).await;
    let mut references = Vec::new();
    for answer in [first, second, later] {
        let page = intake.anyone.get(answer.expect(303).header("location")).await.expect(200);
        references.push(reference_on(&page));
    }
    references.dedup();
    assert_eq!(references.len(), 1, "{references:?}");
    assert_eq!((intake.kinlink.count("requests").await, intake.kinlink.count("mails").await), (1, 1));
    let used: Option<(i64,)> =
        intake.kinlink.store.db.fetch_optional("SELECT MAX(used) FROM quotas", []).await.unwrap();
    assert_eq!(used, Some((1,)));
}

#[tokio::test]
async fn other_answers_with_a_form_that_was_sent_are_shown_once_more_and_then_taken() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    let _ = post(&intake.anyone, "/request/send", &ready).await.expect(303);
    let changed = with(ready.clone(), &[("given_name", "Hanna")]);
    let page = post(&intake.anyone, "/request/send", &changed).await.expect(422);
    assert!(page.text.contains("These answers have changed since you sent this form") && page.text.contains("Hanna"));
    assert_eq!(intake.kinlink.count("requests").await, 1);
    intake.kinlink.clock.advance(SignedDuration::from_secs(9));
    let _ = post(&intake.anyone, "/request/send", &with(form(&page.text), &[("declaration", "yes")])).await.expect(303);
    assert_eq!(intake.kinlink.count("requests").await, 2);
}

#[tokio::test]
async fn the_box_must_be_ticked() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    for declaration in ["", "no", "YES"] {
        let page = post(&intake.anyone, "/request/send", &with(ready.clone(), &[("declaration", declaration)])).await;
        let page = page.expect(422);
        assert!(page.text.contains("<a href=\"#declaration\">Tick the box to confirm"), "{}", page.text);
        assert!(page.text.contains("<title>Error: Check your answers") && page.text.contains(" id=\"declaration\""));
    }
    assert_eq!(intake.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn a_form_without_a_good_token_is_not_lost_but_shown_once_more() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    let token = ready.iter().find(|(name, _)| name == "form_token").unwrap().1.clone();
    let flipped = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { 'B' } else { 'A' });
    let without: Vec<_> = ready.iter().filter(|(name, _)| name != "form_token").cloned().collect();
    let mut forms = vec![without];
    for wrong in ["", "x", "1.2.3", &flipped, &format!("9{token}")] {
        forms.push(with(ready.clone(), &[("form_token", wrong)]));
    }
    for fields in forms {
        let page = post(&intake.anyone, "/request/send", &fields).await.expect(422);
        assert!(page.text.contains("nothing has been sent yet") && page.text.contains("Check and send again"));
        assert!(page.text.contains("<bdi>Mrs Hana Kowalczyk</bdi>"));
    }
    intake.kinlink.clock.advance(SignedDuration::from_hours(25));
    let page = post(&intake.anyone, "/request/send", &ready).await.expect(422);
    assert_eq!(intake.kinlink.count("requests").await, 0);
    intake.kinlink.clock.advance(SignedDuration::from_secs(9));
    let again = with(form(&page.text), &[("declaration", "yes")]);
    let answer = post(&intake.anyone, "/request/send", &again).await.expect(303);
    let page = intake.anyone.get(answer.header("location")).await.expect(200);
    assert!(intake.kinlink.request(&reference_on(&page)).await.faults.is_empty());
}

#[tokio::test]
async fn what_a_program_seems_to_have_sent_is_taken_with_the_same_words_and_marked_for_staff() {
    let intake = intake().await;
    let person = intake.sent(&typed()).await;
    let marks = async |page: &kinlink_testapp::Answer| {
        let request = intake.kinlink.request(&reference_on(page)).await;
        request.faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect::<Vec<_>>()
    };
    assert_eq!(marks(&person).await, []);
    let send = async |fields: &super::Fields| {
        let answer = post(&intake.anyone, "/request/send", fields).await.expect(303);
        intake.anyone.get(answer.header("location")).await.expect(200)
    };
    // The field that people do not see.
    let trapped =
        with(intake.ready(&with(typed(), &[("comment", "a"), ("website", "https://spam.example")])).await, &[]);
    let trapped = send(&trapped).await;
    assert_eq!(marks(&trapped).await, [(String::new(), FaultCode::Suspicious)]);
    // Two seconds after opening; then three.
    for (seconds, suspicious) in [(2, 1), (3, 0)] {
        let opened = form(&intake.anyone.get("/request").await.expect(200).text);
        intake.kinlink.clock.advance(SignedDuration::from_secs(seconds));
        let comment = format!("{seconds}");
        let quick = typed();
        let changes: Vec<_> = quick.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let fields = with(with(opened, &changes), &[("comment", &comment), ("declaration", "yes")]);
        let page = send(&fields).await;
        assert_eq!(marks(&page).await.len(), suspicious, "{seconds}");
        let same = |text: &str| text.replace(&reference_on(&page), "").replace(&reference_on(&person), "");
        assert_eq!(same(&page.text), same(&person.text));
    }
}

#[tokio::test]
async fn the_page_is_the_same_for_whoever_is_known() {
    let intake = intake().await;
    let fresh = intake.sent(&typed()).await;
    // The very same again, by somebody else, from a new form.
    let repeated = intake.sent(&typed()).await;
    assert_eq!(reference_on(&fresh), reference_on(&repeated));
    // The address of a Moodle user, one with a request by another form, and a child that does not exist.
    let _ = intake.form.post(crate::REQUESTS, &good()).await.expect(202);
    let mut pages = vec![repeated];
    for (name, value) in [
        ("email", "k.larsen@school.example.org"),
        ("email", "aoife.obrien@example.org"),
        ("children[0][given_name]", "Nobody"),
    ] {
        pages.push(intake.sent(&with(typed(), &[(name, value)])).await);
    }
    let same = |page: &kinlink_testapp::Answer| page.text.replace(&reference_on(page), "REFERENCE");
    for page in &pages {
        assert_eq!(same(page), same(&fresh));
        let names = |page: &kinlink_testapp::Answer| page.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(page), names(&fresh));
    }
}

#[tokio::test]
async fn where_addresses_need_no_proof_the_page_does_not_ask_for_it() {
    let intake = intake().await;
    intake.set("email_proof", "false").await;
    let page = intake.sent(&typed()).await;
    assert!(page.text.contains("to say that we have your request") && !page.text.contains("press the button"));
    assert_eq!(intake.kinlink.request(&reference_on(&page)).await.status, Status::Pending);
}

#[tokio::test]
async fn the_page_after_sending_opens_for_an_hour_and_only_with_our_signature() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    let answer = post(&intake.anyone, "/request/send", &ready).await.expect(303);
    let location = answer.header("location").to_owned();
    let page = intake.anyone.get(&location).await.expect(200);
    assert!(!location.contains(&reference_on(&page)));
    let (path, query) = location.split_once('?').unwrap();
    for wrong in ["/request/sent/x", "/request/sent/x.y", &format!("{path}A"), &path[..path.len() - 1]] {
        let _ = intake.anyone.get(&format!("{wrong}?{query}")).await.expect(404);
    }
    intake.kinlink.clock.advance(SignedDuration::from_hours(1));
    let _ = intake.anyone.get(&location).await.expect(404);
}

#[tokio::test]
async fn sending_takes_a_fixed_number_of_statements() {
    let intake = intake().await;
    let mut counts = Vec::new();
    for children in [1, 20] {
        let mut typed = with(typed(), &[("comment", &format!("{children} children"))]);
        for place in 1..children {
            typed = with(
                typed,
                &[
                    (&format!("children[{place}][given_name]"), &format!("N{place}")),
                    (&format!("children[{place}][family_name]"), "Kowalczyk"),
                ],
            );
        }
        let ready = intake.ready(&typed).await;
        let stats = intake.kinlink.app.store.stats();
        let before = stats.reads() + stats.writes();
        let _ = post(&intake.anyone, "/request/send", &ready).await.expect(303);
        counts.push(stats.reads() + stats.writes() - before);
    }
    assert_eq!(counts[0], counts[1], "no statement for each child");
    assert!(counts[0] <= 14, "{counts:?}");
}
