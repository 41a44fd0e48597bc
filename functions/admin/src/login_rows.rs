//! `/login-rows`: who can sign in to Moodle by a row of ours, and taking that away.

use axum::{
    Router,
    extract::State,
    response::IntoResponse,
    routing::{get, post},
};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, RequestId},
};
use kinlink_service::{
    accounts::{self, AccountState, LoginView},
    view::Cursor,
};
use kinlink_web::{FieldFault, Json, Parameters, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{AdminState, page, staff::Staff};

/// Most bytes of a body that names user names: a thousand of the longest.
const LIMIT: usize = 256 * 1024;

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/login-rows", get(list)).route("/login-rows/revoke", post(revoke))
}

#[derive(Serialize)]
struct LoginRow {
    username: String,
    first_name: String,
    last_name: String,
    email: String,
    adult: AdultId,
    request: RequestId,
    created_at: Timestamp,
    state: AccountState,
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

/// A page of login rows by user name: `q`, `cursor`, `limit`.
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    usernames: Vec<String>,
    #[serde(default)]
    confirm: Option<usize>,
}

/// Revokes login rows: all that are named, or none.
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
    Ok(Json(json!({ "revoked": revoked })))
}
