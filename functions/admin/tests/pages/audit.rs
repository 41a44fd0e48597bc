//! The audit: filters, days, pages, and the same as a file.

use jiff::SignedDuration;
use kinlink_domain::staff::{Actor, StaffRole};
use kinlink_service::settings;

use crate::{
    staff::{office, text},
    world::world,
};

/// The rows of the list.
fn rows(page: &str) -> usize {
    page.matches("role=\"rowheader\"").count()
}

#[tokio::test]
async fn filters_narrow_the_list_and_stay_in_the_links() {
    let world = world().await;
    let person = world.office.administrator().await;
    let all = person.page("/admin/audit").await;
    let submitted = person.page("/admin/audit?action=request.submit").await;
    assert_eq!(rows(&submitted), 2);
    assert!(rows(&all) > 6, "{}", text(&all));
    assert!(submitted.contains("value=\"request.submit\"") && text(&submitted).contains("Clear"));
    assert!(submitted.contains("href=\"/admin/audit/export.csv?action=request.submit\""));
    let about = person.page(&format!("/admin/audit?subject=adult:{}", world.adult)).await;
    assert_eq!(rows(&about), 1, "{}", text(&about));
    assert!(about.contains(&format!("href=\"/admin/users/{}\"", world.adult)), "{about}");
    assert!(text(&about).contains(&format!("…{}", &world.adult[28..])), "{}", text(&about));
    let by = person.page("/admin/audit?actor=cli:test").await;
    assert!(rows(&by) > 0 && rows(&by) < rows(&all) && by.contains("href=\"/admin/audit?actor=cli%3Atest\""), "{by}");
    let none = text(&person.page("/admin/audit?actor=nobody").await);
    assert!(none.contains("No entry is like that.") && none.contains("Show everything"), "{none}");
}

#[tokio::test]
async fn days_are_those_of_the_school() {
    let office = office().await;
    // The clock stands at 08:00 UTC on 3 September; the school's day began at 23:00 UTC.
    let person = office.administrator().await;
    let entries = rows(&person.page("/admin/audit").await);
    for (query, found) in [
        ("from=2026-09-03", entries),
        ("to=2026-09-03", entries),
        ("from=2026-09-03&to=2026-09-03", entries),
        ("from=2026-09-04", 0),
        ("to=2026-09-02", 0),
    ] {
        assert_eq!(rows(&person.page(&format!("/admin/audit?{query}")).await), found, "{query}");
    }
    office.kinlink.clock.advance(SignedDuration::from_hours(15) + SignedDuration::from_mins(30));
    let night = office.administrator().await;
    assert!(rows(&night.page("/admin/audit?from=2026-09-04").await) > 0, "23:30 UTC is 00:30 at the school");
    let page = text(&night.page("/admin/audit?from=yesterday&to=2026-13-01").await);
    assert!(page.contains("The date in “from and to” was not understood and left out."), "{page}");
}

#[tokio::test]
async fn older_entries_are_on_the_next_page() {
    let office = office().await;
    let person = office.administrator().await;
    let staff = Actor { name: "cli:many".into(), role: Some(StaffRole::Administrator) };
    for number in 1..=60 {
        settings::set(&office.kinlink.app, &staff, "max_attempts", &number.to_string()).await.unwrap();
    }
    let first = person.page("/admin/audit?actor=cli:many").await;
    assert_eq!(rows(&first), 50);
    assert!(text(&first).contains("value: 60") && !text(&first).contains("value: 10,"), "newest first");
    let older = first.split("href=\"").find(|rest| rest.contains("before=")).unwrap().split('"').next().unwrap();
    let second = person.page(&older.replace("&#38;", "&")).await;
    assert_eq!(rows(&second), 10);
    assert!(!text(&second).contains("Older") && text(&second).contains("Clear"), "{}", text(&second));
    let file = person.get("/admin/audit/export.csv?actor=cli:many").await.expect(200);
    assert_eq!(file.text.lines().count(), 61, "a file is not paged");
    let lines = person.get("/admin/audit/export.jsonl?actor=cli:many").await.expect(200).text;
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 60);
    assert_eq!(
        (&lines[0]["detail"]["value"], &lines[59]["detail"]["value"]),
        (&"1".into(), &"60".into()),
        "oldest first"
    );
}

#[tokio::test]
async fn the_file_holds_what_the_filters_leave_and_no_formula() {
    let office = office().await;
    let person = office.administrator().await;
    let staff = |name: &str| Actor { name: name.into(), role: Some(StaffRole::Administrator) };
    let app = &office.kinlink.app;
    settings::set(app, &staff("=cmd|' /C calc'!A0"), "description", "a \"quoted\", text").await.unwrap();
    settings::set(app, &staff("cli:Zoë"), "max_attempts", "3").await.unwrap();
    let file = person.get("/admin/audit/export.csv?action=setting.").await.expect(200);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"kinlink-audit.csv\"");
    assert_eq!(file.header("cache-control"), "no-store");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    let lines: Vec<&str> = file.text.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[0], "\u{feff}number,at (UTC),actor,action,subject,detail,hash");
    assert!(lines[1].contains(",'=cmd|' /C calc'!A0,setting.set,setting:description,"), "{}", lines[1]);
    assert!(lines[1].contains(r#"",""value"":""a \""quoted\"", text""}","#), "{}", lines[1]);
    assert!(lines[2].contains("2026-09-03T08:00:00.000Z,cli:Zoë,setting.set,setting:max_attempts"), "{}", lines[2]);
    let noted = person.get("/admin/audit/export.csv?action=audit.export").await.expect(200).text;
    assert_eq!(noted.lines().count(), 3, "a file that leaves the house is noted, this one too: {noted}");
}

#[tokio::test]
async fn the_page_says_whether_the_audit_is_whole_and_names_the_first_bad_entry() {
    let world = world().await;
    let person = world.office.administrator().await;
    let whole = text(&person.page("/admin/audit/verification").await);
    assert!(whole.contains("entries are as they were written."), "{whole}");
    let store = &world.office.kinlink.app.store;
    let (hash,): (String,) = store.fetch_optional("SELECT hash FROM audit WHERE seq = 3", []).await.unwrap().unwrap();
    let held = text(&person.page(&format!("/admin/audit/verification?seq=3&hash={hash}")).await);
    assert!(held.contains("entries are as they were written."), "{held}");
    let other = text(&person.page(&format!("/admin/audit/verification?seq=4&hash={hash}")).await);
    assert!(other.contains("entry 4 is not the one that was noted"), "{other}");
    let misread = text(&person.page("/admin/audit/verification?seq=x&hash=1").await);
    assert!(misread.contains("was not understood and left out"), "{misread}");
    store.execute("UPDATE audit SET actor = 'staff:somebody-else' WHERE seq = 2", []).await.unwrap();
    let broken = text(&person.page("/admin/audit/verification").await);
    assert!(broken.contains("No: entry 2 was changed."), "{broken}");
}

#[tokio::test]
async fn looking_at_a_family_is_noted_once_a_while_and_shown_to_administrators_only() {
    let world = world().await;
    let (clerk, person) = (world.office.approver().await, world.office.administrator().await);
    let path = format!("/admin/users/{}", world.adult);
    let looks =
        async || rows(&person.page(&format!("/admin/audit?action=adult.view&subject=adult:{}", world.adult)).await);
    assert_eq!(looks().await, 0);
    clerk.page(&path).await;
    let again = text(&clerk.page(&path).await);
    assert_eq!(looks().await, 1);
    assert!(!again.contains("view"), "{again}");
    world.office.kinlink.clock.advance(SignedDuration::from_mins(16));
    clerk.page(&path).await;
    assert_eq!(looks().await, 2);
}

#[tokio::test]
async fn a_file_is_refused_where_a_date_was_not_understood() {
    let world = world().await;
    let person = world.office.administrator().await;
    for form in ["csv", "jsonl"] {
        let refused = person.get(&format!("/admin/audit/export.{form}?from=yesterday&to=2026-09-03")).await.expect(422);
        let words = text(&refused.text);
        assert!(words.contains("“from” is no date; write it as 2026-11-22"), "{words}");
        assert!(refused.header("content-disposition").is_empty() && !words.contains("“to”"), "{words}");
        let _ = person.get(&format!("/admin/audit/export.{form}?after=x")).await.expect(422);
        let _ = person.get(&format!("/admin/audit/export.{form}?from=2026-09-03&after=")).await.expect(200);
    }
    let taken = text(&person.page("/admin/audit?action=audit.export").await);
    assert_eq!(rows(&person.page("/admin/audit?action=audit.export").await), 2, "{taken}");
}

#[tokio::test]
async fn the_next_file_begins_behind_the_last_entry_that_somebody_has() {
    let world = world().await;
    let person = world.office.administrator().await;
    let page = person.page("/admin/audit?action=request.&actor=cli:test").await;
    for kept in ["name=\"action\" value=\"request.\"", "name=\"actor\" value=\"cli:test\""] {
        let form = page.split("id=\"h-next\"").nth(1).unwrap();
        assert!(form.contains(kept), "{kept}: {form}");
    }
    assert!(text(&page).contains("A file ends after 10,000 entries"), "{}", text(&page));
    let whole = person.get("/admin/audit/export.csv?action=request.").await.expect(200).text;
    let (first, rest) = whole.split_once('\n').unwrap().1.split_once('\n').unwrap();
    let number = first.split(',').next().unwrap();
    let next = person.get(&format!("/admin/audit/export.csv?action=request.&after={number}")).await.expect(200);
    assert_eq!(next.text.split_once('\n').unwrap().1, rest);
    assert_eq!(
        next.header("content-disposition"),
        format!("attachment; filename=\"kinlink-audit-after-{number}.csv\"")
    );
}
