//! The benchmark of pages: the server's time of sending the form, of the staff's list over many requests, and of one
//! request's page. `docs/benchmarks.md` says how to run it and what came out.
//!
//! Calls go to the functions' routers in this process, one after the other: no network, no browser. What is measured is
//! what the server does, from the request's first byte to the last byte of the answer.

use std::{env, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kinlink_admin::{AdminState, SignIn};
use kinlink_config::Config;
use kinlink_db::Engine;
use kinlink_domain::staff::StaffRole;
use kinlink_intake::IntakeState;
use kinlink_moodle::{Prefix, demo, schema};
use kinlink_service::{sessions::links, settings};
use kinlink_testapp::{Client, TestApp, administrator, family};
use kinlink_testkit::fresh;
use url::form_urlencoded::Serializer;

/// Calls that are measured, of each page; a tenth of it goes before to warm up.
const CALLS: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let requests = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--requests", number] => number.parse().context("a number of requests")?,
        [] => 10_000,
        _ => bail!("bench-pages [--requests N]"),
    };
    println!("| engine | page | median | p99 | statements (store + Moodle) | bytes |\n|---|---|---|---|---|---|");
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MySql] {
        of_engine(engine, requests).await?;
    }
    Ok(())
}

async fn of_engine(engine: Engine, requests: usize) -> Result<()> {
    let (store, moodle) = (fresh(engine).await, fresh(engine).await);
    schema::create(&moodle.db, &Prefix::default()).await?;
    demo::fill(&moodle.db, &Prefix::default()).await?;
    let kinlink = kinlink_testapp::with(store, moodle).await;
    for name in ["form_per_address_per_hour", "form_per_email_per_day"] {
        settings::set(&kinlink.app, &administrator(), name, "1000").await?;
    }
    let began = Instant::now();
    let mut last = String::new();
    for number in 0..requests {
        let (name, email) = (format!("Parent{number}"), format!("parent{number}@crowd.example.org"));
        // One in three names a pupil of the demonstration's school, so that every kind of check is in the list.
        let child = if number % 3 == 0 { ("Noah", "Williams", "8KL") } else { ("Nobody", "Inparticular", "7A") };
        last = kinlink.submit(&family((&name, "Crowd", &email), &[child])).await.reference.to_string();
    }
    eprintln!("{engine}: {requests} requests after {:.0} s", began.elapsed().as_secs_f64());
    analyse(&kinlink, engine).await?;

    let form =
        Client::new(kinlink_intake::router(IntakeState { app: kinlink.app.clone(), school: kinlink.school.clone() }))
            .with("content-type", "application/x-www-form-urlencoded")
            .with("sec-fetch-site", "same-origin");
    let staff = staff(&kinlink).await?;
    let mut bodies = Vec::new();
    for number in 0..CALLS + CALLS / 10 {
        bodies.push(submission(number, &form_token(&form).await?));
    }
    let sent = measure(&kinlink, async || {
        let body = bodies.pop().context("a form")?;
        let began = Instant::now();
        let answer = form.send("POST", "/request/send", body).await;
        ensure!(answer.status == 303, "{}: {}", answer.status, answer.text);
        Ok((began, answer.text.len()))
    });
    report(engine, "form post", sent.await?);
    for (page, path) in [
        ("list, to do", "/admin/requests".to_owned()),
        ("list, searched", "/admin/requests?view=all&q=parent77".to_owned()),
        ("request", format!("/admin/requests/{last}")),
    ] {
        let looked = measure(&kinlink, async || {
            let began = Instant::now();
            let answer = staff.get(&path).await;
            ensure!(answer.status == 200, "{}: {}", answer.status, answer.text);
            Ok((began, answer.text.len()))
        });
        report(engine, page, looked.await?);
    }
    kinlink.store.drop_database().await;
    kinlink.moodle.drop_database().await;
    Ok(())
}

/// Statistics as a database that has been running for a while has them.
async fn analyse(kinlink: &TestApp, engine: Engine) -> Result<()> {
    for table in ["requests", "claims", "mails", "audit"] {
        match engine {
            Engine::MySql => {
                drop(kinlink.store.db.fetch_all::<(String,)>(&format!("ANALYZE TABLE {table}"), []).await?);
            }
            Engine::Postgres | Engine::Sqlite => {
                kinlink.store.db.execute(&format!("ANALYZE {table}"), []).await?;
            }
        }
    }
    Ok(())
}

/// An approver at a browser.
async fn staff(kinlink: &TestApp) -> Result<Client> {
    let link = links::mint(&kinlink.app, &administrator(), StaffRole::Approver).await?;
    let entered = links::enter(&kinlink.app, &link.token, None).await?;
    let router = kinlink_admin::router(AdminState {
        app: kinlink.app.clone(),
        wake: Arc::new(|| {}),
        school: kinlink.school.clone(),
        demonstration: false,
        sign_in: Arc::new(SignIn::new(&kinlink.school.public_url, &Config::default())?),
    });
    Ok(Client::new(router).with("cookie", format!("__Host-kinlink={}", entered.secret)))
}

/// The token of a form that was just opened.
async fn form_token(form: &Client) -> Result<String> {
    let page = form.get("/request").await.text;
    let (_, rest) = page.split_once("name=\"form_token\" value=\"").context("a form token")?;
    Ok(rest.split_once('"').context("its end")?.0.to_owned())
}

fn submission(number: usize, token: &str) -> String {
    let email = format!("bench{number}@example.org");
    let mut body = Serializer::new(String::new());
    body.extend_pairs([
        ("form_token", token),
        ("kind", "new_account"),
        ("given_name", "Hana"),
        ("family_name", "Kowalczyk"),
        ("email", &email),
        ("children[0][given_name]", "Zofia"),
        ("children[0][family_name]", "Kowalczyk"),
        ("children[0][tutor_group]", "8C"),
        ("comment", ""),
        ("declaration", "yes"),
    ]);
    body.finish()
}

/// What calls took.
struct Measured {
    milliseconds: Vec<f64>,
    store: u64,
    moodle: u64,
    bytes: usize,
}

/// Calls one after the other. Each says when what is to be measured began, and how much came.
async fn measure(kinlink: &TestApp, mut call: impl AsyncFnMut() -> Result<(Instant, usize)>) -> Result<Measured> {
    let statements = || {
        let (store, moodle) = (kinlink.app.store.stats(), kinlink.app.moodle.db().stats());
        (store.reads() + store.writes(), moodle.reads() + moodle.writes())
    };
    for _ in 0..CALLS / 10 {
        call().await?;
    }
    let before = statements();
    let (mut milliseconds, mut bytes) = (Vec::with_capacity(CALLS), 0);
    for _ in 0..CALLS {
        let (began, received) = call().await?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1_000.0);
        bytes = received;
    }
    let after = statements();
    milliseconds.sort_by(f64::total_cmp);
    let each = |before: u64, after: u64| (after - before) / CALLS as u64;
    Ok(Measured { milliseconds, store: each(before.0, after.0), moodle: each(before.1, after.1), bytes })
}

fn report(engine: Engine, page: &str, measured: Measured) {
    let Measured { milliseconds, store, moodle, bytes } = measured;
    let (median, p99) = (milliseconds[CALLS / 2], milliseconds[CALLS * 99 / 100]);
    println!("| {engine} | {page} | {median:.1} ms | {p99:.1} ms | {store} + {moodle} | {bytes} |");
}
