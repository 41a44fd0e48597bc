//! Everything that a form can send.

use std::time::{Duration, Instant};

use super::{Fields, fields, form, post, typed, with};
use crate::intake;

const URLENCODED: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn bodies_that_no_browser_sends_are_refused_with_a_page_and_store_nothing() {
    let intake = intake().await;
    let good = "kind=new_account&given_name=A&family_name=B&email=a@example.org&children[0][given_name]=C";
    let many = (0..10_000).map(|n| format!("children[{n}][given_name]=N")).collect::<Vec<_>>().join("&");
    let filling = (0..1_900).map(|n| format!("children[{n}][x]=")).collect::<Vec<_>>().join("&");
    for (what, media_type, body, expected) in [
        ("nothing", URLENCODED, Vec::new(), 422),
        ("1 MB", URLENCODED, vec![b'a'; 1_000_000], 413),
        ("just too much", URLENCODED, format!("comment={}", "c".repeat(64 * 1024)).into_bytes(), 413),
        ("10,000 children", URLENCODED, many.into_bytes(), 413),
        ("2,000 children", URLENCODED, filling.into_bytes(), 422),
        ("too many fields", URLENCODED, "a=&".repeat(2_001).into_bytes(), 413),
        ("a field twice", URLENCODED, format!("{good}&kind=other").into_bytes(), 400),
        ("a child's field twice", URLENCODED, format!("{good}&children[0][given_name]=D").into_bytes(), 400),
        ("a button twice", URLENCODED, format!("{good}&add_child=1&add_child=1").into_bytes(), 400),
        ("NUL", URLENCODED, format!("{good}&comment=%00").into_bytes(), 422),
        ("an override", URLENCODED, format!("{good}&title=%E2%80%AE").into_bytes(), 422),
        ("a line end in a name", URLENCODED, format!("{good}&title=a%0D%0Ab").into_bytes(), 422),
        ("broken escapes", URLENCODED, b"kind=%zz&given_name=%&=&&&==".to_vec(), 400),
        ("bytes that are no text", URLENCODED, b"given_name=\xff\xfe&kind=%ff".to_vec(), 422),
        ("JSON", "application/json", b"{}".to_vec(), 415),
        ("a file", "multipart/form-data; boundary=x", b"--x--".to_vec(), 415),
        ("no type", "", good.as_bytes().to_vec(), 415),
    ] {
        for path in ["/request", "/request/send"] {
            let began = Instant::now();
            let answer = intake.anyone.with("content-type", media_type).send("POST", path, body.clone()).await;
            assert_eq!(answer.status.as_u16(), expected, "{what} to {path}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{what}");
            assert!(answer.text.contains("<title>Error: "), "{what}");
            assert!(began.elapsed() < Duration::from_secs(5), "{what} is slow");
        }
    }
    assert_eq!(intake.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn what_cannot_be_shown_is_taken_out_and_named_and_then_the_form_goes_on() {
    let intake = intake().await;
    let browser = intake.open().await;
    let odd = with(typed(), &[("given_name", "Ha\u{0}n\u{202e}a"), ("comment", "a\u{7}\r\nb")]);
    let changes: Vec<_> = odd.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let page = post(&browser.client, "/request", &with(browser.fields, &changes)).await.expect(422);
    assert!(page.text.contains("First name: we removed a character that cannot be shown. Please check what is left"));
    assert!(!page.text.contains(['\u{0}', '\u{202e}', '\u{7}']));
    let mended = form(&page.text);
    assert!(mended.contains(&("given_name".into(), "Hana".into())));
    assert!(mended.contains(&("comment".into(), "a\r\nb".into())));
    let _ = post(&browser.client, "/request", &with(mended, &[("kind", "new_account")])).await.expect(200);
}

/// Texts that weak code takes for something else.
const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "</textarea><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "{{ 7 * 7 }}${7*7}#{7*7}",
    "&lt;b&gt;&#60;b&#62;",
    "javascript:alert(1)",
    "'; DROP TABLE requests; --",
];

#[tokio::test]
async fn script_in_every_field_is_text_on_every_page() {
    let intake = intake().await;
    for text in HOSTILE {
        let hostile: Fields = fields(&[
            ("kind", "new_account"),
            ("title", text),
            ("given_name", text),
            ("family_name", text),
            ("children[0][given_name]", text),
            ("children[0][family_name]", text),
            ("children[0][tutor_group]", text),
            ("comment", text),
            ("website", text),
            ("lang", text),
            ("embed", text),
            ("form_token", text),
        ]);
        let mut pages =
            vec![post(&intake.anyone, "/request", &with(hostile.clone(), &[("email", text)])).await.expect(422)];
        let good = with(hostile, &[("email", "hana@example.org")]);
        for change in ["change", "add_child", "remove_child", "form_in"] {
            pages.push(post(&intake.anyone, "/request", &with(good.clone(), &[(change, text)])).await.expect(200));
        }
        let check = post(&intake.anyone, "/request", &good).await.expect(200);
        let carried = form(&check.text);
        assert!(carried.contains(&("family_name".into(), text.into())), "{text}: {carried:?}");
        pages.push(post(&intake.anyone, "/request/send", &good).await.expect(422));
        pages.push(
            post(&intake.anyone, "/request/send", &with(carried.clone(), &[("declaration", text)])).await.expect(422),
        );
        let sent = post(&intake.anyone, "/request/send", &with(carried, &[("declaration", "yes")])).await.expect(303);
        pages.push(intake.anyone.get(sent.header("location")).await.expect(200));
        pages.push(check);
        for page in &pages {
            harmless(&page.text);
            assert!(!page.text.contains(text) || !text.contains(['<', '\'', '"', '&']), "{text}: {}", page.text);
        }
    }
}

/// Fails if a page holds a script, style or handler that we did not write, or an element inside of an attribute.
fn harmless(page: &str) {
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(page.contains("<script type=\"module\" src=\"/assets/app."), "{page}");
    for bad in ["<img", "<style", "<iframe", "style=\"", "<svg onload", "href=\"javascript:"] {
        assert!(!page.contains(bad), "{bad}: {page}");
    }
    // Our own attributes stand in double quotes: what follows a tag's name is names, values and nothing else.
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let outside: String = tag.split('"').step_by(2).collect();
        assert!(!outside.contains('\'') && !outside.to_lowercase().contains(" on"), "{tag}");
    }
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_send_and_our_own_form_in_its_frame_can() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for path in ["/request", "/request/send", "/confirm/x", "/status/x"] {
            let answer = post(&intake.anyone.with(name, value), path, &ready).await.expect(403);
            assert!(answer.text.contains("This came from another page"), "{path}");
        }
    }
    assert_eq!(intake.kinlink.count("requests").await, 0);
    let ours = intake.anyone.with("sec-fetch-site", "same-origin").with("origin", "https://kinlink.test");
    let _ = post(&ours, "/request/send", &ready).await.expect(303);
    let old = intake.anyone.with("origin", "https://kinlink.test");
    let _ = post(&old, "/request/send", &ready).await.expect(303);
}

#[tokio::test]
async fn kinds_that_the_page_does_not_offer_are_not_taken_from_it() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    for kind in ["leave", "change_email", "NEW_ACCOUNT", "new_account ", "0"] {
        let answer = post(&intake.anyone, "/request/send", &with(ready.clone(), &[("kind", kind)])).await;
        assert!(answer.text.contains("Choose what you need") || kind == "new_account ", "{kind}");
    }
}
