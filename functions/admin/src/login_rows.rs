//! `/login-rows`: who can sign in to Moodle by a row of ours, and taking that away.

use axum::{extract::State, response::IntoResponse};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, RequestId},
};
use kinlink_service::{
    accounts::{self, AccountState, LoginView},
    view::Cursor,
};
use kinlink_web::{
    FieldFault, Json, Parameters, Problem,
    document::{Addressed, Bodied, Known, Paged, Queried, Restricted},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AdminState, page, staff::Staff};

/// Most bytes of a body that names user names: a thousand of the longest.
const LIMIT: usize = 256 * 1024;

pub(crate) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(revoke))
}

/// A row that lets an adult sign in to Moodle.
#[derive(Serialize, ToSchema)]
struct LoginRow {
    /// The user name.
    username: String,
    /// First name, as Moodle gets it.
    first_name: String,
    /// Last name.
    last_name: String,
    /// Address.
    email: String,
    /// The adult.
    adult: AdultId,
    /// The request that brought it about.
    request: RequestId,
    /// Since when.
    created_at: Timestamp,
    /// How it stands in Moodle.
    state: AccountState,
    /// Its account in Moodle: `user.id`.
    #[schema(required)]
    moodle_user: Option<i64>,
}

impl From<LoginView> for LoginRow {
    fn from(view: LoginView) -> Self {
        Self {
            username: view.row.username,
            first_name: view.row.firstname,
            last_name: view.row.lastname,
            email: view.row.email,
            adult: view.row.adult,
            request: view.row.request,
            created_at: view.row.created_at,
            state: view.state,
            moodle_user: view.moodle_user,
        }
    }
}

type LoginRowPage = page::Page<LoginRow>;

/// Login rows, by user name
#[utoipa::path(
    get,
    path = "/login-rows",
    operation_id = "list_login_rows",
    tag = "login rows",
    security(("staff_token" = [])),
    params(page::Search, page::Paging),
    responses((status = 200, description = "A page of login rows.", body = LoginRowPage), Known, Queried, Paged)
)]
async fn list(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    mut query: Parameters,
) -> Result<impl IntoResponse, Problem> {
    let search = query.text("q").unwrap_or_default();
    let (cursor, limit) = (page::cursor(&mut query), page::limit(&mut query));
    query.finish()?;
    let cursor = page::decode(cursor, |cursor: &Cursor| page::is_plain(&cursor.value))?;
    // One more than asked for tells whether there is another page.
    let mut rows = accounts::list(&state.app, &actor, &search, cursor.as_ref(), limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|last| Cursor { value: last.row.username.clone(), id: String::new() });
    Ok(Json(page::Page::new(rows.into_iter().map(LoginRow::from).collect(), next.as_ref())))
}

/// Which login rows to revoke.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// Their user names.
    #[schema(max_items = 1000)]
    usernames: Vec<String>,
    /// How many there are; must be said when there are more than ten.
    #[serde(default)]
    confirm: Option<usize>,
}

/// What was revoked.
#[derive(Serialize, ToSchema)]
struct Revoked {
    /// How many login rows are gone.
    revoked: usize,
}

/// Revoke login rows: all that are named, or none
///
/// The rows go, the adults' links end, and their requests become withdrawn.
#[utoipa::path(
    post,
    path = "/login-rows/revoke",
    operation_id = "revoke_login_rows",
    tag = "login rows",
    security(("staff_token" = [])),
    request_body = Revocation,
    responses(
        (status = 200, description = "They are gone.", body = Revoked),
        (
            status = 409,
            description = "`confirm_number`, `too_many`, `own_request`, `try_again`.",
            body = Problem,
            content_type = "application/problem+json"
        ),
        Known, Restricted, Addressed, Bodied
    )
)]
async fn revoke(
    State(state): State<AdminState>,
    Staff(actor): Staff,
    Json(body): Json<Revocation, LIMIT>,
) -> Result<impl IntoResponse, Problem> {
    let unreadable: Vec<FieldFault> = body
        .usernames
        .iter()
        .enumerate()
        .filter(|(_, name)| name.is_empty() || !page::is_plain(name))
        .map(|(i, _)| FieldFault::field(format!("/usernames/{i}"), "invalid", "this is no user name"))
        .collect();
    if !unreadable.is_empty() {
        return Err(Problem::invalid_fields(unreadable));
    }
    let revoked = accounts::revoke(&state.app, &actor, &body.usernames, body.confirm).await?;
    Ok(Json(Revoked { revoked }))
}
