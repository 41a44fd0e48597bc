//! How long data is kept, erasing, and copies, by the API.

use kinlink_domain::staff::Actor;
use kinlink_service::{cycle, housekeeping};
use serde_json::{Value, json};

use crate::{Admin, admin, api, approval};

/// Mrs Turner with access to Amelia: the id of the adult.
async fn turner(admin: &Admin) -> String {
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    admin.kinlink.request(request.reference.as_str()).await.adult.unwrap().to_string()
}

#[tokio::test]
async fn every_class_is_listed_with_its_days_and_what_is_due_goes_once() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let _ = admin.decide(&request, "deny", &json!({})).await.expect(200);
    let classes = admin.administrator.get(&api("/retention")).await.expect(200).json();
    let refused =
        classes["items"].as_array().unwrap().iter().find(|class| class["class"] == "refused").unwrap().clone();
    assert_eq!((&refused["days"], &refused["due"], &refused["oldest"]), (&json!(90), &json!(0), &Value::Null));
    assert_eq!(refused["setting"], "keep_refused_days");

    admin.kinlink.clock.advance(jiff::SignedDuration::from_hours(24 * 91));
    let classes = admin.administrator.get(&api("/retention")).await.expect(200).json();
    assert!(classes.to_string().contains(r#""class":"refused""#), "{classes}");
    for (nth, gone) in [1, 0].into_iter().enumerate() {
        let purged = admin.administrator.post(&api("/retention/purge"), &json!({})).await.expect(200).json();
        let refused =
            purged["items"].as_array().unwrap().iter().find(|class| class["class"] == "refused").unwrap().clone();
        assert_eq!(refused["count"], json!(gone), "time {nth}");
    }
    assert_eq!(admin.kinlink.count("requests").await, 0);
}

#[tokio::test]
async fn an_adult_is_erased_when_access_has_ended_and_says_so() {
    let admin = admin().await;
    let adult = turner(&admin).await;
    let path = api(&format!("/adults/{adult}/erasure"));
    let _ = admin.administrator.post(&path, &json!({})).await.problem(409, "access_in_force");
    assert_eq!(admin.woken.load(std::sync::atomic::Ordering::SeqCst), 0);
    let waits = admin.administrator.post(&path, &json!({"end_access": true})).await.expect(202).json();
    assert_eq!((&waits["state"], &waits["erased_at"]), (&json!("access_ended"), &Value::Null));
    assert_eq!(admin.woken.load(std::sync::atomic::Ordering::SeqCst), 1, "the provisioner is told");
    // The provisioner first sees to what is left in Moodle.
    cycle::run(&admin.kinlink.app, &Actor::system(), cycle::Mode::Jobs, None, &|_| {}).await.unwrap();
    housekeeping::tidy(&admin.kinlink.app).await.unwrap();
    let done = admin.administrator.post(&path, &json!({})).await.expect(200).json();
    assert_eq!((&done["id"], &done["state"]), (&waits["id"], &json!("erased")));
    let listed = admin.administrator.get(&api("/erasures")).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let _ = admin.administrator.post(&api("/adults/x/erasure"), &json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_request_of_somebody_unknown_is_erased_and_one_of_a_parent_is_not() {
    let admin = admin().await;
    let request = admin.turner(&[("Nobody", "Turner", "7KL")]).await;
    let path = |id: &dyn std::fmt::Display| api(&format!("/requests/{id}/erasure"));
    let done = admin.administrator.post(&path(&request.id), &json!({})).await.expect(200).json();
    assert_eq!(done["request"], json!(request.id));
    let _ = admin.administrator.post(&path(&request.id), &json!({})).await.problem(404, "not_found");
    let known = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let _ = admin.decide(&known, "approve", &approval()).await.expect(200);
    let _ = admin.administrator.post(&path(&known.id), &json!({})).await.problem(409, "known_adult");
}

#[tokio::test]
async fn a_copy_is_the_persons_with_the_remarks_beside_it() {
    let admin = admin().await;
    let adult = turner(&admin).await;
    let made = admin.administrator.post(&api(&format!("/adults/{adult}/access-bundle")), &json!({})).await.expect(200);
    let made = made.json();
    let copy = made["bundle"].to_string();
    assert!(copy.contains("rachel.turner@example.org") && copy.contains("Amelia Turner"), "{copy}");
    assert_eq!(made["for_the_data_protection_officer"], json!({"holds": [], "words_of_staff": []}));
    let _ = admin.administrator.post(&api("/adults/x/access-bundle"), &json!({})).await.problem(404, "not_found");
    let pupils = admin.administrator.get(&api("/pupils?q=amelia+turner")).await.expect(200).json();
    let pupil = pupils["items"][0]["id"].to_string();
    let made = admin.administrator.post(&api(&format!("/pupils/{pupil}/access-bundle")), &json!({})).await.expect(200);
    let copy = made.json()["bundle"].to_string();
    assert!(copy.contains("a parent or carer #1") && !copy.contains("rachel"), "{copy}");
    let _ = admin.administrator.post(&api("/pupils/x/access-bundle"), &json!({})).await.problem(404, "not_found");
    let _ = admin.administrator.post(&api("/pupils/999999/access-bundle"), &json!({})).await.problem(404, "not_found");
}
