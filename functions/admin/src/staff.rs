//! Who calls: the actor behind a bearer token. Wrong tokens are counted by where they come from, as wrong links are.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use kinlink_domain::staff::Actor;
use kinlink_service::{ServiceError, access, quota::guessing};
use kinlink_web::{ClientAddress, Problem};

use crate::AdminState;

/// A member of staff, or a script of theirs. Everybody else gets 401.
pub(crate) struct Staff(pub(crate) Actor);

impl FromRequestParts<AdminState> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Problem> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        let authenticated = Box::pin(access::authenticate(&state.app, token.ok_or_else(Problem::unauthorized)?));
        let client = parts.extensions.get::<ClientAddress>().map(|client| client.0);
        let is_wrong = |found: &Result<_, _>| matches!(found, Err(ServiceError::Unauthorized));
        Ok(Self(guessing(&state.app, client, authenticated, is_wrong).await?))
    }
}
