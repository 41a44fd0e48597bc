//! What is shown when somebody else was faster: who did what to the request since the page was loaded.

use kinlink_domain::ids::RequestId;
use kinlink_service::{
    ServiceError, sessions,
    view::{HistoryEntry, what_happened_since},
};
use kinlink_web::when::{Clock, When};

use crate::{
    AdminState,
    pages::{shell::Desk, words},
};

/// What happened meanwhile.
pub(super) struct Conflict {
    pub(super) title: String,
    pub(super) events: Vec<Event>,
    pub(super) advice: &'static str,
    /// Whether all of it was this person's own doing, and ends with this act: a form that was sent twice.
    own: Vec<String>,
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
        let actors: Vec<&str> = entries.iter().map(|entry| entry.actor.as_str()).collect();
        let names = sessions::names(&state.app, actors).await?;
        let who = |entry: &HistoryEntry| who(desk, names.get(&entry.actor).map(String::as_str), &entry.actor);
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
        let mine = entries.iter().all(|entry| entry.actor == desk.actor().name);
        let own = if mine { entries.into_iter().map(|entry| entry.action).collect() } else { Vec::new() };
        let advice = "Nothing of yours was done. This page shows how things stand now.";
        Ok(Self { title, events, advice, own })
    }

    /// The same with other words about what to do.
    pub(super) fn about(self, advice: &'static str) -> Self {
        Self { advice, ..self }
    }

    /// Whether the same person did just this act, and nobody anything else: the form was sent twice.
    pub(super) fn is_double(&self, action: &str) -> bool {
        !self.own.is_empty() && self.own.iter().all(|own| own == action)
    }
}

/// What somebody is called in a sentence; the person who reads it is "You".
fn who(desk: &Desk, name: Option<&str>, actor: &str) -> String {
    if actor == desk.actor().name { "You".to_owned() } else { name.unwrap_or("Somebody").to_owned() }
}

/// "Jo Bell approved this at 09:31": what one entry says, in one line.
pub(super) fn line(desk: &Desk, name: Option<&str>, entry: &HistoryEntry) -> String {
    let who = who(desk, name, &entry.actor);
    format!("{who} {} at {}.", words::done(&entry.action), time(&desk.clock, entry))
}

fn time(clock: &Clock, entry: &HistoryEntry) -> String {
    let at = entry.at.to_zoned(clock.zone.clone());
    // An older change needs its day as well.
    let pattern = if at.date() == clock.today() { "%H:%M" } else { "%H:%M on %-d %B" };
    at.strftime(pattern).to_string()
}
