//! `GET /links`: who is linked to whom.

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, ClaimId, LinkId, MoodleUserId},
};
use kinlink_service::view::{Link, LinkFilter, list_links};
use kinlink_web::{Json, Parameters, Problem};
use serde::Serialize;

use crate::{AdminState, page, staff::Staff};

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/links", get(list))
}

/// A link as JSON.
#[derive(Serialize)]
pub(crate) struct LinkView {
    id: LinkId,
    adult: AdultId,
    pupil: MoodleUserId,
    claim: ClaimId,
    active: bool,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    end_reason: Option<String>,
}

impl From<Link> for LinkView {
    fn from(link: Link) -> Self {
        Self {
            id: link.id,
            adult: link.adult,
            pupil: link.pupil,
            claim: link.claim,
            active: link.active,
            started_at: link.started_at,
            ended_at: link.ended_at,
            end_reason: link.end_reason,
        }
    }
}

/// A page of links: `adult`, `pupil`, `active`, `cursor`, `limit`.
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let filter = LinkFilter {
        adult: query.one("adult", "expected an adult's id"),
        pupil: query.one("pupil", "expected a Moodle user id").map(MoodleUserId),
        active: query.one("active", "expected true or false"),
    };
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let cursor = page::decode(cursor, |_: &LinkId| true)?;
    let found = list_links(&state.app, &actor, filter, cursor, limit).await?;
    Ok(Json(page::Page::new(found.items.into_iter().map(LinkView::from).collect(), found.next.as_ref())))
}
