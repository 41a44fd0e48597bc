//! The parent's form: any fields, with a token of the form, sent to any of its steps. Every answer is a page or a redirect,
//! and what was typed is never markup.

use jiff::SignedDuration;
use kinlink_testapp::Answer;
use url::form_urlencoded;

use crate::{
    answers::{CANARY, quiet},
    house::in_house,
    log,
};

/// Stands in every value: markup, and the ends of attributes.
const MARKUP: &str = "\"'><b>";

fn path(step: u8) -> &'static str {
    match step % 5 {
        0 => "/request",
        1 => "/request/send",
        2 => "/confirm/x",
        3 => "/status/x",
        _ => "/request?embed=1&lang=ar",
    }
}

#[track_caller]
fn is_page(path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    assert!(
        matches!(status, 200 | 303 | 400 | 404 | 409 | 413 | 415 | 422 | 429),
        "{path} answers {status}: {}",
        answer.text
    );
    assert!(answer.headers.contains_key("content-security-policy"), "{path}: {status} without a policy");
    if status != 303 {
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}: {status}");
        assert_eq!(answer.text.matches("<h1").count(), 1, "{path}: {}", answer.text);
    }
}

pub(crate) fn hold(data: &[u8]) {
    log::keep();
    let [step, fields @ ..] = data else { return };
    let path = path(*step);
    in_house(async |house| {
        let page = house.anyone.get("/request").await.expect(200);
        let token = page.text.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.expect("a token").to_owned();
        // Nobody fills the form in at once.
        house.kinlink.clock.advance(SignedDuration::from_mins(1));
        let browser = house
            .anyone
            .with("content-type", "application/x-www-form-urlencoded")
            .with("origin", &house.kinlink.school.public_url)
            .with("sec-fetch-site", "same-origin");
        let plain = form_urlencoded::Serializer::new(String::new()).append_pair("form_token", &token).finish();
        let body = [plain.as_bytes(), b"&", fields].concat();
        is_page(path, &browser.send("POST", path, body).await);
        log::take();
        let pairs: Vec<_> = form_urlencoded::parse(fields).into_owned().collect();
        let marked = pairs.iter().map(|(name, value)| {
            let keeps = matches!(name.as_str(), "kind" | "declaration" | "website" | "lang");
            (name.clone(), if keeps { value.clone() } else { format!("{CANARY}{MARKUP}{value}") })
        });
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("form_token", &token)
            .extend_pairs(marked)
            .finish();
        let answer = browser.send("POST", path, body).await;
        is_page(path, &answer);
        assert!(!answer.header("location").contains(CANARY), "{path}: {}", answer.header("location"));
        for markup in [format!("{CANARY}\""), format!("{CANARY}'"), format!("{CANARY}>"), format!("{CANARY}<")] {
            assert!(!answer.text.contains(&markup), "{path}: what was typed is markup: {}", answer.text);
        }
        quiet(path);
    });
}
