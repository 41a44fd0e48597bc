//! What holds for every act: whose it is, and that nobody else's page can make somebody do it.

use kinlink_domain::staff::StaffRole;

use crate::{
    staff::{Office, Person, text},
    world::{World, world},
};

/// An act: its address, what is sent, whether it is for administrators alone.
type Act = (String, Vec<(&'static str, String)>, bool);

fn acts(world: &World) -> Vec<Act> {
    let token = "01890000-0000-7000-8000-000000000000";
    let claim = (world.jones.id.to_string(), "1:01890000-0000-7000-8000-000000000000");
    vec![
        ("/admin/users/revoke".into(), vec![("id", "rachel.turner@example.org".into())], false),
        ("/admin/users/revoke/apply".into(), vec![("id", "rachel.turner@example.org".into())], false),
        (format!("/admin/users/{}/email", world.adult), vec![("email", "new@example.org".into())], false),
        (format!("/admin/users/{}/email/withdraw", world.adult), vec![], false),
        ("/admin/matching".into(), vec![("claim", format!("{}:{}", claim.0, claim.1)), ("pupil", "1".into())], false),
        ("/admin/cycles".into(), vec![("action", "reconcile".into())], false),
        ("/admin/plans".into(), vec![], false),
        (format!("/admin/plans/{}/application", world.plan), vec![], false),
        (format!("/admin/reconciliation/{token}/release"), vec![], false),
        ("/admin/health/retry".into(), vec![("id", token.into())], false),
        ("/admin/settings".into(), vec![("setting.max_attempts", "3".into())], true),
        ("/admin/tokens".into(), vec![("name", "Script".into()), ("role", "administrator".into())], true),
        (format!("/admin/tokens/{token}/revoke"), vec![], true),
        ("/admin/sources".into(), vec![("name", "Form".into())], true),
        (format!("/admin/sources/{token}/revoke"), vec![], true),
    ]
}

fn fields<'a>(sent: &'a [(&'static str, String)], csrf: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let csrf = csrf.map(|csrf| ("csrf", csrf));
    csrf.into_iter().chain(sent.iter().map(|(name, value)| (*name, value.as_str()))).collect()
}

#[tokio::test]
async fn an_act_without_the_sessions_own_token_or_from_another_site_is_refused_with_a_page() {
    let world = world().await;
    let person = world.office.administrator().await;
    let other = world.office.approver().await;
    let before = world.office.everything().await;
    for (path, sent, _) in acts(&world) {
        for csrf in [None, Some(""), Some("x"), Some(other.csrf())] {
            let answer = person.send(&path, &fields(&sent, csrf)).await.expect(403);
            assert!(text(&answer.text).contains("load the page again"), "{path} {csrf:?}: {}", answer.text);
        }
        for (name, value) in
            [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")]
        {
            let answer = person.from(name, value).send(&path, &fields(&sent, Some(person.csrf()))).await.expect(403);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert!(text(&answer.text).contains("sent from another site"), "{path}: {}", answer.text);
        }
        let nobody = Person::nobody(&world.office).send(&path, &fields(&sent, Some(person.csrf()))).await.expect(401);
        assert!(text(&nobody.text).contains("You were signed out"), "{path}: {}", nobody.text);
    }
    Office::assert_same(&before, &world.office.everything().await, "a forged form");
    assert_eq!(world.office.woken(), 0);
}

#[tokio::test]
async fn an_act_by_somebody_who_may_not_is_refused_with_a_page() {
    let world = world().await;
    for role in StaffRole::ALL.iter().copied() {
        let person = world.office.person("Jo", role).await;
        let before = world.office.everything().await;
        for (path, sent, for_administrators) in acts(&world) {
            let may = match role {
                StaffRole::Viewer => false,
                StaffRole::Approver | StaffRole::Safeguarding => !for_administrators,
                StaffRole::Administrator => true,
            };
            if !may {
                let answer = person.post(&path, &fields(&sent, None)).await.expect(403);
                assert!(text(&answer.text).contains("You may not do this"), "{role} {path}: {}", answer.text);
            }
        }
        Office::assert_same(&before, &world.office.everything().await, "what was refused");
    }
}

#[tokio::test]
async fn what_is_no_form_of_ours_is_refused_with_a_page() {
    let world = world().await;
    let person = world.office.administrator().await;
    let before = world.office.everything().await;
    for (path, ..) in acts(&world) {
        let huge = "x".repeat(1_000_000);
        for (kind, body, status) in [
            ("application/json", "{}", 415),
            ("multipart/form-data; boundary=x", "--x--", 415),
            ("application/x-www-form-urlencoded", huge.as_str(), 413),
            ("application/x-www-form-urlencoded", &"id=x&".repeat(3_000), 413),
        ] {
            let answer = person.client.with("content-type", kind).send("POST", &path, body.to_owned()).await;
            assert_eq!(answer.status.as_u16(), status, "{path} {kind}");
            assert!(answer.text.contains("<h1>"), "{path} {kind}: {}", answer.text);
        }
    }
    Office::assert_same(&before, &world.office.everything().await, "what is no form");
}
