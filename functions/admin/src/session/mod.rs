//! Signing in and out, and who is signed in.
//!
//! - [`Visitor`]: what a handler of a page asks for: the member of staff who is signed in.
//! - [`SignIn`]: what signing in needs from outside: the address of the pages, and the school's provider if there is one.
//! - `pages`, `provider`: the pages of signing in and out; by a link of the command line, by the school's provider.
//! - `cookie`, `return_to`, `forgery`: the rules that keep others out of a session.
//!
//! Sessions themselves live in `kinlink_service::sessions`.

mod cookie;
mod forgery;
mod message;
mod pages;
mod provider;
mod return_to;

use axum::{
    Router,
    extract::{FromRequestParts, OriginalUri},
    http::{Method, StatusCode, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use kinlink_config::Config;
use kinlink_domain::{
    policy::Policy,
    staff::{Actor, RoleMap, StaffRole},
};
use kinlink_oidc::{Provider, Settings};
use kinlink_service::{
    ServiceError,
    sessions::{self, StaffSession},
};
use kinlink_web::Problem;
use url::Url;

use self::message::Message;
use crate::AdminState;

pub(crate) use cookie::{Cookie, Cookies};

const SIGN_IN: &str = "/admin/sign-in";
const AGAIN: &str = "/admin/sign-in/again";
const CALLBACK: &str = "/admin/sign-in/callback";
const SIGNED_OUT: &str = "/admin/signed-out";

pub(crate) fn routes() -> Router<AdminState> {
    pages::routes().merge(provider::routes())
}

/// Where somebody who is signed in proves once more who they are, and comes back from.
pub(crate) fn again(return_to: &str) -> String {
    return_to::with_return(AGAIN, return_to)
}

/// What signing in needs from outside.
#[derive(Debug)]
pub struct SignIn {
    public_url: Url,
    cookies: Cookies,
    school: Option<School>,
}

/// The school's own sign-in.
#[derive(Debug)]
struct School {
    provider: Provider,
    roles: RoleMap,
}

impl SignIn {
    /// Signing in to the pages at this address, in the way that the settings say. Connects to nothing.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(public_url: &str, config: &Config) -> Result<Self, url::ParseError> {
        let public_url: Url = public_url.parse()?;
        let parts = (&config.oidc_issuer, &config.oidc_client_id, &config.oidc_client_secret, &config.oidc_roles);
        let school = match parts {
            (Some(issuer), Some(client_id), Some(client_secret), Some(roles)) => {
                let settings = Settings {
                    issuer: issuer.clone(),
                    client_id: client_id.clone(),
                    client_secret: client_secret.clone(),
                    scopes: config.oidc_scopes.clone(),
                    role_claim: config.oidc_role_claim.clone(),
                    redirect_uri: below(&public_url, CALLBACK)?,
                };
                Some(School { provider: Provider::new(settings), roles: roles.clone() })
            }
            // Half of the settings does not pass the loading of settings.
            _ => None,
        };
        Ok(Self { cookies: Cookies::new(public_url.as_str()), public_url, school })
    }

    /// The address of the pages.
    pub(crate) const fn public_url(&self) -> &Url {
        &self.public_url
    }

    /// The cookies of the pages.
    pub(crate) const fn cookies(&self) -> Cookies {
        self.cookies
    }
}

/// An address of ours: pages may lie below a path.
fn below(public_url: &Url, page: &str) -> Result<Url, url::ParseError> {
    format!("{}{page}", public_url.as_str().trim_end_matches('/')).parse()
}

/// The member of staff who is signed in. Without a session, looking leads to the sign-in page and from there back; an act
/// is refused with a page that says so.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    session: StaffSession,
    policy: Policy,
    is_fresh: bool,
}

impl Visitor {
    /// Who they are for use cases and the audit.
    pub(crate) const fn actor(&self) -> &Actor {
        self.session.actor()
    }

    /// What people call them.
    pub(crate) fn person(&self) -> &str {
        self.session.name()
    }

    /// What they may do.
    pub(crate) const fn role(&self) -> StaffRole {
        self.session.role()
    }

    /// The school's settings as they stand.
    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What each of their forms carries in the field `csrf`.
    pub(crate) fn csrf(&self) -> String {
        self.session.csrf().to_owned()
    }

    /// Fails unless a form carries it.
    pub(crate) fn check_csrf(&self, presented: Option<&str>) -> Result<(), Problem> {
        forgery::check(&self.session, presented)
    }

    /// Whether they proved who they are a short while ago. If not, risky acts send them to `/admin/sign-in/again` first.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.is_fresh
    }
}

impl FromRequestParts<AdminState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Response> {
        match session(parts, state).await {
            Ok((session, policy)) => Ok(Self { is_fresh: session.is_fresh(state.app.now()), session, policy }),
            Err(ServiceError::Unauthorized) => Err(signed_out(parts, state)),
            Err(error) => Err(Problem::from(error).into_response()),
        }
    }
}

/// The session of the browser that asks.
async fn session(parts: &Parts, state: &AdminState) -> Result<(StaffSession, Policy), ServiceError> {
    let secret = state.sign_in.cookies.read(Cookie::Session, &parts.headers).ok_or(ServiceError::Unauthorized)?;
    sessions::current(&state.app, secret).await
}

/// The answer to somebody without a session.
fn signed_out(parts: &Parts, state: &AdminState) -> Response {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        // Within a nested router the address lacks its beginning; the original has it.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let page = uri.path_and_query().map_or("", |page| page.as_str());
        let to = return_to::with_return(SIGN_IN, &return_to::page_of_ours(Some(page)));
        return Redirect::to(&to).into_response();
    }
    let message = Message {
        lede: "You were signed out, because you had not used these pages for a while or because your account changed. \
               Nothing of what you sent was done."
            .into(),
        what_to_do: vec![
            "Sign in in another tab, come back to this one, go one page back and send the form again. Browsers usually keep \
             what you typed."
                .into(),
        ],
        action: Some((SIGN_IN, "Sign in")),
        ..Message::new(state, "You were signed out")
    };
    message.respond(StatusCode::UNAUTHORIZED)
}
