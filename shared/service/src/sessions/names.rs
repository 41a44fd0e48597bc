//! What actors of the audit are called.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
};

use kinlink_domain::ids::Id;
use kinlink_store::{sources, staff, tokens};

use crate::{App, ServiceError};

/// What actors are called, by actor.
type Names = BTreeMap<String, String>;

/// What actors are called, by their names in the audit (`staff:<id>`, `token:<id>`, `source:<id>`, `cli:<user>`, `system`,
/// `parent`). Who is not known any more is left out. At most three statements, however many they are.
///
/// # Errors
/// The store.
pub fn names<'app, 'a>(
    app: &'app App,
    actors: impl IntoIterator<Item = &'a str>,
) -> Pin<Box<dyn Future<Output = Result<Names, ServiceError>> + Send + 'app>> {
    // Taken over at once and boxed: a future that kept the caller's iterator could often not move between threads.
    Box::pin(of(app, actors.into_iter().map(str::to_owned).collect()))
}

async fn of(app: &App, actors: BTreeSet<String>) -> Result<Names, ServiceError> {
    let mut names = BTreeMap::new();
    for actor in &actors {
        let name = match actor.as_str() {
            "system" => "Kinlink",
            "parent" => "The parent",
            other => match other.strip_prefix("cli:") {
                Some(user) => user,
                None => continue,
            },
        };
        names.insert(actor.clone(), name.to_owned());
    }
    if names.len() == actors.len() {
        return Ok(names);
    }
    let mut store = app.store.acquire().await?;
    let members = staff::names(&mut store, &ids(&actors, "staff:")).await?;
    names.extend(members.into_iter().map(|(id, name)| (format!("staff:{id}"), name)));
    let tokens = tokens::names(&mut store, &ids(&actors, "token:")).await?;
    names.extend(tokens.into_iter().map(|(id, name)| (format!("token:{id}"), name)));
    let sources = sources::names(&mut store, &ids(&actors, "source:")).await?;
    names.extend(sources.into_iter().map(|(id, name)| (format!("source:{id}"), name)));
    Ok(names)
}

fn ids<Of>(actors: &BTreeSet<String>, prefix: &str) -> Vec<Id<Of>> {
    actors.iter().filter_map(|actor| actor.strip_prefix(prefix)?.parse().ok()).collect()
}
