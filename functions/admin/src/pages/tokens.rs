//! `/admin/tokens`: API tokens of scripts, and the forms that may send requests. A new secret is shown once, on the page
//! that answers the post which made it; it is stored nowhere.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use kinlink_domain::{
    Timestamp,
    staff::{Permission, StaffRole},
};
use kinlink_service::{
    ServiceError,
    access::{self, Minted, require},
};
use kinlink_web::{Path, form::Fields, when::When};

use super::{
    StaffForm,
    faults::Fault,
    interruption::Interruption,
    names::Names,
    notice::Notice,
    shell::{Desk, Section, Shell},
    words,
};
use crate::AdminState;

const HERE: &str = "/admin/tokens";
/// Days after which a token may end; a token without an end is made by the API or the command line.
const LIFETIMES: &[(&str, i64)] = &[("30 days", 30), ("90 days", 90), ("1 year", 365)];

pub(crate) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/tokens", get(show).post(mint_token))
        .route("/tokens/{token}/revoke", post(revoke_token))
        .route("/sources", post(mint_source))
        .route("/sources/{source}/revoke", post(revoke_source))
}

struct TokenRow {
    id: String,
    name: String,
    role: &'static str,
    made: When,
    by: String,
    ends: Option<When>,
    is_valid: bool,
}

struct SourceRow {
    id: String,
    name: String,
    proves_email: bool,
    made: When,
    by: String,
    is_valid: bool,
}

struct Role {
    code: &'static str,
    text: &'static str,
}

/// What was typed into one of the two forms, and what is wrong with it.
#[derive(Default)]
struct Typed {
    name: String,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    shell: Shell,
    tokens: Vec<TokenRow>,
    sources: Vec<SourceRow>,
    roles: Vec<Role>,
    lifetimes: &'static [(&'static str, i64)],
    /// Where to sign in again before anything can be made.
    sign_in_again: Option<String>,
    secret: Option<String>,
    token: Typed,
    source: Typed,
    faults: Vec<Fault>,
}

async fn page(state: &AdminState, desk: &Desk) -> Result<TokensPage, Interruption> {
    let tokens = access::list_tokens(&state.app, desk.actor()).await?;
    let sources = access::list_sources(&state.app, desk.actor()).await?;
    let makers = tokens.iter().map(|token| &token.created_by).chain(sources.iter().map(|source| &source.created_by));
    let names = Names::of(&state.app, makers.map(String::as_str)).await?;
    Ok(TokensPage {
        shell: desk.shell("Tokens and forms", Section::Keys),
        tokens: tokens
            .into_iter()
            .map(|token| TokenRow {
                is_valid: token.is_valid(state.app.now()),
                id: token.id.to_string(),
                role: words::role(token.role),
                made: desk.clock.date(token.created_at),
                by: names.name(&token.created_by),
                ends: token.expires_at.map(|at| desk.clock.date(at)),
                name: token.name,
            })
            .collect(),
        sources: sources
            .into_iter()
            .map(|source| SourceRow {
                is_valid: source.revoked_at.is_none(),
                id: source.id.to_string(),
                proves_email: source.proves_email,
                made: desk.clock.date(source.created_at),
                by: names.name(&source.created_by),
                name: source.name,
            })
            .collect(),
        roles: StaffRole::ALL.iter().map(|role| Role { code: role.code(), text: words::role(*role) }).collect(),
        lifetimes: LIFETIMES,
        sign_in_again: desk.sign_in_again(HERE),
        secret: None,
        token: Typed::default(),
        source: Typed::default(),
        faults: Vec::new(),
    })
}

async fn show(State(state): State<AdminState>, desk: Desk) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Administer)?;
    Ok(desk.show(&page(&state, &desk).await?))
}

async fn mint_token(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    desk.must_be_fresh_to_send(&state, HERE, "No token was made")?;
    let role = form.get("role").and_then(StaffRole::from_code).unwrap_or(StaffRole::Viewer);
    let days = form.get("days").and_then(|days| days.parse().ok());
    let days = days.filter(|days| LIFETIMES.iter().any(|(_, known)| known == days)).unwrap_or(LIFETIMES[0].1);
    let ends = state.app.now().checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
    let made = access::mint_token(&state.app, desk.actor(), name(&form), role, Some(ends)).await;
    made_or_faulty(&state, &desk, &form, made, "token-name", |page| &mut page.token).await
}

async fn mint_source(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    desk.must_be_fresh_to_send(&state, HERE, "No key was made")?;
    let made = access::mint_source(&state.app, desk.actor(), name(&form), form.has("proves_email")).await;
    made_or_faulty(&state, &desk, &form, made, "source-name", |page| &mut page.source).await
}

fn name(form: &Fields) -> &str {
    form.get("name").unwrap_or_default()
}

/// The page with the new secret, or with what is wrong with the name.
async fn made_or_faulty(
    state: &AdminState,
    desk: &Desk,
    form: &Fields,
    made: Result<Minted, ServiceError>,
    anchor: &'static str,
    typed: impl Fn(&mut TokensPage) -> &mut Typed,
) -> Result<Response, Interruption> {
    let mut page = page(state, desk).await?;
    match made {
        Ok(minted) => {
            page.secret = Some(minted.secret);
            Ok(desk.page(StatusCode::CREATED, &page))
        }
        Err(ServiceError::Invalid(_)) => {
            let text = "Enter a name of 1 to 100 characters that says who or what uses it".to_owned();
            page.faults.push(Fault::new(anchor, text.clone()));
            *typed(&mut page) = Typed { name: name(form).to_owned(), fault: Some(text) };
            page.shell = page.shell.wrong();
            Ok(desk.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn revoke_token(
    State(state): State<AdminState>,
    desk: Desk,
    Path(id): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    let id = id.parse().map_err(|_| ServiceError::NotFound("token"))?;
    access::revoke_token(&state.app, desk.actor(), id).await?;
    Ok(Notice::ok("The token does not work any more.").then(&state, HERE))
}

async fn revoke_source(
    State(state): State<AdminState>,
    desk: Desk,
    Path(id): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    let id = id.parse().map_err(|_| ServiceError::NotFound("source"))?;
    access::revoke_source(&state.app, desk.actor(), id).await?;
    Ok(Notice::ok("The form’s key does not work any more.").then(&state, HERE))
}
