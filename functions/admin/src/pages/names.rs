//! What the actors of a page are called.

use std::collections::BTreeMap;

use kinlink_service::{App, ServiceError, sessions};

/// The names of some actors.
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// Asks for all of them at once.
    pub(crate) async fn of<'a>(app: &App, actors: impl IntoIterator<Item = &'a str>) -> Result<Self, ServiceError> {
        sessions::names(app, actors).await.map(Self)
    }

    /// The name of an actor, if anybody still knows it.
    pub(crate) fn get(&self, actor: &str) -> Option<&str> {
        self.0.get(actor).map(String::as_str)
    }

    /// The name of an actor; of one that nobody knows any more, what the audit calls it.
    pub(crate) fn name(&self, actor: &str) -> String {
        self.get(actor).unwrap_or(actor).to_owned()
    }
}
