//! What is told of a request's way: a log line for each fact, and what is counted with it.
//!
//! Lines that belong to one request carry the same `correlation.id` from the form to the role row: the request's id, or the
//! job's where no request caused it. Ids and codes only; who decided stands in the audit.

use std::{fmt::Display, time::Duration};

use kinlink_domain::{
    ids::{CycleId, LinkId, RequestId},
    request::{Action, Status},
};
use kinlink_queue::Hint;
use kinlink_store::{
    jobs::{self, Job},
    mails::Mail,
    requests::Request,
};
use tracing::field::display;
use uuid::Uuid;

use crate::{
    App, ServiceError,
    cycle::{Ran, Report},
    leavers, metric,
};

/// The id that follows a job: that of the request whose decision made it, or its own.
pub(crate) fn correlation(job: &Job) -> Uuid {
    job.request.map_or_else(|| job.id.uuid(), RequestId::uuid)
}

/// A request was stored.
pub(crate) fn received(request: &Request, claims: usize) {
    metric::REQUESTS_RECEIVED.add(1);
    let source = request.source.map(display);
    tracing::info!(
        correlation.id = %request.id, source.id = source, status = %request.status, claims, "request received"
    );
}

/// An address was proven.
pub(crate) fn confirmed(request: RequestId) {
    tracing::info!(correlation.id = %request, "request confirmed");
}

/// Staff decided. `links` are those that the decision brought into force.
pub(crate) fn decided(request: RequestId, action: Action, status: Status, links: &[LinkId]) {
    metric::DECISIONS.add(1);
    let links = (!links.is_empty()).then(|| joined(links));
    tracing::info!(correlation.id = %request, %action, %status, links, "request decided");
}

/// The queue was told of jobs, or not.
pub(crate) fn hinted(hints: &[Hint], result: &Result<(), ServiceError>) {
    for Hint { job, adult, correlation } in hints {
        let correlation = correlation.map(display);
        match result {
            Ok(()) => {
                tracing::info!(correlation.id = correlation, job.id = %job, adult.id = %adult, "hint sent");
            }
            Err(error) => tracing::warn!(
                correlation.id = correlation, job.id = %job, adult.id = %adult, %error,
                "hint not sent; the next cycle finds the job in the outbox"
            ),
        }
    }
}

/// A message of the queue was received.
pub(crate) fn hint_received(cycle: CycleId, hint: Hint, receives: u32) {
    let Hint { job, adult, correlation } = hint;
    let correlation = correlation.map(display);
    tracing::info!(
        cycle.id = %cycle, correlation.id = correlation, job.id = %job, adult.id = %adult, receives, "hint received"
    );
}

/// A mail was sent.
pub(crate) fn mail_sent(mail: &Mail) {
    metric::MAILS_SENT.add(1);
    tracing::info!(correlation.id = mail.request.map(display), mail.id = %mail.id, "mail sent");
}

/// What a cycle wrote, also one that failed in the end.
pub(crate) fn cycle_wrote(report: &Report) {
    metric::LINKS_MADE.add(report.added);
    metric::LINKS_REMOVED.add(report.removed);
    metric::REQUESTS_PROVISIONED.add(report.provisioned);
    metric::MOODLE_STATEMENTS.record(report.moodle_statements);
    metric::BRAKE_ENGAGED.record(report.brake.into());
}

/// What Moodle says of pupils who left is not believed.
pub(crate) fn leavers_held(report: &leavers::Report) {
    metric::BRAKE_ENGAGED.record(1);
    tracing::error!(
        pupils = report.pupils,
        newly_left = report.newly_left,
        "more pupils seem to have left than is believed; nothing ends"
    );
}

/// More login rows are due to go by a rule than is believed; none goes.
pub(crate) fn login_rows_held(due: u64, rows: u64) {
    metric::BRAKE_ENGAGED.record(1);
    tracing::error!(due, rows, "more login rows are due to go than is believed; none goes");
}

/// A cycle ended, unless another one was running; counts what is left to be done.
pub(crate) async fn cycle_ended(app: &App, took: Duration, result: &Result<Ran, ServiceError>) {
    match result {
        Ok(Ran::Busy) => return,
        Ok(Ran::Done(_)) => metric::CYCLES_DONE.add(1),
        Err(_) => metric::CYCLES_FAILED.add(1),
    }
    metric::CYCLE_MILLISECONDS.record(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let backlog = async { Ok::<_, ServiceError>(jobs::backlog(&mut app.store.acquire().await?).await?) };
    match backlog.await {
        Ok(backlog) => {
            metric::JOBS_WAITING.record(backlog.ready.unsigned_abs());
            metric::JOBS_DEAD.record(backlog.dead.unsigned_abs());
        }
        // Whoever watches these numbers sees that they are missing.
        Err(error) => tracing::warn!(%error, "the jobs that wait were not counted"),
    }
}

/// Things with a space between them.
pub(crate) fn joined<T: Display>(things: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for thing in things {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&thing.to_string());
    }
    text
}
