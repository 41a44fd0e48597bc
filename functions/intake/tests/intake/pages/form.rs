//! `/request`: opening, adding and removing children, what is wrong, languages.

use super::{attribute, fields, form, post, tags, typed, with};
use crate::intake;

#[tokio::test]
async fn the_form_opens_empty_and_says_what_each_field_is() {
    let intake = intake().await;
    let page = intake.anyone.get("/request").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "same-origin"));
    assert!(page.text.contains("<title>Ask for a parent account – Kinlink &#60;Test&#62; School</title>"));
    let fields = form(&page.text);
    let empty = fields.iter().filter(|(name, value)| value.is_empty() && name != "website").count();
    assert_eq!(empty, 8, "{fields:?}");
    for (name, token) in [
        ("title", "honorific-prefix"),
        ("given_name", "given-name"),
        ("family_name", "family-name"),
        ("email", "email"),
    ] {
        let tag = tags(&page.text, "input").into_iter().find(|tag| tag.contains(&format!(" name=\"{name}\""))).unwrap();
        assert_eq!(attribute(&tag, "autocomplete").as_deref(), Some(token));
    }
    // Looking stores nothing.
    assert_eq!((intake.kinlink.count("requests").await, intake.kinlink.count("quotas").await), (0, 0));
}

#[tokio::test]
async fn every_input_has_a_label_and_every_description_exists() {
    let intake = intake().await;
    let browser = intake.open().await;
    let wrong = post(&browser.client, "/request", &browser.fields).await.expect(422);
    let check = post(&browser.client, "/request", &with(browser.fields, &[("add_child", "1")])).await.expect(200);
    for page in [wrong.text, check.text] {
        for tag in tags(&page, "input").into_iter().chain(tags(&page, "textarea")) {
            if tag.contains("type=\"hidden\"") {
                continue;
            }
            let id = attribute(&tag, "id").unwrap();
            assert!(page.contains(&format!(" for=\"{id}\"")), "{id} has no label");
            for described in attribute(&tag, "aria-describedby").unwrap_or_default().split_whitespace() {
                assert!(page.contains(&format!(" id=\"{described}\"")), "{described}");
            }
        }
        let mut ids: Vec<_> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(all, ids.len(), "an id stands twice");
    }
}

#[tokio::test]
async fn without_scripts_children_are_added_and_removed_and_nothing_typed_is_lost() {
    let intake = intake().await;
    let browser = intake.open().await;
    let filled = typed()
        .iter()
        .map(|(n, v)| (n.clone(), v.clone()))
        .fold(browser.fields, |all, (name, value)| with(all, &[(name.as_str(), value.as_str())]));
    let page = post(&browser.client, "/request", &with(filled.clone(), &[("add_child", "1")])).await.expect(200);
    let two = form(&page.text);
    let value = |fields: &super::Fields, name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    assert_eq!(value(&two, "children[1][given_name]").as_deref(), Some(""));
    assert_eq!(value(&two, "children[1][family_name]").as_deref(), Some("Kowalczyk"), "of the child before");
    assert!(page.text.contains("autofocus") && focused(&page.text) == "child-2-given-name");
    for (name, typed) in &filled {
        assert_eq!(value(&two, name).as_ref(), Some(typed), "{name}");
    }
    let named = with(two, &[("children[1][given_name]", "Jan"), ("children[1][tutor_group]", "10A")]);
    let page = post(&browser.client, "/request", &with(named, &[("remove_child", "1")])).await.expect(200);
    let one = form(&page.text);
    assert_eq!(value(&one, "children[0][given_name]").as_deref(), Some("Jan"));
    assert_eq!(value(&one, "children[1][given_name]"), None);
    assert_eq!(focused(&page.text), "child-1-given-name");
    // Twenty, and not one more.
    let mut fields = one;
    for _ in 0..25 {
        let page = post(&browser.client, "/request", &with(fields, &[("add_child", "1")])).await.expect(200);
        fields = form(&page.text);
        assert!(!fields.iter().any(|(name, _)| name.starts_with("children[20]")));
        let full = fields.iter().any(|(name, _)| name.starts_with("children[19]"));
        let add = page.text.split("data-add-child").nth(1).unwrap().split('>').next().unwrap();
        assert_eq!(add.contains(" hidden"), full);
    }
    for odd in ["0", "-1", "99", "x", ""] {
        let page = post(&browser.client, "/request", &with(fields.clone(), &[("remove_child", odd)])).await.expect(200);
        assert!(form(&page.text).iter().any(|(name, _)| name.starts_with("children[19]")), "{odd}");
    }
}

fn focused(page: &str) -> String {
    let tags: Vec<_> = tags(page, "input").into_iter().filter(|tag| tag.ends_with(" autofocus")).collect();
    assert_eq!(tags.len(), 1, "{tags:?}");
    attribute(&tags[0], "id").unwrap()
}

#[tokio::test]
async fn what_is_wrong_stands_at_the_top_and_beside_each_field_and_values_are_kept() {
    let intake = intake().await;
    let browser = intake.open().await;
    let wrong = with(
        typed(),
        &[("family_name", " "), ("email", "hana@example"), ("children[0][given_name]", ""), ("kind", "")],
    );
    let changes: Vec<_> = wrong.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let page = post(&browser.client, "/request", &with(browser.fields, &changes)).await.expect(422);
    assert!(page.text.contains("<title>Error: Ask for a parent account – "));
    let summary = page.text.split_once("id=\"error-summary\"").unwrap().1.split_once("</div>").unwrap().0;
    for (anchor, text) in [
        ("kind", "Choose what you need"),
        ("family-name", "Enter your last name"),
        ("email", "Enter an email address like name@example.com"),
        ("child-1-given-name", "Enter the first name of child 1"),
    ] {
        assert!(summary.contains(&format!("<a href=\"#{anchor}\">{text}</a>")), "{summary}");
        assert!(page.text.contains(&format!(" id=\"{anchor}\"")));
        assert!(page.text.contains(&format!("id=\"{anchor}-fault\"")), "{anchor}");
    }
    assert_eq!(summary.matches("<li>").count(), 4);
    let kept = form(&page.text);
    assert!(kept.contains(&("email".into(), "hana@example".into())));
    assert!(kept.contains(&("comment".into(), "Jan was Nowak\r\nat primary school.".into())));
}

#[tokio::test]
async fn from_the_check_every_answer_can_be_changed_with_the_focus_on_its_field() {
    let intake = intake().await;
    let ready =
        intake.ready(&with(typed(), &[("children[1][given_name]", "Jan"), ("children[1][family_name]", "K")])).await;
    for (field, focus) in
        [("kind", "kind"), ("name", "given-name"), ("email", "email"), ("child-2-given-name", "child-2-given-name")]
    {
        let page = post(&intake.anyone, "/request", &with(ready.clone(), &[("change", field)])).await.expect(200);
        assert_eq!(focused(&page.text), focus);
        assert!(form(&page.text).contains(&("children[1][given_name]".into(), "Jan".into())));
        assert!(!page.text.contains("id=\"error-summary\""));
    }
    let page = post(&intake.anyone, "/request", &with(ready.clone(), &[("change", "comment")])).await.expect(200);
    assert!(tags(&page.text, "textarea")[0].ends_with(" autofocus"));
    let page = post(&intake.anyone, "/request", &with(ready, &[("change", "\"><script>")])).await.expect(200);
    assert!(!page.text.contains("autofocus"));
}

#[tokio::test]
async fn the_page_speaks_the_language_that_was_asked_for_and_keeps_it_through_the_steps() {
    let intake = intake().await;
    let polish = intake.anyone.with("accept-language", "pl-PL, en;q=0.5");
    let page = polish.get("/request").await.expect(200);
    assert!(page.text.contains("<html lang=\"pl\" dir=\"ltr\">") && page.text.contains("Poproś o konto rodzica"));
    assert!(page.text.contains("<a href=\"?lang=ar\" lang=\"ar\" hreflang=\"ar\" dir=\"rtl\">العربية</a>"));
    assert!(page.text.contains("<span aria-current=\"true\" lang=\"pl\">Polski</span>"));
    let page = polish.get("/request?lang=ar").await.expect(200);
    assert!(page.text.contains("<html lang=\"ar\" dir=\"rtl\">"));
    // The hidden field goes before what the browser says; a button changes it and keeps what was typed.
    let arabic = with(form(&page.text), &[("given_name", "Hana")]);
    let wrong = post(&polish, "/request", &arabic).await.expect(422);
    assert!(wrong.text.contains("<html lang=\"ar\"") && wrong.text.contains("<title>خطأ: "));
    let welsh = post(&polish, "/request", &with(form(&wrong.text), &[("form_in", "cy")])).await.expect(200);
    assert!(welsh.text.contains("<html lang=\"cy\"") && !welsh.text.contains("id=\"error-summary\""));
    assert!(form(&welsh.text).contains(&("given_name".into(), "Hana".into())));
    assert!(form(&welsh.text).contains(&("lang".into(), "cy".into())));

    let ready = intake.ready(&typed()).await;
    let check = post(&polish, "/request", &with(ready, &[("check_in", "ar")])).await.expect(200);
    assert!(check.text.contains("<html lang=\"ar\" dir=\"rtl\">") && check.text.contains("action=\"/request/send\""));
    let sent = post(&polish, "/request/send", &with(form(&check.text), &[("declaration", "yes")])).await.expect(303);
    assert!(sent.header("location").ends_with("?lang=ar"), "{}", sent.header("location"));
    let page = polish.get(sent.header("location")).await.expect(200);
    assert!(page.text.contains("<html lang=\"ar\""));
    let request = intake.kinlink.request(&super::reference_on(&page)).await;
    assert_eq!(request.locale, "ar", "the mails are written in it");
}

#[tokio::test]
async fn in_a_frame_there_is_no_header_and_only_named_sites_may_frame_the_form() {
    let intake = intake().await;
    let page = intake.anyone.get("/request").await.expect(200);
    assert!(page.header("content-security-policy").ends_with("frame-ancestors 'self'"));
    intake.set("embed_origins", "https://www.school.example https://b.example:8443").await;
    let page = intake.anyone.get("/request?embed=1&lang=cy").await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(policy.ends_with("frame-ancestors 'self' https://www.school.example https://b.example:8443"), "{policy}");
    assert!(page.header("set-cookie").is_empty());
    let plain = |text: &str| !text.contains("<header") && !text.contains("<footer");
    assert!(plain(&page.text));
    intake.kinlink.clock.advance(jiff::SignedDuration::from_secs(9));
    let changes = typed();
    let changes: Vec<_> = changes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let check = post(&intake.anyone, "/request", &with(form(&page.text), &changes)).await.expect(200);
    assert!(plain(&check.text));
    let sent =
        post(&intake.anyone, "/request/send", &with(form(&check.text), &[("declaration", "yes")])).await.expect(303);
    assert!(sent.header("location").ends_with("?lang=cy&embed=1"));
    assert!(plain(&intake.anyone.get(sent.header("location")).await.expect(200).text));
}

#[tokio::test]
async fn a_closed_form_says_whom_to_contact_and_takes_nothing() {
    let intake = intake().await;
    let ready = intake.ready(&typed()).await;
    intake.set("form_open", "false").await;
    let page = intake.anyone.get("/request").await.expect(200);
    assert!(page.text.contains("The form is closed") && !page.text.contains("<form"));
    assert!(page.text.contains("<a href=\"mailto:office@school.example\">"));
    for path in ["/request", "/request/send"] {
        let page = post(&intake.anyone, path, &ready).await.expect(403);
        assert!(page.text.contains("The form is closed"));
    }
    assert_eq!(intake.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn who_cannot_sign_in_is_shown_how_to_reset_the_password_and_needs_no_child() {
    let intake = intake().await;
    let browser = intake.open().await;
    let help = fields(&[
        ("kind", "cannot_sign_in"),
        ("given_name", "Hana"),
        ("family_name", "Kowalczyk"),
        ("email", "hana@example.org"),
    ]);
    let changes: Vec<_> = help.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let check = post(&browser.client, "/request", &with(browser.fields, &changes)).await.expect(200);
    assert!(check.text.contains("https://moodle.test/login/forgot_password.php"));
    let sent = post(&browser.client, "/request/send", &with(form(&check.text), &[("declaration", "yes")])).await;
    let _ = sent.expect(303);
    assert_eq!(intake.kinlink.count("claims").await, 0);
}
