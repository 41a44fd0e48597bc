//! `GET /links`: who is linked to whom.

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, ClaimId, LinkId, MoodleUserId},
};
use kinlink_service::view::{Link, LinkFilter, list_links};
use kinlink_web::{
    Json, Parameters, Problem,
    document::{Known, Paged, Queried},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, page, staff::Staff};

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who is linked to whom.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub(crate) struct LinkView {
    /// Its id, which Moodle stores with the role row.
    id: LinkId,
    /// The adult.
    adult: AdultId,
    /// The pupil.
    pupil: MoodleUserId,
    /// The claim that it comes from.
    claim: ClaimId,
    /// Whether it is in force.
    active: bool,
    /// Since when.
    started_at: Timestamp,
    /// Until when.
    #[schema(required)]
    ended_at: Option<Timestamp>,
    /// Why it ended: a code.
    #[schema(required)]
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

type LinkPage = page::Page<LinkView>;

/// Who is linked to whom
#[utoipa::path(
    get,
    path = "/links",
    operation_id = "list_links",
    tag = "links",
    security(("staff_token" = [])),
    params(
        ("adult" = Option<AdultId>, Query, description = "Only this adult's."),
        ("pupil" = Option<MoodleUserId>, Query, description = "Only this pupil's."),
        ("active" = Option<bool>, Query, description = "Only those that are in force, or only those that ended."),
        page::Paging
    ),
    responses((status = 200, description = "A page of links.", body = LinkPage), Known, Queried, Paged)
)]
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
