//! Whatever was typed is shown as text, on every page.

use kinlink_domain::staff::StaffRole;
use kinlink_testapp::family;

use super::at;
use crate::staff::{field, office};

const SCRIPT: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}";

#[tokio::test]
async fn nothing_that_was_typed_becomes_markup() {
    let office = office().await;
    let person = office.person(SCRIPT, StaffRole::Approver).await;
    let mut raw =
        family((SCRIPT, SCRIPT, "a'b@example.org"), &[(SCRIPT, SCRIPT, "7'<b>KL"), ("Amelia", "Turner", "7KL")]);
    raw.title = "<u>Dr".into();
    raw.comment = SCRIPT.into();
    let request = office.kinlink.submit(&raw).await;
    let mut second = raw.clone();
    second.children.truncate(1);
    let other = office.kinlink.submit(&second).await;
    let note = person.post(&at(&request, "/note"), &[("version", "1"), ("note", SCRIPT)]).await;
    assert_eq!(note.status.as_u16(), 303);
    let fields = [("version", "1"), ("question", SCRIPT), ("note", SCRIPT), ("do", "send")];
    assert_eq!(person.post(&at(&other, "/ask"), &fields).await.status.as_u16(), 303);
    let query = url::form_urlencoded::byte_serialize(SCRIPT.as_bytes()).collect::<String>();
    let claim = field(&person.page(&at(&request, "")).await, "claim");
    let mark = format!("{}:2", request.id);
    let mut pages = Vec::new();
    for path in [
        "/admin/requests?view=all".to_owned(),
        format!("/admin/requests?q={query}&view={query}&{query}={query}"),
        format!("/admin/requests/counts?q={query}&seen={query}&pause={query}"),
        at(&request, &format!("?q={query}&find={query}&claim={claim}")),
        at(&request, "/deny"),
        at(&request, "/ask"),
        at(&request, "/duplicate"),
        at(&request, "/bogus"),
        at(&request, "/edit"),
        at(&other, ""),
    ] {
        pages.push((path.clone(), person.page(&path).await));
    }
    for (path, fields) in [
        (
            at(&request, "/decide"),
            vec![("version", "2"), ("do", "approve"), ("account", SCRIPT), ("find", SCRIPT), ("found", claim.as_str())],
        ),
        (at(&request, "/deny"), vec![("version", "2"), ("note", SCRIPT), ("reason", SCRIPT), ("do", "send")]),
        (at(&request, "/ask"), vec![("version", "2"), ("question", SCRIPT), ("template", SCRIPT), ("do", "preview")]),
        (at(&request, "/edit"), vec![("version", "2"), ("given_name", ""), ("family_name", SCRIPT), ("email", SCRIPT)]),
        (
            "/admin/requests/bulk".into(),
            vec![("action", "approve"), ("id", mark.as_str()), ("question", SCRIPT), ("note", SCRIPT)],
        ),
        ("/admin/requests/bulk/apply".into(), vec![("action", "ask"), ("id", mark.as_str()), ("note", SCRIPT)]),
        (at(&other, "/note"), vec![("version", "1"), ("note", SCRIPT)]),
    ] {
        let answer = person.post(&path, &fields).await;
        assert!(matches!(answer.status.as_u16(), 200 | 409 | 422), "{path}: {}", answer.status);
        pages.push((path, answer.text));
    }
    for (path, page) in pages {
        for markup in ["<script>", "<img", "<b>KL", "<u>", "onerror=alert(2)>{{"] {
            let found = page.find(markup).map(|at| &page[at.saturating_sub(80)..(at + 40).min(page.len())]);
            assert_eq!(found, None, "{path}: {markup}");
        }
        for inline in [" style=", " onclick=", "javascript:", "hx-on"] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
    }
}
