//! Links: who is linked to whom.

use kinlink_domain::{
    ids::LinkId,
    staff::{Actor, Permission},
};
use kinlink_store::links;

use super::{Link, Page};
use crate::{App, ServiceError, access::require};

/// A page of links.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn list_links(
    app: &App,
    actor: &Actor,
    filter: links::Filter,
    after: Option<LinkId>,
    limit: u32,
) -> Result<Page<Link, LinkId>, ServiceError> {
    require(actor, Permission::Read)?;
    let mut items = links::list(&mut app.store.acquire().await?, filter, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Ok(Page { next: items.last().filter(|_| more).map(|link| link.id), items })
}
