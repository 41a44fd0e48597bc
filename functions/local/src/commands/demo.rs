//! `kinlink demo`: the whole story with an invented school, from form to link and back, in a folder of its own.
//!
//! This file tells the story; `staff` decides as staff would; `check` says whether what was expected came true;
//! A snapshot of Moodle's foreign rows is compared before and after. Everything goes through the use cases of the crate `service`.

mod check;
mod staff;

use std::collections::BTreeSet;

use indicatif::{ProgressBar, ProgressStyle};
use kinlink_domain::{
    reference::Reference,
    request::Status,
    submission::{RawChild, RawSubmission},
};
use kinlink_moodle::demo::{DemoFamily, Expectation, Snapshot, story};
use kinlink_provisioner::Event;
use kinlink_service::{
    ServiceError, access,
    confirm::{self, Confirmation},
    mail, submit,
    submit::Faults,
    view,
};
use kinlink_store::{mails, sources};
use serde::Serialize;

use crate::{
    answer::{Answer, Exit, count, put, say, short, table},
    failure::Failure,
    local::Local,
    stand_in,
};
use check::Ending;

/// More rounds than the story needs; ends a story that does not come to rest.
const ROUNDS: u32 = 20;

/// How to play it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing that is configured is touched: the store and the Moodle are made for this and removed \
                        afterwards. The Moodle is a DEMONSTRATION: an invented school, and a stand-in for Moodle's two \
                        scheduled tasks.\n\nExit code 0: everything that was expected came true. With --json the last line \
                        is {\"requests\":…,\"provisioned\":…,\"links\":…,\"waiting\":…,\"failed\":…,\"foreign_rows_touched\":0}."
)]
pub(crate) struct Args {}

/// The numbers at the end.
#[derive(Debug, Serialize)]
struct Summary {
    /// Requests that were stored; one that was sent twice is one.
    requests: usize,
    /// Those that are provisioned at the end.
    provisioned: usize,
    /// Links in force with their role row in Moodle.
    links: usize,
    /// Requests that wait for somebody: open, or approved with something left to do.
    waiting: usize,
    /// Expectations that did not come true.
    failed: usize,
    /// Rows in Moodle that are not ours and changed.
    foreign_rows_touched: usize,
}

/// One family's part of the story.
struct Chapter {
    family: DemoFamily,
    reference: Reference,
    /// What staff did, or why they could not.
    decision: Result<String, String>,
}

/// The play: where it happens, and how it shows that it goes on.
struct Play {
    local: Local,
    json: bool,
}

pub(crate) async fn run(Args {}: Args, json: bool) -> Result<Answer, Failure> {
    let folder = tempfile::Builder::new().prefix("kinlink-demo-").tempdir().map_err(|error| {
        Failure::failed("data_dir", format!("no temporary folder can be made ({error})"))
            .next("Set TMPDIR to one that may be used.")
    })?;
    let play = Play { local: Local::in_folder(folder.path()).await?, json };
    play.tell("DEMONSTRATION: an invented school and its Moodle, in a folder of its own.\n");
    let component = play.local.app.policy().await?.component;
    let before = Snapshot::take(&play.local.app.moodle, &component).await?;

    let mut chapters = play.send(story()).await?;
    play.confirm().await?;
    play.decide(&mut chapters).await?;
    play.tell("4. The provisioner and Moodle's tasks work until nothing changes.");
    play.cycles("Provisioning").await?;
    let mut endings = Vec::new();
    for chapter in &chapters {
        endings.push(check::ending(&play.local, chapter).await?);
    }
    let taken_away = play.take_away(&chapters, &mut endings).await?;

    let touched = before.differences(&Snapshot::take(&play.local.app.moodle, &component).await?);
    let answer = play.end(&chapters, &endings, &taken_away, touched).await;
    play.local.app.store.close().await;
    play.local.app.moodle.db().close().await;
    answer
}

impl Play {
    fn tell(&self, text: &str) {
        if !self.json {
            say(text);
        }
    }

    /// A bar on the standard error; it hides itself where that is no terminal.
    fn bar(&self, length: usize, title: &'static str) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length as u64).with_message(title);
        if let Ok(style) = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len}") {
            bar.set_style(style);
        }
        bar
    }

    /// Every family sends the form.
    async fn send(&self, families: Vec<DemoFamily>) -> Result<Vec<Chapter>, Failure> {
        let app = &self.local.app;
        let minted = access::mint_source(app, &self.local.actor, "demonstration", false).await?;
        let id = minted.id.parse().map_err(|_| ServiceError::NotFound("source"))?;
        let source =
            sources::find(&mut app.store.acquire().await?, id).await?.ok_or(ServiceError::NotFound("source"))?;
        let bar = self.bar(families.len(), "Families send the form");
        let mut chapters = Vec::new();
        for family in families {
            let accepted = submit::submit(app, &source, &typed(&family), Faults::Refuse, None).await?;
            chapters.push(Chapter { family, reference: accepted.reference, decision: Ok(String::new()) });
            bar.inc(1);
        }
        bar.finish_and_clear();
        let stored: BTreeSet<&str> = chapters.iter().map(|chapter| chapter.reference.as_str()).collect();
        self.tell(&format!(
            "1. The form was sent {} times: {}, since the same once more is one.",
            chapters.len(),
            count(stored.len(), "request", "requests")
        ));
        Ok(chapters)
    }

    /// Every adult opens the link in their mail and presses the button.
    async fn confirm(&self) -> Result<(), Failure> {
        let Local { app, school, transport, .. } = &self.local;
        mail::deliver(app, school, transport, 1_000, None).await?;
        let mails = mails::newest(&mut app.store.acquire().await?, 1_000).await?;
        let bar = self.bar(mails.len(), "Parents open the link");
        let begins = format!("{}/confirm/", school.public_url);
        let mut confirmed = 0;
        for mail in &mails {
            let rendered = mail::write(app, school, &mut app.store.acquire().await?, mail).await?;
            let body = rendered.map(|rendered| rendered.body).unwrap_or_default();
            if let Some(token) = body.split_whitespace().find_map(|word| word.strip_prefix(&begins))
                && matches!(confirm::confirm(app, token).await?, Confirmation::Confirmed(_))
            {
                confirmed += 1;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.tell(&format!(
            "2. {} by the link in a mail.",
            count(confirmed, "address was proven", "addresses were proven")
        ));
        Ok(())
    }

    /// Staff look at every request and decide.
    async fn decide(&self, chapters: &mut [Chapter]) -> Result<(), Failure> {
        let bar = self.bar(chapters.len(), "Staff decide");
        for chapter in chapters.iter_mut() {
            chapter.decision = staff::decide(&self.local, chapter).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.tell(&format!("3. Staff looked at {}.", count(chapters.len(), "request", "requests")));
        Ok(())
    }

    /// Cycles and Moodle's tasks in turn, until nothing changes.
    async fn cycles(&self, title: &'static str) -> Result<(), Failure> {
        let provisioner = self.local.provisioner();
        let bar = self.bar(ROUNDS as usize, title);
        let (mut rounds, mut added, mut removed, mut accounts, mut suspended) = (0, 0, 0, 0, 0);
        loop {
            let answer = Box::pin(provisioner.handle(Event::Cycle { retry: true }, None)).await?;
            let tasks = self.local.run_demonstration().await?;
            let did = |name: &str| answer["report"][name].as_u64().unwrap_or_default();
            let made = stand_in::accounts_made(&tasks);
            let ended = tasks.sync.map_or(0, |sync| sync.suspended);
            (added, removed, accounts, suspended) =
                (added + did("added"), removed + did("removed"), accounts + made, suspended + ended);
            rounds += 1;
            bar.inc(1);
            let still = did("added") + did("removed") + did("contexts") + did("provisioned") + made + ended == 0;
            if still || rounds == ROUNDS {
                break;
            }
        }
        bar.finish_and_clear();
        self.tell(&format!(
            "   {rounds} cycles: {added} role rows added, {removed} removed; Moodle's tasks (stand-in): {accounts} accounts \
             made, {suspended} suspended."
        ));
        Ok(())
    }

    /// One child is withdrawn, one provisioned request denied; says what is wrong afterwards.
    async fn take_away(&self, chapters: &[Chapter], endings: &mut [Ending]) -> Result<Vec<String>, Failure> {
        self.tell("5. One child is withdrawn, and one request denied that was provisioned.");
        let withdrawn = staff::withdraw_one(&self.local, chapters).await?;
        let denied = staff::deny_one(&self.local, chapters).await?;
        for (chapter, ending) in chapters.iter().zip(endings) {
            if chapter.reference == withdrawn.reference {
                ending.result.push_str(", then one child withdrawn");
            } else if chapter.reference == denied.reference {
                ending.result.push_str(", then denied");
            }
        }
        self.cycles("Taking away").await?;
        check::taken_away(&self.local, &withdrawn, &denied).await
    }

    async fn end(
        &self,
        chapters: &[Chapter],
        endings: &[Ending],
        taken_away: &[String],
        touched: Vec<String>,
    ) -> Result<Answer, Failure> {
        let app = &self.local.app;
        let counts = view::count_requests(app, &self.local.actor, &view::Filter::default()).await?;
        let number = |wanted: &[Status]| -> usize {
            let found = counts.iter().filter(|(status, _)| wanted.contains(status));
            found.map(|(_, count)| usize::try_from(*count).unwrap_or_default()).sum()
        };
        let wrong: Vec<String> = chapters
            .iter()
            .zip(endings)
            .filter_map(|(chapter, ending)| {
                Some(format!("{} ({:?}): {}", chapter.reference, chapter.family.expectation, ending.wrong.as_ref()?))
            })
            .chain(taken_away.iter().cloned())
            .collect();
        let summary = Summary {
            requests: number(Status::ALL),
            provisioned: number(&[Status::Provisioned]),
            links: check::links_in_moodle(&self.local).await?.len(),
            waiting: number(&[Status::Unconfirmed, Status::Pending, Status::WaitingForParent, Status::Approved]),
            failed: wrong.len(),
            foreign_rows_touched: touched.len(),
        };
        let good = wrong.is_empty() && touched.is_empty();

        let rows: Vec<[String; 6]> =
            chapters.iter().zip(endings).map(|(chapter, ending)| row(chapter, ending)).collect();
        let mut text = format!("\n{}", table(["", "REFERENCE", "EXPECTED", "CHILDREN", "RESULT", "ADULT"], &rows));
        put!(
            text,
            "\nRequests: {}. Provisioned: {}. Links: {}. Waiting: {}. Failed: {}. Foreign rows touched: {}.\n",
            summary.requests,
            summary.provisioned,
            summary.links,
            summary.waiting,
            summary.failed,
            summary.foreign_rows_touched
        );
        for line in wrong.iter().chain(&touched) {
            put!(text, "✗ {line}\n");
        }
        text.push_str(if good {
            "Everything that was expected came true. `kinlink serve` lets you try it yourself.\n"
        } else {
            "Not everything that was expected came true.\n"
        });
        if self.json {
            for line in wrong.iter().chain(&touched) {
                eprintln!("✗ {line}");
            }
        }
        Ok(Answer::new(summary, text).exit(if good { Exit::Done } else { Exit::Failed }))
    }
}

fn row(chapter: &Chapter, ending: &Ending) -> [String; 6] {
    let adult = &chapter.family.adult;
    [
        if ending.wrong.is_none() { "✓".into() } else { "✗".into() },
        chapter.reference.to_string(),
        words(chapter.family.expectation),
        chapter.family.children.len().to_string(),
        ending.result.clone(),
        short(&format!("{} {}", adult.given, adult.family), 32),
    ]
}

/// `NumberNotName` as words.
fn words(expectation: Expectation) -> String {
    let mut words = String::new();
    for c in format!("{expectation:?}").chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// The form as this family types it.
fn typed(family: &DemoFamily) -> RawSubmission {
    let adult = &family.adult;
    let children = family.children.iter().map(|child| RawChild {
        given_name: child.given.into(),
        family_name: child.family.into(),
        // Left blank, the form asks whether the adult does not know it.
        tutor_group: Some(child.tutor_group).filter(|group| !group.is_empty()).map(Into::into),
        admission_number: child.admission_number.map(Into::into),
    });
    RawSubmission {
        kind: Some(family.kind.code().into()),
        locale: Some(adult.locale.into()),
        title: adult.title.into(),
        given_name: adult.given.into(),
        family_name: adult.family.into(),
        email: adult.email.clone(),
        children: children.collect(),
        comment: family.comment.into(),
        declaration: Some(true),
    }
}
