//! The demonstration's Moodle acts as a Moodle would: its two scheduled tasks, run by us since nobody else does.
//! Never used with a Moodle that is configured.

use kinlink_moodle::demo::{self, LoginRowView, TaskReport};
use kinlink_service::{App, ServiceError};
use kinlink_store::accounts;

/// Runs the tasks of the demonstration's Moodle that are due.
pub(crate) async fn run(app: &App) -> Result<TaskReport, ServiceError> {
    let rows = accounts::all_login_rows(&mut app.store.acquire().await?).await?;
    let rows: Vec<LoginRowView<'_>> = rows
        .iter()
        .map(|row| LoginRowView {
            username: &row.username,
            firstname: &row.firstname,
            lastname: &row.lastname,
            email: &row.email,
            description: &row.description,
            lang: &row.lang,
        })
        .collect();
    let report = demo::run_due(app.moodle.db(), &rows, app.now().as_second()).await;
    report.map_err(|error| ServiceError::Moodle(error.into()))
}

/// How many accounts the tasks made or brought back: those that cycles wait for.
pub(crate) fn accounts_made(report: &TaskReport) -> u64 {
    report.sync.map_or(0, |sync| sync.inserted + sync.revived)
}
