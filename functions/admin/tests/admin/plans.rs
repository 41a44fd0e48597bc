//! Plans: made, looked at, compared, applied; and what a comparison found.

use kinlink_domain::staff::Actor;
use kinlink_service::{
    cycle::{self, Mode},
    settings,
};
use kinlink_testapp::administrator;
use serde_json::{Value, json};

use crate::{Admin, admin, api};

/// A row in Moodle that is marked as ours and nobody's: a plan has something to remove, and the brake something to hold.
async fn stray(admin: &Admin, item: i64) {
    let sql = format!(
        "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
         VALUES (9, 40, 5, 1, 2, 'local_kinlink', {item}, 0)"
    );
    admin.kinlink.moodle.db.execute(&sql, []).await.unwrap();
}

async fn plan(admin: &Admin) -> Value {
    let made = admin.approver.post(&api("/plans"), &Value::Null).await.expect(201);
    let plan = made.json();
    assert_eq!(made.header("location"), api(&format!("/plans/{}", plan["id"].as_str().unwrap())));
    plan
}

#[tokio::test]
async fn a_plan_is_made_looked_at_and_applied_by_two_persons() {
    let admin = admin().await;
    stray(&admin, 900).await;
    let first = plan(&admin).await;
    assert_eq!(
        (&first["removals"], &first["braked"], &first["scope"]),
        (&json!(1), &json!(true), &json!("everything"))
    );
    assert_eq!(plan(&admin).await["id"], first["id"], "the same rows are the same plan");
    let path = |rest: &str| api(&format!("/plans/{}{rest}", first["id"].as_str().unwrap()));
    let shown = admin.viewer.get(&path("")).await.expect(200).json();
    assert_eq!(shown["reasons"], json!([{"reason": "stray", "meaning": "Marked as ours, but nobody’s", "rows": 1}]));
    let rows = admin.viewer.get(&path("/rows?reason=stray&limit=1")).await.expect(200).json();
    assert_eq!((&rows["items"][0]["item"], &rows["next"]), (&json!(900), &Value::Null), "{rows}");
    assert_eq!(admin.viewer.get(&path("/rows?reason=adopted")).await.expect(200).json()["items"], json!([]));
    admin.viewer.get(&path("/rows?reason=king")).await.problem(422, "invalid_parameters");
    let listed = admin.viewer.get(&api("/plans")).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");

    // Both tokens act for the person who made them.
    for client in [&admin.approver, &admin.administrator] {
        let asked = client.post(&path("/application"), &json!({})).await.expect(202);
        assert_eq!(asked.json(), json!({"state": "waits_for_second_person"}));
    }
    settings::set(&admin.kinlink.app, &administrator(), "brake_two_persons", "false").await.unwrap();
    let queued = admin.approver.post(&path("/application"), &json!({})).await.expect(202);
    let cycle = queued.json()["cycle"].as_str().unwrap().to_owned();
    assert_eq!(queued.header("location"), api(&format!("/cycles/{cycle}")));
    cycle::run(&admin.kinlink.app, &Actor::system(), Mode::Jobs, None, &|_| {}).await.unwrap();
    let done = admin.viewer.get(&api(&format!("/cycles/{cycle}"))).await.expect(200).json();
    assert_eq!((&done["action"], &done["report"]["removed"]), (&json!("apply"), &json!(1)), "{done}");
    let again = admin.approver.post(&path("/application"), &json!({})).await.expect(200);
    assert_eq!(again.json(), json!({"state": "applied", "cycle": cycle}));
}

#[tokio::test]
async fn a_plan_that_changed_is_refused_and_two_plans_are_compared() {
    let admin = admin().await;
    stray(&admin, 900).await;
    let first = plan(&admin).await["id"].as_str().unwrap().to_owned();
    stray(&admin, 901).await;
    let second = plan(&admin).await["id"].as_str().unwrap().to_owned();
    let refused = admin.approver.post(&api(&format!("/plans/{first}/application")), &json!({})).await;
    assert_eq!(refused.problem(409, "plan_changed"), ["/came/0 invalid"], "{}", refused.text);
    let compared = admin.viewer.get(&api(&format!("/plans/{first}/comparison?with={second}"))).await.expect(200).json();
    assert_eq!((&compared["only_first"], &compared["both"]), (&json!([]), &json!(1)), "{compared}");
    assert_eq!(compared["only_second"][0]["item"], json!(901), "{compared}");
    admin.viewer.get(&api(&format!("/plans/{first}/comparison"))).await.problem(422, "invalid_parameters");
}

#[tokio::test]
async fn an_adoption_is_planned_by_those_who_may_run_cycles() {
    let admin = admin().await;
    for direction in ["adopt", "give_back"] {
        let made = admin.approver.post(&api("/adoption-plans"), &json!({ "direction": direction })).await.expect(201);
        let plan = made.json();
        let id = plan["id"].as_str().unwrap();
        assert_eq!(made.header("location"), api(&format!("/plans/{id}")));
        let scope = if direction == "adopt" { "adoption" } else { "giving_back" };
        assert_eq!((&plan["scope"], &plan["adoptions"], &plan["braked"]), (&json!(scope), &json!(0), &json!(false)));
        // Nobody has a link: every row that the earlier plugin left stays as it is.
        assert_eq!(plan["left"].as_u64().unwrap() > 0, direction == "adopt", "{plan}");
        let shown = admin.viewer.get(&api(&format!("/plans/{id}"))).await.expect(200).json();
        assert_eq!(shown["scope"], json!(scope), "{shown}");
    }
    let wish = json!({ "direction": "adopt" });
    admin.viewer.post(&api("/adoption-plans"), &wish).await.problem(403, "forbidden");
    let wrong = admin.approver.post(&api("/adoption-plans"), &json!({ "direction": "sideways" })).await;
    assert!(matches!(wrong.status.as_u16(), 400 | 422), "{}", wrong.text);
    let more = admin.approver.post(&api("/adoption-plans"), &json!({ "direction": "adopt", "all": true })).await;
    assert!(matches!(more.status.as_u16(), 400 | 422), "{}", more.text);
}

#[tokio::test]
async fn what_a_comparison_found_is_listed_by_class() {
    let admin = admin().await;
    let none = admin.viewer.get(&api("/findings")).await.expect(200).json();
    assert_eq!(none, json!({"items": [], "next": null}));
    stray(&admin, 900).await;
    cycle::run(&admin.kinlink.app, &Actor::system(), Mode::Full, None, &|_| {}).await.unwrap();
    let found = admin.viewer.get(&api("/findings?class=extra")).await.expect(200).json();
    assert_eq!((&found["items"][0]["class"], &found["items"][0]["user"]), (&json!("extra"), &json!(5)), "{found}");
    admin.viewer.get(&api("/findings?class=king")).await.problem(422, "invalid_parameters");
    assert_eq!(admin.viewer.get(&api("/contested-rows")).await.expect(200).json(), json!({"items": []}));
}
