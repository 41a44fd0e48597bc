//! What is shown when somebody else was faster: who did what to the request since the page was loaded.

use kinlink_domain::ids::RequestId;
use kinlink_service::{
    ServiceError,
    view::{HistoryEntry, what_happened_since},
};
use kinlink_web::when::{Clock, When};

use crate::{
    AdminState,
    pages::{names::Names, shell::Desk, words},
};

/// What happened meanwhile.
pub(super) struct Conflict {
    pub(super) title: String,
    pub(super) events: Vec<Event>,
    pub(super) advice: &'static str,
    entries: Vec<HistoryEntry>,
}

/// One thing that happened.
pub(super) struct Event {
    pub(super) who: String,
    pub(super) what: String,
    pub(super) when: When,
}

impl Conflict {
    /// What happened to a request since this version was seen.
    pub(super) async fn since(
        state: &AdminState,
        desk: &Desk,
        request: RequestId,
        version: i64,
    ) -> Result<Self, ServiceError> {
        let entries = what_happened_since(&state.app, desk.actor(), request, version).await?;
        let names = Names::of(&state.app, entries.iter().map(|entry| entry.actor.as_str())).await?;
        let who = |entry: &HistoryEntry| who(desk, &names, entry);
        let title = match entries.last() {
            Some(last) => {
                format!(
                    "{} {} at {}, while you had it open.",
                    who(last),
                    words::done(&last.action),
                    time(&desk.clock, last)
                )
            }
            None => "This was changed while you had it open.".to_owned(),
        };
        let events = if entries.len() > 1 {
            let event = |entry: &HistoryEntry| Event {
                who: who(entry),
                what: words::done(&entry.action),
                when: desk.clock.full(entry.at),
            };
            entries.iter().map(event).collect()
        } else {
            Vec::new()
        };
        let advice = "Nothing of yours was done. This page shows how things stand now.";
        Ok(Self { title, events, advice, entries })
    }

    /// The same with other words about what to do.
    pub(super) fn about(self, advice: &'static str) -> Self {
        Self { advice, ..self }
    }

    /// Whether it came of a form that was sent twice.
    pub(super) fn is_double(&self, desk: &Desk, action: &str) -> bool {
        is_double(desk, &self.entries, action)
    }
}

/// Whether the same person did just this act, and nobody anything else: then a form was sent twice, which is no conflict.
pub(super) fn is_double(desk: &Desk, since: &[HistoryEntry], action: &str) -> bool {
    let own = |entry: &HistoryEntry| entry.actor == desk.actor().name && entry.action == action;
    !since.is_empty() && since.iter().all(own)
}

/// What somebody is called in a sentence; the person who reads it is "You".
fn who(desk: &Desk, names: &Names, entry: &HistoryEntry) -> String {
    let name = if entry.actor == desk.actor().name { "You" } else { names.get(&entry.actor).unwrap_or("Somebody") };
    name.to_owned()
}

/// "Jo Bell approved this at 09:31": what one entry says, in one line.
pub(super) fn line(desk: &Desk, names: &Names, entry: &HistoryEntry) -> String {
    let who = who(desk, names, entry);
    format!("{who} {} at {}.", words::done(&entry.action), time(&desk.clock, entry))
}

fn time(clock: &Clock, entry: &HistoryEntry) -> String {
    let at = entry.at.to_zoned(clock.zone.clone());
    // An older change needs its day as well.
    let pattern = if at.date() == clock.today() { "%H:%M" } else { "%H:%M on %-d %B" };
    at.strftime(pattern).to_string()
}
