//! Lists: pages, order, search, counts, and parameters that are wrong.

use jiff::SignedDuration;
use kinlink_testapp::family;
use serde_json::{Value, json};

use crate::{Admin, admin, api};

/// Seven requests, one a minute: families B, C, A, E, D, F, F (Zoë before Adam).
async fn filled() -> Admin {
    let admin = admin().await;
    for (given, name) in [("X", "B"), ("X", "C"), ("X", "A"), ("X", "E"), ("X", "D"), ("Zoë", "F"), ("Adam", "F")] {
        let email = format!("{given}.{name}@example.org").replace('ë', "e");
        let raw = family((given, &format!("Family{name}"), &email), &[("Amelia", "Turner", "7KL")]);
        admin.kinlink.submit(&raw).await;
        admin.kinlink.clock.advance(SignedDuration::from_mins(1));
    }
    admin
}

fn names(page: &Value) -> String {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["family_name"].as_str().unwrap().trim_start_matches("Family")).collect()
}

async fn walk(admin: &Admin, query: &str) -> Vec<String> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.viewer.get(&api(&format!("/requests?{query}{cursor}"))).await.expect(200).json();
        pages.push(names(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn requests_come_in_pages_in_four_orders() {
    let admin = filled().await;
    assert_eq!(walk(&admin, "limit=3").await, ["FFD", "EAC", "B"]);
    assert_eq!(walk(&admin, "limit=3&sort=oldest").await, ["BCA", "EDF", "F"]);
    assert_eq!(walk(&admin, "limit=4&sort=name").await, ["ABCD", "EFF"]);
    assert_eq!(walk(&admin, "limit=7&sort=-name").await, ["FFEDCBA"]);
    let page = admin.viewer.get(&api("/requests?sort=name&limit=100")).await.expect(200).json();
    assert_eq!((&page["items"][5]["given_name"], &page["items"][6]["given_name"]), (&json!("Adam"), &json!("Zoë")));
}

#[tokio::test]
async fn requests_are_filtered_searched_and_counted() {
    let admin = filled().await;
    let request = admin.viewer.get(&api("/requests?q=familya")).await.expect(200).json()["items"][0].clone();
    let path = api(&format!("/requests/{}/bogus", request["id"].as_str().unwrap()));
    let _ = admin.approver.with("if-match", "\"v1\"").post(&path, &json!({})).await.expect(200);
    for (query, expected) in [
        ("status=bogus", "A"),
        ("status=bogus,denied", "A"),
        ("status=bogus&status=denied&q=x", "A"),
        ("status=denied", ""),
        ("status=pending&q=AMELIA+zoe", "F"),
        ("q=adam.f%40example.org", "F"),
        ("q=%25", "FFDEACB"),
        ("kind=leave", ""),
        ("kind=new_account&status=bogus", "A"),
    ] {
        let page = admin.viewer.get(&api(&format!("/requests?{query}"))).await.expect(200).json();
        assert_eq!(names(&page), expected, "{query}");
    }
    let reference = request["reference"].as_str().unwrap();
    let page = admin.viewer.get(&api(&format!("/requests?q={reference}"))).await.expect(200).json();
    assert_eq!(names(&page), "A");
    let counts = admin.viewer.get(&api("/requests/counts")).await.expect(200).json()["counts"].clone();
    assert_eq!((&counts["pending"], &counts["bogus"], &counts["denied"]), (&json!(6), &json!(1), &json!(0)));
    let counts = admin.viewer.get(&api("/requests/counts?q=zoe&kind=new_account")).await.expect(200).json();
    assert_eq!(counts["counts"]["pending"], 1);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let admin = filled().await;
    for (query, expected) in [
        ("/requests?limit=0", vec!["limit invalid"]),
        ("/requests?limit=101", vec!["limit invalid"]),
        ("/requests?limit=x&sort=best&page=2", vec!["limit invalid", "page unknown_parameter", "sort invalid"]),
        ("/requests?status=rejected", vec!["status invalid"]),
        ("/requests?kind=new", vec!["kind invalid"]),
        ("/requests?q=%00", vec!["q unprintable"]),
        ("/requests?q=a&q=b", vec!["q duplicate"]),
        ("/requests/counts?status=pending", vec!["status unknown_parameter"]),
        ("/login-rows?q=%01", vec!["q unprintable"]),
        ("/links?adult=x&pupil=y&active=maybe", vec!["active invalid", "adult invalid", "pupil invalid"]),
        ("/pupils?name=x", vec!["name unknown_parameter"]),
        ("/cycles?limit=-1", vec!["limit invalid"]),
        ("/health?x=1", vec!["x unknown_parameter"]),
        ("/settings?x=1", vec!["x unknown_parameter"]),
    ] {
        let answer = admin.administrator.get(&api(query)).await;
        assert_eq!(answer.problem(422, "invalid_parameters"), expected, "{query}");
    }
    let by_name = admin.viewer.get(&api("/requests?sort=name&limit=1")).await.expect(200).json();
    let by_name = by_name["next"].as_str().unwrap();
    for query in [
        "/requests?cursor=x".to_owned(),
        "/requests?cursor=e30".to_owned(),
        format!("/requests?sort=newest&cursor={by_name}"),
        "/login-rows?cursor=MQ".to_owned(),
        "/links?cursor=e30".to_owned(),
        "/cycles?cursor=MQ".to_owned(),
    ] {
        admin.viewer.get(&api(&query)).await.problem(400, "bad_cursor");
    }
}

#[tokio::test]
async fn pupils_can_be_searched() {
    let admin = admin().await;
    let find = async |query: &str| {
        let page = admin.viewer.get(&api(&format!("/pupils?{query}"))).await.expect(200).json();
        page["items"].as_array().unwrap().clone()
    };
    let found = find("q=obrien+niamh").await;
    assert_eq!((found.len(), &found[0]["tutor_group"]), (1, &json!("7KL")));
    assert_eq!(find("limit=5").await.len(), 5);
    assert!(find("q=k.larsen").await.is_empty(), "staff are no pupils");
}

#[tokio::test]
async fn login_rows_and_links_come_in_pages() {
    let admin = admin().await;
    let children = [("Amelia", "Turner", "7KL"), ("Noah", "Williams", "8KL"), ("Grace", "Okafor", "7TH")];
    for (i, child) in children.into_iter().enumerate() {
        let raw = family(("Adult", &format!("No{i}"), &format!("adult{i}@example.org")), &[child]);
        let request = admin.kinlink.submit(&raw).await;
        let _ = admin.decide(&request, "approve", &crate::approval()).await.expect(200);
    }
    let page = admin.viewer.get(&api("/login-rows?limit=2")).await.expect(200).json();
    let users: Vec<_> = page["items"].as_array().unwrap().iter().map(|row| row["username"].clone()).collect();
    assert_eq!(users, ["adult0@example.org", "adult1@example.org"]);
    assert_eq!(page["items"][0]["state"], "missing", "Moodle has not made the account yet");
    let next = page["next"].as_str().unwrap();
    let page = admin.viewer.get(&api(&format!("/login-rows?limit=2&cursor={next}"))).await.expect(200).json();
    assert_eq!((&page["items"][0]["username"], &page["next"]), (&json!("adult2@example.org"), &json!(null)));

    let page = admin.viewer.get(&api("/links?limit=2")).await.expect(200).json();
    let next = page["next"].as_str().unwrap();
    let last = admin.viewer.get(&api(&format!("/links?limit=2&cursor={next}"))).await.expect(200).json();
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next"]), (1, &json!(null)));
    let (adult, pupil) = (last["items"][0]["adult"].as_str().unwrap(), &last["items"][0]["pupil"]);
    for query in
        [format!("adult={adult}"), format!("pupil={pupil}"), format!("adult={adult}&pupil={pupil}&active=true")]
    {
        let page = admin.viewer.get(&api(&format!("/links?{query}"))).await.expect(200).json();
        assert_eq!(page["items"], last["items"], "{query}");
    }
}
