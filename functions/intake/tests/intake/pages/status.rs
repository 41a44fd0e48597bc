//! `/status/{token}`: where a request stands, and the answer to a question.

use kinlink_domain::request::Status;
use kinlink_service::{
    decide::{Reason, ask},
    status::status_token,
};
use kinlink_store::requests::Request;
use kinlink_testapp::administrator;

use super::{fields, form, post, reference_on, typed};
use crate::{Intake, intake};

/// A request whose address is proven, and the path of its page.
async fn confirmed(intake: &Intake) -> (Request, String) {
    let page = intake.sent(&typed()).await;
    let path = intake.kinlink.mailed_confirmations().await.remove(0);
    let _ = intake.anyone.send("POST", &path, "").await.expect(200);
    let request = intake.kinlink.request(&reference_on(&page)).await;
    let path = format!("/status/{}", status_token(&intake.kinlink.app, &request));
    (request, path)
}

async fn question(intake: &Intake, request: &Request, text: &str) {
    let reason = Reason { message: Some(text.into()), ..Reason::default() };
    ask(&intake.kinlink.app, &administrator(), request.id, None, &reason).await.unwrap();
}

#[tokio::test]
async fn the_page_says_where_the_request_stands_and_nothing_about_a_person() {
    let intake = intake().await;
    let sent = intake.sent(&typed()).await;
    let request = intake.kinlink.request(&reference_on(&sent)).await;
    let path = format!("/status/{}", status_token(&intake.kinlink.app, &request));
    let page = intake.anyone.get(&path).await.expect(200);
    assert!(page.text.contains("Please open our email") && page.text.contains(request.reference.as_str()));
    assert!(page.text.contains("3 September 2026"));
    let (_, path) = confirmed(&intake).await;
    let page = intake.anyone.get(&path).await.expect(200);
    assert!(page.text.contains("The school is comparing your details with its records"));
    for personal in ["Hana", "Kowalczyk", "hana", "Zofia", "8C"] {
        assert!(!page.text.contains(personal), "{personal}");
    }
    assert!(page.header("content-security-policy").ends_with("frame-ancestors 'self'"));
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_question_is_answered_once_and_staff_see_it_again() {
    let intake = intake().await;
    let (request, path) = confirmed(&intake).await;
    question(&intake, &request, "Which school did <Jan> go to before?").await;
    let page = intake.anyone.get(&path).await.expect(200);
    assert!(page.text.contains("Which school did &#60;Jan&#62; go to before?"));
    for (answer, words) in [
        (" ", "Write your answer".to_owned()),
        (&*"a".repeat(2_001), "Your answer: use no more than 2000 characters".to_owned()),
        ("a\u{7}b", "Your answer: we removed a character that cannot be shown".to_owned()),
    ] {
        let page = post(&intake.anyone, &path, &fields(&[("answer", answer)])).await.expect(422);
        assert!(page.text.contains(&words) && page.text.contains("<title>Error: Your request"), "{}", page.text);
    }
    let page = post(&intake.anyone, &path, &fields(&[("answer", "a\u{7}b</textarea>")])).await.expect(422);
    assert!(form(&page.text).contains(&("answer".into(), "ab</textarea>".into())), "what was typed is kept");

    let filled = fields(&[("answer", "The one in Leeds."), ("lang", "pl")]);
    let taken = post(&intake.anyone, &path, &filled).await.expect(303);
    assert_eq!(taken.header("location"), format!("{path}?lang=pl&answered=1"));
    let page = intake.anyone.get(taken.header("location")).await.expect(200);
    assert!(page.text.contains("Dziękujemy za odpowiedź") && !page.text.contains("<form"));
    assert_eq!(intake.kinlink.request(request.reference.as_str()).await.status, Status::Pending);
    // Pressed twice.
    let late = post(&intake.anyone, &path, &filled).await.expect(303);
    let page = intake.anyone.get(late.header("location")).await.expect(200);
    assert!(page.text.contains("Mamy już Twoją odpowiedź"));
    let twice = [filled.clone(), filled].concat();
    let _ = post(&intake.anyone, &path, &twice).await.expect(400);
}

#[tokio::test]
async fn the_page_speaks_the_language_of_the_request_unless_another_is_chosen() {
    let intake = intake().await;
    let sent = intake.sent(&super::with(typed(), &[("lang", "ar")])).await;
    let request = intake.kinlink.request(&reference_on(&sent)).await;
    let path = format!("/status/{}", status_token(&intake.kinlink.app, &request));
    let browser = intake.anyone.with("accept-language", "pl");
    assert!(browser.get(&path).await.expect(200).text.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(browser.get(&format!("{path}?lang=cy")).await.expect(200).text.contains("<html lang=\"cy\""));
}

#[tokio::test]
async fn wrong_tokens_all_get_the_same_page() {
    let intake = intake().await;
    let (request, path) = confirmed(&intake).await;
    question(&intake, &request, "Which school?").await;
    let anyone = intake.anyone.with("x-request-id", "0199aaaa-0000-7000-8000-000000000001");
    let unknown = anyone.get("/status/x").await.expect(404);
    let end = if path.ends_with('A') { "B" } else { "A" };
    for wrong in
        [&path[..path.len() - 1], &format!("{path}A"), &format!("{}{end}", &path[..path.len() - 1]), "/status/%FF"]
    {
        assert_eq!(anyone.get(wrong).await.expect(404).text, unknown.text, "{wrong}");
        assert_eq!(post(&anyone, wrong, &fields(&[("answer", "x")])).await.expect(404).text, unknown.text, "{wrong}");
    }
}
