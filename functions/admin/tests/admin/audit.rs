//! The audit by its API: the list, the files, and whether it is what was written.

use serde_json::{Value, json};

use crate::{admin, api, approval};

#[tokio::test]
async fn entries_are_listed_newest_first_in_pages_with_their_hashes() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    let about = api(&format!("/audit?subject=request:{}&limit=1", request.id));
    let first = admin.administrator.get(&about).await.expect(200).json();
    assert_eq!(first["items"][0]["action"], "request.approve");
    assert_eq!(first["items"][0]["hash"].as_str().unwrap().len(), 64);
    let next = first["next"].as_str().unwrap();
    let second = admin.administrator.get(&format!("{about}&cursor={next}")).await.expect(200).json();
    assert_eq!((&second["items"][0]["action"], &second["next"]), (&json!("request.submit"), &Value::Null));
    admin.administrator.get(&format!("{about}&cursor=LTE")).await.problem(400, "bad_cursor");
    let wrong = admin.administrator.get(&api("/audit?from=yesterday&who=me")).await.problem(422, "invalid_parameters");
    assert_eq!(wrong, ["from invalid", "who unknown_parameter"]);
    for path in ["/audit", "/audit/export.jsonl", "/audit/export.csv", "/audit/verification"] {
        admin.approver.get(&api(path)).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn the_files_hold_every_entry_and_say_that_they_were_taken() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let lines = admin.administrator.get(&api("/audit/export.jsonl")).await.expect(200);
    assert_eq!(lines.header("content-type"), "application/jsonl");
    let entries: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>());
    assert_eq!(entries.last().unwrap()["action"], "audit.export", "taking it is noted before it is read");
    let csv = admin.administrator.get(&api(&format!("/audit/export.csv?subject=request:{}", request.id))).await;
    let csv = csv.expect(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    let none = admin.administrator.get(&api("/audit/export.jsonl?actor=nobody")).await.expect(200);
    assert_eq!(none.text, "");
}

#[tokio::test]
async fn a_changed_entry_is_named_and_a_chain_that_was_made_anew_is_not_the_one_that_was_noted() {
    let admin = admin().await;
    let verify = async |query: &str| {
        admin.administrator.get(&api(&format!("/audit/verification{query}"))).await.expect(200).json()
    };
    let noted = verify("").await;
    assert_eq!((&noted["whole"], &noted["broken"]), (&json!(true), &Value::Null));
    let (seq, hash) = (noted["last"]["seq"].as_i64().unwrap(), noted["last"]["hash"].as_str().unwrap().to_owned());
    admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    assert_eq!(verify(&format!("?seq={seq}&hash={hash}")).await["whole"], true);
    let other = verify(&format!("?seq={}&hash={hash}", seq + 1)).await;
    assert_eq!((&other["whole"], &other["broken"]["seq"]), (&json!(false), &json!(seq + 1)));
    let store = &admin.kinlink.app.store;
    store.execute("UPDATE audit SET detail = '{\"role\":\"viewer\"}' WHERE seq = 2", []).await.unwrap();
    let broken = verify("").await;
    assert_eq!((&broken["whole"], &broken["broken"]["seq"]), (&json!(false), &json!(2)));
    // Cut off at its head and made to look as if it began later: only the end that was noted tells.
    let cut = "UPDATE audit_chain SET first_hash = (SELECT hash FROM audit WHERE seq = 3), first_seq = 3";
    store.execute(cut, []).await.unwrap();
    store.execute("DELETE FROM audit WHERE seq <= 3", []).await.unwrap();
    assert_eq!(verify("").await["whole"], true);
    for seq in [1, 3] {
        let noted = verify(&format!("?seq={seq}&hash={:064}", 0)).await;
        assert_eq!((&noted["whole"], &noted["broken"]["seq"]), (&json!(false), &json!(seq)));
    }
    admin.administrator.get(&api("/audit/verification?seq=0")).await.problem(422, "invalid_parameters");
}

#[tokio::test]
async fn a_long_audit_is_several_files_that_lead_to_one_another() {
    let admin = admin().await;
    let store = &admin.kinlink.app.store;
    let many = "INSERT INTO audit (at, actor, action, subject, detail) WITH RECURSIVE n(i) AS \
                (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20500) \
                SELECT 1, 'cli:many', 'many.' || (i % 2), 'n:' || i, '{}' FROM n";
    store.execute(many, []).await.unwrap();
    for (form, header) in [("jsonl", 0), ("csv", 1)] {
        let mut path = api(&format!("/audit/export.{form}?actor=cli%3Amany&action=many."));
        let (mut lengths, mut names, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let file = admin.administrator.get(&path).await.expect(200);
            lengths.push(file.text.lines().count() - header);
            let name = file.header("content-disposition").split('"').nth(1).unwrap().to_owned();
            names.push(name.replace(|c: char| c.is_ascii_digit(), "").replace(form, "form"));
            subjects.extend(file.text.lines().skip(header).map(|line| {
                let (_, subject) = line.split_once("n:").unwrap();
                subject.split([',', '"']).next().unwrap().parse::<usize>().unwrap()
            }));
            let link = file.header("link");
            if link.is_empty() {
                break;
            }
            let query = link.strip_prefix("<?").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
            assert!(query.starts_with("actor=cli%3Amany&action=many.&after="), "{query}");
            assert_eq!(query.matches("after=").count(), 1, "{query}");
            path = api(&format!("/audit/export.{form}?{query}"));
        }
        assert_eq!(lengths, [10_000, 10_000, 500], "{form}");
        assert_eq!(subjects, (1..=20_500).collect::<Vec<_>>(), "{form}: each once, and none is left out");
        assert_eq!(
            names,
            ["kinlink-audit-after--to-.form", "kinlink-audit-after--to-.form", "kinlink-audit-after-.form"]
        );
    }
    let taken = admin.administrator.get(&api("/audit?action=audit.export")).await.expect(200).json();
    assert_eq!(taken["items"].as_array().unwrap().len(), 6, "each file that leaves the house is noted");
    let wrong = admin.administrator.get(&api("/audit/export.csv?after=-1")).await.problem(422, "invalid_parameters");
    assert_eq!(wrong, ["after invalid"]);
    let wrong = admin.administrator.get(&api("/audit/export.jsonl?after=x")).await.problem(422, "invalid_parameters");
    assert_eq!(wrong, ["after invalid"]);
}

#[tokio::test]
async fn a_file_ends_before_it_is_larger_than_lambda_can_answer_with() {
    let admin = admin().await;
    let store = &admin.kinlink.app.store;
    let large = "INSERT INTO audit (at, actor, action, subject, detail) WITH RECURSIVE n(i) AS \
                 (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) \
                 SELECT 1, 'cli:many', 'many.x', 'n:' || i, '{\"words\":\"' || hex(zeroblob(250)) || '\"}' FROM n";
    store.execute(large, []).await.unwrap();
    let file = admin.administrator.get(&api("/audit/export.jsonl?actor=cli:many")).await.expect(200);
    assert!(file.text.len() < 4_400_000 && !file.header("link").is_empty(), "{}", file.text.len());
}

#[tokio::test]
async fn who_looks_at_somebody_by_a_diagnosis_or_a_change_of_address_is_noted() {
    let admin = admin().await;
    let request = admin.turner(&[("Amelia", "Turner", "7KL")]).await;
    let looks = async |kind: &str, id: &str| {
        let path = api(&format!("/audit?action={kind}.view&subject={kind}:{id}"));
        admin.administrator.get(&path).await.expect(200).json()["items"].as_array().unwrap().len()
    };
    let pupils = admin.viewer.get(&api("/pupils?q=amelia+turner")).await.expect(200).json();
    let pupil = &pupils["items"][0]["id"];
    let explain = api(&format!("/explain?adult=rachel.turner@example.org&pupil={pupil}"));
    let id = request.id.to_string();
    assert_eq!(looks("request", &id).await, 0);
    let found = admin.viewer.get(&explain).await.expect(200).json();
    assert_eq!((&found["request"], &found["adult"]), (&json!(request.reference), &Value::Null));
    assert_eq!(looks("request", &id).await, 1, "of somebody who is not accepted the request tells");

    let _ = admin.decide(&request, "approve", &approval()).await.expect(200);
    let adult = admin.now(&request).await.adult.unwrap().to_string();
    assert_eq!(looks("adult", &adult).await, 0);
    let _ = admin.viewer.get(&api(&format!("/adults/{adult}/email-change"))).await.expect(200);
    assert_eq!(looks("adult", &adult).await, 1);
    let _ = admin.approver.get(&explain).await.expect(200);
    assert_eq!(looks("adult", &adult).await, 2);
}
