//! Versions as entity tags: version 7 is `"v7"`.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, IntoResponseParts, ResponseParts},
};
use kinlink_service::ServiceError;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

use crate::Problem;

/// The entity tag of a version, as a header of a response.
#[must_use]
pub fn etag(version: i64) -> impl IntoResponseParts {
    ETag(version)
}

struct ETag(i64);

impl IntoResponseParts for ETag {
    type Error = Infallible;
    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Ok(value) = HeaderValue::try_from(format!("\"v{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, value);
        }
        Ok(response)
    }
}

/// The header `If-Match`, which must be there: the version that the caller saw, or none for `*`.
///
/// A weak tag (`W/"v7"`) counts as the version it names: proxies that compress weaken tags, and a version changes with
/// every change. A tag that is well formed and not ours matches nothing (412).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl IfMatch {
    fn parse(value: &HeaderValue) -> Result<Self, Problem> {
        let malformed = || {
            let detail = "If-Match must be the ETag of the answer that you saw, such as \"v7\", or *";
            Problem::new(StatusCode::BAD_REQUEST, "bad_if_match", "If-Match cannot be read", detail)
        };
        let text = value.to_str().map_err(|_| malformed())?.trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let tag = text
            .strip_prefix("W/")
            .unwrap_or(text)
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .filter(|tag| !tag.contains('"'))
            .ok_or_else(malformed)?;
        let digits = tag.strip_prefix('v').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let version = digits.and_then(|digits| digits.parse().ok());
        version.map(|version| Self(Some(version))).ok_or_else(|| ServiceError::Stale.into())
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value),
            (Some(_), Some(_)) => Self::parse(&HeaderValue::from_static("several")),
            (None, _) => {
                let detail =
                    "send If-Match with the ETag of the request as you saw it, or * to decide whatever it is now";
                Err(Problem::new(
                    StatusCode::PRECONDITION_REQUIRED,
                    "precondition_required",
                    "If-Match is missing",
                    detail,
                ))
            }
        }
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r#"^(\*|(W/)?"[^"]*")$"#));
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some("The `ETag` of the answer that the caller saw, or `*` to do it whatever has changed."))
            .schema(Some(text));
        vec![parameter.build()]
    }
}

/// A response with the entity tag of a version.
pub fn tagged(version: i64, body: impl IntoResponse) -> impl IntoResponse {
    (etag(version), body)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::IfMatch;

    #[test]
    fn what_if_match_may_say() {
        let parse = |text: &str| {
            IfMatch::parse(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
                .map(|tag| tag.0)
                .map_err(|problem| problem.status.as_u16())
        };
        for (text, expected) in [
            ("\"v7\"", Ok(Some(7))),
            (" W/\"v7\" ", Ok(Some(7))),
            ("*", Ok(None)),
            ("\"7\"", Err(412)),
            ("\"v-7\"", Err(412)),
            ("\"v\"", Err(412)),
            ("\"v99999999999999999999\"", Err(412)),
            ("\"something\"", Err(412)),
            ("v7", Err(400)),
            ("7", Err(400)),
            ("\"v7", Err(400)),
            ("\"v7\", \"v8\"", Err(400)),
            ("", Err(400)),
            ("\"vé\"", Err(400)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
