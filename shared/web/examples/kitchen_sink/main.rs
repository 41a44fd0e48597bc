//! Every part of the web kit on a few pages, for looking at: `cargo run -p kinlink-web --example kitchen_sink`, then
//! `/list`, `/record`, `/health`, `/form`, `/errors`, `/check` and `/rtl` on port 8099. Nothing here is shipped.

use askama::Template;
use axum::{Router, http::StatusCode, response::Response, routing::get};
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use kinlink_web::{
    Audience, assets,
    chart::DailyChart,
    finish, page,
    when::{Clock, When},
};

type Child = (&'static str, &'static str, &'static str, &'static str);
type Tag = (&'static str, &'static str, &'static str);

struct Row {
    name: &'static str,
    email: &'static str,
    children: Vec<Child>,
    asks: &'static str,
    note: &'static str,
    checks: Vec<Tag>,
    sent: When,
    status: Tag,
}

#[derive(Template)]
#[template(path = "sink_list.html")]
struct List {
    dir: &'static str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "sink_record.html")]
struct Record {
    dir: &'static str,
}

#[derive(Template)]
#[template(path = "sink_health.html")]
struct Health {
    dir: &'static str,
    chart: DailyChart,
}

struct Fault {
    anchor: &'static str,
    text: &'static str,
}

#[derive(Template)]
#[template(path = "sink_form.html")]
struct Form {
    lang: &'static str,
    dir: &'static str,
    faults: Vec<Fault>,
}

#[derive(Template)]
#[template(path = "sink_check.html")]
struct Check {
    lang: &'static str,
    dir: &'static str,
}

fn staff(template: &impl Template) -> Response {
    page(&Audience::staff(), StatusCode::OK, template)
}

fn public(template: &impl Template) -> Response {
    page(&Audience::public(["https://www.alderbrook.example/parents"]), StatusCode::OK, template)
}

fn rows() -> Vec<Row> {
    let clock = Clock::new(TimeZone::UTC, Timestamp::now());
    let sent = |minutes: i64| clock.list(clock.now - minutes.minutes());
    let new = ("amber", "circle-dot", "New");
    let ready = ("green", "shield-check", "Ready to approve");
    vec![
        Row {
            name: "Ms Hana Kowalczyk",
            email: "hana.kowalczyk@example.com",
            children: vec![("ok", "check", "Zofia Kowalczyk", "8C"), ("ok", "check", "Jan Kowalczyk", "10A")],
            asks: "New account",
            note: "Jan uses the surname Nowak at primary school, so his old reports say something else altogether.",
            checks: vec![ready],
            sent: sent(12),
            status: new,
        },
        Row {
            name: "Mr Daniel Okafor",
            email: "d.okafor@example.org",
            children: vec![("ok", "check", "Chidi Okafor", "7B")],
            asks: "New account",
            note: "",
            checks: vec![ready, ("amber", "users", "Shared surname")],
            sent: sent(50),
            status: new,
        },
        Row {
            name: "Dr Leila Haddad",
            email: "leila.haddad.with-a-very-long-address@example.net",
            children: vec![("ok", "check", "Sami Haddad", "11E"), ("bad", "x", "Noor Haddad", "")],
            asks: "Child missing",
            note: "Noor started this week, so perhaps she is not on the register yet?",
            checks: vec![("red", "user-x", "1 pupil not found")],
            sent: sent(1_500),
            status: ("violet", "message-square", "Parent replied"),
        },
        Row {
            name: "ليلى حداد",
            email: "tom@whitfield.example",
            children: vec![("warn", "circle-help", "Isla Whitfield", "7A")],
            asks: "Cannot sign in",
            note: "",
            checks: vec![("blue", "user-check", "Has an account")],
            sent: sent(60 * 24 * 9),
            status: ("red", "mail-x", "Email bounced"),
        },
    ]
}

fn chart() -> DailyChart {
    let first = Date::constant(2026, 10, 26);
    let counts = [3, 5, 4, 7, 2, 0, 1, 6, 9, 5, 4, 8, 1, 0, 7, 12, 9, 6, 5, 1, 2, 8, 14, 11, 9, 7, 3, 5];
    let days: Vec<_> = (0..).zip(counts).map(|(n, count): (i32, u64)| (first + n.days(), count)).collect();
    DailyChart::new("received", "Requests received each day", "Requests", &days)
}

fn faults() -> Vec<Fault> {
    vec![
        Fault { anchor: "family", text: "Enter your last name" },
        Fault { anchor: "email", text: "Enter an email address in the format name@example.com" },
    ]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let routes = Router::new()
        .route("/list", get(async || staff(&List { dir: "ltr", rows: rows() })))
        .route("/list-rtl", get(async || staff(&List { dir: "rtl", rows: rows() })))
        .route("/record", get(async || staff(&Record { dir: "ltr" })))
        .route("/health", get(async || staff(&Health { dir: "ltr", chart: chart() })))
        .route("/form", get(async || public(&Form { lang: "en-GB", dir: "ltr", faults: Vec::new() })))
        .route("/errors", get(async || public(&Form { lang: "en-GB", dir: "ltr", faults: faults() })))
        .route("/rtl", get(async || public(&Form { lang: "ar", dir: "rtl", faults: faults() })))
        .route("/check", get(async || public(&Check { lang: "en-GB", dir: "ltr" })))
        .merge(assets::routes());
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8099").await?, finish(routes)).await
}
