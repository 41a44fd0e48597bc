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
    assert_eq!(lines[0], "\u{feff}number,at (UTC),actor,action,subject,detail");
    assert!(lines[1].contains("2026-09-03T08:00:00.000Z,cli:Zoë,setting.set,setting:max_attempts"), "{}", lines[1]);
    assert!(lines[2].contains(",'=cmd|' /C calc'!A0,setting.set,setting:description,"), "{}", lines[2]);
    assert!(lines[2].ends_with(r#""{""value"":""a \""quoted\"", text""}""#), "{}", lines[2]);
}
