//! What people read on each page, in each language.

use kinlink_domain::locale::Locale;

use super::{form, post, readable, reference_on, typed, with};
use crate::intake;

#[test]
fn templates_leave_escaping_on_and_hold_nothing_that_the_policy_forbids() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        let squeezed: String = text.split_whitespace().collect();
        for banned in ["|safe", "|escape(", "autoescape", "style=", "<style", "javascript:"] {
            assert!(!squeezed.contains(banned), "{banned} in {}", file.display());
        }
        for attribute in [" onclick", " onload", " onsubmit", " onchange", " oninput", " onerror", " onfocus"] {
            assert!(!text.contains(attribute), "{attribute} in {}", file.display());
        }
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

fn main(page: &str) -> &str {
    page.split_once("<main ").expect("the main part").1.split_once("</main>").expect("its end").0
}

#[tokio::test]
async fn every_page_in_every_language() {
    for locale in Locale::ALL {
        let intake = intake().await;
        let browser = intake.anyone.with("accept-language", locale.tag());
        let mut pages = Vec::new();
        let opened = browser.get("/request").await.expect(200);
        intake.kinlink.clock.advance(jiff::SignedDuration::from_secs(30));
        let empty = post(&browser, "/request", &form(&opened.text)).await.expect(422);
        let changes = typed();
        let changes: Vec<_> = changes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let check = post(&browser, "/request", &with(form(&opened.text), &changes)).await.expect(200);
        let unticked = post(&browser, "/request/send", &form(&check.text)).await.expect(422);
        let sent =
            post(&browser, "/request/send", &with(form(&check.text), &[("declaration", "yes")])).await.expect(303);
        let sent = browser.get(sent.header("location")).await.expect(200);
        let reference = reference_on(&sent);
        let path = intake.kinlink.mailed_confirmations().await.remove(0);
        let confirm = browser.get(&path).await.expect(200);
        let confirmed = browser.send("POST", &path, "").await.expect(200);
        intake.set("form_open", "false").await;
        let closed = browser.get("/request").await.expect(200);
        for (name, page) in [
            ("the form", &opened),
            ("the form with faults", &empty),
            ("the answers", &check),
            ("the answers without the tick", &unticked),
            ("sent", &sent),
            ("confirm", &confirm),
            ("confirmed", &confirmed),
            ("closed", &closed),
        ] {
            assert!(page.text.contains(&format!("<html lang=\"{}\"", locale.tag())), "{name}");
            assert!(!page.text.contains(['\u{2068}', '\u{2069}']), "{name}: marks around values");
            // What is around the page is alike on all of them.
            let part = if name == "the form" { page.text.as_str() } else { main(&page.text) };
            let text = readable(part).replace(&reference, "REFERENCE");
            pages.push(format!("### {name}\n{text}"));
        }
        insta::assert_snapshot!(format!("pages.{}", locale.tag()), pages.join("\n\n"));
    }
}
